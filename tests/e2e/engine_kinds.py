"""The components whose workers carry out runs, each asked on the engine that it has."""

from dataclasses import dataclass

from tests.sites import SiteUnderTest, docker

FLOW_RUN = "io.prefect.flow-run-id"


@dataclass(frozen=True)
class Kind:
    """A component of workers, with its pool of the default name; `service` holds its engine, where that is a container
    too."""

    name: str
    folder: str
    compose_file: str = "compose.yaml"
    service: str = ""
    client: str = "docker"

    @property
    def pool(self) -> str:
        return f"{self.name}_pool"

    def compose(self, site: SiteUnderTest, *arguments: str, check: bool = True) -> str:
        return site.compose(self.folder, "--file", self.compose_file, *arguments, check=check).stdout

    def ask(self, site: SiteUnderTest, *arguments: str, check: bool = True) -> str:
        """What the engine's own command prints."""
        if not self.service:
            return docker(*arguments)
        return self.compose(site, "exec", "--no-TTY", self.service, self.client, *arguments, check=check)

    def containers(self, site: SiteUnderTest, *labels: str, every: bool = True) -> set[str]:
        """Ids of the containers that workers and launchers made there, ended ones included by default."""
        filters = [f"--filter=label={label}" for label in (f"site={site.name}", FLOW_RUN, *labels)]
        return set(self.ask(site, "ps", "--quiet", *(["--all"] if every else []), *filters).split())

    def runs(self, site: SiteUnderTest, run: str) -> set[str]:
        """Ids of the containers of one run, its own and those that it launched."""
        return self.containers(site, f"{FLOW_RUN}={run}")


AGENT = Kind("agent", "agent")
DOCKER = Kind("docker", "worker-docker")
DIND = Kind("dind", "worker-docker", "compose.dind.yaml", "dind")
PODMAN = Kind("podman", "worker-podman", service="podman", client="podman")
KINDS = (DOCKER, DIND, PODMAN)
