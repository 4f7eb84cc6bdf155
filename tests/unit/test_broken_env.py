"""A broken `.env` ends in the right lines and nothing else: no traceback, no file made or changed."""

import gzip
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stack.check import validate
from stack.cli import main
from stack.load import envfile
from tests.sites import REPO, render
from tests.unit.broken import API_URL, EVERY, LINES, SECRETS, SEVERAL, SITE, Broken
from tests.unit.tree import tree


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site that was rendered when its `.env` was still right."""
    root = tmp_path_factory.mktemp("site")
    assert main(["--output", str(root)]) == 0
    return root


Refuses = Callable[..., None]


@pytest.fixture
def refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refuses:
    """Renders, and holds that it ends in these lines and changes nothing in the test's folder."""

    def check(*faults: str, arguments: tuple[str, ...] = (), output: Path = tmp_path) -> None:
        before = tree(tmp_path)
        assert main([*arguments, "--output", str(output)]) == 2
        shown = capsys.readouterr()
        assert shown.err.splitlines() == list(faults)
        assert shown.out == ""
        assert tree(tmp_path) == before

    return check


def test_there_are_enough_of_them() -> None:
    assert len({broken.text for broken in EVERY}) == len(EVERY) >= 150


@pytest.mark.parametrize("broken", EVERY, ids=lambda broken: ascii(broken.text[:60]))
def test_a_broken_file_is_refused(broken: Broken, rendered: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (rendered / ".env").write_bytes(broken.text.encode())
    before = tree(rendered)
    assert main(["--output", str(rendered)]) == 2
    shown = capsys.readouterr()
    assert shown.err.splitlines() == list(broken.faults)
    assert shown.out == ""
    assert tree(rendered) == before


def advice(broken: Broken) -> str:
    """The assignment to write instead, of a file with one fault: `FILE: ...; write for example KEY=value`."""
    return broken.faults[0].partition("; write for example ")[2]


# A file that a user names is on their machine, and the example's is not on this one.
NAMES_A_FILE = ("there is no such file", "not a private key")
MENDABLE = [
    broken
    for broken in EVERY
    if len(broken.faults) == 1 and advice(broken) and not any(words in broken.faults[0] for words in NAMES_A_FILE)
]


def test_most_of_them_say_what_to_write() -> None:
    assert len(MENDABLE) >= 150


@pytest.mark.parametrize("broken", MENDABLE, ids=lambda broken: ascii(broken.text[:60]))
def test_what_a_fault_says_to_write_mends_it(broken: Broken, tmp_path: Path) -> None:
    key = advice(broken).partition("=")[0]
    others = [line for line in broken.text.splitlines() if not line.startswith((f"{key}=", f"\ufeff{key}="))]
    validate.validate(envfile.parse(tmp_path / ".env", "\n".join([*others, advice(broken)])))


@pytest.mark.parametrize("broken", [*SITE[:2], *API_URL[:2], *SECRETS[:3], *LINES[:4], *SEVERAL])
@pytest.mark.parametrize("option", [[], ["--check"], ["--diff"], ["--check", "--diff"], ["doctor"], ["up"], ["down"]])
def test_every_command_refuses_it_where_nothing_was_rendered(
    broken: Broken, option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_bytes(broken.text.encode())
    before = tree(tmp_path)
    assert main([*option, "--output", str(tmp_path)]) == 2
    assert capsys.readouterr().err.splitlines() == list(broken.faults)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("broken", [SITE[2], API_URL[0], SECRETS[4], *LINES[5:12], *SEVERAL])
def test_the_command_itself_refuses_it(broken: Broken, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(broken.text.encode())
    before = tree(tmp_path)
    done = render("--output", str(tmp_path), check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == list(broken.faults)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("content", "byte"),
    [
        ("SITE=älš\n".encode("latin-1", "replace"), 5),
        ("SITE=als\n".encode("utf-16"), 0),
        (gzip.compress(b"SITE=als\n", mtime=0), 1),
        (b"SITE=als\n\x80", 9),
        (b"SITE=\xed\xa0\x80\n", 5),  # half of a surrogate pair
    ],
)
def test_what_is_no_text_is_refused(content: bytes, byte: int, tmp_path: Path, refuses: Refuses) -> None:
    env = tmp_path / ".env"
    env.write_bytes(content)
    refuses(f"{env}: byte {byte} is not UTF-8 text; save the file as UTF-8")


def test_a_huge_file_is_refused(tmp_path: Path, refuses: Refuses) -> None:
    env = tmp_path / ".env"
    env.write_bytes(b"#" * 1_000_001)
    refuses(f"{env}: too large for a .env file (1000000 bytes at most); give the path of a .env file")


def test_a_directory_is_refused(tmp_path: Path, refuses: Refuses) -> None:
    (tmp_path / ".env").mkdir()
    refuses(f"{tmp_path / '.env'}: this is a directory; give the path of the .env file in it")


def test_a_pipe_is_refused(tmp_path: Path, refuses: Refuses) -> None:
    os.mkfifo(tmp_path / ".env")
    refuses(f"{tmp_path / '.env'}: this is a device or a pipe, not a .env file; give the path of a .env file")


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/dev/zero", "this is a device or a pipe, not a .env file; give the path of a .env file"),
        ("/proc/self/mem", "cannot be read (Input/output error); give a readable file with --env"),
        ("/etc", "this is a directory; give the path of the .env file in it"),
        ("/no/such/.env", "there is no such file; make it with `mkdir -p /no/such && cp {example} /no/such/.env`"),
        (f"/{'a' * 300}", "cannot be read (File name too long); give a readable file with --env"),
    ],
)
def test_what_is_no_file_is_refused(path: str, fault: str, refuses: Refuses) -> None:
    example = os.path.relpath(REPO / ".env.example")
    refuses(f"{path}: {fault.format(example=example)}", arguments=("--env", path))


def test_a_file_is_no_folder(refuses: Refuses) -> None:
    refuses(
        "/dev/null: this is not a folder; with --env, name a file in a folder", arguments=("--env", "/dev/null/.env")
    )


def test_a_link_to_the_example_is_the_example(tmp_path: Path, refuses: Refuses) -> None:
    (tmp_path / ".env.example").write_text("SITE=mine\n")
    env = tmp_path / "als.env"
    env.symlink_to(".env.example")
    fault = "this is the example, and a render writes secrets into its file; copy it to another name"
    refuses(f"{env}: {fault}", arguments=("--env", str(env)))


def test_the_example_is_copied_and_not_filled(tmp_path: Path, refuses: Refuses) -> None:
    env = tmp_path / ".env.example"
    env.write_text("SITE=mine\n")
    fault = "this is the example, and a render writes secrets into its file; copy it to another name"
    refuses(f"{env}: {fault}", arguments=("--env", str(env)))


def test_another_env_needs_a_folder_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(tmp_path)
    assert main(["--env", str(tmp_path / "als.env")]) == 2
    assert capsys.readouterr().err == (
        "--env names another site; name its folder as well, with --output, for example --output sites/als\n"
    )
    assert tree(tmp_path) == before


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path, refuses: Refuses) -> None:
    (tmp_path / "site").write_text("a file", encoding="utf-8")
    fault = f"{tmp_path / 'site'}: a file is in the way of a folder; move it away, or choose another --output"
    refuses(fault, output=tmp_path / "site")
    refuses(fault, output=tmp_path / "site" / "below" / "it")


def test_a_folder_in_place_of_files_is_refused(tmp_path: Path, refuses: Refuses) -> None:
    for name in ("server/compose.yaml", "supervisord.conf", "agent/secrets/PREFECT_API_AUTH_STRING"):
        (tmp_path / name).mkdir(parents=True)
    refuses(
        *(
            f"{tmp_path / name}: a directory is in the way of a file; move it away"
            for name in ("agent/secrets/PREFECT_API_AUTH_STRING", "server/compose.yaml", "supervisord.conf")
        ),
    )


def test_a_folder_that_takes_no_files_is_refused(refuses: Refuses) -> None:
    """Also for root: no user can write below /proc."""
    fault = "/proc/site/.env: cannot be written (No such file or directory); nothing was changed"
    refuses(fault, output=Path("/proc/site"))


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system that is mounted read-only."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_folder_is_refused(read_only: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--output", str(read_only)]) == 2
    assert capsys.readouterr().err == (
        f"{read_only}: cannot be written by this user; correct its owner or mode, or choose another --output\n"
    )
