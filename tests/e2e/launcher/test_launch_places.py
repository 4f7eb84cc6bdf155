"""The same code inside a container: its paths are translated by what the engine says of its own mounts."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.e2e.launcher.attempts import Site
from tests.e2e.launcher.places import CLIENT, HERE, Place, copy_image, prefect_image

pytestmark = pytest.mark.engine


@dataclass(frozen=True)
class Inside:
    """A container of the site's own image that runs launches, as a flow container does."""

    site: Site
    volume: str

    def launch(self, *command: str, volumes: str = "", host: str = "", more: tuple[str, ...] = ()) -> list[str]:
        """The lines of its output, without the launcher's own. `host` is the engine's, where it is another's."""
        image, _, tag = self.site.place.images[0].rpartition(":")
        environ = {
            "SITE": self.site.name,
            "PYTHONPATH": "/srv/site",
            "IMAGE_NAME": image,
            "IMAGE_TAG": tag,
            "VOLUMES": volumes,
        }
        mounts = {
            "/var/run/docker.sock": (host or self.site.place.host).removeprefix("unix://"),
            "/srv/site": f"{self.site.work.parent}/published",
            "/srv/site/work": self.site.work,
            "/data": self.site.data,
            "/reading:ro": self.site.data,
            "/volume": self.volume,
        }
        options = [f"--volume={source}:{target}" for target, source in mounts.items()]
        options += [f"--env={name}={value}" for name, value in environ.items()]
        program = [prefect_image(), "python", "/srv/site/inside.py", *command]
        output = self.site.place.run("run", "--rm", "--user=0", "--tmpfs=/memory", *options, *more, *program)
        return [line for line in output.splitlines() if not line.startswith("Container ")]


@pytest.fixture(scope="session")
def podman_with_prefect(podman_place: Place) -> Place:
    copy_image(prefect_image(), podman_place.command[2])
    return podman_place


@pytest.fixture
def inside(site: Site, site_images: None, request: pytest.FixtureRequest) -> Iterator[Inside]:
    if site.place.name == "podman":
        request.getfixturevalue("podman_with_prefect")
    with prepared(site) as made:
        yield made


@contextmanager
def prepared(site: Site) -> Iterator[Inside]:
    """A volume, and the flows where the engine sees them."""
    published = site.work.parent / "published"
    shutil.copytree(CLIENT / "launchers", published / "launchers")
    shutil.copy(HERE / "inside.py", published)
    (published / "work").mkdir()
    volume = f"t{secrets.token_hex(4)}"
    site.place.run("volume", "create", volume)
    yield Inside(site, volume)
    site.place.run("volume", "rm", volume)


def test_paths_of_a_container_are_those_of_its_mounts(inside: Inside) -> None:
    words = ("sh", "-c", 'grep -c uid_save "$0"; echo 1 > /x/file; echo 2 > /y/file')
    assert inside.launch(*words, volumes="/data:/x /volume:/y") == ["1"]
    assert (inside.site.data / "file").read_text() == "1\n"
    assert inside.launch("sh", "-c", "cat /y/file", volumes="/volume:/y") == ["2"]


def test_a_mount_that_the_flow_may_only_read_is_only_read(inside: Inside) -> None:
    lines = inside.launch("sh", "-c", "echo 1 > /x/file", volumes="/reading:/x")
    assert "Read-only file system" in lines[0]


@pytest.mark.parametrize("source", ["/opt", "/memory", "/data/door"])
def test_a_path_on_no_mount_is_told_with_the_mounts(inside: Inside, source: str) -> None:
    (inside.site.data / "door").symlink_to("/opt")
    (line,) = inside.launch("true", volumes=f"{source}:/x")
    refused = source.replace("/data/door", "/opt")
    assert line.startswith(f"error: volume source {refused} is not on a mount of this container (/data from ")
    assert f"/srv/site/work from {inside.site.work}, " in line
    mend = f"mount {refused} or a directory above it into this container, or add it to SITE_HOST_PATHS"
    assert line.endswith(f"and not below an allowed host path (none is set): {mend}")


def test_the_container_is_found_without_its_own_network(inside: Inside) -> None:
    words = ("sh", "-c", "echo found")
    assert inside.launch(*words, more=("--network=none", "--hostname=deadbeef0000")) == ["found"]


def test_the_socket_of_an_engine_that_does_not_run_the_container_is_refused(
    docker_site: Site, site_images: None, podman_place: Place
) -> None:
    with prepared(docker_site) as inside:
        (line,) = inside.launch("true", host=podman_place.host)
    assert line.startswith("error: the engine at unix:///var/run/docker.sock does not know this container (")
    assert line.endswith("), so it sees other files: give the flow the socket of the engine that runs it")
