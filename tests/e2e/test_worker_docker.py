"""Docker workers on the host's engine, through the socket proxy: the real site, brought up by `render.py up`."""

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from stack.images import names
from tests import sites
from tests.e2e import running
from tests.e2e.conftest import UP
from tests.e2e.running import LONG_SECONDS
from tests.sites import SiteUnderTest, docker

pytestmark = pytest.mark.engine

FLOW_RUN = "io.prefect.flow-run-id"
REAPED_SECONDS = 600
ENDED = [(kind, 2) for kind in ("COMPLETED", "FAILED", "CRASHED")]  # at its second attempt
RESULTS = "/srv/site/results/weather/*/*.json"
FIGURES = rf"import glob; print(*(open(f).read().replace('\n', '') for f in glob.glob('{RESULTS}')), sep='\n')"


@pytest.fixture(scope="module")
def site(docker_site: SiteUnderTest) -> SiteUnderTest:
    """A site whose only workers are Docker workers; `up` has run its sample, which is a container."""
    assert "\n1 Completed\n" in (docker_site.root / UP).read_text()
    return docker_site


def test_a_flow_container_gets_no_secret_but_the_login_and_no_way_to_the_engine(site: SiteUnderTest) -> None:
    run_weather(site, 1)
    container = flow_containers(site)[0]
    environment = "\n".join(container["Config"]["Env"])
    assert site.env["PREFECT_API_AUTH_STRING"] in environment
    for key in ("SERVER_DATABASE_PASSWORD", "SERVER_REDIS_PASSWORD", "REGISTRY_PASSWORD", "REGISTRY_HTTP_SECRET"):
        assert site.env[key] not in environment
    assert "DOCKER_HOST" not in environment
    mounts = {mount["Destination"]: mount for mount in container["Mounts"]}
    assert set(mounts) == {"/srv/site/flows", "/srv/site/results", "/srv/site/work"}
    assert mounts["/srv/site/flows"]["RW"] is False
    assert (container["HostConfig"]["Memory"], container["HostConfig"]["NanoCpus"]) == (2 * 1024**3, 10**9)
    assert container["Config"]["User"] == "1000:1000"
    assert set(container["NetworkSettings"]["Networks"]) == {site.name}


@pytest.mark.parametrize("count", [9, pytest.param(60, marks=[pytest.mark.long, pytest.mark.timeout(3600)])])
def test_three_workers_share_the_runs_and_do_none_twice(site: SiteUnderTest, count: int) -> None:
    before = {figures["flow_run_id"] for figures in written(site)}
    done = running.shell(site.root, "docker compose -f worker-docker/compose.yaml up -d --wait --scale worker=3")
    assert done.returncode == 0, done.stderr
    run_weather(site, count)
    after = [figures["flow_run_id"] for figures in written(site)]
    assert len(set(after)) == len(after) == len(before) + count
    new = [run for run in runs(site, "weather") if run["id"] in set(after) - before]
    assert len({run["labels"]["prefect.worker.name"] for run in new}) == 3
    assert {run["run_count"] for run in new} == {1}


def test_a_launched_container_is_heard_and_gone(site: SiteUnderTest) -> None:
    done = launch(site, ["sh", "-c", "cat /app/work/config/params.yaml; echo to the log; ls /srv/site/work"])
    assert done.returncode == 0, done.stdout
    run = runs(site, "Docker flow")[0]
    wanted = {f"  uid_save: {run['id']}", "to the log"}
    until(lambda: wanted <= set(logs(site, run["id"])), LONG_SECONDS)  # a run's lines come after its end
    assert not [one for one in flow_containers(site) if one["Config"]["Labels"].get("site.role") == "launched"]


def test_a_failing_container_fails_the_run_with_its_last_words(site: SiteUnderTest) -> None:
    done = launch(site, ["sh", "-c", "echo the model is not there >&2; exit 3"])
    assert done.returncode == 1
    message = runs(site, "Docker flow")[0]["state"]["message"]
    assert "exit code 3" in message or "exited with 3" in message or "code 3" in message
    assert message.endswith("the model is not there")


def test_a_launch_that_the_proxy_refuses_says_what_and_why(site: SiteUnderTest) -> None:
    done = launch(site, ["true"], volumes=["/srv/site/flows:/code:rw"])
    assert done.returncode == 1
    assert "launcher" in runs(site, "Docker flow")[0]["state"]["message"]
    log = site.compose("worker-docker", "logs", "--no-color", "socket-proxy").stdout
    assert "refused role=launcher method=POST path=/containers/create" in log


def test_a_launch_that_was_killed_half_way_comes_back_and_completes(site: SiteUnderTest) -> None:
    """The first attempt leaves a container that would run on; the second one removes it, through the proxy."""
    mark = "mkdir /out/marked && exec sleep 600; rmdir /out/marked; echo came back"
    run = begin_launch(site, ["sh", "-c", mark], volumes=["/srv/site/results:/out:rw"])
    until(lambda: len(launched(site, run, "status=running")) == 1, LONG_SECONDS)
    left = {one["Id"] for one in launched(site, run)}
    docker("kill", *({one["Id"] for one in flow_containers(site, f"label={FLOW_RUN}={run}")} - left))
    until(lambda: flow_run(site, run)["state"]["type"] == "CRASHED", LONG_SECONDS)
    run_again(site, run)
    until(lambda: (flow_run(site, run)["state"]["type"], flow_run(site, run)["run_count"]) in ENDED, LONG_SECONDS)
    assert flow_run(site, run)["state"]["name"] == "Completed", flow_run(site, run)["state"]
    assert launched(site, run) == []


def test_the_reaper_removes_ended_flow_containers(site: SiteUnderTest) -> None:
    assert flow_containers(site)
    with running.override(site, "worker-docker", running.EAGER_REAPER):
        until(lambda: not flow_containers(site), REAPED_SECONDS)


def test_down_leaves_no_container_and_no_network(site: SiteUnderTest) -> None:
    begin_launch(site, ["sh", "-c", "exec sleep 600"])
    until(lambda: len(flow_containers(site, "status=running")) == 2, LONG_SECONDS)
    done = site.render("down", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert docker("ps", "--all", "--quiet", f"--filter=label=site={site.name}") == ""
    assert docker("network", "ls", "--quiet", f"--filter=label=site={site.name}") == ""


def found(site: SiteUnderTest, kind: str, **body: Any) -> list[dict[str, Any]]:
    with running.api(site) as client:
        return list(client.post(f"/{kind}/filter", json=body).raise_for_status().json())


def runs(site: SiteUnderTest, flow: str) -> list[dict[str, Any]]:
    """The runs of a flow, the newest first."""
    return found(site, "flow_runs", flows={"name": {"any_": [flow]}}, sort="START_TIME_DESC")


def logs(site: SiteUnderTest, run: str) -> list[str]:
    entries = found(site, "logs", logs={"flow_run_id": {"any_": [run]}}, limit=200)
    return [line for entry in entries for line in entry["message"].splitlines()]


def run_weather(site: SiteUnderTest, count: int) -> None:
    register(site, "run", "weather/weather_docker", "--count", str(count), check=True)


def launch(site: SiteUnderTest, command: list[str], **more: Any) -> "subprocess.CompletedProcess[str]":
    parameters = json.dumps({"docker_params": parameters_of(command, **more)})
    return register(site, "run", "Docker flow/launch_docker", "--parameters", parameters, check=False)


def begin_launch(site: SiteUnderTest, command: list[str], **more: Any) -> str:
    """The id of a flow run that is due."""
    deployment = next(one for one in found(site, "deployments") if one["name"] == "launch_docker")
    body = {"parameters": {"docker_params": parameters_of(command, **more)}, "state": {"type": "SCHEDULED"}}
    with running.api(site) as client:
        answer = client.post(f"/deployments/{deployment['id']}/create_flow_run", json=body)
    return str(answer.raise_for_status().json()["id"])


def flow_run(site: SiteUnderTest, run: str) -> dict[str, Any]:
    with running.api(site) as client:
        return dict(client.get(f"/flow_runs/{run}").raise_for_status().json())


def run_again(site: SiteUnderTest, run: str) -> None:
    """What `recovery` does to a crashed run, on a site that retries none."""
    body = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}, "force": True}
    with running.api(site) as client:
        client.post(f"/flow_runs/{run}/set_state", json=body).raise_for_status()


def launched(site: SiteUnderTest, run: str, *filters: str) -> list[dict[str, Any]]:
    """The containers that a flow run launched, not the one it runs in itself."""
    return flow_containers(site, f"label={FLOW_RUN}={run}", "label=site.role=launched", *filters)


def parameters_of(command: list[str], **more: Any) -> dict[str, Any]:
    name, _, tag = image().rpartition(":")
    return {"image_name": name, "image_tag": tag, "command": command, "params": {}} | more


def register(site: SiteUnderTest, *arguments: str, check: bool) -> "subprocess.CompletedProcess[str]":
    command = ("run", "--rm", "--no-TTY", "client", "python", "-m", "registrar", *arguments)
    return site.compose("client", *command, check=check)


def written(site: SiteUnderTest) -> list[dict[str, Any]]:
    """What every run of the weather flow wrote into the site's volume."""
    done = docker(
        "run", "--rm", "--volume", f"{site.name}-results:/srv/site/results:ro", image(), "python", "-c", FIGURES
    )
    return [cast(dict[str, Any], json.loads(line)) for line in done.splitlines() if line]


def image() -> str:
    return names.reference("prefect", sites.REPO, {})


def flow_containers(site: SiteUnderTest, *filters: str) -> list[dict[str, Any]]:
    """`docker inspect` of the containers that workers and launchers made, ended ones included."""
    wanted = (f"label=site={site.name}", f"label={FLOW_RUN}", *filters)
    ids = docker("ps", "--all", "--quiet", *(f"--filter={one}" for one in wanted)).split()
    return list(json.loads(docker("inspect", *ids))) if ids else []


def until(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.5)
