"""Which objects of an earlier S3 server are copied: those whose content is what their ETag says."""

import hashlib
import io
import os
from typing import Any

import pytest
import take_along

MIB = 1 << 20


def md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def in_parts(data: bytes, size: int) -> str:
    parts = [data[at : at + size] for at in range(0, max(len(data), 1), size)]
    return f"{md5(b''.join(map(md5, parts))).hex()}-{len(parts)}"


def blocks(data: bytes) -> list[bytes]:
    return [data[at : at + MIB] for at in range(0, len(data), MIB)]


@pytest.mark.parametrize("size", [0, 1, 8 * MIB - 1])
def test_what_was_stored_in_one_part_is_right(size: int) -> None:
    data = os.urandom(size)
    assert take_along.is_right(blocks(data), md5(data).hex(), size)
    assert not take_along.is_right(blocks(data + b"x"), md5(data).hex(), size + 1)


@pytest.mark.parametrize("part", [5 * MIB, 8 * MIB, 16 * MIB])
@pytest.mark.parametrize("size", [8 * MIB, 20 * MIB, 16 * MIB])
def test_what_was_stored_in_parts_is_right_if_all_parts_are_there(size: int, part: int) -> None:
    data = os.urandom(size)
    etag = in_parts(data, part)
    assert take_along.is_right(blocks(data), etag, size)
    repeated = (data[-(size % part or part) :] * 8)[:size]  # as the RADOS gateway gave it back
    assert take_along.is_right(blocks(repeated), etag, size) == (repeated == data)


class Server:
    """As much of an S3 client as a copy uses. Buckets map keys to contents and ETags."""

    def __init__(self, **buckets: dict[str, tuple[bytes, str]]) -> None:
        self.buckets = buckets
        self.given: dict[str, Any] = {}

    def list_buckets(self) -> dict[str, Any]:
        return {"Buckets": [{"Name": name} for name in self.buckets]}

    def create_bucket(self, Bucket: str) -> None:  # noqa: N803
        self.buckets[Bucket] = {}

    def get_paginator(self, _: str) -> "Server":
        return self

    def paginate(self, Bucket: str) -> list[dict[str, Any]]:  # noqa: N803
        found = [{"Key": key} for key in self.buckets[Bucket]]
        return [{"Contents": found[:1]}, {"Contents": found[1:]}, {}]

    def get_object(self, Bucket: str, Key: str, IfMatch: str = "") -> dict[str, Any]:  # noqa: N803
        content, etag = self.buckets[Bucket][Key]
        assert IfMatch in ("", f'"{etag}"')
        kept = {"Metadata": {"a": "b"}, "ContentType": "x/y"}
        return {"Body": Body(content), "ETag": f'"{etag}"', "ContentLength": len(content)} | kept

    def upload_fileobj(self, body: Any, bucket: str, key: str, ExtraArgs: dict[str, Any]) -> None:  # noqa: N803
        self.buckets[bucket][key] = (body.read(), "")
        self.given[key] = ExtraArgs


class Body(io.BytesIO):
    def iter_chunks(self, size: int) -> Any:
        return iter(lambda: self.read(size), b"")


def test_right_objects_are_copied_and_the_others_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, large = b"small", os.urandom(9 * MIB)
    lost = (large[8 * MIB :] * 9)[: 9 * MIB]
    old = Server(
        site={
            "whole": (whole, md5(whole).hex()),
            "right": (large, in_parts(large, 8 * MIB)),
            "lost": (lost, in_parts(large, 8 * MIB)),
            "there": (b"old", md5(b"old").hex()),
        },
        other={},
    )
    new = Server(site={"there": (b"newer", "")})
    monkeypatch.setattr(take_along, "client", lambda url: {"http://old": old, take_along.NEW_URL: new}[url])
    assert take_along.main(["http://old"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"not copied, because its content is not what was stored: s3://site/lost ({9 * MIB} bytes, ETag "
        f"{in_parts(large, 8 * MIB)})",
        "2 objects copied, 1 were there already, 1 not copied",
    ]
    assert {key: content for key, (content, _) in new.buckets["site"].items()} == {
        "there": b"newer",
        "whole": whole,
        "right": large,
    }
    assert new.given["whole"] == {"ContentType": "x/y", "Metadata": {"a": "b"}}
    assert new.buckets["other"] == {}


def test_without_a_url_it_says_how_to_call_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert take_along.main([]) == 2
    assert capsys.readouterr().err.strip() == take_along.USAGE
