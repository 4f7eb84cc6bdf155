"""What is rendered for jobs that run in images of their own: names, login, mounts, with a registry and without."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack import site
from stack.images import names
from stack.site import Site
from tests.sites import REPO

REFERENCE = "{{ prefect.blocks.docker-registry-credentials.site-registry }}"
PASSWORD = "correct horse"
REMOTE = ("PREFECT_API_URL=http://prefect.example.org:4200/api", "PREFECT_API_AUTH_STRING=admin:correct-horse")
FLOWS = ("flights", "weather")
WITHOUT, HERE = "server worker-docker client", "server registry worker-docker client"


def load(root: Path, components: str, *settings: str) -> Site:
    lines = [f"COMPONENTS={components}", "SITE=lab", *settings]
    (root / ".env").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return site.load(root / ".env", root)


def text(made: Site, path: str) -> str:
    return next(file for file in made.plan if file.path == path).content.decode()


def deployments(made: Site) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in yaml.safe_load(text(made, "client/prefect-docker.yaml"))["deployments"]}


def credentials(made: Site, path: str = "client/pools/docker.json") -> Any:
    variable = json.loads(text(made, path))["variables"]["properties"]["registry_credentials"]
    assert {"type": "string"} in variable["anyOf"]  # else the server refuses the reference
    return variable["default"]


def blocks(made: Site) -> dict[str, dict[str, Any]]:
    return {one["type"]: one for one in yaml.safe_load(text(made, "client/registration.yaml"))["blocks"]}


def test_without_a_registry_jobs_run_in_the_images_of_this_engine(tmp_path: Path) -> None:
    made = load(tmp_path, WITHOUT)
    pca = names.reference("pca", REPO)
    for flow in FLOWS:
        variables = deployments(made)[f"{flow}_image_docker"]["work_pool"]["job_variables"]
        assert variables["image"] == names.reference(flow, REPO)
    asked = deployments(made)["launch_docker"]["parameters"]["docker_params"]
    assert f"{asked['image_name']}:{asked['image_tag']}" == pca
    assert credentials(made) is None
    assert "docker-registry-credentials" not in blocks(made)
    assert "SITE_REGISTRY_BLOCK" not in text(made, "client/prefect-docker.yaml")
    assert "REGISTRY_PASSWORD" not in text(made, "client/compose.yaml")
    assert not [file.path for file in made.plan if file.path.endswith("/REGISTRY_PASSWORD")]


def test_with_one_they_are_asked_for_by_its_name(tmp_path: Path) -> None:
    made = load(tmp_path, HERE, "REGISTRY_HOST=registry.example.org", "REGISTRY_PORT=5443")
    weather = names.reference("weather", REPO).removeprefix("localhost/")
    assert deployments(made)["weather_image_docker"]["work_pool"]["job_variables"] == {
        "image": f"registry.example.org:5443/{weather}",
        "volumes": ["lab-results:/srv/site/results"],
    }
    asked = deployments(made)["launch_docker"]["parameters"]["docker_params"]
    assert asked["image_name"] == "registry.example.org:5443/prefect-site/pca"
    environment = yaml.safe_load(text(made, "client/compose.yaml"))["services"]["client"]["environment"]
    assert environment["IMAGE_WEATHER"] == f"registry.example.org:5443/{weather}"


@pytest.mark.parametrize("flow", FLOWS)
def test_the_code_is_where_the_image_has_it(flow: str, tmp_path: Path) -> None:
    deployment = deployments(load(tmp_path, WITHOUT))[f"{flow}_image_docker"]
    (step,) = deployment["pull"]
    folder = step["prefect.deployments.steps.set_working_directory"]["directory"]
    dockerfile = (REPO / f"client/direct/{flow}/Dockerfile").read_text(encoding="utf-8")
    assert f" {flow}.py {folder}/{deployment['entrypoint'].partition(':')[0]}\n" in dockerfile
    assert f"\nWORKDIR {folder}\n" in dockerfile


def test_the_password_is_a_file_of_the_client_and_stands_nowhere_else(tmp_path: Path) -> None:
    made = load(tmp_path, HERE, f"REGISTRY_PASSWORD='{PASSWORD}'")
    assert [file.path for file in made.plan if PASSWORD.encode() in file.content] == [
        ".env",
        "client/secrets/REGISTRY_PASSWORD",
    ]
    assert blocks(made)["docker-registry-credentials"] == {
        "type": "docker-registry-credentials",
        "name": "site-registry",
        "values": {"username": "prefect", "password": "{{ $REGISTRY_PASSWORD }}", "registry_url": "registry:5000"},
    }
    client = yaml.safe_load(text(made, "client/compose.yaml"))
    assert client["services"]["client"]["secrets"] == ["PREFECT_API_AUTH_STRING", "REGISTRY_PASSWORD"]
    assert client["secrets"]["REGISTRY_PASSWORD"] == {"file": "./secrets/REGISTRY_PASSWORD"}


def test_pool_and_launcher_name_the_block(tmp_path: Path) -> None:
    made = load(tmp_path, HERE)
    assert credentials(made) == credentials(made, "worker-docker/base-job-template.json") == REFERENCE
    variables = {name: one["work_pool"]["job_variables"] for name, one in deployments(made).items()}
    assert variables["launch_docker"]["env"]["SITE_REGISTRY_BLOCK"] == "site-registry"
    assert "SITE_REGISTRY_BLOCK" not in str(variables["weather_docker"])


@pytest.mark.parametrize(("given", "expected"), [((f"REGISTRY_PASSWORD='{PASSWORD}'",), REFERENCE), ((), None)])
def test_a_registry_on_another_machine(given: tuple[str, ...], expected: str | None, tmp_path: Path) -> None:
    made = load(tmp_path, "worker-docker client", *REMOTE, *given)
    assert credentials(made) == expected
    host = deployments(made)["weather_image_docker"]["work_pool"]["job_variables"]["image"].partition("/")[0]
    assert host == ("registry:5000" if expected else "localhost")


def test_a_site_elsewhere_has_what_the_images_are_made_of(tmp_path: Path) -> None:
    paths = {file.path for file in load(tmp_path, WITHOUT).plan}
    assert {
        "client/direct/weather/Dockerfile",
        "client/direct/weather/requirements.txt",
        "client/algorithms/pca/pca.py",
        "client/flows/weather.py",
        "worker-docker/docker_worker.py",
    } <= paths
    (tmp_path / "other").mkdir()
    assert not [file.path for file in load(tmp_path / "other", "server agent").plan if "/direct/" in file.path]
