"""A component is added with its module, its line in the list, its template and its page, and nothing else."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import sites
from tests.sites import REPO

MODULE = '''\
"""echo/: answers with what it is sent."""

from collections.abc import Iterator

from stack.components.component import PASSWORD, Component, Secrets
from stack.settings import values
from stack.settings.settings import Fault, Rules, Section, Settings, setting


class EchoSettings(Section):
    """echo/: answers"""

    ECHO_BIND: values.BindAddress = setting("127.0.0.1", "Address of this machine on which it answers.", "127.0.0.1")
    ECHO_PORT: values.Port = setting(7007, "Port of this machine on which it answers.", "7007")
    ECHO_WORD: values.Secret = setting("", "What it answers with. Empty: one is made.", "any-text", secret=True)


def port_is_high(settings: Settings) -> Iterator[Fault]:
    if settings.ECHO_PORT < 1024:
        yield Fault("ECHO_PORT", "a port below 1024 needs root; write a higher one")


def secrets(settings: Settings) -> Secrets:
    return Secrets({"ECHO_WORD": settings.ECHO_WORD})


def made(_: Settings) -> dict[str, str]:
    return {"ECHO_WORD": PASSWORD}


RULES: Rules = {port_is_high: ("ECHO_PORT",)}

ECHO = Component(
    noun="echo",
    name="echo",
    folder="echo",
    images=("prefect",),
    published="ECHO",
    memory={"echo": "256m"},
    sections=(EchoSettings,),
    rules=RULES,
    secrets=secrets,
    made=made,
)
'''
TEMPLATE = """\
# {{ header }}
name: {{ echo.project }}

x-labels: &labels {{ site.labels | compose }}
x-container-labels: &container-labels {<<: *labels, site.files: "{{ mounted.digest }}"}

services:
  echo:
    image: {{ images.prefect | compose }}
    command: [python, -m, http.server, "7007"]
    labels: *container-labels
    {{ limits.service("echo", "echo") }}
    restart: unless-stopped
    secrets: {{ mounted.secrets | compose }}
    networks: [site]
    ports: [{target: 7007, published: "{{ settings.ECHO_PORT }}", host_ip: {{ settings.ECHO_BIND | compose }}}]
    healthcheck: {test: [CMD, answers, "7007", /]}

networks:
  site: {name: {{ settings.SITE | compose }}, external: true}

secrets:
{% for name in mounted.secrets %}
  {{ name }}: {file: ./secrets/{{ name }}}
{% endfor %}
"""
LIST = "stack/components/all.py"
# Two lines of the list: the import and the entry.
LINES = {
    "from stack.components.dockerworkers import DockerWorkers\n": "from stack.components.echo import ECHO\n",
    "    STORAGE,\n": "    ECHO,\n",
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with the component `echo`."""
    root = tmp_path_factory.mktemp("checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPO, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (REPO / name).is_file() and not name.startswith("tests/"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPO / name, root / name)
    for name, text in {
        "stack/components/echo.py": MODULE,
        "templates/echo/compose.yaml.j2": TEMPLATE,
        "echo/README.md": "# echo\n\nAnswers with what it is sent.\n",
    }.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    text = (root / LIST).read_text(encoding="utf-8")
    for line, added in LINES.items():
        assert text.count(line) == 1
        text = text.replace(line, line + added)
    (root / LIST).write_text(text, encoding="utf-8")
    return root


def run(root: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *arguments], cwd=root, capture_output=True, text=True, check=False)


def values(root: Path) -> dict[str, str]:
    lines = (root / ".env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def test_it_is_rendered_and_compose_takes_it(checkout: Path) -> None:
    sites.need(sites.compose_fault())
    (checkout / ".env").write_text("SITE=added\nCOMPONENTS=server echo\nECHO_PORT=7017\n", encoding="utf-8")
    rendered = run(checkout, "render.py")
    assert rendered.returncode == 0, rendered.stderr
    command = ["docker", "compose", "config", "--format", "json"]
    done = subprocess.run(command, cwd=checkout / "echo", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    config = json.loads(done.stdout)
    assert config["name"] == "added-echo"
    assert config["services"]["echo"]["ports"][0]["published"] == "7017"
    assert config["networks"]["site"]["external"] is True
    assert config["services"]["echo"]["mem_limit"] == str(256 * 2**20)
    assert [Path(secret["file"]).name for secret in config["secrets"].values()] == ["ECHO_WORD"]


def test_its_secret_is_made_once_and_kept_in_env(checkout: Path) -> None:
    (checkout / ".env").write_text("COMPONENTS=server echo\n", encoding="utf-8")
    assert run(checkout, "render.py").returncode == 0
    word = values(checkout)["ECHO_WORD"]
    assert len(word) == 32
    assert (checkout / "echo/secrets/ECHO_WORD").read_text(encoding="utf-8") == word
    assert run(checkout, "render.py").stdout.splitlines()[-1].endswith("nothing changed")
    assert values(checkout)["ECHO_WORD"] == word


def test_its_rule_and_its_port_are_checked_with_all_others(checkout: Path) -> None:
    (checkout / ".env").write_text(
        "COMPONENTS=server registry echo\nREGISTRY_PORT=7007\nECHO_WORT=x\n", encoding="utf-8"
    )
    refused = run(checkout, "render.py")
    assert refused.returncode != 0
    port, word = refused.stderr.splitlines()
    assert port == ".env: ECHO_PORT=: port 7007 is used twice: REGISTRY_PORT has it; write for example ECHO_PORT=7008"
    assert word.startswith(".env:3: ECHO_WORT ")
    assert "did you mean ECHO_WORD?" in word
    (checkout / ".env").write_text("COMPONENTS=server echo\nECHO_PORT=80\n", encoding="utf-8")
    assert run(checkout, "render.py").stderr.splitlines() == [
        ".env:2: ECHO_PORT=80: a port below 1024 needs root; write a higher one; write for example ECHO_PORT=7007"
    ]


def test_its_settings_are_in_the_example_and_on_the_page(checkout: Path) -> None:
    assert run(checkout, "-m", "stack.components").returncode == 0
    assert "\nECHO_PORT=7007\n" in (checkout / ".env.example").read_text(encoding="utf-8")
    assert "| `ECHO_PORT` | `7007` |" in (checkout / "docs/settings.md").read_text(encoding="utf-8")
    assert "storage echo agent" in (checkout / ".env.example").read_text(encoding="utf-8")
