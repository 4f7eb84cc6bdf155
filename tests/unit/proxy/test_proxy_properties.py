"""No generated body, in any letter case that Go would accept, makes the proxy pass on anything dangerous."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from socket_proxy.case import Allow

from tests.unit.proxy.world import Judge, a_body

# With a value of each that would take effect in the engine.
DANGEROUS: dict[str, Any] = {
    "Privileged": True,
    "CapAdd": ["ALL"],
    "PidMode": "host",
    "UTSMode": "host",
    "UsernsMode": "host",
    "IpcMode": "host",
    "CgroupnsMode": "host",
    "NetworkMode": "host",
    "Devices": [{"PathOnHost": "/dev/sda", "PathInContainer": "/dev/sda", "CgroupPermissions": "rwm"}],
    "DeviceRequests": [{"Count": -1, "Capabilities": [["gpu"]]}],
    "DeviceCgroupRules": ["a *:* rwm"],
    "SecurityOpt": ["seccomp=unconfined"],
    "MaskedPaths": ["/none"],
    "VolumesFrom": ["als-server-1"],
    "VolumeDriver": "local",
    "Binds": ["/:/host"],
    "Mounts": [{"Type": "bind", "Source": "/", "Target": "/host"}],
    "Runtime": "runc",
    "CgroupParent": "/",
    "Sysctls": {"kernel.shm_rmid_forced": "0"},
    "Links": ["server"],
    "OomScoreAdj": -1000,
    "PortBindings": {"80/tcp": [{"HostPort": "80"}]},
    "RestartPolicy": {"Name": "always"},
}
# Go's decoder takes a key for a field's name when both fold to the same (encoding/json, foldName).
FOLDS = {"k": "kK\u212a", "s": "sS\u017f"}


def folded(name: str) -> st.SearchStrategy[str]:
    """`name` in every spelling that Go's decoder takes for it."""
    letters = [st.sampled_from(FOLDS.get(char.lower(), char.lower() + char.upper())) for char in name]
    return st.tuples(*letters).map("".join)


dangerous_item = st.sampled_from(sorted(DANGEROUS)).flatmap(
    lambda name: st.tuples(folded(name), st.just(DANGEROUS[name]))
)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
relaxed = settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(*pairs: tuple[str, str]) -> str:
    """A JSON object of keys and values already written: unlike a dict it can have a key twice."""
    return "{" + ", ".join(f"{json.dumps(key)}: {value}" for key, value in pairs) + "}"


@relaxed
@given(item=dangerous_item, order=st.booleans(), wrapper=folded("HostConfig"))
def test_no_dangerous_key_passes_in_any_spelling(
    judge: Judge, item: tuple[str, Any], order: bool, wrapper: str
) -> None:
    dangerous, safe = (item[0], json.dumps(item[1])), ("NetworkMode", '"als"')
    image, host = ("Image", '"registry.lab:5000/job:1"'), ("HostConfig", written(safe))
    for pairs in (
        (image, ("HostConfig", written(dangerous, safe) if order else written(safe, dangerous))),
        (image, host, (wrapper, written(dangerous))) if order else (image, (wrapper, written(dangerous)), host),
    ):
        verdict = judge("launcher", "POST", "/containers/create", written(*pairs).encode())
        assert not isinstance(verdict, Allow)


@relaxed
@given(host=st.dictionaries(st.sampled_from(sorted(DANGEROUS)) | st.text(), any_json, max_size=4))
def test_what_passes_holds_only_harmless_values(judge: Judge, host: dict[str, Any]) -> None:
    verdict = judge("launcher", "POST", "/containers/create", a_body(host))
    if isinstance(verdict, Allow):
        assert_harmless(json.loads(verdict.body)["HostConfig"])


@relaxed
@given(data=st.binary(max_size=200) | any_json.map(lambda value: json.dumps(value).encode()))
def test_every_body_gets_a_verdict(judge: Judge, data: bytes) -> None:
    assert not isinstance(judge("launcher", "POST", "/containers/create", data), Allow)


@relaxed
@given(source=st.lists(st.sampled_from(["data", "..", ".", "", "etc", "in", "data\u0000", "\u2025"]), max_size=6))
def test_every_bind_that_passes_is_below_the_allowed_path(judge: Judge, source: list[str]) -> None:
    verdict = judge("launcher", "POST", "/containers/create", a_body({"Binds": ["/" + "/".join(source) + ":/x"]}))
    if isinstance(verdict, Allow):
        path = json.loads(verdict.body)["HostConfig"]["Binds"][0].split(":")[0]
        assert path == "/data" or path.startswith("/data/")
        assert ".." not in path.split("/")


def assert_harmless(host: dict[str, Any]) -> None:
    """No key that lets the container out is there, or it has a value that keeps the container in."""
    strict = ("Binds", "Mounts", "DeviceRequests", "SecurityOpt")
    assert {key: host[key] for key in strict if host.get(key)} == {}
    assert host["NetworkMode"] in ("als", "none")
    assert host.get("IpcMode", "") in ("", "none", "private")
    assert host.get("CgroupnsMode", "") in ("", "private")
    assert host.get("RestartPolicy", {}).get("Name", "") in ("", "no")
    listed_elsewhere = {"Binds", "Mounts", "DeviceRequests", "SecurityOpt", "NetworkMode", "IpcMode", "CgroupnsMode"}
    assert not set(host) & (set(DANGEROUS) - listed_elsewhere - {"RestartPolicy"})
