"""What the engine is asked for, and how a container's end is reported."""

import logging
from typing import Any

import pytest
from launchers.containers.container import container_spec, failure
from launchers.containers.paths import HostPath
from launchers.containers.schema import PARAMS_TARGET, DockerParams
from launchers.containers.site_env import SiteEnv, read_site_env
from launchers.launching.errors import LaunchError
from launchers.launching.lines import STDERR, STDOUT, Record
from launchers.launching.output_log import LAST_LINE_LENGTH, LAST_LINES, OutputLog
from launchers.launching.run_identity import RunIdentity, identity_of

RUN = RunIdentity("0b6f3f0c-90c4-4f3a-8d0e-0123456789ab", 2)


def params(**more: Any) -> DockerParams:
    return DockerParams.model_validate({"image_name": "pca", "image_tag": "1", **more})


def test_the_engine_is_asked_for_exactly_what_the_parameters_say() -> None:
    asked = params(
        command="python /app/pca.py",
        network="als",
        env_vars={"A": "x=y"},
        memory="32m",
        cpus=1.5,
        shm_size="1g",
        gpus="all",
    )
    binds = [(HostPath("/host/data"), "/data"), (HostPath("/host/p.yaml", writable=False), PARAMS_TARGET)]
    assert container_spec(asked, {"site": "als"}, binds) == {
        "Image": "pca:1",
        "Cmd": ["python", "/app/pca.py", PARAMS_TARGET],
        "Env": ["A=x=y"],
        "Labels": {"site": "als"},
        "HostConfig": {
            "Mounts": [
                {"Type": "bind", "Source": "/host/data", "Target": "/data", "ReadOnly": False},
                {"Type": "bind", "Source": "/host/p.yaml", "Target": PARAMS_TARGET, "ReadOnly": True},
            ],
            "NetworkMode": "als",
            "Memory": 2**25,
            "MemorySwap": 2**25,
            "NanoCpus": 1_500_000_000,
            "ShmSize": 2**30,
            "DeviceRequests": [{"Capabilities": [["gpu"]], "Count": -1}],
        },
    }


def test_no_limit_is_set_where_none_is_asked_for() -> None:
    assert container_spec(params(), {}, [])["HostConfig"] == {"Mounts": []}


def test_the_sites_limits_hold_where_the_parameters_name_none() -> None:
    environ = {"SITE_LAUNCH_MEMORY": "64m", "SITE_LOG_OPTIONS": "max-size=1m,max-file=2"}
    limits = read_site_env(environ).limits
    logs = {"LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}}}
    assert container_spec(params(), {}, [], limits=limits)["HostConfig"] == {
        "Mounts": [],
        "Memory": 2**26,
        "MemorySwap": 2**26,
        **logs,
    }
    chosen = container_spec(params(memory="32m"), {}, [], limits=limits)["HostConfig"]
    assert chosen == {"Mounts": [], "Memory": 2**25, "MemorySwap": 2**25, **logs}


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("SITE_LAUNCH_MEMORY", "much", "'much' is not a size: write a number and k, m or g, for example 512m"),
        ("SITE_LOG_OPTIONS", "max-size", "'max-size' is not NAME=VALUE"),
    ],
)
def test_a_limit_that_cannot_be_read_is_named(variable: str, value: str, reason: str) -> None:
    with pytest.raises(LaunchError) as refused:
        read_site_env({variable: value})
    assert str(refused.value) == f"{variable}: {reason}"


@pytest.mark.parametrize(("gpus", "choice"), [("2", {"Count": 2}), ("0,GPU-a1", {"DeviceIDs": ["0", "GPU-a1"]})])
def test_gpus_are_counted_or_named(gpus: str, choice: dict[str, Any]) -> None:
    spec = container_spec(params(gpus=gpus), {}, [])
    assert spec["HostConfig"]["DeviceRequests"] == [{"Capabilities": [["gpu"]], **choice}]


@pytest.mark.parametrize(
    ("asked", "state", "last", "expected"),
    [
        ({}, {"ExitCode": 3}, ["a", "b"], "ended with exit code 3; its last lines:\na\nb"),
        ({}, {"ExitCode": 3, "OOMKilled": False}, [], "ended with exit code 3"),
        ({}, {"ExitCode": 139}, [], "ended with exit code 139 (SIGSEGV)"),
        ({}, {"ExitCode": 255}, [], "ended with exit code 255"),
        (
            {"memory": "32m"},
            {"ExitCode": 137, "OOMKilled": True},
            ["x"],
            "was killed for lack of memory (OOM; memory limit 32m): raise memory; its last lines:\nx",
        ),
        (
            {},
            {"ExitCode": 1, "OOMKilled": True},
            [],
            "was killed for lack of memory (OOM; memory limit of the site): raise memory",
        ),
        (
            {"memory": "32m"},
            {"ExitCode": 137, "OOMKilled": False},
            [],
            "ended with exit code 137 (SIGKILL), for lack of memory (OOM; memory limit 32m) unless it was killed: "
            "raise memory",
        ),
        ({}, {"ExitCode": 137, "OOMKilled": False}, [], "ended with exit code 137 (SIGKILL)"),
    ],
)
def test_the_end_of_a_container_is_reported(
    asked: dict[str, Any], state: dict[str, Any], last: list[str], expected: str
) -> None:
    assert str(failure("als-1", params(**asked), state, last)) == f"container als-1 of pca:1 {expected}"


def test_a_container_that_copes_with_a_lost_child_has_not_failed() -> None:
    assert failure("als-1", params(), {"ExitCode": 0, "OOMKilled": True}, ["x"]) is None


def test_only_the_last_lines_are_kept_and_none_is_endless() -> None:
    output = OutputLog(logging.getLogger("unheard"))
    output.add(Record(STDOUT, [str(number) for number in range(100)]))
    output.add(Record(STDERR, ["x" * 10_000]))
    kept = [str(number) for number in range(101 - LAST_LINES, 100)]
    assert output.last == [*kept, "x" * LAST_LINE_LENGTH]


def test_labels_say_whose_a_container_is_and_cannot_be_overridden() -> None:
    assert RUN.labels("als", {"team": "beamline", "site": "other", "site.role": "none"}) == {
        "team": "beamline",
        "site": "als",
        "site.role": "launched",
        "io.prefect.flow-run-id": RUN.flow_run_id,
        "site.attempt": "2",
    }


def test_a_name_leads_back_to_its_run() -> None:
    assert identity_of(RUN.name) == RUN
    for other in ("results", RUN.flow_run_id, f"{RUN.name}.part", f"x{RUN.name}"):
        assert identity_of(other) is None


LOGS = {"LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}}


def test_the_site_is_read_from_the_environment() -> None:
    environ = {"SITE": "als", "SITE_WORK_DIR": "/w/", "SITE_HOST_PATHS": "/a:/b/../c", "SITE_LABELS": "x=1, y=a=b,"}
    expected = SiteEnv(
        "als", "/w", ("/a", "/c"), {"x": "1", "y": "a=b"}, registry_block="", network="als-net", limits=LOGS
    )
    assert read_site_env(environ | {"SITE_NETWORK": "als-net"}) == expected
    assert read_site_env({}) == SiteEnv(
        "prefect-site", "/srv/site/work", (), {}, registry_block="", network="", limits=LOGS
    )


def test_a_container_without_a_network_of_its_own_joins_the_sites() -> None:
    assert container_spec(params(), {}, [], "als")["HostConfig"]["NetworkMode"] == "als"
    assert container_spec(params(network="lab"), {}, [], "als")["HostConfig"]["NetworkMode"] == "lab"


def test_a_label_without_a_value_is_reported() -> None:
    with pytest.raises(LaunchError) as refused:
        read_site_env({"SITE_LABELS": "x=1,team"})
    assert str(refused.value) == "SITE_LABELS: 'team' is not NAME=VALUE"


def test_a_part_of_a_volume_is_mounted_by_the_volumes_name() -> None:
    part = HostPath("/d/als-work/_data/a", volume="als-work", below="a", writable=False)
    whole = HostPath("/d/als-work/_data", volume="als-work", below=".")
    mounts = container_spec(params(), {}, [(part, "/a"), (whole, "/all")])["HostConfig"]["Mounts"]
    assert mounts == [
        {
            "Target": "/a",
            "ReadOnly": True,
            "Type": "volume",
            "Source": "als-work",
            "VolumeOptions": {"Subpath": "a"},
        },
        {"Target": "/all", "ReadOnly": False, "Type": "volume", "Source": "als-work"},
    ]
