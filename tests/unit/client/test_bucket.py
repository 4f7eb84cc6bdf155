"""Flow code for a bucket, as far as it can be seen without one; the rest is tests/e2e/test_storage.py."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from registrar import block, bucket, deployment_file
from registrar.moved import MOVED
from registrar.registration import Block, Push

LOGIN = Block(type="aws-credentials", name="login", values={"aws_access_key_id": "a", "aws_secret_access_key": "b"})


def push(source: Path, credentials: str = "login") -> Push:
    return Push(source=str(source), bucket="prefect", folder="flows", credentials=credentials)


def results(**values: object) -> Block:
    credentials = {"credentials": "{{ prefect.blocks.aws-credentials.login }}"}
    return Block(type="s3-bucket", name="results", values={"bucket_name": "prefect"} | credentials | values)


class TestVersion:
    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        (tmp_path / "flows" / "sub").mkdir(parents=True)
        (tmp_path / "flows" / "a.py").write_text("a")
        (tmp_path / "flows" / "sub" / "b.py").write_text("b")
        return tmp_path / "flows"

    def test_is_of_the_content_alone(self, source: Path, tmp_path: Path) -> None:
        before = bucket.version(push(source))
        (source / "__pycache__").mkdir()
        (source / "__pycache__" / "a.pyc").write_text("cached")
        (source / "a.py").touch()
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        assert bucket.version(push(source.rename(elsewhere / "flows"))) == before
        assert len(before) == 12

    @pytest.mark.parametrize("change", ["content", "name", "gone", "boundary"])
    def test_changes_with_it(self, source: Path, change: str) -> None:
        before = bucket.version(push(source))
        if change == "content":
            (source / "a.py").write_text("A")
        elif change == "name":
            (source / "a.py").rename(source / "c.py")
        elif change == "gone":
            (source / "sub" / "b.py").unlink()
        else:
            (source / "a.py").rename(source / "a.p")
            (source / "a.p").write_text("ya")
        assert bucket.version(push(source)) != before

    def test_deployment_files_may_name_it(self, source: Path, tmp_path: Path) -> None:
        file = tmp_path / "prefect.yaml"
        text = (
            "pull: []\ndeployments:\n  - {name: a, entrypoint: 'flows/a.py:a', version: '{{ $SITE_FLOWS_VERSION }}', "
        )
        file.write_text(text + "work_pool: {name: p}}\n")
        [read] = deployment_file.read(file, bucket.environment(push(source)))
        assert read.version == bucket.version(push(source))


def test_what_a_push_lacks_is_named(tmp_path: Path) -> None:
    assert list(bucket.check(push(tmp_path / "none", "other"), [LOGIN])) == [
        f"push.source: {tmp_path / 'none'}: no such folder",
        "push.credentials: other: blocks have none of this name and the type aws-credentials",
    ]


class TestBlockThatNamesAnother:
    def test_takes_one_that_stands_above_it(self) -> None:
        both = [LOGIN, results()]
        assert [line for one in both for line in block.check(one, both)] == []

    def test_and_no_other(self) -> None:
        both = [results(), LOGIN]
        assert list(block.check(both[0], both)) == [
            "block s3-bucket/results: values.credentials: names a block that is not above this one"
        ]

    def test_is_checked_with_it(self) -> None:
        both = [LOGIN, results(bucket_name=5)]
        assert list(block.check(both[1], both)) == [
            "block s3-bucket/results: values.bucket_name: should be a valid string"
        ]

    def test_what_is_wrong_with_the_other_is_said_of_that_one(self) -> None:
        wrong = LOGIN.model_copy(update={"values": {"no_such": 1}})
        both = [wrong, results()]
        assert list(block.check(both[1], both)) == []
        assert len(list(block.check(both[0], both))) == 1


class FakeS3:
    """What the push asks of an S3 client, from memory."""

    def __init__(self, keys: Iterable[str]) -> None:
        self.objects = dict.fromkeys(keys, b"")

    def get_paginator(self, operation: str) -> "FakeS3":
        assert operation == "list_objects_v2"
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803  # S3's names
        return [{"Contents": [{"Key": key} for key in list(self.objects) if key.startswith(Prefix)]}]

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        self.objects[Key] = Body


def test_an_old_version_gets_redirects_to_the_files_that_it_has(tmp_path: Path) -> None:
    """A job variable that asks for it goes with a deployment that names the new entry point."""
    old, new, mine = "flows/0123456789ab", "flows/ba9876543210", "flows/00000000000a"
    before = [f"{old}/{path}" for path in MOVED]
    after = [f"{new}/{path}" for path in [*MOVED, *MOVED.values()]]
    s3 = FakeS3([*before, *after, f"{mine}/flows/mine.py"])
    bucket.redirect(s3, push(tmp_path / "flows"))
    added = set(s3.objects) - {*before, *after, f"{mine}/flows/mine.py"}
    assert added == {f"{old}/{path}" for path in MOVED.values()}
    assert b"from flows.parent.parent_flow import *" in s3.objects[f"{old}/launchers/parent/parent_flow.py"]
    bucket.redirect(s3, push(tmp_path / "flows"))
    assert set(s3.objects) - {*before, *after, f"{mine}/flows/mine.py"} == added
