"""The one list of service names is that of the rendered Compose files, and no registry is called like one of them."""

from itertools import product
from pathlib import Path

import pytest
import yaml

from stack import site
from stack.components.agent import POOLS
from stack.components.all import ALL
from stack.components.registry import REGISTRY
from stack.core.errors import SiteError

ALL_POOLS = f"AGENT_POOLS={' '.join(POOLS)}"
# What changes which services there are, or which networks they have.
VARIANTS = {
    "SERVER_DATABASE": ("postgres", "sqlite"),
    "DOCKER_PROXY": ("true", "false"),
    "PODMAN_SOCKET": ("", "/run/podman/podman.sock"),
}
NO_DOCKER = "COMPONENTS=server registry storage agent worker-podman client"
OTHERS = sorted({name for owner in ALL if owner is not REGISTRY for name in owner.services})


def plan(folder: Path, *lines: str) -> dict[str, bytes]:
    (folder / ".env").write_text("".join(f"{line}\n" for line in lines))
    return {file.path: file.content for file in site.load(folder / ".env", folder).plan}


def on_networks(content: bytes) -> set[str]:
    """The services that others may find by name: those that are on a network."""
    return {name for name, service in yaml.safe_load(content)["services"].items() if service.get("networks")}


def test_the_list_has_every_service_of_every_variant_and_no_other(tmp_path: Path) -> None:
    found: dict[str, set[str]] = {component.name: set() for component in ALL}
    for values in product(*VARIANTS.values()):
        given = dict(zip(VARIANTS, values, strict=True))
        components = NO_DOCKER if given["PODMAN_SOCKET"] else "COMPONENTS=all"
        files = plan(tmp_path, components, ALL_POOLS, *(f"{key}={value}" for key, value in given.items()))
        for component in ALL:
            if component.compose_path in files:
                found[component.name] |= on_networks(files[component.compose_path])
    assert found == {component.name: set(component.services) for component in ALL}
    assert {"recovery", "podman"} <= set(OTHERS)


@pytest.mark.parametrize("host", [*OTHERS, "recovery.als", "storage.als"])
def test_no_registry_is_called_like_another_service(tmp_path: Path, host: str) -> None:
    with pytest.raises(SiteError) as refused:
        plan(tmp_path, "SITE=als", "COMPONENTS=registry", f"REGISTRY_HOST={host}")
    assert refused.value.faults == (
        f".env:3: REGISTRY_HOST={host}: a service of the site already has this name; choose another name; "
        "write for example REGISTRY_HOST=registry.example.org",
    )


@pytest.mark.parametrize("host", ["registry", "registry.als", "recovery.example.org", "images"])
def test_other_names_are_free(tmp_path: Path, host: str) -> None:
    assert "registry/compose.yaml" in plan(tmp_path, "SITE=als", "COMPONENTS=registry", f"REGISTRY_HOST={host}")
