"""Names of images, what must be made, what a build may know of this machine, and the script that passes secrets."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.core.errors import SiteError
from stack.images import apt, engine, pip
from stack.images import names as images
from stack.images import secrets as imagebuild_secrets
from stack.images.builder import lacking, relevant
from stack.images.context import context
from stack.images.recipe import Recipe

REPO = Path(__file__).resolve().parents[2]
IMAGES = ("prefect", "flows", "postgres", "redis")
# What is rebuilt if an input of an image changes: the image itself, and all images made from it.
HEIRS = {
    "debian": {"debian", "prefect", "flows", "postgres", "redis", "storage", "flights", "weather", "pca"},
    "prefect": {"prefect", "flows", "storage", "flights", "weather", "pca"},
    "flows": {"flows"},
    "postgres": {"postgres"},
    "redis": {"redis"},
    "storage": {"storage"},
    "flights": {"flights"},
    "weather": {"weather"},
    "pca": {"pca"},
}
FOLDERS = {name: f"images/{name}" for name in HEIRS} | {
    "flights": "client/direct/flights",
    "weather": "client/direct/weather",
    "pca": "client/algorithms/pca",
}
INPUTS = [
    (name, path.name)
    for name in HEIRS
    for path in sorted((REPO / FOLDERS[name]).iterdir())
    if path.is_file() and path.suffix != ".in"
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the recipes, as a site in another folder has one."""
    for folder in ("images", "client/direct", "client/algorithms", "client/flows"):
        shutil.copytree(REPO / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def references(root: Path) -> dict[str, str]:
    return {name: images.reference(name, root) for name in HEIRS}


class TestReference:
    def test_names_image_version_and_content(self) -> None:
        lock = (REPO / "images/prefect/requirements.txt").read_text()
        prefect = re.search(r"^prefect==(\S+)", lock, re.MULTILINE)
        assert prefect
        versions = {"prefect": prefect[1], "flows": prefect[1], "postgres": "15", "redis": "7"}
        for name, version in versions.items():
            pattern = rf"localhost/prefect-site/{name}:{re.escape(version)}-[0-9a-f]{{12}}"
            assert re.fullmatch(pattern, images.reference(name, REPO))

    def test_is_the_same_in_every_folder(self, root: Path) -> None:
        assert references(root) == references(REPO)

    @pytest.mark.parametrize(("name", "file"), INPUTS)
    def test_changes_with_every_input_for_all_heirs(self, root: Path, name: str, file: str) -> None:
        before = references(root)
        with (root / FOLDERS[name] / file).open("a") as text:
            text.write("# another line\n")
        after = references(root)
        assert {each for each in before if before[each] != after[each]} == HEIRS[name]

    def test_changes_with_the_flow_that_is_copied_into_it_and_with_no_other(self, root: Path) -> None:
        before = references(root)
        with (root / "client/flows/flights.py").open("a") as text:
            text.write("# another line\n")
        after = references(root)
        assert {each for each in before if before[each] != after[each]} <= {"flights"}
        before = after
        with (root / "client/flows/weather.py").open("a") as text:
            text.write("# another line\n")
        after = references(root)
        assert {each for each in before if before[each] != after[each]} == {"weather"}

    def test_a_folder_of_flows_counts_with_all_that_is_in_it(self, root: Path) -> None:
        dockerfile = root / "client/direct/weather/Dockerfile"
        dockerfile.write_text("ARG PREFECT_IMAGE\nCOPY --from=flows weather.py tables /opt/weather/\n")
        (root / "client/flows/tables/__pycache__").mkdir(parents=True)
        (root / "client/flows/tables/first.csv").write_text("1\n")
        before = images.reference("weather", root)
        (root / "client/flows/tables/second.csv").write_text("1\n")
        changed = images.reference("weather", root)
        (root / "client/flows/tables/__pycache__/table.pyc").write_bytes(b"x")
        assert changed == images.reference("weather", root) != before

    def test_refuses_a_flow_that_is_not_there(self, root: Path) -> None:
        (root / "client/flows/weather.py").unlink()
        with pytest.raises(SiteError) as refused:
            images.reference("weather", root)
        assert refused.value.faults == (
            f"{root}/client/direct/weather/Dockerfile: copies weather.py from flows, "
            f"and {root}/client/flows has no such file",
        )

    def test_every_folder_with_a_dockerfile_is_a_job_image(self, root: Path) -> None:
        assert images.jobs(root) == ["flights", "weather", "pca"]
        (root / "client/direct/count").mkdir()
        assert images.jobs(root) == ["flights", "weather", "pca"]
        (root / "client/direct/count/Dockerfile").write_text("ARG PREFECT_IMAGE\n")
        assert images.jobs(root) == ["count", "flights", "weather", "pca"]
        assert images.reference("count", root).startswith("localhost/prefect-site/count:3.9.1-")

    def test_what_no_image_can_be_made_of_is_told_at_once(self, root: Path) -> None:
        for folder in ("client/algorithms/MyAlgo", "client/algorithms/weather"):
            (root / folder).mkdir()
            (root / folder / "Dockerfile").write_text("ARG PREFECT_IMAGE\n")
        (root / "client/algorithms/pca/Dockerfile").unlink()
        with pytest.raises(SiteError) as refused:
            images.jobs(root)
        assert refused.value.faults == (
            "client/algorithms/MyAlgo: an image has the name of its folder: lower-case letters and digits, "
            "with . _ - only between them; rename it",
            "client/algorithms/weather: client/direct/weather has the same name; rename one of them",
            "client/algorithms/pca: has no Dockerfile, and deployments name its image; "
            "`git checkout client/algorithms/pca` restores it",
        )

    def test_changes_with_a_new_and_with_a_renamed_file(self, root: Path) -> None:
        before = images.reference("redis", root)
        folder = root / "images/redis"
        (folder / "extra").write_text("x")
        added = images.reference("redis", root)
        (folder / "extra").rename(folder / "other")
        assert len({before, added, images.reference("redis", root)}) == 3

    def test_ignores_what_is_no_part_of_an_image(self, root: Path) -> None:
        before = references(root)
        (root / "images/prefect/requirements.in").write_text("other\n")
        (root / "images/prefect/.swp").write_text("x")
        (root / "images/prefect/x.pyc").write_text("x")
        (root / "images/prefect/with-secrets").chmod(0o600)
        (root / "images/README.md").write_text("x")
        assert references(root) == before

    def test_covers_the_one_mode_that_does_not_follow_from_the_content(self, root: Path) -> None:
        """A program without `#!` is one by its mode alone."""
        tool = root / "images/redis/tool"
        tool.write_text("exec redis-cli\n")
        before = images.reference("redis", root)
        tool.chmod(0o600)
        assert images.reference("redis", root) == before
        tool.chmod(0o700)
        assert images.reference("redis", root) != before

    def test_changes_with_the_base_that_a_setting_names(self) -> None:
        own = re.search(r"^ARG BASE_IMAGE=(\S+)$", (REPO / "images/prefect/Dockerfile").read_text(), re.MULTILINE)
        assert own
        plain = images.reference("flows", REPO)
        assert images.reference("flows", REPO, {"prefect": own[1]}) == plain
        assert images.reference("flows", REPO, {"prefect": ""}) == plain
        assert images.reference("flows", REPO, {"prefect": "mirror.example.org/python:3.11"}) != plain
        assert images.reference("redis", REPO, {"prefect": "mirror.example.org/python:3.11"}) == images.reference(
            "redis", REPO
        )

    def test_refuses_an_image_that_has_no_recipe(self) -> None:
        with pytest.raises(SiteError) as refused:
            images.reference("nothing", REPO)
        assert refused.value.faults == (f"{REPO}/images/nothing: there is no recipe for an image called nothing",)


class TestContext:
    """What docker builds from."""

    def test_modes_are_the_same_under_every_umask(self, root: Path) -> None:
        seen = []
        for mask in (0o777, 0o700):
            for path in (*(root / "images").rglob("*"), *(root / "client").rglob("*")):
                path.chmod(path.stat().st_mode & mask)
            before = os.umask(~mask & 0o777)
            try:
                with context(Recipe("weather", root, {}), root) as copies:
                    seen.append(modes(copies.folder.parent))
            finally:
                os.umask(before)
        assert seen[0] == seen[1]
        assert set(seen[0]) == {
            ("image", 0o755),
            *((f"image/{path.name}", 0o644) for path in (root / "client/direct/weather").iterdir()),
            ("flows", 0o755),
            ("flows/weather.py", 0o644),
        }

    def test_programs_may_run_and_links_stay(self, root: Path) -> None:
        folder = root / "images/redis"
        (folder / "docker-entrypoint.sh").chmod(0o600)  # as on a file system without modes
        (folder / "tool").write_text("exec redis-cli\n")
        (folder / "tool").chmod(0o700)
        (folder / "link").symlink_to("tool")
        with context(Recipe("redis", root, {}), root) as copies:
            seen = dict(modes(copies.folder))
            assert (seen["docker-entrypoint.sh"], seen["tool"], seen["Dockerfile"]) == (0o755, 0o755, 0o644)
            assert (copies.folder / "link").readlink() == Path("tool")
        assert list(root.glob("context-*")) == []


def modes(folder: Path) -> list[tuple[str, int]]:
    found = (path for path in folder.rglob("*") if not path.is_symlink())
    return sorted((path.relative_to(folder).as_posix(), stat.S_IMODE(path.stat().st_mode)) for path in found)


class TestLacking:
    """`present` maps what the engine has to the way it was made."""

    def made(self, names: list[str], present: dict[str, str], mode: str) -> list[str]:
        have = {images.reference(name, REPO): origin for name, origin in present.items()}
        return [recipe.name for recipe in lacking([Recipe(name, REPO, {}) for name in names], have, mode)]

    @pytest.mark.parametrize("mode", ["auto", "pull", "build"])
    def test_parents_come_first_and_once(self, mode: str) -> None:
        assert self.made(["flows", "prefect", "redis"], {}, mode) == ["prefect", "flows", "redis"]

    def test_a_parent_is_made_for_its_child_alone(self) -> None:
        assert self.made(["flows"], {}, "auto") == ["prefect", "flows"]
        assert self.made(["flows"], {"flows": "build"}, "auto") == []
        assert self.made(["flows"], {"prefect": "build"}, "auto") == ["flows"]

    @pytest.mark.parametrize("origin", ["pull", "build", ""])
    def test_auto_takes_what_is_there(self, origin: str) -> None:
        assert self.made(["redis"], {"redis": origin}, "auto") == []

    @pytest.mark.parametrize(("mode", "other"), [("pull", "build"), ("build", "pull"), ("build", "")])
    def test_the_others_insist(self, mode: str, other: str) -> None:
        present = {"prefect": other, "flows": other, "redis": mode, "postgres": other}
        assert self.made(["flows", "redis", "postgres"], present, mode) == ["prefect", "flows", "postgres"]


class TestFailure:
    def test_says_the_last_lines_of_the_step(self) -> None:
        log = [
            "#6 [build-base 2/2] RUN apt-get install x",
            *(f"#6 {n}.101 line {n}" for n in range(7)),
            "#5 0.3 another step",
            "#6 ERROR: process did not complete successfully: exit code: 100",
            *("------", " > [build-base 2/2] RUN apt-get install x:", "line 6", "------"),
            *("Dockerfile:8", "ERROR: failed to solve"),
        ]
        assert relevant(log) == ["line 2", "line 3", "line 4", "line 5", "line 6"]

    def test_says_why_a_step_failed_that_said_nothing(self) -> None:
        log = ["#2 [internal] load metadata for x", "#2 ERROR: failed to do request", "ERROR: failed to solve"]
        assert relevant(log) == ["failed to do request"]

    def test_says_the_last_lines_of_a_log_without_steps(self) -> None:
        assert relevant(["E: no such suite", "", "mmdebstrap failed"]) == ["E: no such suite", "mmdebstrap failed"]
        assert relevant([]) == []

    def test_nothing_is_asked_of_an_engine_for_no_images(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "")
        images.ensure([], REPO, "build", None, {}, print)

    def test_no_docker_command(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "")
        with pytest.raises(SiteError) as refused:
            images.ensure(["redis"], REPO, "auto", None, {}, print)
        assert refused.value.faults == (
            "there is no `docker` command on this machine; install an engine with `make engine`",
        )


class TestRun:
    def test_keeps_and_tells_every_line(self, tmp_path: Path) -> None:
        heard: list[str] = []
        log = tmp_path / "logs" / "x.log"
        status = engine.run(["sh", "-c", "echo one; echo two >&2; exit 3"], log, heard.append)
        assert (status, heard, log.read_text()) == (3, ["one", "two"], "one\ntwo\n")

    def test_ends_only_a_command_that_says_nothing(self, tmp_path: Path) -> None:
        log = tmp_path / "x.log"
        assert engine.run(["sleep", "600"], log, silent_seconds=0.1) == -9
        assert engine.run(["sh", "-c", "echo here; sleep 6"], log, silent_seconds=5) == 0


DEBIAN = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "


class TestAptSources:
    @pytest.fixture
    def etc(self, tmp_path: Path) -> Path:
        (tmp_path / "sources.list.d").mkdir()
        (tmp_path / "os-release").write_text('ID=debian\nVERSION_CODENAME=trixie\nNAME="Debian"\n')
        return tmp_path

    def sources(self, etc: Path) -> list[str]:
        return apt.sources("bookworm", etc, etc / "os-release")

    def test_both_formats_without_other_suites_and_vendors(self, etc: Path) -> None:
        (etc / "sources.list").write_text(
            "# deb http://old.example.org bookworm main\n"
            f"deb {DEBIAN}https://mirror.example.org/debian bookworm main contrib\n"
            "deb-src https://mirror.example.org/debian bookworm main\n"
            "deb https://mirror.example.org/debian bookworm-backports main\n"
            "deb [signed-by=/etc/apt/keyrings/vendor.gpg] https://vendor.example.org bookworm main\n"
            "deb https://vendor.example.org bookworm stable\n"
        )
        (etc / "sources.list.d/debian.sources").write_text(
            "Types: deb deb-src\nURIs: http://m.example.org/security\n# why\n"
            "Suites: bookworm-security bookworm-updates\nComponents: main\n"
            "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n"
            "Types: deb\nURIs: http://off.example.org/debian\nSuites: bookworm\nComponents: main\nEnabled: no\n"
        )
        (etc / "sources.list.d/other.sources.disabled").write_text(
            "Types: deb\nURIs: http://off.example.org/debian\nSuites: bookworm\nComponents: main\n"
        )
        assert self.sources(etc) == [
            f"deb {DEBIAN}https://mirror.example.org/debian bookworm main",
            f"deb {DEBIAN}http://m.example.org/security bookworm-security main",
            f"deb {DEBIAN}http://m.example.org/security bookworm-updates main",
        ]

    def test_another_release_has_its_name_exchanged(self, etc: Path) -> None:
        (etc / "sources.list.d/debian.sources").write_text(
            "Types: deb\nURIs: http://m.example.org/debian\nSuites: trixie trixie-updates\nComponents: main\n"
        )
        assert self.sources(etc) == [
            "deb http://m.example.org/debian bookworm main",
            "deb http://m.example.org/debian bookworm-updates main",
        ]

    def test_none_where_the_machine_is_no_debian(self, etc: Path) -> None:
        (etc / "os-release").write_text("ID=ubuntu\nVERSION_CODENAME=noble\n")
        (etc / "sources.list").write_text("deb http://m.example.org/ubuntu jammy main\n")
        assert self.sources(etc) == []


class TestMachineConfiguration:
    @pytest.fixture
    def pip_conf(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A machine whose only pip configuration is this file."""
        for name in [name for name in os.environ if name.startswith("PIP_")]:
            monkeypatch.delenv(name)
        conf = tmp_path / "pip.conf"
        conf.write_text("")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("PIP_CONFIG_FILE", str(conf))
        return conf

    def test_pip_options_that_a_container_can_use(self, pip_conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pip_conf.write_text(
            "[global]\nindex-url = https://user:p%40ss@index.example.org/simple\n"
            "extra-index-url =\n    file:///somewhere/simple\n    https://extra.example.org/simple\n"
            "find-links = /somewhere/wheels\ntimeout = 7\n[install]\ntimeout = 9\nno-compile = true\n"
        )
        monkeypatch.setenv("PIP_TRUSTED_HOST", "index.example.org")
        assert set(pip.container_configuration("/run/secrets/ca").splitlines()) >= {
            "[global]",
            "index-url = https://user:p%40ss@index.example.org/simple",
            "extra-index-url = https://extra.example.org/simple",
            "timeout = 9",
            "trusted-host = index.example.org",
            "cert = /run/secrets/ca",
        }
        assert "somewhere" not in pip.container_configuration("")
        assert "cert" not in pip.container_configuration("")

    def test_certificates_of_machine_pip_and_site_together(self, pip_conf: Path, tmp_path: Path) -> None:
        own, extra = tmp_path / "own.pem", tmp_path / "extra.pem"
        own.write_text("OWN\n")
        extra.write_text("EXTRA\n")
        pip_conf.write_text(f"[global]\ncert = {own}\n")
        bundle = imagebuild_secrets.trusted(extra)
        assert bundle.endswith("OWN\n\nEXTRA\n")
        assert imagebuild_secrets.trusted(None).endswith("OWN\n")

    def test_a_bundle_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(SiteError) as refused:
            imagebuild_secrets.trusted(tmp_path / "none.pem")
        assert refused.value.faults == (
            f"EXTRA_CA_BUNDLE: {tmp_path}/none.pem does not exist; write the path of a file with certificates",
        )

    def test_paths_of_this_machine_stay_out_of_apt(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        conf = tmp_path / "apt.conf"
        conf.write_text('Acquire::https::CAInfo "/here.pem";\nAcquire::http::Proxy "http://proxy.example.org:3128";\n')
        monkeypatch.setenv("APT_CONFIG", str(conf))
        lines = apt.container_configuration("/run/secrets/ca").splitlines()
        if shutil.which("apt-config"):
            assert 'Acquire::http::Proxy "http://proxy.example.org:3128";' in lines
        assert [line for line in lines if "CAInfo" in line] == ['Acquire::https::CAInfo "/run/secrets/ca";']

    def test_nothing_is_left_of_the_secrets(self) -> None:
        with imagebuild_secrets.secrets(None) as files:
            folder = files["pip"].parent
            assert set(files) == {"ca", "pip", "apt"}
            assert folder.stat().st_mode & 0o077 == 0
        assert not folder.exists()


SCRIPT = REPO / "images/prefect/with-secrets"
# The environment and the arguments of the process that with-secrets becomes; JSON, since they may hold any byte.
TELL = "import json, os, sys; print(json.dumps([{**os.environ}, sys.orig_argv]))"


def with_secrets(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {"SECRETS_DIR": str(folder), "PATH": os.environ["PATH"]}
    return subprocess.run(["sh", str(SCRIPT), *command], env=environment, capture_output=True, text=True, check=False)


class TestWithSecrets:
    @settings(max_examples=30)
    @given(st.lists(st.binary(max_size=40).map(lambda value: value.replace(b"\0", b"")), min_size=1, max_size=5))
    def test_passes_every_content_to_the_byte(self, values: list[bytes]) -> None:
        secrets = {f"SECRET_{number}": value for number, value in enumerate(values)}
        assert self.told(secrets)[0].items() >= {name: os.fsdecode(value) for name, value in secrets.items()}.items()

    def test_passes_hostile_text_and_keeps_it_out_of_the_arguments(self) -> None:
        value = "a'b\"c$HOME\\d `id` $(id) é 漢 %s * ~ !x #y \\\n\n"
        environment, arguments = self.told({"PASSWORD": value.encode()})
        assert environment["PASSWORD"] == value
        assert not any("漢" in argument for argument in arguments)

    def test_takes_only_files_named_like_variables(self) -> None:
        names = ["_A1", "A", "1A", "a", "A.B", "A-B", "Ä", ".HIDDEN", "PREFECT_API_AUTH_STRING"]
        environment, _ = self.told(dict.fromkeys(names, b"taken"))
        taken = {name for name, value in environment.items() if value == "taken"}
        assert taken == {"_A1", "A", "PREFECT_API_AUTH_STRING"}

    def test_a_directory_is_no_secret(self, tmp_path: Path) -> None:
        (tmp_path / "FOLDER").mkdir()
        assert with_secrets(tmp_path, "echo", "ran").stdout == "ran\n"

    def test_runs_without_any_secrets_and_passes_arguments_and_status_on(self, tmp_path: Path) -> None:
        done = with_secrets(tmp_path / "none", "sh", "-c", 'printf "%s|" "$@"; exit 7', "sh", "a b", "")
        assert (done.returncode, done.stdout, done.stderr) == (7, "a b||", "")

    def test_nothing_to_run(self, tmp_path: Path) -> None:
        done = with_secrets(tmp_path)
        assert (done.returncode, done.stderr) == (1, "with-secrets: nothing to run; write the command after it\n")

    def told(self, secrets: dict[str, bytes]) -> tuple[dict[str, str], list[str]]:
        with tempfile.TemporaryDirectory() as name:
            for secret, value in secrets.items():
                (Path(name) / secret).write_bytes(value)
            done = with_secrets(Path(name), sys.executable, "-c", TELL)
        assert done.returncode == 0, done.stderr
        environment, arguments = json.loads(done.stdout)
        return environment, arguments
