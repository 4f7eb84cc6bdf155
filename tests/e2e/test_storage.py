"""One site that moves its flow code and results from a volume to a bucket, and to an image, by one setting.

The S3 server is real: the component `storage`, which runs SeaweedFS.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from stack.components.all import SETTINGS
from stack.images import names as images
from stack.images.site_images import bases
from tests import sites
from tests.e2e import running
from tests.sites import SiteUnderTest, docker

pytestmark = [pytest.mark.engine, pytest.mark.long, pytest.mark.timeout(1800)]

PROCESS, DOCKER = "weather/weather", "weather/weather_docker"
BOTH = (PROCESS, DOCKER)
MONTHS = {"months": [1, 2]}
SCHEDULE = "weather:\n  - {slug: yearly, cron: '0 0 1 1 *'}\n"
FLOW = "client/flows/weather.py"
# A container of the client's has the login of the API, and by that what every flow has.
READ_BUCKET = """
import json, sys
from prefect_aws import S3Bucket
bucket = S3Bucket.load("flow-storage")
print(json.dumps({path: json.loads(bucket.read_path(path)) for path in sys.argv[1:]}))
"""


@dataclass
class Moving:
    """The site, moved by its setting as the page has it, and what its runs left."""

    site: SiteUnderTest

    def move(self, storage: str) -> str:
        """Render, start what changed, register; what the registration said."""
        self.site.set(CLIENT_STORAGE=storage)
        self.site.render()
        for component in ("storage", "agent", "worker-docker"):
            self.site.compose(component, "up", "--detach", "--wait")
        return self.register()

    def register(self) -> str:
        return self.site.compose("client", "run", "--rm", "--no-TTY", "client").stdout

    def run(self, **of_the_process: Any) -> list[str]:
        """A run of each deployment, Completed; their ids."""
        runs = [running.start(self.site, each, parameters=MONTHS, **of_the_process) for each in BOTH]
        states = running.ended(self.site, *runs)
        assert [state["type"] for state in states] == ["COMPLETED"] * len(BOTH), states
        return runs

    def deployment(self, name: str) -> dict[str, Any]:
        with running.api(self.site) as client:
            return dict(client.get(f"/deployments/name/{name}").raise_for_status().json())

    def on_volume(self, runs: list[str]) -> list[dict[str, Any]]:
        image = images.reference("flows", sites.REPO, bases(SETTINGS.defaults()))
        command = ("run", "--rm", f"--volume={self.site.name}-results:/r:ro", image, "cat")
        reads = [(*command, f"/r/weather/{run}/figures.json") for run in runs]
        return [json.loads(docker(*read)) for read in reads]

    def in_bucket(self, runs: list[str]) -> list[dict[str, Any]]:
        paths = [f"weather/{run}/figures.json" for run in runs]
        command = ("run", "--rm", "--no-TTY", "client", "python", "-c", READ_BUCKET, *paths)
        return list(json.loads(self.site.compose("client", *command).stdout).values())

    def change_the_flow(self, mark: str) -> None:
        path = self.site.root / FLOW
        text = path.read_text()
        path.write_text(re.sub(r"host=.*socket\.gethostname\(\),", f'host="{mark} " + socket.gethostname(),', text))
        assert path.read_text() != text


def told(figures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All but which run on which machine worked them out."""
    return [{key: value for key, value in one.items() if key not in ("flow_run_id", "host")} for one in figures]


@pytest.fixture(scope="module")
def moving(site_images: None) -> Iterator[Moving]:
    names = ("storage", "worker-docker", "weather", "pca")
    images.ensure(names, sites.REPO, "auto", None, {}, report=print, bases=bases(SETTINGS.defaults()))
    port, storage_port = sites.free_ports(2)
    site = sites.make_site(
        COMPONENTS="server storage agent worker-docker client",
        SERVER_DATABASE="sqlite",
        SERVER_PORT=port,
        STORAGE_PORT=storage_port,
        STORAGE_VERSIONS=2,
    )
    try:
        (site.root / "schedules.yml").write_text(SCHEDULE)
        done = site.render("up", check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        yield Moving(site)
    finally:
        site.remove()


def test_the_same_flow_has_the_same_result_on_every_storage_and_pool(moving: Moving) -> None:
    """And the deployments that move there are the same ones, with schedules, pauses and history."""
    paused = moving.deployment(PROCESS)["schedules"][0]["id"]
    with running.api(moving.site) as client:
        path = f"/deployments/{moving.deployment(PROCESS)['id']}/schedules/{paused}"
        client.patch(path, json={"active": False}).raise_for_status()
    before = {name: moving.deployment(name)["id"] for name in BOTH}
    figures = moving.on_volume(moving.run())
    runs_before = {run["id"] for run in running.all_runs(moving.site)}

    said = moving.move("s3")
    assert "flow code" in said and "bucket made" in said
    assert re.search(r"s3-bucket/flow-storage +made", said)
    figures += moving.in_bucket(moving.run())
    again = [line.split()[-1] for line in moving.register().splitlines()[1:]]
    assert set(again) == {"left"}

    moving.move("image")
    figures += moving.on_volume(moving.run())
    assert len(figures) == 3 * len(BOTH)
    assert told(figures) == told(figures[:1]) * len(figures)
    assert {name: moving.deployment(name)["id"] for name in BOTH} == before
    [schedule] = moving.deployment(PROCESS)["schedules"]
    assert (schedule["id"], schedule["active"]) == (paused, False)
    assert runs_before < {run["id"] for run in running.all_runs(moving.site)}


def test_a_changed_flow_runs_anew_and_in_the_bucket_its_old_version_too(moving: Moving) -> None:
    moving.move("s3")
    old = moving.deployment(PROCESS)["version"]
    moving.change_the_flow("second")
    said = moving.register()
    assert re.search(r"flow code +s3://prefect/flows/[0-9a-f]{12} +changed: \d+ written", said)
    assert moving.deployment(PROCESS)["version"] != old
    assert all(one["host"].startswith("second ") for one in moving.in_bucket(moving.run()))

    of_old = moving.run(job_variables={"env": {"SITE_FLOWS_VERSION": old}})
    assert not any(one["host"].startswith("second ") for one in moving.in_bucket(of_old))

    moving.change_the_flow("third")
    assert "1 version(s) removed" in moving.register()


def test_a_changed_flow_runs_anew_on_the_volume(moving: Moving) -> None:
    moving.move("volume")
    moving.change_the_flow("fourth")
    moving.register()
    assert all(one["host"].startswith("fourth ") for one in moving.on_volume(moving.run()))


def test_a_key_that_was_changed_is_everybodys_key(moving: Moving) -> None:
    """The server takes the new one at its start, and registration gives it to everybody."""
    moving.site.set(STORAGE_ACCESS_KEY="another", STORAGE_SECRET_KEY="another/secret+key")
    said = moving.move("s3")
    assert re.search(r"aws-credentials/site-storage +changed: aws_access_key_id, aws_secret_access_key", said)
    moving.change_the_flow("fifth")  # the render has rewritten the bundle's own flow
    moving.register()
    assert all(one["host"].startswith("fifth ") for one in moving.in_bucket(moving.run()))
