"""A bundle: what is in it, and what `load` makes of one that is whole, damaged, forged, or for another machine."""

import dataclasses
import gzip
import hashlib
import io
import os
import platform
import shlex
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stack import cli, site
from stack.bundle import files as bundle_files
from stack.bundle import images as bundle_images
from stack.bundle import packages
from stack.bundle.format import Manifest
from stack.core.errors import SiteError
from stack.run import engine, up
from tests.sites import REPO
from tests.unit.tree import tree

Members = dict[str, tuple[tarfile.TarInfo, bytes]]

SETTINGS = "SITE=lab\nSERVER_DATABASE=sqlite\n"
SCHEDULES = "weather: [{cron: '0 6 * * *'}]\n"
ELSEWHERE = "PREFECT_API_URL=http://p/api\nSERVER_AUTH=false\n"
IMAGES = b"layers" * 1000
WHEEL = "jinja2-3.1.6-py3-none-any.whl"
AGAIN = "copy it again from the machine that made it"
REAL_SAVE = bundle_images.save
PYTHON = Path(sys.base_prefix) / "bin" / "python3"


def save(images: list[str], path: Path) -> None:
    path.write_bytes(IMAGES)


def download(folder: Path) -> list[Path]:
    folder.mkdir()
    (folder / WHEEL).write_bytes(b"wheel")
    return [folder / WHEEL]


@pytest.fixture(scope="module", autouse=True)
def _without_engine_and_index() -> Iterator[None]:
    """Images and packages are not what is tried here; all else is the real thing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "unusable", lambda: None)
        patch.setattr(up, "make_images", lambda site: None)
        patch.setattr(bundle_images, "save", save)
        patch.setattr(packages, "download", download)
        yield


def make(folder: Path, *arguments: str, settings: str = SETTINGS) -> Path:
    """The bundle of a site in a folder of its own."""
    root = folder / "rendered"
    root.mkdir(exist_ok=True)
    (root / ".env").write_text(settings)
    file = folder / "lab.bundle.tar.gz"
    assert cli.main(["bundle", "--output", str(root), "--to", str(file), *arguments]) == 0
    return file


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("made"))


def read(archive: Path) -> Members:
    with tarfile.open(archive) as tar:
        return {one.name: (one, file.read() if (file := tar.extractfile(one)) else b"") for one in tar}


def write(archive: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return archive


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a machine whose `docker load` and `make` write down what they were given."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program(programs / "docker", f'test "$1" = load || exit 0\ncat > {shlex.quote(str(tmp_path / "loaded"))}')
    program(programs / "make", f'printf "%s\\n" "$@" > {shlex.quote(str(tmp_path / "made"))}')
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    (tmp_path / "there").mkdir()
    return tmp_path / "there"


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def load(archive: Path, machine: Path) -> int:
    return cli.main(["load", str(archive), "--output", str(machine / "lab")])


def nothing_happened(machine: Path) -> bool:
    return not list(machine.iterdir()) and not (machine.parent / "loaded").exists()


# What is in it


def test_only_its_owner_may_read_it(made: Path) -> None:
    assert made.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in made.parent.iterdir() if path != made] == ["rendered"]


def test_every_file_is_in_the_list_of_checksums(made: Path, tmp_path: Path) -> None:
    with tarfile.open(made) as tar:
        tar.extractall(tmp_path, filter="data")
    done = subprocess.run(
        ["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    listed = {line.split("  ")[1] for line in (tmp_path / "SHA256SUMS").read_text().splitlines()}
    assert listed == {name for name, (info, _) in read(made).items() if info.isfile()} - {"SHA256SUMS"}


def test_the_site_in_it_is_the_one_that_its_own_render_makes(made: Path, tmp_path: Path) -> None:
    with tarfile.open(made) as tar:
        tar.extractall(tmp_path, filter="tar")
    command = [sys.executable, str(tmp_path / "site/render.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("new     .site/rendered\n", "")


def test_a_failed_one_leaves_the_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = make(tmp_path)
    before = file.read_bytes()

    def full(images: list[str], path: Path) -> None:
        path.write_bytes(b"half")
        raise SiteError("images: no space left")

    monkeypatch.setattr(bundle_images, "save", full)
    assert cli.main(["bundle", "--output", str(tmp_path / "rendered"), "--to", str(file)]) == 2
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name, "rendered"]


def test_what_users_put_beside_the_site_is_in_it(tmp_path: Path) -> None:
    make(tmp_path)
    own = {
        "agent/compose.override.yaml": "services: {worker: {image: lab/flows:1}}\n",
        "client/deployments/mine.yaml": "deployments: [{work_pool: {job_variables: {image: lab/job:2}}}]\n",
        "client/flows/mine.py": "",
        "schedules.yml": SCHEDULES,
        "catalogue.yml": (REPO / "catalogue.example.yml").read_text(),
    }
    for name, content in own.items():
        (tmp_path / "rendered" / name).write_text(content)
    found = read(make(tmp_path))
    assert {name: found[f"site/{name}"][1].decode() for name in own} == own
    images = Manifest.parse(found["bundle.json"][1]).images
    assert [image for image in images if not image.startswith("localhost/")] == ["lab/flows:1", "lab/job:2"]


def test_a_site_of_processes_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine, "unusable", lambda: "there is no docker command")
    (tmp_path / ".env").write_text(SETTINGS)
    assert cli.main(["bundle", "--output", str(tmp_path), "--to", str(tmp_path / "x")]) == 2
    assert capsys.readouterr().err == (
        "only a site in containers has a bundle, and lab runs as processes; start an engine with `make engine`, "
        f"and remove {tmp_path}/.site/engine if it is there\n"
    )
    assert not (tmp_path / "x").exists()


def test_what_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lab.yml").write_text(SCHEDULES)
    (tmp_path / "algorithms").mkdir()
    elsewhere = f"CONDA_ALGORITHMS={tmp_path}/algorithms\nCLIENT_SCHEDULES={tmp_path}/lab.yml\n"
    file = make(tmp_path, settings=f"{SETTINGS}{elsewhere}")
    said = capsys.readouterr().out.splitlines()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert "images: 2, 6 kB" in said
    assert "packages: 1, 0 kB" in said
    assert said[-5:-3] == [
        f"{line}: not in the bundle; the other machine needs it at the same path" for line in elsewhere.splitlines()
    ]
    assert said[-3].startswith(f"{file}: ")
    assert said[-3].endswith(f", sha256 {digest}")
    assert said[-2] == (
        "it contains .env with every secret of the site: anyone who can read it controls the site (its mode is 0600)"
    )
    assert said[-1] == f"on the other machine: tar xzf {file.name} load && python3 load {file.name}"


@pytest.mark.parametrize(
    ("to", "fault"),
    [
        ("", "{folder}: this is a folder; name the file to write, for example --to {name}/lab.bundle.tar.gz"),
        ("no/x", "{folder}/no: this folder does not exist; make it, or name another file with --to"),
    ],
)
def test_a_place_where_none_can_be(tmp_path: Path, capsys: pytest.CaptureFixture[str], to: str, fault: str) -> None:
    (tmp_path / ".env").write_text(SETTINGS)
    assert cli.main(["bundle", "--output", str(tmp_path), "--to", str(tmp_path / to)]) == 2
    assert capsys.readouterr().err == fault.format(folder=tmp_path, name=tmp_path.name) + "\n"


# Which images


def images_of(folder: Path, settings: str) -> list[str]:
    (folder / ".env").write_text(settings)
    loaded = site.load(folder / ".env", folder)
    found = bundle_images.wanted(loaded, bundle_files.tree(loaded))
    return [image.removeprefix("localhost/prefect-site/").partition(":")[0] for image in found]


@pytest.mark.parametrize(
    ("settings", "images"),
    [
        ("", ["postgres", "redis", "prefect", "flows"]),
        ("SERVER_DATABASE=sqlite\n", ["prefect", "flows"]),
        ("SERVER_DATABASE=sqlite\nAGENT_IMAGE=lab/flows:1\n", ["prefect", "lab/flows"]),
        ("COMPONENTS=server agent client\nDOCKER_JOB_IMAGE=lab/job:1\n", ["postgres", "redis", "prefect", "flows"]),
        (
            f"{ELSEWHERE}COMPONENTS=worker-docker\nDOCKER_JOB_IMAGE=lab/job:1\n",
            ["lab/job", "worker-docker", "prefect", "flows", "flights", "weather", "pca"],
        ),
        (
            f"{ELSEWHERE}COMPONENTS=worker-dind registry\n",
            ["registry", "worker-docker", "dind", "prefect", "flows", "flights", "weather", "pca"],
        ),
    ],
)
def test_images_are_those_that_the_files_name(tmp_path: Path, settings: str, images: list[str]) -> None:
    assert sorted(images_of(tmp_path, settings)) == sorted(images)


def test_images_that_the_engine_lacks_are_all_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "docker", "exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(SiteError) as refused:
        REAL_SAVE(["lab/a:1", "lab/b:2"], tmp_path / "images.tar")
    assert refused.value.faults == (
        "lab/a:1: this machine's engine does not have this image; run `docker pull lab/a:1`",
        "lab/b:2: this machine's engine does not have this image; run `docker pull lab/b:2`",
    )


# Loading


def test_load_needs_no_package_and_starts_the_site(made: Path, machine: Path) -> None:
    subprocess.run(["tar", "xzf", made, "load"], cwd=machine, check=True)
    command = [str(PYTHON), "-I", "-S", "load", str(made)]
    done = subprocess.run(command, cwd=machine, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"the site is in {machine / 'lab'}" in done.stdout.splitlines()
    assert (machine.parent / "loaded").read_bytes() == IMAGES
    given = (machine.parent / "made").read_text().splitlines()
    assert given[:4] == ["--no-print-directory", "--directory", str(machine / "lab"), "up"]
    assert given[5:] == ["ENV=", "OUTPUT="]

    written = tree(machine / "lab")
    files = {name.removeprefix("site/") for name in read(made) if name.startswith("site/")}
    assert files <= written.keys()
    assert written[f"wheels/{WHEEL}"][2] == b"wheel"
    modes = {name: oct(written[name][0] & 0o777) for name in (".env", "server/secrets", "render.py", "stack")}
    assert modes == {".env": "0o600", "server/secrets": "0o700", "render.py": "0o644", "stack": "0o755"}


def test_load_of_a_checkout_needs_no_package_either(made: Path, machine: Path) -> None:
    command = [str(PYTHON), "-S", str(REPO / "render.py"), "load", str(made)]
    done = subprocess.run(command, cwd=machine, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (machine / "lab/.env").is_file()


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def changed(members: Members) -> list[str]:
    info, content = members["site/render.py"]
    members["site/render.py"] = (info, flipped(content))
    return ["site/render.py has changed since the bundle was made"]


def changed_twice(members: Members) -> list[str]:
    info, content = members["images.tar"]
    members["images.tar"] = (info, content[:-1])
    return ["images.tar has changed since the bundle was made", *changed(members)]


def without_one(members: Members) -> list[str]:
    del members["site/Makefile"]
    return ["site/Makefile has changed since the bundle was made"]


def with_another(members: Members) -> list[str]:
    members["site/more"] = (tarfile.TarInfo("site/more"), b"more")
    return ["site/more has changed since the bundle was made"]


def without_list(members: Members) -> list[str]:
    del members["SHA256SUMS"]
    return ["ends too early, without SHA256SUMS"]


@pytest.mark.parametrize("harm", [changed, changed_twice, without_one, with_another, without_list])
def test_what_is_not_as_it_was_bundled_is_named(
    made: Path, machine: Path, capsys: pytest.CaptureFixture[str], harm: Callable[[Members], list[str]]
) -> None:
    members = read(made)
    faults = harm(members)
    archive = write(machine.parent / "harmed", list(members.values()))
    assert load(archive, machine) == 2
    assert capsys.readouterr().err.splitlines() == [f"{archive}: {fault}; {AGAIN}" for fault in faults]
    assert nothing_happened(machine)


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        (lambda data: data[: len(data) // 2], "ends too early"),
        (lambda data: data[:-1], "ends too early"),
        (lambda data: data[:100], "ends too early"),
        (lambda data: data[:-8] + b"\0\0\0\0" + data[-4:], "damaged, or not the bundle of a site"),
        (lambda data: b"no archive", "damaged, or not the bundle of a site"),
        (lambda data: gzip.compress(b"no archive" * 1000), "damaged, or not the bundle of a site"),
        (lambda data: b"", "damaged, or not the bundle of a site"),
    ],
)
def test_a_damaged_archive_is_refused_in_one_line(
    made: Path, machine: Path, capsys: pytest.CaptureFixture[str], harm: Callable[[bytes], bytes], fault: str
) -> None:
    archive = machine.parent / "damaged"
    archive.write_bytes(harm(made.read_bytes()))
    assert load(archive, machine) == 2
    assert capsys.readouterr().err == f"{archive}: {fault}; {AGAIN}\n"
    assert nothing_happened(machine)


def test_an_archive_with_a_flipped_bit_is_refused_in_one_line(
    made: Path, machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which of the two it is depends on where the bit is, and no two bundles are alike."""
    archive = machine.parent / "damaged"
    archive.write_bytes(flipped(made.read_bytes()))
    assert load(archive, machine) == 2
    told = ("ends too early", "damaged, or not the bundle of a site")
    assert capsys.readouterr().err in [f"{archive}: {fault}; {AGAIN}\n" for fault in told]
    assert nothing_happened(machine)


def test_an_archive_of_something_else(made: Path, machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    members = read(made)
    del members["bundle.json"]
    archive = write(machine.parent / "other", list(members.values()))
    assert load(archive, machine) == 2
    assert capsys.readouterr().err == f"{archive}: not the bundle of a site; `python render.py bundle` makes one\n"


def test_no_archive_at_all(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert load(machine / "none", machine) == 2
    assert capsys.readouterr().err == (
        f"{machine}/none: No such file or directory; correct that and run the same command again\n"
    )


def special(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    "member",
    [
        special("../outside"),
        special("/tmp/outside"),
        special("site/../../outside"),
        special("outside"),
        special("site"),
        special("site/link", tarfile.SYMTYPE, "/etc/passwd"),
        special("site/link", tarfile.LNKTYPE, "/etc/passwd"),
        special("site/device", tarfile.CHRTYPE),
        special("site/pipe", tarfile.FIFOTYPE),
        special("load/x", tarfile.DIRTYPE),
        special("../outside", tarfile.DIRTYPE),
        special("site/render.py"),
    ],
    ids=lambda member: f"{member.name}-{member.type.decode()}",
)
def test_a_member_that_would_land_elsewhere_is_refused(
    made: Path, machine: Path, capsys: pytest.CaptureFixture[str], member: tarfile.TarInfo
) -> None:
    """Also where the list of checksums was made to fit."""
    members = read(made)
    info, sums = members.pop("SHA256SUMS")
    more = f"{hashlib.sha256(b'').hexdigest()}  {member.name}\n".encode()
    archive = write(machine.parent / "forged", [*members.values(), (member, b""), (info, sums + more)])
    assert load(archive, machine) == 2
    assert capsys.readouterr().err == f"{archive}: {member.name} does not belong in a bundle; do not use this archive\n"
    assert nothing_happened(machine)


VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
OWN = "3.9.1"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"format": 2}, "has format 2, and this program loads 1; use the `load` inside the bundle"),
        (
            {"prefect": "3.9.0"},
            f"made for Prefect 3.9.0, and this program is for {OWN}; use the `load` inside the bundle",
        ),
        ({"python": "3.9"}, f"made for Python 3.9, and this is {VERSION}; load it with python3.9"),
        (
            {"architecture": "vax"},
            f"made for vax, and this machine is {platform.machine()}; make it on such a machine",
        ),
    ],
)
def test_a_bundle_for_another_machine_is_refused(
    made: Path, machine: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object], fault: str
) -> None:
    members = read(made)
    info, text = members["bundle.json"]
    other = dataclasses.replace(Manifest.parse(text), **change)  # type: ignore[arg-type]
    members["bundle.json"] = (info, other.text().encode())
    archive = write(machine.parent / "other", list(members.values()))
    assert load(archive, machine) == 2
    assert capsys.readouterr().err == f"{archive}: {fault}\n"
    assert nothing_happened(machine)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"{", b"\xff"])
def test_a_damaged_manifest(made: Path, machine: Path, capsys: pytest.CaptureFixture[str], text: bytes) -> None:
    members = read(made)
    members["bundle.json"] = (members["bundle.json"][0], text)
    archive = write(machine.parent / "other", list(members.values()))
    assert load(archive, machine) == 2
    assert (
        capsys.readouterr().err == f"{archive}: bundle.json is damaged, or has the format of another version; {AGAIN}\n"
    )


def test_all_that_the_machine_lacks_is_said_at_once(
    made: Path, machine: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(machine))
    monkeypatch.setattr(engine, "unusable", lambda: "there is no docker command")
    (machine / "lab").mkdir()
    (machine / "lab/mine").touch()
    assert load(made, machine) == 2
    assert capsys.readouterr().err.splitlines() == [
        "this site runs in containers, and there is no docker command",
        "this machine has no `make`; install your distribution's",
        f"{machine}/lab: already exists; name a new folder with --output",
    ]
    assert [path.name for path in machine.iterdir()] == ["lab"]


def test_images_that_the_engine_refuses_leave_no_site(
    made: Path, machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program(machine.parent / "bin/docker", 'test "$1" = load || exit 0\necho no space left on device >&2; exit 1')
    assert load(made, machine) == 2
    assert capsys.readouterr().err == "images: the engine refuses them: no space left on device\n"
    assert not list(machine.iterdir())


def test_a_start_that_fails_leaves_the_site_and_says_how_to_go_on(
    made: Path, machine: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program(machine.parent / "bin/make", "exit 2")
    assert load(made, machine) == 2
    root = machine / "lab"
    assert (
        capfd.readouterr().err
        == f"{root}: `make up` failed, and its output above says why; correct that and run it there again\n"
    )
    assert (root / "render.py").is_file()


# The commands


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["load"], "load: error: the following arguments are required: FILE"),
        (["up", "x"], "up: error: up does not take x"),
        (["up", "--to", "x"], "up: error: up does not take --to x"),
        (["--to", "x", "up"], "up: error: up does not take --to"),
        (["load", "x", "--env", "y"], "load: error: load does not take --env y"),
    ],
)
def test_arguments_that_do_not_belong_together(
    arguments: list[str], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == cli.FAULT
    assert capsys.readouterr().err.splitlines()[-1] == f"render.py {fault}"


def test_make_takes_the_packages_from_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text((REPO / "Makefile").read_text() + "\nshow:\n\t@env | grep ^PIP_ | sort\n")
    environment = {"PATH": os.environ["PATH"]}

    def said() -> str:
        command = ["make", "--no-print-directory", "show"]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        ).stdout

    assert said() == ""
    (tmp_path / "wheels").mkdir()
    assert said() == "PIP_FIND_LINKS=wheels\nPIP_NO_INDEX=1\n"
