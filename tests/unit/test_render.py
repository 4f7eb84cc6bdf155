"""What render writes, shows and removes; all or nothing."""

import errno
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from stack import site
from stack.cli import main
from stack.components.all import ALL
from stack.core.errors import SiteError
from stack.render import templates
from stack.settings.settings import Settings
from tests.sites import REPO
from tests.unit.tree import tree

Capture = pytest.CaptureFixture[str]
# What has the server's port in it.
CHANGED = "".join(
    f"changed {path}\n"
    for path in (
        "server/compose.yaml",
        "agent/compose.yaml",  # with the address to which links lead
        "client/compose.yaml",
        "supervisord.conf",
        "site.svg",
        ".site/profile/profiles.toml",
    )
)


@pytest.fixture
def root(tmp_path: Path, capsys: Capture) -> Path:
    """A rendered site."""
    assert main(["--output", str(tmp_path / "site")]) == 0
    capsys.readouterr()
    return tmp_path / "site"


def edit(root: Path, pattern: str, replacement: str) -> None:
    """Changes the one place of `.env` that the pattern finds."""
    text, places = re.subn(pattern, replacement, (root / ".env").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert places == 1
    (root / ".env").write_text(text, encoding="utf-8")


def test_a_fresh_render_passes_the_check(root: Path, capsys: Capture) -> None:
    before = tree(root)
    assert main(["--output", str(root), "--check"]) == 0
    assert main(["--output", str(root), "--diff"]) == 0
    assert capsys.readouterr().out == ""
    assert tree(root) == before


def test_one_changed_character_is_drift(root: Path, capsys: Capture) -> None:
    edit(root, "^SERVER_PORT=4200$", "SERVER_PORT=4201")
    before = tree(root)
    assert main(["--output", str(root), "--check"]) == 1
    assert capsys.readouterr().out == CHANGED
    assert tree(root) == before


def test_the_diff_names_files_and_shows_lines(root: Path, capsys: Capture) -> None:
    edit(root, "^SERVER_PORT=4200$", "SERVER_PORT=4201")
    before = tree(root)
    assert main(["--output", str(root), "--diff"]) == 0
    shown = capsys.readouterr().out
    assert "--- server/compose.yaml\n+++ server/compose.yaml\n" in shown
    assert '-    ports: [{target: 4200, published: "4200", host_ip: "127.0.0.1"}]\n' in shown
    assert '+    ports: [{target: 4200, published: "4201", host_ip: "127.0.0.1"}]\n' in shown
    assert shown.endswith(CHANGED)
    assert tree(root) == before
    assert main(["--output", str(root), "--diff", "--check"]) == 1


def test_the_diff_hides_secrets(root: Path, capsys: Capture) -> None:
    old = (root / "agent/secrets/PREFECT_API_AUTH_STRING").read_text(encoding="utf-8")
    edit(root, "^PREFECT_API_AUTH_STRING=.*$", "PREFECT_API_AUTH_STRING=admin:a-new-one")
    assert main(["--output", str(root), "--diff"]) == 0
    shown = capsys.readouterr().out
    path = "agent/secrets/PREFECT_API_AUTH_STRING"
    assert f"--- {path}\n+++ {path}\n(content not shown)\n" in shown
    assert "a-new-one" not in shown
    assert old not in shown


def test_the_diff_of_a_site_that_is_not_there_hides_its_secrets(tmp_path: Path, capsys: Capture) -> None:
    assert main(["--output", str(tmp_path / "new"), "--diff"]) == 0
    shown = capsys.readouterr().out
    assert "--- .env\n+++ .env\n(content not shown)\n" in shown
    assert "admin:" not in shown
    assert not (tmp_path / "new").exists()


def test_a_changed_setting_changes_its_files_alone(root: Path, capsys: Capture) -> None:
    before = tree(root)
    edit(root, "^AGENT_LIMIT=4$", "AGENT_LIMIT=5")
    assert main(["--output", str(root)]) == 0
    assert capsys.readouterr().out == (
        f"changed agent/compose.yaml\nchanged supervisord.conf\n"
        f"site prefect-site (server agent client): 2 of {len(before) - folders(root)} files written\n"
    )
    after = tree(root)
    assert {path for path in after if after[path] != before.get(path)} == {
        ".env",
        "agent/compose.yaml",
        "supervisord.conf",
    }


def folders(root: Path) -> int:
    return sum(path.is_dir() for path in root.rglob("*"))


def test_an_edited_file_is_written_anew(root: Path, capsys: Capture) -> None:
    before = tree(root)
    (root / "client/prefect.yaml").write_text("mine", encoding="utf-8")
    (root / "server/compose.yaml").unlink()
    assert main(["--output", str(root)]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["new     server/compose.yaml", "changed client/prefect.yaml"]
    assert {path: entry[2] for path, entry in tree(root).items()} == {path: entry[2] for path, entry in before.items()}


def test_a_component_taken_out_takes_its_files_along(root: Path, capsys: Capture) -> None:
    mine = root / "agent/compose.override.yaml"
    mine.write_text("services: {}\n", encoding="utf-8")
    edit(root, "^COMPONENTS=.*$", "COMPONENTS=server client")
    assert main(["--output", str(root), "--check"]) == 1
    checked = capsys.readouterr().out
    assert main(["--output", str(root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "agent is no longer in COMPONENTS; stop what still runs of it with: docker compose -p prefect-site-agent down"
    )
    gone = [line.split()[1] for line in lines if line.startswith("gone ")]
    assert gone == [
        "agent/base-job-template.json",
        "agent/compose.yaml",
        "agent/process_worker.py",
        "agent/secrets/PREFECT_API_AUTH_STRING",
    ]
    assert all(f"gone    {path}" in checked for path in gone)
    assert list((root / "agent").iterdir()) == [mine], "what the user put there is the user's"
    assert lines[-1].endswith(f"{len(lines) - 2 - len(gone)} of {planned(root)} files written, {len(gone)} removed")
    assert main(["--output", str(root), "--check"]) == 0


def planned(root: Path) -> int:
    return len(site.load(root / ".env", root).plan)


def test_a_component_put_back_brings_its_files_back(root: Path) -> None:
    before = tree(root)
    text = (root / ".env").read_text(encoding="utf-8")
    edit(root, "^COMPONENTS=.*$", "COMPONENTS=server")
    assert main(["--output", str(root)]) == 0
    assert not (root / "agent").exists()
    assert not (root / "client/compose.yaml").exists()
    assert not (root / "client/flows").exists()
    (root / ".env").write_text(text, encoding="utf-8")
    assert main(["--output", str(root)]) == 0
    assert {path: entry[2] for path, entry in tree(root).items()} == {path: entry[2] for path, entry in before.items()}


def test_a_login_that_is_asked_for_no_longer_leaves_no_secret(root: Path) -> None:
    edit(root, "^SERVER_AUTH=true$", "SERVER_AUTH=false")
    assert main(["--output", str(root)]) == 0
    assert [path.as_posix() for path in root.rglob("*AUTH_STRING")] == []


def test_modes_are_the_same_under_every_umask(tmp_path: Path) -> None:
    """A container's unprivileged user reads folders and files that root made."""
    modes = []
    for umask in (0o022, 0o077, 0o000):
        before = os.umask(umask)
        try:
            assert main(["--output", str(tmp_path / str(umask))]) == 0
        finally:
            os.umask(before)
        modes.append({path: entry[0] for path, entry in tree(tmp_path / str(umask)).items()})
    assert modes[0] == modes[1] == modes[2]
    assert stat.S_IMODE(modes[0]["client/flows"]) == 0o755
    assert stat.S_IMODE(modes[0]["client/flows/weather.py"]) == 0o644
    assert stat.S_IMODE(modes[0]["images/postgres/docker-entrypoint.sh"]) == 0o755


def test_a_checkout_of_a_strict_umask_is_opened_for_containers_and_its_secrets_are_not(tmp_path: Path) -> None:
    clone = copy_of_the_repo(tmp_path / "clone")
    own = clone / "client/flows/mine/own.py"
    own.parent.mkdir()
    own.write_text("")
    close(clone)
    command = [sys.executable, str(clone / "render.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, umask=0o077)
    assert "mode    client/flows (containers must read it; " in done.stdout
    for path in (own.parent, own, clone / "server/recovery/__main__.py", clone / "client/algorithms/pca/pca.py"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644), path
    assert stat.S_IMODE((clone / "images/redis/docker-entrypoint.sh").stat().st_mode) == 0o755
    assert stat.S_IMODE((clone / "client/registration.yaml").stat().st_mode) == 0o644
    assert stat.S_IMODE((clone / ".env").stat().st_mode) == 0o600
    assert stat.S_IMODE((clone / "server/secrets").stat().st_mode) == 0o700
    assert stat.S_IMODE(clone.stat().st_mode) == 0o700
    assert "nothing changed" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert git(clone, "status", "--porcelain") == "?? client/flows/mine/\n"


def close(folder: Path) -> None:
    """As files and folders are that were made under umask 077."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode & 0o700)


def test_a_site_that_was_copied_under_a_strict_umask_is_opened_again(root: Path, capsys: Capture) -> None:
    modes = {path: entry[0] for path, entry in tree(root).items()}
    close(root)
    assert main(["--output", str(root), "--check"]) == 1
    shown = capsys.readouterr().out
    assert "mode    client/flows/weather.py\n" in shown
    assert "mode    client/pools (containers must be able to read it)\n" in shown
    assert main(["--output", str(root)]) == 0
    mended = {path: entry[0] for path, entry in tree(root).items()}
    assert {path for path in modes if mended[path] != modes[path]} <= {"server/secrets/redis.conf"} | {
        path for path in modes if path.startswith(".site")
    }


def test_the_folder_around_a_new_one_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "als.env").write_text("SITE=als\n", encoding="utf-8")
    tmp_path.chmod(0o750)
    assert main(["--env", str(tmp_path / "als.env"), "--output", str(tmp_path / "als")]) == 0
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750


def test_what_is_rendered_in_a_clone_is_ignored_by_git(tmp_path: Path) -> None:
    clone = copy_of_the_repo(tmp_path / "clone")
    command = [sys.executable, str(clone / "render.py")]
    for _ in range(2):
        assert git(clone, "status", "--porcelain") == ""
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "site prefect-site (server agent client): nothing changed\n"
    assert (clone / "server/compose.yaml").is_file()
    assert git(clone, "status", "--porcelain") == ""


@pytest.mark.parametrize("source", sorted({source for component in ALL for source in component.sources}))
def test_what_a_site_gets_a_copy_of_is_in_the_repo(source: str) -> None:
    assert git(REPO, "ls-files", source), f"{source}: not committed; .gitignore may name it"


def copy_of_the_repo(clone: Path) -> Path:
    """What is committed or could be, in a repository of its own."""
    for name in git(REPO, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (REPO / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPO / name, clone / name)
    git(clone, "init", "--quiet")
    git(clone, "add", "--all")
    git(clone, "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "--quiet", "--message=all")
    return clone


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_file_beside_the_secrets_stays(root: Path) -> None:
    """Nothing is removed but what an earlier render wrote."""
    for path in ("server/secrets/mine", "client/flows/mine.py", "images/prefect/mine"):
        (root / path).write_text("mine", encoding="utf-8")
    edit(root, "^COMPONENTS=.*$", "COMPONENTS=server")
    assert main(["--output", str(root)]) == 0
    for path in ("server/secrets/mine", "client/flows/mine.py", "images/prefect/mine"):
        assert (root / path).read_text(encoding="utf-8") == "mine"


def test_a_source_that_left_the_bundle_leaves_the_site(root: Path, capsys: Capture) -> None:
    """A file too many below images/ would give the images other names than the Compose files ask for."""
    record = root / site.RECORD
    (root / "images/prefect/old.sh").write_text("", encoding="utf-8")
    record.write_text(record.read_text(encoding="utf-8") + "images/prefect/old.sh\n", encoding="utf-8")
    assert main(["--output", str(root)]) == 0
    assert "gone    images/prefect/old.sh\n" in capsys.readouterr().out
    assert not (root / "images/prefect/old.sh").exists()


@pytest.mark.parametrize("path", ["../mine", "/{root}/../mine", "server/../../mine"])
def test_the_record_reaches_nothing_outside(path: str, root: Path) -> None:
    mine = root.parent / "mine"
    mine.write_text("mine", encoding="utf-8")
    (root / site.RECORD).write_text(path.format(root=root) + "\n", encoding="utf-8")
    assert main(["--output", str(root)]) == 0
    assert mine.read_text(encoding="utf-8") == "mine"


def test_another_env_is_the_users_and_stays(root: Path, tmp_path: Path) -> None:
    """A site that is rendered from another file from now on."""
    other = tmp_path / "sites" / "als.env"
    other.parent.mkdir()
    other.write_text("SITE=als\n", encoding="utf-8")
    before = (root / ".env").read_bytes()
    assert main(["--env", str(other), "--output", str(root)]) == 0
    assert (root / ".env").read_bytes() == before
    assert "SERVER_REDIS_PASSWORD=" in other.read_text(encoding="utf-8")
    assert main(["--output", str(root)]) == 0
    assert other.exists()


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with 100 KiB, less than a site takes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=100k", "none", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_changes_nothing(full_disk: Path, capsys: Capture) -> None:
    (full_disk / ".env").write_text("SITE=als\n", encoding="utf-8")
    before = tree(full_disk)
    assert main(["--output", str(full_disk / "site"), "--env", str(full_disk / ".env")]) == 2
    fault = capsys.readouterr().err
    assert re.fullmatch(r"\S+: cannot be written \(No space left on device\); nothing was changed\n", fault)
    assert tree(full_disk) == before


@pytest.fixture
def mounted(root: Path) -> Iterator[Path]:
    """A file of the site that is a mount point, so that nothing can be renamed over it."""
    target = root / "supervisord.conf"
    command = ["mount", "--bind", str(REPO / "LICENSE"), str(target)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount a file")
    yield target
    subprocess.run(["umount", str(target)], check=True)


def test_a_file_that_cannot_be_replaced_changes_nothing(mounted: Path, root: Path, capsys: Capture) -> None:
    edit(root, "^SITE=.*$", "SITE=als")
    before = tree(root)
    assert main(["--output", str(root)]) == 2
    assert capsys.readouterr().err == (
        f"{mounted}: cannot be written (Invalid cross-device link); nothing was changed\n"
    )
    assert tree(root) == before


@pytest.mark.parametrize("step", range(1, 10))
def test_a_fault_at_any_step_changes_nothing(
    step: int, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The disk refuses one of the renames and removals that make the new site."""
    edit(root, "^SITE=.*$", "SITE=als")
    edit(root, "^COMPONENTS=.*$", "COMPONENTS=server client")
    assert len(site.load(root / ".env", root).changes) >= step
    before = tree(root)
    steps = count(1)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refusing(Path.replace, steps, step))
        patch.setattr(Path, "unlink", refusing(Path.unlink, steps, step))
        assert main(["--output", str(root)]) == 2
    assert capsys.readouterr().err.endswith(": cannot be written (Input/output error); nothing was changed\n")
    assert tree(root) == before


def refusing(real: Callable[..., Any], steps: Iterator[int], refused: int) -> Callable[..., Any]:
    """The function, which fails once: at the step of that number."""

    def call(path: Path, *arguments: Any, **options: Any) -> Any:
        if next(steps) == refused:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return real(path, *arguments, **options)

    return call


def test_an_interrupted_render_changes_nothing(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Ctrl-C between two renames."""
    edit(root, "^SITE=.*$", "SITE=als")
    before = tree(root)
    steps = count(1)

    def interrupt(path: Path, target: Path) -> Path:
        if next(steps) == 3:
            raise KeyboardInterrupt
        return path.rename(target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", interrupt)
        assert main(["--output", str(root)]) == 130
    assert capsys.readouterr().err == "stopped; run the same command again to go on\n"
    assert tree(root) == before


def test_a_folder_behind_a_symbolic_link(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "here").symlink_to(tmp_path / "far" / "away")
    assert main(["--output", str(tmp_path / "here")]) == 0
    assert (tmp_path / "far" / "away" / ".env").is_file()
    capsys.readouterr()
    assert main(["--output", str(tmp_path / "here"), "--check"]) == 0


def test_an_env_that_is_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "als.env").write_text("SITE=als\n", encoding="utf-8")
    (tmp_path / "site" / ".env").symlink_to("../als.env")
    assert main(["--output", str(tmp_path / "site")]) == 0
    assert (tmp_path / "site" / ".env").readlink() == Path("../als.env")
    assert "SERVER_REDIS_PASSWORD=" in (tmp_path / "als.env").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["up", "down", "doctor"])
@pytest.mark.parametrize("option", ["--check", "--diff"])
def test_other_commands_take_no_option_of_render(command: str, option: str, root: Path, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, option, "--output", str(root)])
    assert ended.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"render.py {command}: error: {command} does not take {option}"


def test_a_reader_that_stops_early_is_no_fault(tmp_path: Path) -> None:
    command = f"'{sys.executable}' '{REPO / 'render.py'}' --output '{tmp_path / 'new'}' --diff | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("--- .env\n", "")


def test_a_terminal_that_lacks_a_character_still_shows_the_diff(root: Path) -> None:
    edit(root, "^SITE_LABELS=.*$", "SITE_LABELS=team=Zürich")
    command = [sys.executable, str(REPO / "render.py"), "--output", str(root), "--diff"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert '"team": "Z\\xfcrich"' in done.stdout


def test_a_template_that_names_no_setting_is_a_fault() -> None:
    with pytest.raises(SiteError) as raised:
        templates.render("client/prefect.yaml.j2", {"settings": Settings({"SITE": "als"})})
    assert raised.value.faults == (
        "templates/client/prefect.yaml.j2: 'stack.settings.settings.Settings object' has no attribute "
        "'PREFECT_VERSION'",
    )


@pytest.fixture
def copied_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Templates that a test may remove."""
    folder = tmp_path / "templates"
    shutil.copytree(templates.ROOT, folder)
    monkeypatch.setattr(templates, "ROOT", folder)
    templates._environment.cache_clear()
    yield folder
    templates._environment.cache_clear()


@pytest.mark.parametrize(
    "name",
    [
        "agent/config.yml.j2",
        "client/prefect.yaml.j2",
        "client/pools/process.json.j2",
        "partials/pull-code.yaml.j2",
        "server/compose.yaml.j2",
        "supervisord.conf.j2",
    ],
)
def test_a_missing_template_is_a_fault_and_takes_no_file_from_a_site(
    root: Path, copied_templates: Path, name: str, capsys: Capture
) -> None:
    assert main(["--output", str(root), "--check"]) == 0
    (copied_templates / name).unlink()
    before = tree(root)
    assert main(["--output", str(root)]) == 2
    assert capsys.readouterr().err == (
        f"templates/{name}: this template is missing; bring it back: `git checkout templates/{name}`\n"
    )
    assert tree(root) == before


def test_components_declare_all_their_templates_and_no_other() -> None:
    declared = {f"{path}{templates.SUFFIX}" for each in ALL for path in (*each.rendered, each.compose_path)}
    folders = {component.folder for component in ALL}
    present = {path.relative_to(templates.ROOT).as_posix() for path in templates.ROOT.rglob(f"*{templates.SUFFIX}")}
    assert declared == {name for name in present if name.partition("/")[0] in folders}
