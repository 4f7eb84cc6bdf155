"""The parameters of a launch: what is accepted, what is refused, and the messages."""

import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from launchers.containers.schema import PARAMS_TARGET, DockerParams, Size, Volume
from pydantic import ValidationError


def params(**more: Any) -> DockerParams:
    return DockerParams.model_validate({"image_name": "registry:5000/pca", "image_tag": "1.0", **more})


def refusal(**more: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        params(**more)
    (error,) = refused.value.errors()
    return str(error["msg"])


def test_the_parameters_of_an_older_site_are_taken_as_they_are() -> None:
    older = params(
        command="python src/train.py",
        volumes=["/data/tiled_storage:/tiled_storage"],
        network="mle_net",
        env_vars={"EPOCHS": 5},
        params={"io_parameters": {"uid_retrieve": "", "data_uri": "http://tiled"}, "epochs": 5},
    )
    assert older.image == "registry:5000/pca:1.0"
    assert older.arguments == ["python", "src/train.py", PARAMS_TARGET]
    assert older.env_vars == {"EPOCHS": "5"}


def test_a_digest_is_a_tag_too() -> None:
    assert params(image_tag=f"sha256:{'0' * 64}").image == f"registry:5000/pca@sha256:{'0' * 64}"


@given(st.lists(st.text()))
def test_no_word_of_a_command_is_read_by_a_shell(words: list[str]) -> None:
    assert params(command=words).arguments == [*words, PARAMS_TARGET]
    assert params(command=shlex.join(words)).arguments == [*words, PARAMS_TARGET]


def test_the_run_before_is_read_where_no_other_is_named() -> None:
    named = params(params={"io_parameters": {"uid_retrieve": "mine"}})
    assert params().params.of_run("now", "before") == {"io_parameters": {"uid_retrieve": "before", "uid_save": "now"}}
    assert named.params.of_run("now", "before") == {"io_parameters": {"uid_retrieve": "mine", "uid_save": "now"}}


def test_what_the_algorithm_is_told_passes_untouched() -> None:
    content = {"task": "train", "io_parameters": {"uri": "x"}, "deep": [1, {"a": None}]}
    asked = params(params=content)
    assert asked.params.of_run("now", "") == {
        "task": "train",
        "deep": [1, {"a": None}],
        "io_parameters": {"uid_retrieve": "", "uid_save": "now", "uri": "x"},
    }
    assert asked.params.io_parameters.uid_save == ""


@pytest.mark.parametrize(
    ("text", "size"),
    [("33554432", 2**25), ("32m", 2**25), ("32M", 2**25), ("32mb", 2**25), ("1.5g", 3 * 2**29), ("10k", 10240)],
)
def test_sizes_are_those_of_the_docker_command(text: str, size: int) -> None:
    assert Size(text).bytes == size


@pytest.mark.parametrize(
    ("text", "volume"),
    [
        ("/a:/b", ("/a", "/b", True)),
        ("/a/../c/:/b//d/:rw", ("/c", "/b/d", True)),
        ("/a b:/b:ro", ("/a b", "/b", False)),
    ],
)
def test_volumes_are_source_target_and_mode(text: str, volume: tuple[str, str, bool]) -> None:
    parsed = Volume(text)
    assert (parsed.source, parsed.target, parsed.writable) == volume


def test_sizes_and_volumes_stay_parsed_and_are_text_for_the_server() -> None:
    asked = params(memory="512m", volumes=["/a:/b:ro"])
    assert asked.memory.bytes == 2**29
    assert [volume.target for volume in asked.volumes] == ["/b"]
    sent = asked.model_dump(mode="json")
    assert (sent["memory"], sent["volumes"], sent["shm_size"]) == ("512m", ["/a:/b:ro"], "")
    assert {type(value) for value in (asked.model_dump()["memory"], *sent["volumes"])} == {str}
    shown = DockerParams.model_json_schema()["properties"]
    assert (shown["memory"]["type"], shown["volumes"]["items"]) == ("string", {"type": "string"})


def test_the_network_of_a_launch_that_names_none_is_the_sites() -> None:
    shown = DockerParams.model_json_schema()["properties"]["network"]["description"]
    assert shown == "Network to join; empty: the site's network."


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"memory": "lots"}, "Value error, 'lots' is not a size: write a number and k, m or g, for example 512m"),
        ({"shm_size": "-1m"}, "Value error, '-1m' is not a size: write a number and k, m or g, for example 512m"),
        ({"volumes": ["/a"]}, "Value error, volume '/a' is not source:target, source:target:ro or source:target:rw"),
        (
            {"volumes": ["/a:/b:z"]},
            "Value error, volume '/a:/b:z' is not source:target, source:target:ro or source:target:rw",
        ),
        ({"volumes": ["data:/b"]}, "Value error, volume 'data:/b': 'data' is not an absolute path"),
        ({"volumes": ["/a:b"]}, "Value error, volume '/a:b': 'b' is not an absolute path"),
        ({"volumes": ["/a:/b/.."]}, "Value error, volume '/a:/b/..': the target / is taken"),
        (
            {"volumes": [f"/a:{PARAMS_TARGET}"]},
            f"Value error, volume '/a:{PARAMS_TARGET}': the target {PARAMS_TARGET} is taken",
        ),
        ({"volumes": ["/a:/c", "/b:/c/"]}, "Value error, two volumes have the target /c"),
        ({"command": "sh 'open"}, "Value error, No closing quotation"),
        ({"env_vars": {"A=B": "1"}}, "Value error, 'A=B' cannot be the name of an environment variable"),
        ({"env_vars": {"": "1"}}, "Value error, '' cannot be the name of an environment variable"),
        ({"cpus": 0}, "Input should be greater than 0"),
        ({"timeout": -1}, "Input should be greater than 0"),
        ({"image_tag": ""}, "String should have at least 1 character"),
        ({"imagetag": "1"}, "Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_is_told_before_anything_runs(wrong: dict[str, Any], expected: str) -> None:
    assert refusal(**wrong) == expected
