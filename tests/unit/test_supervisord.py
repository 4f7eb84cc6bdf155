"""The site as processes: what the real supervisord reads in its rendered configuration."""

import shlex
from pathlib import Path

import pytest
from supervisor.options import ServerOptions  # type: ignore[import-untyped]

from stack.cli import main
from tests.keys import private_key


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder whose path ends an unquoted word."""
    return tmp_path / "my site"


def processes(root: Path, *settings: str) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Command and environment of each process of a site with these lines in its .env."""
    root.mkdir(exist_ok=True)
    (root / ".env").write_text("\n".join(settings), encoding="utf-8")
    assert main(["--output", str(root)]) == 0
    (root / ".site/processes").mkdir(exist_ok=True)
    options = ServerOptions()
    options.realize(["--nodaemon", "--configuration", str(root / "supervisord.conf")])
    found = [one for group in options.process_group_configs for one in group.process_configs]
    return {one.name: (shlex.split(one.command), dict(one.environment)) for one in found}


def test_a_folder_with_a_space_in_its_path(root: Path) -> None:
    read = processes(root, "SITE=als")
    assert set(read) == {"server", "recovery", "worker_8080"}
    for command, environment in read.values():
        assert command[:2] == ["sh", str(root / "images/prefect/with-secrets")]
        assert Path(command[1]).is_file()
        assert environment["SECRETS_DIR"] == str(root / ".site/secrets")
    assert f"--base-job-template={root / 'agent/base-job-template.json'}" in read["worker_8080"][0]


def test_every_worker_has_a_port_of_its_own(root: Path) -> None:
    read = processes(root, "AGENT_REPLICAS=3", "AGENT_HEALTH_PORT=9000", "AGENT_LIMIT=7")
    workers = {name: pair for name, pair in read.items() if name.startswith("worker_")}
    assert set(workers) == {"worker_9000", "worker_9001", "worker_9002"}
    for name, (command, environment) in workers.items():
        assert environment["PREFECT_WORKER_WEBSERVER_PORT"] == name.removeprefix("worker_")
        assert "--limit=7" in command


def test_workers_of_every_pool_have_ports_of_their_own(root: Path) -> None:
    replicas = ("PARENT_REPLICAS=2", "SLURM_REPLICAS=3")
    read = processes(root, "AGENT_POOLS=slurm conda parent agent", "AGENT_REPLICAS=2", *replicas)
    workers = {name: pair for name, pair in read.items() if pair[1].get("PREFECT_WORKER_WEBSERVER_PORT")}
    assert set(workers) == {
        *("worker_8080", "worker_8081", "parent_8082", "parent_8083"),
        *("conda_8084", "slurm_8085", "slurm_8086", "slurm_8087"),
    }
    for name, (command, environment) in workers.items():
        service, _, port = name.partition("_")
        assert environment["PREFECT_WORKER_WEBSERVER_PORT"] == port
        assert f"--pool={'agent' if service == 'worker' else service}_pool" in command


def test_workers_find_their_files_wherever_the_site_lies(root: Path) -> None:
    root.mkdir()
    key = private_key()
    (root / "id").write_bytes(key)
    login = ("SLURM_HOST=me@login", f"SLURM_SSH_KEY={root / 'id'}", f"SLURM_KNOWN_HOSTS={root / 'id'}")
    read = processes(root, "AGENT_POOLS=parent conda slurm", "CONDA_EXE=/opt/100%/bin/conda", *login)
    parent, conda, slurm = (read[name][1] for name in ("parent_8080", "conda_8081", "slurm_8082"))
    assert Path(parent["SITE_JOB_CONFIG"]) == root / "agent/config.yml"
    assert Path(parent["SITE_CATALOGUE"]) == root / "agent/catalogue.yml"
    assert (conda["CONDA_EXE"], conda["MAMBA_ROOT_PREFIX"]) == ("/opt/100%/bin/conda", "/opt/100%")
    assert (Path(conda["SITE_ALGORITHMS"]) / "pca/pca.py").is_file()
    assert Path(slurm["SITE_SSH_KEY"]).read_bytes() == key
    assert Path(slurm["SITE_SSH_KNOWN_HOSTS"]).is_file()


def test_a_percent_sign_in_a_url(root: Path) -> None:
    shown = "https://prefect.example.org/a=$b/api"
    server = processes(root, f"SERVER_UI_API_URL={shown}")["server"][1]
    assert server["PREFECT_SERVER_UI_API_URL"] == shown
    assert server["PREFECT_SERVER_UI_SERVE_BASE"] == "/a=$b/"
    url = "https://prefect.example.org/a%20b;c'$/api"
    remote = processes(root, "COMPONENTS=agent", f"PREFECT_API_URL={url}", "SERVER_AUTH=false")
    assert list(remote) == ["worker_8080"]
    assert remote["worker_8080"][1]["PREFECT_API_URL"] == url


def test_a_changed_login_starts_the_processes_anew(root: Path) -> None:
    """supervisord compares what it was started with: the secrets themselves it never sees."""
    settings = ("SERVER_DATABASE_PASSWORD=x-y", "SERVER_REDIS_PASSWORD=x-y")
    before = processes(root, *settings, "PREFECT_API_AUTH_STRING=admin:one-login")
    assert processes(root, *settings, "PREFECT_API_AUTH_STRING=admin:one-login") == before
    after = processes(root, *settings, "PREFECT_API_AUTH_STRING=admin:another-login")
    assert all(before[name][1]["SITE_FILES"] != after[name][1]["SITE_FILES"] for name in before)
    assert "another-login" not in (root / "supervisord.conf").read_text(encoding="utf-8")
