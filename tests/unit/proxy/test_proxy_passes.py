"""What clients really send, as recorded from the Docker CLI 28 and the SDK, and what the proxy then asks the engine."""

import json
from typing import Any

import pytest
from socket_proxy.case import Allow

from tests.unit.proxy.world import LAUNCHERS, SITE_NETWORK, WORKERS, Judge, a_body, limits

# `docker run --rm -i --network als --cpus 1 --memory 64m --hostname abc --init --tmpfs /t --ulimit nofile=100
#  --network-alias foo -v /data/in:/x:ro --mount type=volume,src=als-flows,dst=/y registry.lab:5000/job:1 true`
CLI_BODY: dict[str, Any] = json.loads(
    """{"Hostname":"abc","Domainname":"","User":"","AttachStdin":true,"AttachStdout":true,"AttachStderr":true,
    "Tty":false,"OpenStdin":true,"StdinOnce":true,"Env":null,"Cmd":["true"],"Image":"registry.lab:5000/job:1",
    "Volumes":{},"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":{},"HostConfig":{"Binds":["/data/in:/x:ro"],
    "ContainerIDFile":"","LogConfig":{"Type":"","Config":{}},"NetworkMode":"als","PortBindings":{},
    "RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":true,"VolumeDriver":"","VolumesFrom":null,
    "ConsoleSize":[0,0],"CapAdd":null,"CapDrop":null,"CgroupnsMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],
    "ExtraHosts":null,"GroupAdd":null,"IpcMode":"","Cgroup":"","Links":null,"OomScoreAdj":0,"PidMode":"",
    "Privileged":false,"PublishAllPorts":false,"ReadonlyRootfs":false,"SecurityOpt":null,"Tmpfs":{"/t":""},
    "UTSMode":"","UsernsMode":"","ShmSize":0,"Isolation":"","CpuShares":0,"Memory":67108864,"NanoCpus":1000000000,
    "CgroupParent":"","BlkioWeight":0,"BlkioWeightDevice":[],"BlkioDeviceReadBps":[],"BlkioDeviceWriteBps":[],
    "BlkioDeviceReadIOps":[],"BlkioDeviceWriteIOps":[],"CpuPeriod":0,"CpuQuota":0,"CpuRealtimePeriod":0,
    "CpuRealtimeRuntime":0,"CpusetCpus":"","CpusetMems":"","Devices":[],"DeviceCgroupRules":null,
    "DeviceRequests":null,"MemoryReservation":0,"MemorySwap":0,"MemorySwappiness":-1,"OomKillDisable":false,
    "PidsLimit":50,"Ulimits":[{"Name":"nofile","Hard":100,"Soft":100}],"CpuCount":0,"CpuPercent":0,"IOMaximumIOps":0,
    "IOMaximumBandwidth":0,"Mounts":[{"Type":"volume","Source":"als-flows","Target":"/y"}],"MaskedPaths":null,
    "ReadonlyPaths":null,"Init":true},"NetworkingConfig":{"EndpointsConfig":{"als":{"IPAMConfig":null,"Links":null,
    "Aliases":["foo"],"MacAddress":"","DriverOpts":null,"GwPriority":0,"NetworkID":"","EndpointID":"","Gateway":"",
    "IPAddress":"","IPPrefixLen":0,"IPv6Gateway":"","GlobalIPv6Address":"","GlobalIPv6PrefixLen":0,
    "DNSNames":null}}}}"""
)


def created(judge: Judge, body: Any, **more: Any) -> dict[str, Any]:
    verdict = judge("launcher", "POST", "/v1.45/containers/create", body, **more)
    assert isinstance(verdict, Allow), verdict
    found: dict[str, Any] = json.loads(verdict.body)
    return found


def test_what_docker_run_sends_passes_without_the_keys_that_no_rule_lists(judge: Judge) -> None:
    assert created(judge, CLI_BODY) == {
        **{"AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "OpenStdin": True, "StdinOnce": True},
        **{"Tty": False, "Hostname": "abc", "User": "", "WorkingDir": "", "Cmd": ["true"], "Volumes": {}},
        "Image": "registry.lab:5000/job:1",
        "Labels": {"site": "als", "site.managed": "launcher"},
        "NetworkingConfig": {"EndpointsConfig": {"als": {"Aliases": ["foo"]}}},
        "HostConfig": {
            "Binds": ["/data/in:/x:ro"],
            "Mounts": [{"Type": "volume", "Source": "als-flows", "Target": "/y"}],
            "LogConfig": {"Type": "", "Config": {}},
            "NetworkMode": "als",
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
            **{"AutoRemove": True, "ConsoleSize": [0, 0], "CgroupnsMode": "", "IpcMode": "", "ReadonlyRootfs": False},
            **{"Tmpfs": {"/t": ""}, "ShmSize": 0, "CpuShares": 0, "Memory": 67108864, "NanoCpus": 1000000000},
            **{"CpuPeriod": 0, "CpuQuota": 0, "CpusetCpus": "", "CpusetMems": "", "MemoryReservation": 0},
            **{"MemorySwap": 0, "MemorySwappiness": -1, "PidsLimit": 50, "Init": True},
            "Ulimits": [{"Name": "nofile", "Hard": 100, "Soft": 100}],
        },
    }


def test_what_the_sdk_sends_for_prefects_worker_passes(judge: Judge) -> None:
    body = {
        "Tty": False,
        "Cmd": ["prefect", "flow-run", "execute"],
        "Env": ["PREFECT_API_URL=http://server:4200/api"],
        "Image": "prefecthq/prefect:3.9.1",
        "Volumes": {"/srv/site": {}},
        "NetworkDisabled": False,
        "HostConfig": {"NetworkMode": "als", "Binds": ["als-flows:/srv/site"], "Memory": 1024},
        "NetworkingConfig": {"als": None},  # the SDK leaves EndpointsConfig out
        "Labels": {"io.prefect.flow-run-id": "7"},
    }
    verdict = judge("worker", "POST", "/v1.45/containers/create?name=red-fox", body)
    assert isinstance(verdict, Allow)
    assert verdict.target == "/v1.45/containers/create?name=red-fox"
    passed = json.loads(verdict.body)
    assert passed["Image"] == "docker.io/prefecthq/prefect:3.9.1"
    assert passed["HostConfig"]["Binds"] == ["als-flows:/srv/site:rw"]
    assert passed["NetworkingConfig"] == {}
    assert passed["Labels"] == {"io.prefect.flow-run-id": "7", "site": "als", "site.managed": "worker"}


PASSED_ON = [
    ("worker", "GET", "/_ping", "/_ping"),
    ("reaper", "HEAD", "/_ping", "/_ping"),
    ("worker", "GET", "/version", "/version"),
    ("worker", "GET", "/v1.45/containers/mine/json", f"/v1.45/containers/{WORKERS}/json"),
    ("launcher", "GET", "/v1.45/containers/mine/json", f"/v1.45/containers/{WORKERS}/json"),
    ("worker", "POST", "/v1.45/containers/mine/start", f"/v1.45/containers/{WORKERS}/start"),
    ("worker", "POST", "/v1.45/containers/mine/wait", f"/v1.45/containers/{WORKERS}/wait"),
    ("worker", "POST", "/v1.45/containers/mine/stop?t=30", f"/v1.45/containers/{WORKERS}/stop?t=30"),
    (
        "worker",
        "GET",
        "/v1.45/containers/mine/logs?stderr=1&stdout=1&timestamps=0&follow=1&tail=all",
        f"/v1.45/containers/{WORKERS}/logs?stderr=1&stdout=1&timestamps=0&follow=1&tail=all",
    ),
    (
        "launcher",
        "POST",
        "/v1.45/containers/sibling/kill?signal=TERM",
        f"/v1.45/containers/{LAUNCHERS}/kill?signal=TERM",
    ),
    (
        "launcher",
        "POST",
        f"/v1.45/containers/{LAUNCHERS}/wait?condition=removed",
        f"/v1.45/containers/{LAUNCHERS}/wait?condition=removed",
    ),
    (
        "launcher",
        "DELETE",
        "/v1.45/containers/sibling?v=False&link=False&force=True",
        f"/v1.45/containers/{LAUNCHERS}?v=False&link=False&force=True",
    ),
    ("reaper", "DELETE", "/v1.45/containers/mine?force=1&v=1", f"/v1.45/containers/{WORKERS}?force=1&v=1"),
    ("reaper", "POST", "/containers/sibling/kill?signal=sigint", f"/containers/{LAUNCHERS}/kill?signal=sigint"),
    ("reaper", "POST", "/containers/sibling/kill", f"/containers/{LAUNCHERS}/kill"),
    ("worker", "GET", "/v1.45/networks/als", f"/v1.45/networks/{SITE_NETWORK}"),
    (
        "worker",
        "GET",
        "/v1.41/images/registry.lab:5000/team/job%401/json".replace("%401", "%40sha256%3A" + "0" * 64),
        f"/v1.41/images/registry.lab:5000/team/job@sha256:{'0' * 64}/json",
    ),
    (
        "worker",
        "GET",
        "/v1.45/images/prefecthq/prefect:3.9.1/json",
        "/v1.45/images/docker.io/prefecthq/prefect:3.9.1/json",
    ),
]


@pytest.mark.parametrize(("role", "method", "target", "engine"), PASSED_ON)
def test_call_is_passed_on_under_full_id(judge: Judge, role: str, method: str, target: str, engine: str) -> None:
    assert judge(role, method, target) == Allow(method, engine)


def test_attach_is_hijacked_where_the_client_asks_for_it(judge: Judge) -> None:
    target = "/v1.45/containers/sibling/attach?stderr=1&stdout=1&stream=1"
    engine = f"/v1.45/containers/{LAUNCHERS}/attach?stderr=1&stdout=1&stream=1"
    assert judge("launcher", "POST", target, upgrade=True) == Allow("POST", engine, hijack=True)
    assert judge("launcher", "POST", target) == Allow("POST", engine)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("fromImage=registry.lab%3A5000%2Fjob&tag=1", "fromImage=registry.lab%3A5000%2Fjob&tag=1"),
        ("fromImage=registry.lab%3A5000%2Fjob%3A1", "fromImage=registry.lab%3A5000%2Fjob&tag=1"),
        ("fromImage=registry.lab%3A5000%2Fjob", "fromImage=registry.lab%3A5000%2Fjob&tag=latest"),
        (
            f"fromImage=registry.lab%3A5000%2Fjob&tag=sha256%3A{'0' * 64}&platform=linux/amd64",
            f"fromImage=registry.lab%3A5000%2Fjob&tag=sha256%3A{'0' * 64}&platform=linux%2Famd64",
        ),
    ],
)
def test_pull_asks_for_one_version_and_carries_the_login(judge: Judge, query: str, wanted: str) -> None:
    verdict = judge("worker", "POST", f"/v1.45/images/create?{query}", registry_auth="eyJ1IjoieCJ9")
    assert verdict == Allow("POST", f"/v1.45/images/create?{wanted}", registry_auth="eyJ1IjoieCJ9")


@pytest.mark.parametrize(
    ("address", "registry"),
    [
        ("registry.lab:5000", "registry.lab:5000"),
        ("https://registry.lab:5000/v2/", "registry.lab:5000"),
        ("https://index.docker.io/v1/", "https://index.docker.io/v1/"),
        (None, "https://index.docker.io/v1/"),
    ],
)
def test_login_goes_to_the_registry_of_an_allowed_image(judge: Judge, address: str | None, registry: str) -> None:
    login = {"username": "u", "password": "p", "email": None, "serveraddress": address}
    verdict = judge("worker", "POST", "/v1.45/auth", login)
    assert isinstance(verdict, Allow)
    assert json.loads(verdict.body) == {"username": "u", "password": "p", "serveraddress": registry}


def test_connect_names_network_and_container_by_id(judge: Judge) -> None:
    body = {"Container": "mine", "EndpointConfig": {"Aliases": ["job"]}}
    verdict = judge("worker", "POST", f"/v1.45/networks/{SITE_NETWORK}/connect", body)
    assert isinstance(verdict, Allow)
    assert verdict.target == f"/v1.45/networks/{SITE_NETWORK}/connect"
    assert json.loads(verdict.body) == {"Container": WORKERS, "EndpointConfig": {"Aliases": ["job"]}}


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ("", {"label": ["site=als", "site.managed"]}),
        (
            '{"label": {"x=y": true}, "status": ["exited"]}',
            {"label": ["x=y", "site=als", "site.managed"], "status": ["exited"]},
        ),
        ('{"label": ["site=other"]}', {"label": ["site=other", "site=als", "site.managed"]}),
    ],
)
def test_list_is_narrowed_to_this_site(judge: Judge, filters: str, wanted: dict[str, Any]) -> None:
    from urllib.parse import parse_qs, quote, urlsplit

    verdict = judge(
        "reaper", "GET", f"/v1.45/containers/json?limit=-1&all=1&size=0&trunc_cmd=0&filters={quote(filters)}"
    )
    assert isinstance(verdict, Allow)
    query = parse_qs(urlsplit(verdict.target).query)
    assert json.loads(query.pop("filters")[0]) == wanted
    assert query == {"limit": ["-1"], "all": ["1"], "size": ["0"], "trunc_cmd": ["0"]}


RUN = "12345678-1234-1234-1234-123456789abc"


def test_a_launcher_lists_its_own_containers_of_one_run(judge: Judge) -> None:
    from urllib.parse import parse_qs, quote, urlsplit

    asked = ["site=als", "site.role=launched", f"io.prefect.flow-run-id={RUN}"]
    filters = quote(json.dumps({"label": asked}))
    verdict = judge("launcher", "GET", f"/containers/json?all=true&filters={filters}")
    assert isinstance(verdict, Allow)
    query = parse_qs(urlsplit(verdict.target).query)
    assert json.loads(query["filters"][0]) == {"label": [*asked, "site=als", "site.managed=launcher"]}
    assert query["all"] == ["true"]


def test_graphics_cards_pass_where_the_setting_says_so(judge: Judge) -> None:
    request = {"Driver": "", "Count": -1, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}}
    passed = created(judge, a_body({"DeviceRequests": [request]}), limits=limits("launcher", gpus=True))
    assert passed["HostConfig"]["DeviceRequests"] == [{"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}]


@pytest.mark.parametrize(
    "host",
    [
        {"NetworkMode": "none"},
        {"SecurityOpt": ["no-new-privileges"]},
        {"SecurityOpt": ["no-new-privileges:true"], "CapDrop": ["ALL"], "ReadonlyRootfs": True},
        {"ExtraHosts": ["host.docker.internal:host-gateway"]},
        {"Mounts": [{"Type": "bind", "Source": "/data/in", "Target": "/in", "ReadOnly": True}]},
        {"Mounts": [{"Type": "volume", "Target": "/scratch"}]},
        {"Mounts": [{"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 1024, "Mode": 1023}}]},
        {"Tmpfs": {"/t": "rw,noexec,size=64m,mode=1777"}},
        {
            "Ulimits": [
                {"Name": "memlock", "Soft": -1, "Hard": -1},
                {"Name": "stack", "Soft": 67108864, "Hard": 67108864},
            ]
        },
        {"PidsLimit": -1, "MemorySwap": -1, "ShmSize": 2**30, "CpusetCpus": "0-1,3"},
        {"LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}},
    ],
)
def test_harmless_host_config_passes_unchanged(judge: Judge, host: dict[str, Any]) -> None:
    passed = created(judge, a_body(host))
    assert passed["HostConfig"] == {"NetworkMode": "als"} | host


@pytest.mark.parametrize(
    ("bind", "passed"),
    [
        ("/data/in:/in", "/data/in:/in:rw"),
        ("/data//./in/:/in:ro", "/data/in:/in:ro"),
        ("/data:/in:rw", "/data:/in:rw"),
        ("als-flows:/in", "als-flows:/in:rw"),
    ],
)
def test_bind_is_passed_on_in_its_normal_form(judge: Judge, bind: str, passed: str) -> None:
    assert created(judge, a_body({"Binds": [bind]}))["HostConfig"]["Binds"] == [passed]


@pytest.mark.parametrize(
    "config",
    [
        {"Cmd": "true"},
        {"Entrypoint": []},  # takes the image's entry point away, which null does not
        {"ExposedPorts": {"80/tcp": {}}},
        {"Healthcheck": {"Test": ["NONE"]}},
        {"StopSignal": "SIGINT", "StopTimeout": 5, "User": "1000:1000"},
    ],
)
def test_harmless_config_passes_unchanged(judge: Judge, config: dict[str, Any]) -> None:
    passed = created(judge, a_body(**config))
    assert {key: passed[key] for key in config} == config
