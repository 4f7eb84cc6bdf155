"""What holds for every variant of a site, as the real Compose reads it."""

import json
import re
import shutil
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from stack import site as stack_site
from stack.components.all import ALL, KEYS
from stack.core.files import CLOSED_FOLDERS
from stack.load import envfile
from stack.render import templates
from tests.compose.conftest import LABELS, SECRETS, Variant, compose_configs
from tests.sites import REPO

WORKERS = {"worker", "parent", "conda", "slurm"}
# What runs until it is stopped, and what runs once at each start.
LASTING = {
    "postgres",
    "redis",
    "server",
    "services",
    *WORKERS,
    "reaper",
    "recovery",
    "socket-proxy",
    "registry",
    "storage",
    "dind",
    "podman",
}
ONCE = {"migrate", "flows", "client"}
# What render made by itself.
MADE = ("REGISTRY_PASSWORD", "REGISTRY_HTTP_SECRET", "STORAGE_SECRET_KEY")
DOCKER_SOCKET = "/var/run/docker.sock"  # the host's own
REPLICAS = {
    "agent": "AGENT_REPLICAS",
    "worker-docker": "DOCKER_REPLICAS",
    "worker-dind": "DIND_REPLICAS",
    "worker-podman": "PODMAN_REPLICAS",
}
ISOLATED = {
    *((component, "flows") for component in REPLICAS),
    *((component, "socket-proxy") for component in ("worker-docker", "worker-podman")),
}
# The components whose engine is itself a container, with its service, and the volumes that are paths there.
NESTED_SERVICE = {"worker-dind": "dind", "worker-podman": "podman"}
KEPT = {"flows", "results", "work", "launcher"}
# The volumes among these that each component has; the others have none of them.
VOLUMES = {
    "agent": {"flows", "results"},
    "client": {"flows"},
    "worker-docker": KEPT,
    "worker-dind": KEPT,
    "worker-podman": KEPT,
}
FLOW_CODE = "/srv/site/flows"
DATA, SITE = {"data"}, {"site"}
NETWORKS = {
    "postgres": DATA, "redis": DATA, "migrate": DATA, "server": DATA | SITE, "services": DATA | SITE, "worker": SITE,
    "parent": SITE, "conda": SITE, "slurm": SITE, "client": SITE, "reaper": SITE,
    "recovery": SITE, "registry": SITE, "storage": SITE, "dind": SITE | {"engine"}, "podman": SITE,
    "socket-proxy": {"engine"},
}  # fmt: skip


def nested(variant: Variant) -> set[str]:
    """The components whose engine is a container of theirs here."""
    on_the_machine = {"worker-podman"} if "PODMAN_SOCKET" in variant.settings else set()
    return NESTED_SERVICE.keys() & variant.configs.keys() - on_the_machine


def test_every_component_asked_for_is_there_and_no_other(variants: list[Variant]) -> None:
    assert len(variants) > 130
    for variant in variants:
        asked = variant.settings.get("COMPONENTS", "server agent client")
        expected = {component.name for component in ALL} if asked == "all" else set(asked.split())
        assert set(variant.configs) == expected


def test_projects_are_named_by_site_and_component(variants: list[Variant]) -> None:
    for variant in variants:
        for component, config in variant.configs.items():
            assert config["name"] == f"{variant.site}-{component}"


def test_nothing_that_scales_has_a_name_or_port_of_its_own(variants: list[Variant]) -> None:
    for variant in variants:
        for _, name, service in variant.services():
            assert not {"container_name", "hostname", "mac_address", "extra_hosts"} & set(service)
            assert name not in WORKERS or not {"ports", "expose"} & set(service)


def test_the_number_of_workers_is_the_setting(variants: list[Variant]) -> None:
    for variant in variants:
        for component, name, service in variant.services():
            if name in WORKERS:
                key = REPLICAS[component] if name == "worker" else f"{name.upper()}_REPLICAS"
                assert service["scale"] == int(variant.settings.get(key, 1))


def test_only_server_registry_and_storage_are_published(variants: list[Variant]) -> None:
    for variant in variants:
        published = {name: service["ports"] for _, name, service in variant.services() if "ports" in service}
        port = {
            "mode": "ingress",
            "host_ip": variant.settings.get("SERVER_BIND", "127.0.0.1"),
            "target": 4200,
            "published": variant.settings.get("SERVER_PORT", "4200"),
            "protocol": "tcp",
        }
        registry = {"mode": "ingress", "host_ip": "127.0.0.1", "target": 5000, "published": "5000", "protocol": "tcp"}
        storage = registry | {"target": 8333, "published": "8333"}
        expected = {"server": [port], "registry": [registry], "storage": [storage]}
        assert published == {name: ports for name, ports in expected.items() if name in variant.configs}


def test_every_image_has_an_exact_tag(variants: list[Variant]) -> None:
    for variant in variants:
        for component, name, service in variant.services():
            has_flows = name in {"flows", "client"} or component == "agent"
            own = variant.settings.get("AGENT_IMAGE") if has_flows else None
            own = variant.settings.get(f"{name.upper()}_IMAGE", own)
            ours = r"localhost/prefect-site/[a-z-]+:[0-9.]+-[0-9a-f]{12}"
            assert service["image"] == own if own else re.fullmatch(ours, service["image"])


def test_nothing_says_latest(variants: list[Variant]) -> None:
    for variant in variants:
        assert [path for path, text in variant.texts().items() if "latest" in text] == []


def test_secrets_stand_in_no_file_but_their_own(variants: list[Variant]) -> None:
    for variant in variants:
        made = envfile.read(variant.root / ".env").values()
        parts = [*SECRETS.values(), "a-login-that-stands-nowhere", *(made[key] for key in MADE if key in made)]
        for path in (path for path in variant.root.rglob("*") if path.is_file()):
            if path.parent.name not in CLOSED_FOLDERS and path.name != ".env":
                content = path.read_text(encoding="utf-8")
                assert not [part for part in parts if part in content], path


def test_secrets_go_in_as_files_of_those_who_need_them(variants: list[Variant]) -> None:
    for variant in variants:
        for component, name, service in variant.services():
            given = {secret["source"] for secret in service.get("secrets", [])}
            assert given <= set(variant.configs[component].get("secrets", {}))
            assert (component, name) not in ISOLATED or not given
            login = {"PREFECT_API_AUTH_STRING"} if variant.settings.get("SERVER_AUTH") != "false" else set()
            registry = {"REGISTRY_PASSWORD"} if name == "client" and "registry" in variant.configs else set()
            cluster = (
                {"slurm_ssh_key", "slurm_known_hosts"}
                if name == "slurm" and "SLURM_HOST" in variant.settings
                else set()
            )
            bucket = (
                {"STORAGE_SECRET_KEY"} if name == "client" and variant.settings.get("CLIENT_STORAGE") == "s3" else set()
            )
            if name in {*WORKERS, "client", "reaper"}:
                wanted = login | registry | cluster | bucket
                assert given == wanted, "a worker hands its environment to its runs: no other secret"


def test_what_lasts_has_a_health_check_and_a_restart_policy(variants: list[Variant]) -> None:
    for variant in variants:
        for _, name, service in variant.services():
            assert name in LASTING | ONCE
            if name in LASTING:
                assert service["restart"] == "unless-stopped"
                assert set(service["healthcheck"]) == {"test", "interval", "timeout", "retries", "start_period"}
                assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
                assert service["healthcheck"]["start_period"] == "5m0s", (
                    "a busy machine fails no sound site at its start"
                )
            else:
                assert "healthcheck" not in service
                assert service.get("restart") == ("on-failure:3" if name == "migrate" else None)


def test_database_and_redis_are_out_of_reach_of_workers(variants: list[Variant]) -> None:
    for variant in variants:
        sqlite = variant.settings.get("SERVER_DATABASE") == "sqlite"
        for component, name, service in variant.services():
            if (component, name) in ISOLATED:
                assert service["network_mode"] == "none"
                assert "networks" not in service
            else:
                expected = NETWORKS[name] - DATA or SITE if sqlite else NETWORKS[name]
                assert set(service["networks"]) == expected


def test_what_several_components_share_has_one_owner(variants: list[Variant]) -> None:
    for variant in variants:
        networks = [config["networks"]["site"] for config in variant.configs.values()]
        assert {network["name"] for network in networks} == {variant.site}
        assert sum(not network.get("external") for network in networks) == 1
        owner = next(component.name for component in ALL if component.name in variant.configs)
        assert not variant.configs[owner]["networks"]["site"].get("external")
        volumes = [config["volumes"]["flows"] for name, config in variant.configs.items() if name in VOLUMES]
        assert {volume["name"] for volume in volumes} == ({f"{variant.site}-flows"} if volumes else set())
        assert sum(not volume.get("external") for volume in volumes) == bool(volumes)


def test_flow_containers_know_their_volumes_and_no_other_by_name(variants: list[Variant]) -> None:
    """An engine in a container has paths instead, and its own volumes for what no other component uses."""
    for variant in variants:
        for component, config in variant.configs.items():
            assert KEPT & set(config.get("volumes", {})) == kept(variant, component)
            for name in kept(variant, component):
                own = component in nested(variant) and name in {"work", "launcher"}
                expected = f"{variant.site}-{component}_{name}" if own else f"{variant.site}-{name}"
                assert config["volumes"][name]["name"] == expected


def kept(variant: Variant, component: str) -> set[str]:
    """The volumes that this component has; only launches through the proxy need the launcher's."""
    bare = component == "worker-docker" and variant.settings.get("DOCKER_PROXY") == "false"
    return VOLUMES.get(component, set()) - ({"launcher"} if bare else set())


def test_an_engine_in_a_container_has_the_paths_that_its_flow_containers_mount(variants: list[Variant]) -> None:
    paths = {f"/srv/site/{name}" for name in ("flows", "results", "work", "launcher")}
    found = 0
    for variant in variants:
        for component in nested(variant):
            services = variant.configs[component]["services"]
            for name in (NESTED_SERVICE[component], "socket-proxy"):
                mounted = {mount["target"] for mount in services[name]["volumes"] if mount["source"] in KEPT}
                assert paths <= mounted
            assert services["socket-proxy"]["depends_on"][NESTED_SERVICE[component]]["condition"] == "service_healthy"
            found += 1
    assert found > 20


def test_only_an_engine_in_a_container_is_privileged(variants: list[Variant]) -> None:
    for variant in variants:
        rootless = {"worker-dind"} if variant.settings.get("DIND_ROOTLESS") == "true" else set()
        privileged = {(component, name) for component, name, service in variant.services() if service.get("privileged")}
        assert privileged == {(component, NESTED_SERVICE[component]) for component in nested(variant) - rootless}


def test_an_engine_without_a_client_certificate_is_never_served(variants: list[Variant]) -> None:
    for variant in variants:
        if "worker-dind" in variant.configs:
            command = variant.configs["worker-dind"]["services"]["dind"]["command"]
            assert "--tlsverify" in command
            assert "--tlscacert=/run/engine/ca.pem" in command
            assert all(word.startswith("--host=unix://") or ":2376" in word for word in command if "--host=" in word)


def test_flow_code_is_read_only_to_what_runs_flows(variants: list[Variant]) -> None:
    for variant in variants:
        for component, name, service in variant.services():
            if name in WORKERS:
                mounts = [(mount["source"], mount["target"], mount.get("read_only")) for mount in service["volumes"]]
                code = [mount for mount in mounts if mount[0] == "flows" or mount[1] == FLOW_CODE]
                # A Docker worker runs no flow itself: its flow containers mount the code, as the job template says.
                assert code == ([("flows", FLOW_CODE, True)] if component == "agent" else [])


def test_the_engines_socket_is_in_one_container_or_where_it_was_asked_for(variants: list[Variant]) -> None:
    for variant in variants:
        bare = variant.settings.get("DOCKER_PROXY") == "false"
        holders = {
            name for _, name, service in variant.services()
            if any(mount["target"] == "/var/run/docker.sock" for mount in service.get("volumes", []))
        }  # fmt: skip
        has_docker = "worker-docker" in variant.configs
        assert holders == (({"worker", "reaper"} if bare else {"socket-proxy"}) if has_docker else set())


def test_what_is_not_shared_is_named_by_the_project(variants: list[Variant]) -> None:
    for variant in variants:
        for component, config in variant.configs.items():
            for kind in ("networks", "volumes"):
                for name, thing in config.get(kind, {}).items():
                    shared = name in {"site", "flows", "results"}
                    shared |= component not in nested(variant) and name in {"work", "launcher"}
                    assert shared or thing["name"] == f"{variant.site}-{component}_{name}"


def test_everything_carries_the_labels_of_the_site(variants: list[Variant]) -> None:
    for variant in variants:
        labels = {"site": variant.site} | (LABELS if "SITE_LABELS" in variant.settings else {})
        # `config` writes a dollar as Compose reads it: twice.
        labels = {name: value.replace("$", "$$") for name, value in labels.items()}
        for config in variant.configs.values():
            for name, service in config["services"].items():
                assert {**service["labels"], **labels} == service["labels"]
                assert set(service["labels"]) - set(labels) == ({"site.files"} if name != "podman" else set())
            for thing in (*config["networks"].values(), *config.get("volumes", {}).values()):
                assert thing.get("external") or thing["labels"] == labels


def test_every_file_that_is_mentioned_is_there(variants: list[Variant]) -> None:
    for variant in variants:
        for path in mentioned(variant):
            assert path.exists(), path
            assert path.resolve().is_relative_to(variant.root.resolve())


def mentioned(variant: Variant) -> list[Path]:
    """Every path outside containers that the Compose files name."""
    found = [secret["file"] for config in variant.configs.values() for secret in config.get("secrets", {}).values()]
    for _, _, service in variant.services():
        binds = [mount["source"] for mount in service.get("volumes", []) if mount["type"] == "bind"]
        # `config` writes a dollar as Compose reads it: twice.
        hosts_own = [
            DOCKER_SOCKET,
            variant.settings.get("PODMAN_SOCKET", ""),
            variant.settings.get("CONDA_EXE", "").removesuffix("/bin/conda").replace("$", "$$"),
            *variant.settings.get("DOCKER_BIND_PATHS", "").replace("$", "$$").split(),
        ]
        found += [source for source in binds if source not in hosts_own]
        found += [service["build"]["context"]] if "build" in service else []
    return [Path(path) for path in found]


def test_no_file_names_the_folder_that_it_was_rendered_in(variants: list[Variant]) -> None:
    for variant in variants:
        for path, text in variant.texts().items():
            assert str(variant.root) not in text, path
            assert str(REPO) not in text, path


def test_what_is_built_is_in_the_folder_and_begins_with_the_setting(variants: list[Variant]) -> None:
    for variant in variants:
        for _, name, service in variant.services():
            if build := service.get("build"):
                recipe = Path(build["context"]) / build["dockerfile"]
                text = recipe.read_text(encoding="utf-8")
                assert f" AS {build['target']}\n" in text
                if name == "flows":
                    assert list(build["args"]) == ["PREFECT_IMAGE"]
                    continue
                assert "ARG BASE_IMAGE=" in text
                own = {"postgres", "redis", "registry", "storage"}
                key = f"BASE_IMAGE_{name.upper()}" if name in own else "BASE_IMAGE_PYTHON"
                parent = {"PREFECT_IMAGE"} & build["args"].keys() if name == "storage" else set()
                base = {"BASE_IMAGE": variant.settings.get(key, default(key))}
                assert build["args"] == base | {each: build["args"][each] for each in parent}


def default(key: str) -> str:
    return str(KEYS[key].default)


def test_rendered_files_say_where_they_come_from(variants: list[Variant]) -> None:
    """JSON has no comments, people do not edit pictures and certificates, the record is for render alone."""
    for variant in variants:
        for path, text in variant.texts().items():
            if not path.endswith((".json", ".svg", ".crt", ".key")) and path != stack_site.RECORD:
                header = templates.HEADER.format(name=f"{path}{templates.SUFFIX}")
                assert text.startswith((f"# {header}\n", f"; {header}\n"))
                assert (templates.ROOT / f"{path}{templates.SUFFIX}").is_file()


def test_rendered_yaml_is_clean(variants: list[Variant], tmp_path: Path) -> None:
    """But for the length of a line that holds a user's labels."""
    ours = [variant for variant in variants if "SITE_LABELS" not in variant.settings]
    texts = {text for variant in ours for path, text in variant.texts().items() if path.endswith((".yaml", ".yml"))}
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.yaml").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "yamllint", "--strict", "--config-file", str(REPO / ".yamllint"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_rendered_json_is_json(variants: list[Variant]) -> None:
    texts = {text for variant in variants for path, text in variant.texts().items() if path.endswith(".json")}
    assert texts
    for text in texts:
        assert set(json.loads(text)) == {"job_configuration", "variables"}


@pytest.mark.parametrize("components", ["all", "agent client"])
def test_a_site_can_be_moved(components: str, variants: list[Variant], tmp_path: Path) -> None:
    variant = next(one for one in variants if one.settings.get("COMPONENTS") == components)
    moved = tmp_path / "else where"
    shutil.copytree(variant.root, moved)
    configs = compose_configs(moved)
    assert json.loads(json.dumps(configs).replace(str(moved), str(variant.root))) == variant.configs
    assert all(path.exists() for path in mentioned(Variant(variant.settings, moved, configs)))


def test_addresses_are_those_of_the_settings(variants: list[Variant]) -> None:
    """Workers reach the API by the name of its service, or where the setting says; they hand on what their runs call
    it, which has a dot on a Podman in a container."""
    for variant in variants:
        for component, name, service in variant.services():
            dotted = (component, name) == ("worker-podman", "worker") and component in nested(variant)
            server = f"server.{variant.site}" if dotted else "server"
            url = variant.settings.get("PREFECT_API_URL", f"http://{server}:4200/api")
            if name in {"worker", "client", "reaper"}:
                assert service["environment"]["PREFECT_API_URL"] == url
        if "server" in variant.configs:
            environment = variant.configs["server"]["services"]["server"]["environment"]
            shown = variant.settings.get("SERVER_UI_API_URL", "/api")
            assert environment["PREFECT_SERVER_UI_API_URL"] == shown.replace("$", "$$")
            ip_address(variant.configs["server"]["services"]["server"]["ports"][0]["host_ip"])
