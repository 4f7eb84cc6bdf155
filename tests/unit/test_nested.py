"""Engines in containers of the site: what they are given, when they are recreated, and what doctor says of them."""

import json
import shlex
from pathlib import Path

import pytest
import yaml
from socket_proxy import image

from stack import site
from stack.components import worker_dind
from stack.components.all import SETTINGS
from stack.components.worker_dind import WORKER_DIND
from stack.core.errors import SiteError
from stack.images import flow_images
from stack.run import compose, engine, nested
from stack.run.machine import ThisMachine
from stack.site import Site

REGISTRY = "REGISTRY_PASSWORD=registry-password\n"


def load(folder: Path, more: str = "") -> Site:
    (folder / ".env").write_text(f"COMPONENTS=worker-dind\nSERVER_AUTH=false\nPREFECT_API_URL=http://p/api\n{more}")
    return site.load(folder / ".env", folder)


def docker_says(folder: Path, monkeypatch: pytest.MonkeyPatch, **commands: str) -> Path:
    """A `docker` that runs a line of shell for the first of these words in its call; gives the log of its calls."""
    log = folder / "calls"
    cases = "".join(f"*' {word} '*) {line} ;;\n" for word, line in commands.items())
    script = f'#!/bin/sh\necho "$*" >> {shlex.quote(str(log))}\ncase " $* " in\n{cases}esac\n'
    (folder / "docker").write_text(script)
    (folder / "docker").chmod(0o755)
    (folder / "worker-docker").mkdir(exist_ok=True)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(engine, "unusable", lambda: None)
    return log


def test_what_flows_run_in_is_loaded_unless_it_comes_from_the_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here_alone = 'test "$1" = image'
    log = docker_says(tmp_path, monkeypatch, inspect=here_alone, load="cat > /dev/null", save="echo layers")
    for more, names in (("", ["flows", "flights", "weather", "pca"]), (REGISTRY, ["flows"])):
        nested.prepare(load(tmp_path, more), WORKER_DIND)
        calls = log.read_text().splitlines()
        log.unlink()
        assert calls[0].startswith("compose --progress quiet --file compose.dind.yaml up --detach --wait ")
        assert calls[0].endswith(" dind")
        (saved,) = (call.split()[1:] for call in calls if call.startswith("save "))
        assert [image.split("/")[-1].partition(":")[0] for image in saved] == names


@pytest.mark.parametrize("key", ["AGENT_IMAGE", "DOCKER_JOB_IMAGE"])
def test_the_image_of_flow_containers_may_be_run(tmp_path: Path, key: str) -> None:
    """By the name that the pool has for it, without being named in DOCKER_IMAGES as well."""
    files = {file.path: file.content for file in load(tmp_path, f"{key}=lab/flows:1\n").plan}
    proxy = yaml.safe_load(files["worker-docker/compose.dind.yaml"])["services"]["socket-proxy"]["environment"]
    template = json.loads(files["worker-docker/base-job-template.dind.json"])
    assert template["variables"]["properties"]["image"]["default"] == "lab/flows:1"
    for role in ("WORKER", "LAUNCHER"):
        assert image.pattern(proxy[f"DOCKER_PROXY_{role}_IMAGES"].split(",")[-1]).allows(image.parse("lab/flows:1"))


def test_up_reads_the_users_override_of_a_file_that_compose_does_not_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = docker_says(tmp_path, monkeypatch)
    (tmp_path / "worker-docker/compose.override.dind.yaml").write_text("services: {}\n")
    compose.up(tmp_path, WORKER_DIND)
    assert "--file compose.dind.yaml --file compose.override.dind.yaml up --detach" in log.read_text()


def test_nothing_is_loaded_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = docker_says(tmp_path, monkeypatch)
    nested.prepare(load(tmp_path), WORKER_DIND)
    assert not [call for call in log.read_text().splitlines() if "save" in call]


def test_an_image_that_cannot_be_loaded_stops_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = "cat > /dev/null; echo no space left on device >&2; exit 1"
    docker_says(tmp_path, monkeypatch, inspect='test "$1" = image', load=full)
    with pytest.raises(SiteError) as refused:
        nested.prepare(load(tmp_path, REGISTRY), WORKER_DIND)
    (fault,) = refused.value.faults
    assert fault.startswith("worker-dind: localhost/prefect-site/flows:3.9.1-")
    assert fault.endswith(" cannot be loaded into dind: no space left on device")


def test_the_engine_is_made_anew_for_its_own_files_alone(tmp_path: Path) -> None:
    """Flow containers end with it."""
    before, after = (labels(load(tmp_path, more)) for more in ("", "DOCKER_JOB_CPUS=3\n"))
    assert before["dind"] == after["dind"]
    assert before["worker"] != after["worker"]


def labels(rendered: Site) -> dict[str, dict[str, str]]:
    site.write(rendered)
    document = yaml.safe_load((rendered.root / WORKER_DIND.compose_path).read_text())
    return {name: service["labels"] for name, service in document["services"].items()}


def test_two_components_of_a_folder_share_what_is_the_same(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("COMPONENTS=server worker-docker worker-dind\n")
    paths = [file.path for file in site.load(tmp_path / ".env", tmp_path).plan]
    assert len(paths) == len(set(paths))
    of_folder = {path for path in paths if Path(path).parent.name == "worker-docker"}
    assert {"worker-docker/compose.yaml", "worker-docker/compose.dind.yaml"} < of_folder
    assert {"worker-docker/base-job-template.json", "worker-docker/base-job-template.dind.json"} < of_folder


@pytest.mark.parametrize(
    ("subnet", "bridge", "pool"),
    [
        ("10.213.0.0/16", "10.213.0.1/24", "base=10.213.128.0/17,size=24"),
        ("172.30.4.0/22", "172.30.4.1/24", "base=172.30.6.0/23,size=24"),
    ],
)
def test_addresses_inside_are_parts_of_the_setting(subnet: str, bridge: str, pool: str) -> None:
    settings = SETTINGS.defaults(DIND_SUBNET=subnet)
    assert (worker_dind.bridge(settings), worker_dind.addresses(settings)) == (bridge, pool)


class TestDoctor:
    def test_an_engine_that_is_not_running(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        docker_says(tmp_path, monkeypatch)
        assert said(tmp_path) == ["note the engine of worker-dind is not running; start it with `make up`"]

    def test_an_engine_that_does_not_answer(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        docker_says(tmp_path, monkeypatch, ps="echo id", version="echo Cannot connect to the daemon >&2; exit 1")
        logs = "`cd worker-docker && docker compose --file compose.dind.yaml logs dind`"
        assert said(tmp_path) == [
            f"FAIL the engine of worker-dind does not answer (Cannot connect to the daemon); {logs} shows why"
        ]

    def test_an_engine_that_lacks_images(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        docker_says(tmp_path, monkeypatch, ps="echo id", version="echo 26.1.5", inspect='test "$1" = image')
        made = load(tmp_path).settings
        images = " and ".join(flow_images.lacking(made, worker_dind.workers(made), ThisMachine(tmp_path)))
        assert images.count("localhost/prefect-site/") == 4
        assert said(tmp_path) == [
            "ok   the engine of worker-dind answers: docker 26.1.5",
            f"note the engine of worker-dind lacks {images}; `make up` loads it",
        ]

    def test_a_registry_that_refuses_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        refused = "cat > /dev/null; echo 401 Unauthorized >&2; exit 1"
        log = docker_says(tmp_path, monkeypatch, ps="echo id", version="echo 26.1.5", login=refused)
        assert said(tmp_path, REGISTRY)[1:] == [
            "FAIL the engine of worker-dind cannot log in to registry:5000 (401 Unauthorized); REGISTRY_PASSWORD "
            "differs from the registry's; after a change in .env, run `docker compose up -d` in registry/"
        ]
        assert "registry-password" not in log.read_text()

    def test_what_the_kernel_lacks_for_an_engine_without_privileges(self, tmp_path: Path) -> None:
        namespaces, tun = tmp_path / "max_user_namespaces", tmp_path / "tun"
        namespaces.write_text("0\n")
        assert rootless(tun, namespaces) == [
            f"FAIL DIND_ROOTLESS: this machine has no {tun}; load it as root with `modprobe tun`",
            "FAIL DIND_ROOTLESS: this machine allows no user namespaces; write a number such as 10000 into "
            f"{namespaces} as root, or set DIND_ROOTLESS=false",
        ]
        namespaces.write_text("96365\n")
        tun.touch()
        assert rootless(tun, namespaces) == []


def said(folder: Path, more: str = "") -> list[str]:
    settings = load(folder, more).settings
    with ThisMachine(folder) as machine:
        found = [*worker_dind.findings(settings, machine), *flow_images.findings(settings, machine)]
    return [finding.line() for finding in found]


def rootless(tun: Path, namespaces: Path) -> list[str]:
    found = worker_dind.rootless(ThisMachine(tun.parent), str(tun), str(namespaces))
    return [finding.line() for finding in found]
