"""The kinds of workers that are measured, one entry each. What is measured is the same for all of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from stack.images import names
from tests.bench.measuring import Reach
from tests.bench.places import REPO
from tests.sites import SiteUnderTest

IMPORT = ("python", "-c", "from prefect import flow")
CODE = "{site}-flows:/srv/site/flows:ro"
RUN_IMPORT = ("run", "--rm", "--label=site={site}", "{flows}", *IMPORT)
# An engine in a container is asked there, and has the site's code as a path.
DIND = ("docker", "exec", "--interactive", "{site}-worker-dind-dind-1", "docker")
PODMAN = ("docker", "exec", "--interactive", "{site}-worker-podman-podman-1", "podman")
NESTED_JOB = {"image": "{flows}", "networks": ["{site}"], "volumes": ["/srv/site/flows:/srv/site/flows:ro"]}


@dataclass(frozen=True)
class Kind:
    """One kind of worker, as the bundle runs it and as Prefect does by itself.

    `component` serves `pool`. `stock_type` is the type of Prefect's own worker, `stock_image` its image and
    `stock_options` what `docker run` needs to start it; `stock_job` are the job variables without which no flow would
    run there. `api` is where its runs find the API. `floor` is a command that does no more than import Prefect where
    runs do. `launcher` is a deployment that starts containers, `engine` the command that asks the engine on which, and
    `socket` its socket there. {site}, {root} and {flows} are the site's name, its folder and its image of flows. The
    reaches are for one run, ten runs, and one launched container.
    """

    component: str
    pool: str
    stock_type: str
    stock_image: str
    floor: tuple[str, ...]
    stock_options: tuple[str, ...] = ()
    stock_job: Mapping[str, Sequence[str] | str] = field(default_factory=dict)
    api: str = "http://server:4200/api"
    launcher: str = ""
    engine: tuple[str, ...] = ("docker",)
    socket: str = "/var/run/docker.sock"
    reach: Reach = field(default_factory=Reach)
    reach_ten: Reach = field(default_factory=Reach)
    reach_launch: Reach = field(default_factory=Reach)


KINDS = {
    "process": Kind(
        component="agent",
        pool="agent_pool",
        stock_type="process",
        stock_image="flows",
        stock_options=(f"--volume={CODE}",),
        floor=("docker", "exec", "{site}-agent-worker-1", *IMPORT),
    ),
    "docker": Kind(
        component="worker-docker",
        pool="docker_pool",
        stock_type="docker",
        stock_image="worker-docker",
        stock_options=("--volume=/var/run/docker.sock:/var/run/docker.sock", "--user=root"),
        stock_job={"image": "{flows}", "networks": ["{site}"], "volumes": [CODE]},
        floor=("docker", *RUN_IMPORT),
        launcher="Docker flow/launch_docker",
        reach=Reach(share=0.40),
        reach_ten=Reach(share=0.50),
        reach_launch=Reach(over=0.3),
    ),
    "dind": Kind(
        component="worker-dind",
        pool="dind_pool",
        stock_type="docker",
        stock_image="worker-docker",
        stock_options=(
            "--volume={root}/.site/ca/ca.crt:/engine/ca.pem:ro",
            "--volume={root}/worker-docker/secrets/dind-client.crt:/engine/cert.pem:ro",
            "--volume={root}/worker-docker/secrets/dind-client.key:/engine/key.pem:ro",
            "--env=DOCKER_HOST=tcp://dind:2376",
            "--env=DOCKER_TLS_VERIFY=1",
            "--env=DOCKER_CERT_PATH=/engine",
            "--user=root",
        ),
        stock_job=NESTED_JOB,
        floor=(*DIND, *RUN_IMPORT),
        launcher="Docker flow/launch_dind",
        engine=DIND,
        socket="/run/dind/docker.sock",
    ),
    "podman": Kind(
        component="worker-podman",
        pool="podman_pool",
        stock_type="docker",
        stock_image="worker-podman",
        stock_options=(
            "--volume={site}-worker-podman_engine:/engine",
            "--env=DOCKER_HOST=unix:///engine/podman.sock",
            "--user=root",
        ),
        stock_job=NESTED_JOB,
        api="http://server.{site}:4200/api",
        floor=(*PODMAN, *RUN_IMPORT),
        launcher="Docker flow/launch_podman",
        engine=PODMAN,
        socket="/run/podman/podman.sock",
    ),
}


def image(name: str) -> str:
    return names.reference(name, REPO)


def words(texts: Iterable[str], site: SiteUnderTest) -> list[str]:
    """The texts with the site's name, its folder and its image of flows in them."""
    return [text.format(site=site.name, root=site.root, flows=image("flows")) for text in texts]
