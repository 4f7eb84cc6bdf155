"""How launches end, on Docker and on Podman: with one message that gives the remedy, and with nothing left behind."""

import logging
from pathlib import Path

import pytest
from launchers.launching.run_identity import RunIdentity

from tests.e2e.launcher.attempts import Site
from tests.e2e.launcher.places import SLEEP, Place
from tests.server.conftest import free_port

pytestmark = pytest.mark.engine

RUN = RunIdentity("0b6f3f0c-90c4-4f3a-8d0e-0123456789ab", 1)


def test_the_container_reads_its_parameters_and_its_output_is_logged(site: Site) -> None:
    ended = site.launch("sh", "-c", 'cat "$0"; echo bad >&2; printf end', run=RUN, params={"task": "x"})
    assert ended.error == ""
    assert [text for level, text in ended.logged[1:] if level == logging.INFO] == [
        "io_parameters:",
        "  uid_retrieve: before",
        f"  uid_save: {RUN.flow_run_id}",
        "task: x",
        "end",
    ]
    assert [text for level, text in ended.logged if level == logging.WARNING] == ["bad"]


def test_the_parameters_can_be_read_by_any_user_of_an_image_and_changed_by_none(site: Site) -> None:
    name, _, tag = site.place.images[1].rpartition(":")
    ended = site.launch("sh", "-c", 'id -u; cat "$0" && echo x >> "$0"', image_name=name, image_tag=tag)
    # What goes to the two streams at the same moment may come in either order.
    assert [line for line in ended.lines if "params.yaml" not in line][:2] == ["1000", "io_parameters:"]
    assert "exit code 1" in ended.error
    assert "Read-only file system" in ended.error or "Permission denied" in ended.error


def test_a_failure_tells_the_exit_code_and_the_last_lines(site: Site) -> None:
    ended = site.launch("sh", "-c", "seq 20; exit 3")
    last = "\n".join(map(str, range(11, 21)))
    assert ended.told(site.place) == f"container NAME of IMAGE ended with exit code 3; its last lines:\n{last}"


def test_no_word_meets_a_shell(site: Site) -> None:
    odd = "$HOME; `id` 'x' \"y\" \\ é"
    assert site.launch("echo", odd).lines == [f"{odd} /app/work/config/params.yaml"]
    assert site.launch("sh", "-c", 'echo "$A"', env_vars={"A": odd}).lines == [odd]


def test_a_container_out_of_memory_says_so(site: Site) -> None:
    ended = site.launch("sh", "-c", "exec tail /dev/zero", memory="32m")
    told = {
        "docker": "container NAME of IMAGE was killed for lack of memory (OOM; memory limit 32m): raise memory",
        "podman": "container NAME of IMAGE ended with exit code 137 (SIGKILL), for lack of memory "
        "(OOM; memory limit 32m) unless it was killed: raise memory",
    }
    assert ended.told(site.place) == told[site.place.name]


def test_a_container_that_is_too_slow_is_stopped_and_may_save_what_it_has(site: Site) -> None:
    command = 'trap "echo saved; exit 0" TERM; while true; do sleep 0.1; done'
    ended = site.launch("sh", "-c", command, timeout=5)
    assert ended.told(site.place) == "container NAME ran longer than its timeout of 5 s and was stopped"
    assert ended.lines == ["saved"]


def test_a_container_that_does_not_hear_is_killed(site: Site) -> None:
    ended = site.launch("sh", "-c", 'trap "" TERM; while true; do sleep 0.1; done', timeout=0.5)
    assert ended.told(site.place) == "container NAME ran longer than its timeout of 0.5 s and was stopped"


def test_every_line_of_a_flood_arrives_in_order(site: Site) -> None:
    ended = site.launch("sh", "-c", "seq 100000; head -c 300000 /dev/urandom; printf '\\n\\0last'")
    assert ended.error == ""
    assert ended.lines[:100_000] == [str(number) for number in range(1, 100_001)]
    assert ended.lines[-1] == "\ufffdlast"


def test_a_program_that_is_not_there_is_reported(site: Site) -> None:
    ended = site.launch("nosuch")
    assert ended.error.endswith("; correct the command in docker_params: the image has no such program")
    assert "nosuch" in ended.error


def test_an_image_whose_registry_is_down_is_reported(site: Site) -> None:
    image = f"localhost:{free_port()}/pca"
    ended = site.launch("true", image_name=image, image_tag="1")
    assert ended.error.startswith(f"image {image}:1 cannot be pulled: ")
    assert ended.error.endswith("connection refused; start the registry, or correct image_name")


def test_a_network_that_is_not_there_is_reported(site: Site) -> None:
    ended = site.launch("true", network="nosuch")
    assert ended.error.endswith("; make that network, or correct network in docker_params")


def test_gpus_that_the_engine_cannot_give_are_reported(site: Site) -> None:
    told = {
        "docker": 'could not select device driver "" with capabilities: [[gpu]]; '
        "install the GPU runtime on the engine's machine, or leave gpus out of docker_params",
        "podman": "this engine gives no GPUs through its Docker API: leave gpus out of docker_params",
    }
    assert site.launch("true", gpus="all").error == told[site.place.name]


def test_volumes_are_written_or_only_read_as_asked(site: Site) -> None:
    volume = f"{site.data}:/data"
    assert site.launch("sh", "-c", "echo 1 > /data/written", volumes=[volume]).error == ""
    assert (site.data / "written").read_text() == "1\n"
    ended = site.launch("sh", "-c", "echo 2 > /data/written", volumes=[f"{volume}:ro"])
    assert "Read-only file system" in ended.error
    assert (site.data / "written").read_text() == "1\n"


def test_a_volume_outside_of_what_is_allowed_is_refused(site: Site) -> None:
    (site.data / "door").symlink_to("/etc")
    for source in ("/etc", f"{site.data}/../../../etc", f"{site.data}/door"):
        ended = site.launch("true", volumes=[f"{source}:/x"])
        refused = f"volume source {Path(source).resolve()} is not below an allowed host path ({site.data})"
        assert ended.error == f"{refused}: add it to SITE_HOST_PATHS"


def test_a_volume_that_does_not_exist_is_told_and_not_made(site: Site) -> None:
    ended = site.launch("true", volumes=[f"{site.data}/nosuch:/x"])
    assert ended.error == f"volume source {site.data}/nosuch does not exist: make it, or correct the volume"
    assert not (site.data / "nosuch").exists()


def test_an_attempt_that_another_process_carries_out_is_left_to_it(site: Site) -> None:
    name = f"{site.name}-{RUN.name}"
    site.place.run("run", "--detach", "--name", name, site.place.images[0], "sh", "-c", SLEEP)
    ended = site.launch("true", run=RUN)
    still_running = site.place.run("inspect", "--format={{.State.Running}}", name)
    site.place.run("rm", "--force", name)
    assert ended.error.endswith(
        "another process runs this attempt of the flow run; let it end, or remove the container it left"
    )
    assert still_running == "true"


def test_an_attempt_first_removes_what_earlier_ones_of_its_run_left(site: Site) -> None:
    left = site.place.run(
        "run", "--detach", f"--label=site={site.name}", "--label=site.role=launched", "--label=site.attempt=1",
        f"--label=io.prefect.flow-run-id={RUN.flow_run_id}", site.place.images[0], "sh", "-c", SLEEP,
    )  # fmt: skip
    (site.work / RUN.name).mkdir()
    ended = site.launch("true", run=RunIdentity(RUN.flow_run_id, 2))
    assert ended.error == ""
    assert site.place.run("inspect", left, check=False) in {"", "[]"}


def test_an_engine_that_is_not_there_is_reported(docker_place: Place, tmp_path: Path) -> None:
    nowhere = Place("docker", f"unix://{tmp_path}/engine.sock", docker_place.command, docker_place.images)
    for folder in ("work", "data"):
        (tmp_path / folder).mkdir()
    ended = Site("t-nowhere", nowhere, tmp_path / "work", tmp_path / "data").launch("true")
    assert ended.error == (
        f"no container engine answers at unix://{tmp_path}/engine.sock ([Errno 2] No such file or directory): "
        "start the engine, mount its socket there, or correct DOCKER_HOST"
    )
