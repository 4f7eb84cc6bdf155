"""YAML that users write: read as they mean it, or refused in one line that names the file and the line."""

from collections.abc import Callable
from typing import Any

import pytest

from stack.core.errors import SiteError, all_of
from stack.core.files import File
from stack.images.named import named
from stack.load import strictyaml

REGISTRATION = File("client/registration.yaml", b"pools: []\ndeployments: [prefect.yaml, 'deployments/*.yaml']\n")
RENDERED = File("client/prefect.yaml", b"deployments: [{name: ours, work_pool: {job_variables: {image: 'ours:1'}}}]\n")


def users(name: str, text: str | bytes) -> File:
    content = text if isinstance(text, bytes) else text.encode()
    return File(f"client/deployments/{name}.yaml", content)


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ("", None),
        ("a: 1:30", {"a": "1:30"}),
        ("a: 2026-01-01", {"a": "2026-01-01"}),
        ("a: 010\nb: 10\nc: -3", {"a": "010", "b": 10, "c": -3}),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
    ],
)
def test_what_is_read(text: str, document: Any) -> None:
    assert strictyaml.read("x.yml", text) == document


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb: 2\na: 3", "x.yml:3: the key a appears twice; correct the YAML on this line"),
        ("a:\n  b: {c: 1, c: 2}", "x.yml:2: the key c appears twice; correct the YAML on this line"),
        ("a: [", "x.yml:1: expected the node content, but found '<stream end>'; correct the YAML on this line"),
        (
            "a: !!python/name:os.system x",
            "x.yml:1: could not determine a constructor for the tag 'tag:yaml.org,2002:python/name:os.system'; "
            "correct the YAML on this line",
        ),
        ("a: !!bool maybe", "x.yml: not valid YAML: 'maybe'"),
        ("a: !!int ''", "x.yml: not valid YAML: string index out of range"),
    ],
)
def test_what_is_refused(text: str, fault: str) -> None:
    with pytest.raises(SiteError) as refused:
        strictyaml.read("x.yml", text)
    assert refused.value.faults == (fault,)


def test_images_of_a_users_deployments_are_found() -> None:
    mine = users("mine", "deployments: [{work_pool: {job_variables: {image: 'mine:1'}}, parameters: {image: no}}]")
    assert named([REGISTRATION, RENDERED, mine]) == ["ours:1", "mine:1"]


def test_each_broken_file_of_a_user_is_one_line() -> None:
    broken = [
        users("a", "x: 1\nx: 2\n"),
        users("b", "x: ]"),
        users("c", b"x: \xff"),
        users("d", "image: d:1"),
        users("e", "a: &a [*a]"),
    ]
    with pytest.raises(SiteError) as refused:
        named([REGISTRATION, RENDERED, *broken])
    assert refused.value.faults == (
        "client/deployments/a.yaml:2: the key x appears twice; correct the YAML on this line",
        "client/deployments/b.yaml:1: expected the node content, but found ']'; correct the YAML on this line",
        "client/deployments/c.yaml: byte 3 is not UTF-8 text; save the file as UTF-8",
        "client/deployments/e.yaml: not valid YAML: an anchor contains itself",
    )


def test_the_faults_of_all_steps_are_gathered() -> None:
    def refuse(*faults: str) -> Callable[[], int]:
        def step() -> int:
            raise SiteError(*faults)

        return step

    assert all_of([lambda: 1, lambda: 2]) == [1, 2]
    with pytest.raises(SiteError) as refused:
        all_of([refuse("a", "b"), lambda: 1, refuse("c")])
    assert refused.value.faults == ("a", "b", "c")
