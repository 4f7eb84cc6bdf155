"""Workers on another machine, which knows the server's URL and login, and those of the registry, and nothing else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from stack.complete.authority import CERTIFICATE
from stack.components.registry import CERTS
from stack.images import names
from tests import sites
from tests.e2e import running
from tests.e2e.conftest import bridge_address
from tests.e2e.second_engine import Machine, second_engine
from tests.sites import REPO, SiteUnderTest

pytestmark = [pytest.mark.engine, pytest.mark.long, pytest.mark.timeout(1800)]

POOL = "docker_pool_b"
PROCESS_POOL = "agent_pool_b"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Another machine that has the images of its workers."""
    with second_engine(tmp_path_factory.mktemp("machine")) as made:
        made.carry(*(names.reference(name, REPO) for name in ("prefect", "flows", "worker-docker", "weather")))
        yield made


def render(machine: Machine, site: SiteUnderTest, component: str, **more: str) -> Path:
    """The folder of that component's site there: all that it knows of the first machine."""
    root = machine.folder / component
    root.mkdir()
    given = {
        "SITE": site.name,
        "COMPONENTS": component,
        "PREFECT_API_URL": running.api_url(site),
        "PREFECT_API_AUTH_STRING": site.env["PREFECT_API_AUTH_STRING"],
    }
    sites.write_env(root / ".env", given | more)
    sites.render("--output", str(root))
    return root


def test_a_run_is_executed_on_the_other_machine_and_stored_there(docker_site: SiteUnderTest, machine: Machine) -> None:
    site = docker_site
    root = render(machine, site, "agent", AGENT_POOL=PROCESS_POOL)
    up = machine.shell(root / "agent", "docker compose up -d --wait")
    assert up.returncode == 0, up.stderr
    step = {"prefect.deployments.steps.set_working_directory": {"directory": "{{ $SITE_HOME }}"}}
    one = {"name": "there", "entrypoint": "flows/weather.py:weather", "work_pool": {"name": PROCESS_POOL}}
    register(site, {"pull": [step], "deployments": [one]})
    (state,) = running.ended(site, run := running.start(site, "weather/there"))
    assert state["type"] == "COMPLETED", state

    (written,) = figures(root, machine)
    host = machine.shell(root / "agent", "docker compose exec -T worker hostname").stdout.strip()
    assert (written["flow_run_id"], written["host"]) == (run, host)
    mounted = f"--volume={site.name}-results:/r:ro"
    here = sites.docker("run", "--rm", mounted, names.reference("prefect", REPO), "ls", "/r/weather").split()
    assert here  # what `up` has run
    assert run not in here
    machine.shell(root / "agent", "docker compose down --volumes")


def figures(root: Path, machine: Machine) -> list[dict[str, Any]]:
    """What runs wrote into the other machine's volume."""
    done = machine.shell(root / "agent", f'docker compose exec -T worker python -c "{running.FIGURES}"')
    assert done.returncode == 0, done.stderr
    return cast(list[dict[str, Any]], json.loads(done.stdout))


def test_a_docker_worker_there_pulls_from_the_registry_and_reports_back(
    docker_site: SiteUnderTest, machine: Machine
) -> None:
    site, keys = docker_site, ("REGISTRY_HOST", "REGISTRY_PORT", "REGISTRY_PASSWORD")
    known = {key: site.env[key] for key in keys} | {"REGISTRY_CA": str(site.root / CERTIFICATE)}
    root = render(machine, site, "worker-docker", DOCKER_POOL=POOL, **known)
    machine.trust(root / CERTS, known["REGISTRY_HOST"], bridge_address())
    image = push_job(machine, site)
    assert not machine.docker("image", "ls", "--quiet", image)

    up = machine.shell(root / "worker-docker", "docker compose up -d --wait")
    assert up.returncode == 0, up.stderr
    register(site, {"deployments": [job_there(site)]})
    (state,) = running.ended(site, run := running.start(site, "weather/weather_image_b"))
    assert state["type"] == "COMPLETED", state
    assert machine.docker("image", "ls", "--quiet", image), "it came from the registry"
    label = f"label=io.prefect.flow-run-id={run}"
    assert machine.docker("ps", "--all", "--quiet", f"--filter={label}")
    assert not running.containers(site, label)
    mounted = f"--volume={site.name}-results:/r:ro"
    result = machine.docker(
        "run", "--rm", mounted, names.reference("prefect", REPO), "cat", f"/r/weather/{run}/figures.json"
    )
    assert json.loads(result)["flow_run_id"] == run
    machine.shell(root / "worker-docker", "docker compose down --volumes")


def push_job(machine: Machine, site: SiteUnderTest) -> str:
    """The job image in the site's registry, from there, where it then is no longer."""
    local = names.reference("weather", REPO)
    registry = f"{site.env['REGISTRY_HOST']}:{site.env['REGISTRY_PORT']}"
    name = f"{registry}/{local.removeprefix('localhost/')}"
    own = {"DOCKER_CONFIG": str(machine.folder / "login"), "PASSWORD": site.env["REGISTRY_PASSWORD"]}
    login = f'printf %s "$PASSWORD" | docker login --username prefect --password-stdin {registry}'
    running.until("the login there", lambda: machine.shell(machine.folder, login, **own).returncode == 0)
    machine.docker("tag", local, name)
    machine.docker("push", "--quiet", name, **own)
    machine.docker("image", "rm", local, name)
    return name


def job_there(site: SiteUnderTest) -> dict[str, Any]:
    """One of the site's deployments, on the pool of the other machine."""
    given = yaml.safe_load((site.root / "client/prefect-docker.yaml").read_text())
    one = dict(next(each for each in given["deployments"] if each["name"] == "weather_image_docker"))
    one["name"], one["work_pool"]["name"] = "weather_image_b", POOL
    assert one["work_pool"]["job_variables"]["volumes"] == [f"{site.name}-results:/srv/site/results"]
    return one


def register(site: SiteUnderTest, content: dict[str, Any]) -> None:
    """A user's own file of deployments."""
    path = site.root / "client/deployments/b.yaml"
    path.write_text(yaml.safe_dump(content))
    try:
        site.compose("client", "run", "--rm", "--no-TTY", "client")
    finally:
        path.unlink()
