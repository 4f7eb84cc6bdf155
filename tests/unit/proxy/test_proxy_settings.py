"""Settings: what they mean, and the words of each fault, all at once."""

from pathlib import Path, PurePath

import pytest
import yaml
from socket_proxy import settings
from socket_proxy.image import Pattern
from socket_proxy.settings import Bounds, SettingsError
from socket_proxy.values import Address

from stack import site
from stack.components.agent import POOLS

LEAST = {
    "SITE": "als",
    "DOCKER_PROXY_WORKER_LISTEN": "tcp://0.0.0.0:2375",
    "DOCKER_PROXY_WORKER_IMAGES": "registry.lab:5000/*",
}


def test_defaults_are_narrow() -> None:
    found = settings.read(LEAST)
    assert (found.engine, found.certificates) == (Address(path="/var/run/docker.sock"), "")
    assert (found.user, found.socket_mode) == ((1000, 1000), 0o660)
    assert found.bounds == Bounds(body=1048576, header=32768, idle=60, connections=512)
    (listener,) = found.listeners
    assert (listener.role.name, listener.address) == ("worker", Address(host="0.0.0.0", port=2375))
    limits = listener.limits
    assert limits.images == (Pattern(prefix="registry.lab:5000/"),)
    assert limits.networks == {"als"}
    assert (limits.bind_paths, limits.volumes, limits.gpus) == ({}, {}, False)
    assert {"server", "postgres", "redis", "registry"} <= limits.reserved_names


def test_every_service_of_a_site_is_reserved(tmp_path: Path) -> None:
    """Clients of the service would send their requests to a container with its name."""
    (tmp_path / ".env").write_text(f"COMPONENTS=all\nAGENT_POOLS={' '.join(POOLS)}\n")
    files = [file for file in site.load(tmp_path / ".env", tmp_path).plan if "compose" in PurePath(file.path).name]
    services = {name for file in files for name in yaml.safe_load(file.content).get("services", {})}
    (listener,) = settings.read(LEAST).listeners
    assert {"slurm", "recovery", "storage"} < services
    assert services <= listener.limits.reserved_names


def test_hosts_outside_that_runs_trust_are_reserved(tmp_path: Path) -> None:
    elsewhere = "PREFECT_API_URL=https://api.lab.org/api\nSERVER_AUTH=false\nREGISTRY_HOST=images.lab.org\n"
    (tmp_path / ".env").write_text(f"COMPONENTS=worker-docker\n{elsewhere}")
    files = {file.path: file.content for file in site.load(tmp_path / ".env", tmp_path).plan}
    proxy = yaml.safe_load(files["worker-docker/compose.yaml"])["services"]["socket-proxy"]["environment"]
    assert proxy["DOCKER_PROXY_RESERVED_NAMES"] == "api.lab.org,images.lab.org,storage.prefect-site"
    assert settings.read(proxy).listeners


def test_each_role_has_its_own_limits() -> None:
    found = settings.read(
        LEAST
        | {
            "DOCKER_PROXY_LAUNCHER_LISTEN": "unix:///run/socket-proxy/launcher.sock",
            "DOCKER_PROXY_LAUNCHER_IMAGES": "team/job, registry.lab:5000/algorithm:1",
            "DOCKER_PROXY_LAUNCHER_NETWORKS": "als-jobs",
            "DOCKER_PROXY_LAUNCHER_BIND_PATHS": "/srv/work/, /data/runs:ro",
            "DOCKER_PROXY_LAUNCHER_VOLUMES": "als-scratch,als-code:ro",
            "DOCKER_PROXY_LAUNCHER_GPUS": "true",
            "DOCKER_PROXY_REAPER_LISTEN": "tcp://[::]:2377",
            "DOCKER_PROXY_RESERVED_NAMES": "API.example.org",
        }
    )
    worker, launcher, reaper = found.listeners
    assert worker.limits.bind_paths == {}
    assert launcher.address == Address(path="/run/socket-proxy/launcher.sock")
    assert launcher.limits.bind_paths == {"/srv/work": True, "/data/runs": False}
    assert launcher.limits.networks == {"als-jobs"}
    assert launcher.limits.volumes == {"als-scratch": True, "als-code": False}
    assert launcher.limits.gpus
    assert {"api.example.org", "server"} <= launcher.limits.reserved_names
    assert [pattern.repository for pattern in launcher.limits.images] == [
        "docker.io/team/job",
        "registry.lab:5000/algorithm",
    ]
    assert reaper.address == Address(host="::", port=2377)
    name = "DOCKER_PROXY_LAUNCHER_BIND_PATHS"
    assert list(found.bind_paths()) == [(name, "/srv/work"), (name, "/data/runs")]


FAULTS = [
    ({"SITE": ""}, "SITE: write the site's name: lower-case letters, digits, '-', '_' and '.'"),
    (
        {"DOCKER_PROXY_ENGINE": "http://x:1"},
        "DOCKER_PROXY_ENGINE: write tcp://HOST:PORT or unix:///PATH",
    ),
    (
        {"DOCKER_PROXY_ENGINE": "tcp://x:1"},
        "DOCKER_PROXY_ENGINE_CERTIFICATES: an engine on a network needs TLS; write the directory with "
        "ca.pem, cert.pem, key.pem",
    ),
    (
        {"DOCKER_PROXY_ENGINE": "tcp://x:1", "DOCKER_PROXY_ENGINE_CERTIFICATES": "certs"},
        "DOCKER_PROXY_ENGINE_CERTIFICATES: 'certs' is not an absolute path without '..'",
    ),
    ({"DOCKER_PROXY_USER": "0:0"}, "DOCKER_PROXY_USER: write UID:GID as numbers, neither of them 0"),
    ({"DOCKER_PROXY_SOCKET_MODE": "rw"}, "DOCKER_PROXY_SOCKET_MODE: write three octal digits, such as 660"),
    ({"DOCKER_PROXY_BODY_LIMIT": "1M"}, "DOCKER_PROXY_BODY_LIMIT: write a whole number from 1024 to 67108864"),
    ({"DOCKER_PROXY_HEADER_LIMIT": "1"}, "DOCKER_PROXY_HEADER_LIMIT: write a whole number from 4096 to 1048576"),
    ({"DOCKER_PROXY_IDLE_SECONDS": "0"}, "DOCKER_PROXY_IDLE_SECONDS: write a whole number from 1 to 3600"),
    ({"DOCKER_PROXY_CONNECTIONS": "many"}, "DOCKER_PROXY_CONNECTIONS: write a whole number from 1 to 65536"),
    ({"DOCKER_PROXY_WORKER_LISTEN": "2375"}, "DOCKER_PROXY_WORKER_LISTEN: write tcp://HOST:PORT or unix:///PATH"),
    (
        {"DOCKER_PROXY_WORKER_LISTEN": "tcp://x:99999"},
        "DOCKER_PROXY_WORKER_LISTEN: write tcp://HOST:PORT or unix:///PATH",
    ),
    (
        {"DOCKER_PROXY_WORKER_IMAGES": ""},
        "DOCKER_PROXY_WORKER_IMAGES: write the images that this role may use, such as registry.example.org:5000/*",
    ),
    (
        {"DOCKER_PROXY_WORKER_IMAGES": "*"},
        "DOCKER_PROXY_WORKER_IMAGES: write images as REGISTRY/*, NAME/*, NAME or NAME:TAG, separated by commas",
    ),
    (
        {"DOCKER_PROXY_WORKER_NETWORKS": "als,host"},
        "DOCKER_PROXY_WORKER_NETWORKS: 'host' is the engine's own; write networks made for the site",
    ),
    (
        {"DOCKER_PROXY_WORKER_NETWORKS": "container:x"},
        "DOCKER_PROXY_WORKER_NETWORKS: 'container:x' is not a name of a network; separate names by commas",
    ),
    (
        {"DOCKER_PROXY_WORKER_VOLUMES": "/x"},
        "DOCKER_PROXY_WORKER_VOLUMES: '/x' is not a name of a volume; separate names by commas",
    ),
    ({"DOCKER_PROXY_WORKER_GPUS": "1"}, "DOCKER_PROXY_WORKER_GPUS: write true or false"),
    (
        {"DOCKER_PROXY_WORKER_BIND_PATHS": "/"},
        "DOCKER_PROXY_WORKER_BIND_PATHS: '/' would give access to /bin of the host; "
        "write a directory made for the runs",
    ),
    (
        {"DOCKER_PROXY_WORKER_BIND_PATHS": "/var"},
        "DOCKER_PROXY_WORKER_BIND_PATHS: '/var' would give access to /var/run of the host; "
        "write a directory made for the runs",
    ),
    (
        {"DOCKER_PROXY_WORKER_BIND_PATHS": "/srv,/run/user"},
        "DOCKER_PROXY_WORKER_BIND_PATHS: '/run/user' would give access to /run of the host; "
        "write a directory made for the runs",
    ),
    (
        {"DOCKER_PROXY_WORKER_BIND_PATHS": "work"},
        "DOCKER_PROXY_WORKER_BIND_PATHS: 'work' is not an absolute path without '..'",
    ),
    (
        {"DOCKER_PROXY_WORKER_BIND_PATHS": "/srv/a/b,/srv/a"},
        "DOCKER_PROXY_WORKER_BIND_PATHS: '/srv/a/b' is inside '/srv/a' of DOCKER_PROXY_WORKER_BIND_PATHS; "
        "write only one of them",
    ),
    (
        {"DOCKER_PROXY_RESERVED_NAMES": "a b"},
        "DOCKER_PROXY_RESERVED_NAMES: 'a b' is not a name of a host; separate names by commas",
    ),
    (
        {"DOCKER_PROXY_WORKER_BINDPATHS": "/x"},
        "DOCKER_PROXY_WORKER_BINDPATHS: unknown setting; did you mean DOCKER_PROXY_WORKER_BIND_PATHS?",
    ),
    (
        {"DOCKER_PROXY_REAPER_LISTEN": "tcp://0.0.0.0:2375"},
        "DOCKER_PROXY_WORKER_LISTEN: tcp://0.0.0.0:2375 is also the address of another role",
    ),
]


@pytest.mark.parametrize("setting", ["DOCKER_PROXY_ENGINE", "DOCKER_PROXY_REAPER_LISTEN"])
def test_sockets_are_outside_the_allowed_paths(setting: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.read(LEAST | {setting: "unix:///srv/work/x.sock", "DOCKER_PROXY_WORKER_BIND_PATHS": "/srv"})
    assert caught.value.faults == [
        "DOCKER_PROXY_WORKER_BIND_PATHS: '/srv' would give access to /srv/work/x.sock; "
        "write a directory made for the runs"
    ]


@pytest.mark.parametrize(("change", "fault"), FAULTS)
def test_fault(change: dict[str, str], fault: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.read(LEAST | change)
    assert caught.value.faults[0] == fault


def test_all_faults_are_reported_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        settings.read({"SITE": "A", "DOCKER_PROXY_USER": "root", "DOCKER_PROXY_LISTEN": "tcp://0.0.0.0:2375"})
    assert caught.value.faults == [
        "SITE: write the site's name: lower-case letters, digits, '-', '_' and '.'",
        "DOCKER_PROXY_USER: write UID:GID as numbers, neither of them 0",
        "DOCKER_PROXY_WORKER_LISTEN: no role has an address; write one such as tcp://0.0.0.0:2375",
        "DOCKER_PROXY_LISTEN: unknown setting; did you mean DOCKER_PROXY_WORKER_LISTEN?",
    ]


def test_other_variables_are_ignored() -> None:
    assert settings.read(LEAST | {"DOCKER_HOST": "x", "PATH": "/bin"}) == settings.read(LEAST)
