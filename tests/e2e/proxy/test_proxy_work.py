"""The proxy passes on the work of each role: Prefect's worker, sibling containers, the reaper."""

import json
import os
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from launchers.containers.engine import Engine

from tests.e2e.proxy.proxy_site import AS_ROOT, LABEL, Site, a_site, engine, start_options, wait_until_healthy

pytestmark = pytest.mark.engine
WORKER = Path(__file__).with_name("prefect_worker.py")


def test_proxy_is_not_root_and_has_the_sockets_group_alone(site: Site) -> None:
    status = engine("exec", site.name, "cat", "/proc/1/status").splitlines()
    found = {line.split(":")[0]: line.split(":")[1].split() for line in status}
    group = socket_group()
    assert (found["Uid"], found["Gid"], found["Groups"]) == (["1000"] * 4, ["1000"] * 4, [group])
    assert found["CapEff"] == found["CapPrm"] == ["0" * 16]


def test_prefects_worker_runs_its_containers(site: Site) -> None:
    found = subprocess.run(
        [sys.executable, WORKER, site.image, site.name, "sh -c 'echo one; echo two; exit 3'"],
        env=os.environ | {"DOCKER_HOST": site.host("worker"), "PREFECT_LOGGING_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.splitlines() == ["one", "two", "3"], found.stderr
    made = engine("inspect", "--format", "{{json .}}", f"{site.name}-job")
    config = json.loads(made)
    labels = config["Config"]["Labels"]
    assert (labels["site"], labels["site.managed"], labels["io.prefect.flow-run-id"]) == (site.name, "worker", "7")
    assert set(config["NetworkSettings"]["Networks"]) == {site.name, f"{site.name}-more"}
    assert config["HostConfig"]["Memory"] == 256 * 1024**2
    assert [mount["Name"] for mount in config["Mounts"]] == [f"{site.name}-flows"]


def test_sibling_container_streams_its_output_while_it_runs(site: Site) -> None:
    script = "echo begun; until [ -e /w/go ]; do sleep 0.05; done; echo done; exit 7"
    command = ["docker", *site.run("--volume", f"{site.work}:/w"), site.image, "sh", "-c", script]
    environment = os.environ | {"DOCKER_HOST": site.host("launcher")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        assert running.stdout.readline() == "begun\n"
        (site.work / "go").touch()
        assert running.stdout.read() == "done\n"
    assert running.returncode == 7


def test_sibling_container_reads_standard_input_to_its_end(site: Site) -> None:
    text = "line\n" * 50_000
    found = site.docker("launcher", *site.run("--interactive"), site.image, "wc", "-l", stdin=text)
    assert found.stdout.strip() == "50000"


def test_output_and_errors_stay_apart(site: Site) -> None:
    found = site.docker("launcher", *site.run(), site.image, "sh", "-c", "echo out; echo err >&2")
    assert (found.stdout, found.stderr) == ("out\n", "err\n")


def test_sdk_attaches_before_the_start(site: Site) -> None:
    client = site.client("launcher")
    container = client.containers.create(
        site.image, ["sh", "-c", "echo a; echo b"], network=site.name, labels={"site.test": "1"}
    )
    stream = container.attach(stream=True)
    container.start()
    assert b"".join(stream) == b"a\nb\n"
    assert container.wait()["StatusCode"] == 0
    container.remove(v=True)


def test_signal_reaches_the_sibling_container(site: Site) -> None:
    name = f"{site.name}-signal"
    script = "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.05; done"
    site.docker("launcher", *site.run("--detach", "--name", name), site.image, "sh", "-c", script)
    with subprocess.Popen(
        ["docker", "logs", "--follow", name],
        env=os.environ | {"DOCKER_HOST": site.host("launcher")},
        stdout=subprocess.PIPE,
        text=True,
    ) as logs:
        assert logs.stdout
        assert logs.stdout.readline() == "ready\n"
        assert site.docker("launcher", "kill", "--signal", "TERM", name).stdout.strip() == name
        assert logs.stdout.read() == "caught\n"


def test_twenty_containers_at_once(site: Site) -> None:
    def one(number: int) -> tuple[bytes, int]:
        client = site.client("launcher")
        command = ["sh", "-c", f"sleep 1; echo {number}; exit {number}"]
        container = client.containers.run(
            site.image, command, network=site.name, labels={"site.test": "1"}, detach=True
        )
        output = b"".join(container.logs(stream=True, follow=True))
        code = container.wait()["StatusCode"]
        container.remove()
        return output, code

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(one, range(20))) == [(b"%d\n" % number, number) for number in range(20)]


def test_job_can_look_up_its_own_mounts(site: Site) -> None:
    """A flow's container is the worker's; the launcher inside it asks which host paths it has."""
    worker = site.client("worker")
    job = worker.containers.create(
        site.image, "sleep 600", network=site.name, volumes=[f"{site.name}-flows:/srv/site"], labels={"site.test": "1"}
    )
    seen = site.client("launcher").containers.get(job.short_id)
    assert [mount["Destination"] for mount in seen.attrs["Mounts"]] == ["/srv/site"]


def test_launcher_finds_what_an_earlier_attempt_of_its_run_left(site: Site) -> None:
    """Of its own role, and of the run that it names alone."""
    run, other = str(uuid.uuid4()), str(uuid.uuid4())
    label = {"io.prefect.flow-run-id": run, "site.test": "1"}
    left = f"{site.name}-{run}-1"
    for name, flow_run in ((left, run), (f"{site.name}-{other}-1", other)):
        options = site.run("--detach", "--name", name, "--label", f"io.prefect.flow-run-id={flow_run}")
        site.docker("launcher", *options, site.image, "sleep", "600")
    site.client("worker").containers.create(site.image, "sleep 600", network=site.name, labels=label)
    with Engine(site.host("launcher")) as engine_of_flow:
        found = engine_of_flow.find({"site": site.name, "io.prefect.flow-run-id": run})
        assert [one["Names"] for one in found] == [[f"/{left}"]]
        engine_of_flow.remove(found[0]["Id"])
        assert engine_of_flow.find({"site": site.name, "io.prefect.flow-run-id": run}) == []


def test_reaper_sees_and_removes_only_what_the_site_made(site: Site) -> None:
    names = {role: f"{site.name}-left-{role}" for role in ("worker", "launcher")}
    stranger = f"{site.name}-service"
    engine(
        "run",
        "--detach",
        "--name",
        stranger,
        "--label",
        LABEL,
        "--label",
        f"site={site.name}",
        site.image,
        "sleep",
        "600",
    )
    launched = site.run("--detach", "--name", names["launcher"])
    site.docker("launcher", *launched, site.image, "sleep", "600")
    site.client("worker").containers.run(
        site.image, "sleep 600", network=site.name, name=names["worker"], labels={"site.test": "1"}, detach=True
    )
    listed = site.docker(
        "reaper", "ps", "--all", "--format", "{{.Names}}", "--filter", f"name={site.name}-"
    ).stdout.split()
    assert set(names.values()) <= set(listed)
    assert stranger not in listed
    for name in names.values():
        assert site.docker("reaper", "rm", "--force", "--volumes", name).stdout.strip() == name
    assert engine("ps", "--all", "--quiet", "--filter", f"name={site.name}-left-") == ""
    engine("rm", "--force", stranger)


def test_client_that_kept_its_connection_too_long_is_served_on(site: Site) -> None:
    client = site.client("worker")
    assert client.ping()
    engine("restart", "--time", "5", site.name)
    wait_until_healthy(site)
    assert client.ping()


def test_stop_ends_the_proxy_at_once_and_leaves_the_work_running() -> None:
    with a_site() as site:
        name = f"{site.name}-long"
        site.docker("launcher", *site.run("--detach", "--name", name), site.image, "sleep", "600")
        command = ["docker", "logs", "--follow", name]
        environment = os.environ | {"DOCKER_HOST": site.host("launcher")}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as following:
            assert site.docker("launcher", "container", "inspect", name).returncode == 0
            engine("stop", "--time", "30", site.name)
            following.communicate()
        assert engine("inspect", "--format", "{{.State.ExitCode}}", site.name) == "0"
        assert engine("inspect", "--format", "{{.State.Running}}", name) == "true"


def socket_group() -> str:
    return str(Path("/var/run/docker.sock").stat().st_gid)


def test_start_as_somebody_with_the_sockets_group() -> None:
    with a_site("--user", "1000:1000", "--group-add", socket_group()) as site:
        assert site.docker("launcher", *site.run(), site.image, "echo", "done").stdout == "done\n"


def started(options: list[str]) -> str:
    """What the proxy writes to its standard error before it exits with status 1."""
    found = subprocess.run(["docker", "run", "--rm", *options], capture_output=True, text=True, check=False)
    assert found.returncode == 1
    return found.stderr.strip()


def test_start_without_the_sockets_group_says_which_is_missing(site: Site) -> None:
    assert started(start_options(site, ("--user", "1000:1000"))) == (
        f"socket-proxy: DOCKER_PROXY_ENGINE: /var/run/docker.sock belongs to group {socket_group()}; "
        f"add group {socket_group()}, or start as root (given up at once)"
    )


def test_start_as_root_without_the_rights_to_give_it_up(site: Site) -> None:
    assert started(start_options(site, ("--user", "0:0"))) == (
        "socket-proxy: DOCKER_PROXY_USER: Operation not permitted; "
        "root needs the capabilities CHOWN, SETGID and SETUID, and a volume for its Unix sockets"
    )


def test_allowed_path_that_the_proxy_cannot_see_is_a_fault_at_the_start(site: Site) -> None:
    options = start_options(site, AS_ROOT)
    mount = options.index(f"{site.work}:{site.work}:ro")
    assert started([*options[: mount - 1], *options[mount + 1 :]]) == (
        f"socket-proxy: DOCKER_PROXY_LAUNCHER_BIND_PATHS: the proxy's user cannot open the directory "
        f"{site.work}; mount it read-only at the same path"
    )
