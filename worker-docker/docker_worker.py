"""Prefect's Docker worker, which says how to fix a job that cannot start: `python docker_worker.py worker start ...`.

Prefect reports such a run as Crashed with the engine's bare words, as the Docker SDK has them. This worker reports it
with what the reader can do about it, and gives each attempt of a run a container's name of its own. The arguments are
those of `prefect`, which finds this class under the name of the one that it stands in for.
"""

import os
import re
import secrets
import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from docker.errors import APIError, DockerException
from launchers.containers.engine import DEFAULT_HOST
from launchers.containers.errors import EngineError
from launchers.containers.remedies import JOB, refused, unreachable
from prefect.cli import app
from prefect_docker import worker as prefect_worker  # type: ignore[import-untyped]
from requests import RequestException, Response
from run_flow import cancelling

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

# Prefect notes that this class serves work pools of the type `docker` in place of its own: that is the purpose.
warnings.filterwarnings("ignore", message="Type 'DockerWorker'")


class DockerWorker(prefect_worker.DockerWorker):  # type: ignore[misc]  # Prefect ships no types for it
    """A Docker worker whose crashed runs say what to correct, and can run again on any engine."""

    async def run(
        self, flow_run: "FlowRun", configuration: prefect_worker.DockerWorkerJobConfiguration, task_status: Any = None
    ) -> prefect_worker.DockerWorkerResult:
        """Raises EngineError for what the engine, its proxy or a registry refused, anything else as it comes."""
        configuration.name = unique_name(configuration.name)
        configuration.env = with_neighbours(configuration.env, os.environ.get("NO_PROXY", ""))
        try:
            return await super().run(flow_run, configuration, task_status)
        except Exception as error:
            explanation = explained(error, configuration.image)
            if explanation is None:
                raise
            raise EngineError(explanation.status, f"no container of {configuration.image}: {explanation}") from None


def with_neighbours(env: dict[str, Any], neighbours: str) -> dict[str, Any]:
    """The environment of a flow container, in which no proxy is asked for what this worker asks none for. The proxy may
    come from the job variables, or from an engine that hands its own on, as Podman does."""
    both = ("NO_PROXY", "no_proxy")
    listed = ",".join(dict.fromkeys(str(one) for one in (*(env.get(name) for name in both), neighbours) if one))
    return env | dict.fromkeys(both, "*" if "*" in listed.split(",") else listed) if neighbours else env


def unique_name(name: str | None) -> str | None:
    """The name with a random end. The container of an earlier attempt, which was killed, keeps the run's name until the
    run is over. Prefect then tries another name if Docker says so, but does not understand Podman's answer."""
    return name and f"{name[:200]}-{secrets.token_hex(4)}"


def explained(error: Exception, image: str) -> EngineError | None:
    """What an exception of the Docker SDK, or of Prefect about it, says, and what to do; None for any other."""
    if isinstance(error, APIError) and error.response is not None:
        return refused(error.response.status_code, _call(error.response), error.explanation or str(error), JOB)
    if isinstance(error, RequestException):
        return unreachable(_host(), str(error))
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, DockerException):  # before the first call
        return unreachable(_host(), str(error.__cause__))
    pull = f"Docker pull failed for {image}: "
    if isinstance(error, RuntimeError) and str(error).startswith(pull):
        return refused(500, "POST /images/create", str(error).removeprefix(pull), JOB)
    return None


def _call(response: Response) -> str:
    """`POST /containers/create`, without the version of the API."""
    path = urlsplit(response.request.path_url).path
    return f"{response.request.method} {re.sub('^/v[0-9.]+', '', path)}"


def _host() -> str:
    return os.environ.get("DOCKER_HOST") or DEFAULT_HOST


if __name__ == "__main__":
    cancelling.keep_watching()  # used with PREFECT_WORKER_ENABLE_CANCELLATION
    app()
