"""How commands reach the login node, and the message if they do not."""

import shutil
import subprocess
from pathlib import Path

import pytest
from launchers.launching.errors import LaunchError
from launchers.slurm_jobs import errors
from launchers.slurm_jobs.errors import ClusterError
from launchers.slurm_jobs.login_node import login_node

SSH = """#!/bin/sh
# Stands in for ssh: says what it was given, and fails as the file `fails` says, or gives the command to a shell whose
# start-up files and end are those of the account.
cd "$(dirname "$0")" || exit 1
echo "$@" >> said
for word; do case $word in -i) key=next ;; *) [ "${key:-}" = next ] && cp -p "$word" kept && key= ;; esac; done
[ ! -f fails ] || { cat fails >&2; exit 255; }
case "$*" in *" -- "*) ;; *) exit ;; esac
[ ! -f profile ] || . ./profile
sh -c "$word"
code=$?
[ ! -f logout ] || . ./logout
exit "$code"
"""
CHATTY = """\
echo 'JobId=1 JobState=COMPLETED ExitCode=0:0'
echo 4711
echo 'slurm is DOWN' >&2
printf 'Welcome to the cluster'
printf 'Maintenance: Connection refused' >&2
"""


def refusal(host: str, script: str, environ: dict[str, str]) -> ClusterError:
    with login_node(host, "", environ) as login, pytest.raises(ClusterError) as refused:
        login.run(script)
    return refused.value


@pytest.fixture
def ssh(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "ssh").write_text(SSH)
    (tmp_path / "ssh").chmod(0o755)
    return {"PATH": f"{tmp_path}:/usr/bin:/bin"}


def test_commands_of_this_machine_get_what_is_harmless_of_the_workers_environment() -> None:
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/home/me",
        "SLURM_CONF": "/etc/slurm.conf",
        "PREFECT_API_AUTH_STRING": "admin:secret",
        "SSH_AUTH_SOCK": "/agent",
    }
    with login_node("", "", environ) as login:
        names = {line.partition("=")[0] for line in login.run("env").decode().splitlines()}
        assert login.run("cat; printf ' %s' \"$HOME\"", b"in") == b"in /home/me"
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "HOME", "SLURM_CONF"}


@pytest.mark.parametrize(
    ("script", "expected", "away"),
    [
        ("echo oh >&2; exit 3", "oh", False),
        ("exit 3", "a command failed with exit code 3", False),
        ("echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1", None, True),
        ("echo 'Slurmctld(primary) at slurm is DOWN' >&2; exit 1", None, True),
    ],
)
def test_a_command_that_fails_is_reported(script: str, expected: str | None, away: bool) -> None:
    error = refusal("", script, {"PATH": "/usr/bin:/bin"})
    assert error.away is away
    assert expected is None or str(error) == expected


def test_what_start_up_files_print_is_no_answer(tmp_path: Path, ssh: dict[str, str]) -> None:
    (tmp_path / "profile").write_text(CHATTY)
    (tmp_path / "logout").write_text("echo Goodbye; echo Goodbye >&2; exit 3\n")
    with login_node("me@login", "", ssh) as login:
        assert login.run("printf 'a\\n\\nb'") == b"a\n\nb"
        assert login.run("true") == b""
        assert login.run("cat", b"\0\xff\n") == b"\0\xff\n"


def test_what_start_up_files_print_is_no_fault(tmp_path: Path, ssh: dict[str, str]) -> None:
    (tmp_path / "profile").write_text(CHATTY)
    (tmp_path / "logout").write_text("echo Goodbye >&2; exit 0\n")
    failed = refusal("me@login", "echo oh >&2; exit 255", ssh)
    assert (str(failed), failed.away) == ("oh", False)
    silent = refusal("me@login", "exit 3", ssh)
    assert (str(silent), silent.away) == ("a command failed with exit code 3", False)


def test_a_shell_that_repeats_what_it_is_given_is_no_answer(tmp_path: Path, ssh: dict[str, str]) -> None:
    (tmp_path / "profile").write_text('echo "running: $word"; echo "running: $word" >&2; exit 0\n')
    assert str(refusal("me@login", "true", ssh)).startswith("the shell of me@login ended before it ran a command")


@pytest.mark.parametrize(
    ("profile", "code", "words"),
    [
        ("echo Welcome\nexit 0", 0, "Welcome"),
        ("echo 'This account is currently not available.'\nexit 1", 1, "This account is currently not available."),
        ("exec cat", 0, "no message"),
    ],
)
def test_start_up_files_that_end_the_shell_are_reported(
    tmp_path: Path, ssh: dict[str, str], profile: str, code: int, words: str
) -> None:
    (tmp_path / "profile").write_text(f"{profile}\n")
    error = refusal("me@login", "echo 1", ssh)
    assert (str(error), error.away) == (
        f"the shell of me@login ended before it ran a command (exit code {code}, {words}): correct the account's shell "
        "or start-up files there, which end or replace a shell without a terminal",
        False,
    )


def test_a_command_that_is_cut_off_is_asked_again(tmp_path: Path, ssh: dict[str, str]) -> None:
    error = refusal("me@login", "echo half; kill -9 $PPID", ssh)
    assert (str(error), error.away) == ("a command on me@login was ended (exit code 137)", True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "sbatch: error: invalid partition specified: x\n"
            "sbatch: error: Batch job submission failed: Invalid partition name specified",
            "invalid partition specified: x; Batch job submission failed: Invalid partition name specified: correct "
            "partitions; sinfo lists those there are",
        ),
        (
            "sbatch: error: Batch job submission failed: Requested node configuration is not available",
            "Batch job submission failed: Requested node configuration is not available: ask for less memory, cpus, "
            "gpus or num_nodes, or another partition",
        ),
        ("sbatch: fatal: oh", "oh"),
    ],
)
def test_a_job_that_is_refused_is_told_in_one_line(words: str, expected: str) -> None:
    assert errors.refusal(words) == expected


def test_ssh_asks_nothing_trusts_no_unknown_host_and_uses_the_key_alone(tmp_path: Path, ssh: dict[str, str]) -> None:
    key = tmp_path / "id"
    key.write_text("the key")
    key.chmod(0o644)
    with login_node("me@login:2222", str(key), ssh | {"SITE_SSH_KNOWN_HOSTS": "/etc/known"}) as login:
        login.run("echo 'a b'")
    words = (tmp_path / "said").read_text().splitlines()[0].split()
    assert {"-oBatchMode=yes", "-oStrictHostKeyChecking=yes", "-oIdentitiesOnly=yes"} <= set(words)
    assert "-oUserKnownHostsFile=/etc/known" in words
    assert words[words.index("ssh://me@login:2222") :][:5] == ["ssh://me@login:2222", "--", "exec", "sh", "-c"]
    assert (tmp_path / "kept").read_text() == "the key"
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o600
    assert not Path(words[words.index("-i") + 1]).exists()
    assert (tmp_path / "said").read_text().splitlines()[-1].endswith("-O exit ssh://me@login:2222")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "Warning: x\nme@login: Permission denied (publickey).",
            "me@login cannot be reached by SSH (me@login: Permission denied (publickey).): correct "
            "submission_ssh_key, or add its public key to the account there",
        ),
        (
            "Host key verification failed.",
            "me@login cannot be reached by SSH (Host key verification failed.): add the host's key to the known hosts "
            "of the worker's user",
        ),
        ("kex_exchange: closed", "me@login cannot be reached by SSH (kex_exchange: closed)"),
        ("", "me@login cannot be reached by SSH (no message)"),
    ],
)
def test_a_host_that_cannot_be_reached_is_reported(
    tmp_path: Path, ssh: dict[str, str], words: str, expected: str
) -> None:
    (tmp_path / "fails").write_text(words)
    error = refusal("me@login", "true", ssh)
    assert (str(error), error.away) == (expected, True)


def test_the_sites_key_is_used_where_the_parameters_name_none(tmp_path: Path, ssh: dict[str, str]) -> None:
    key = tmp_path / "id"
    key.write_text("the site's key")
    with login_node("me@login", "", ssh | {"SITE_SSH_KEY": str(key)}) as login:
        login.run("true")
    assert (tmp_path / "kept").read_text() == "the site's key"


def test_the_sites_login_node_is_used_where_the_parameters_name_none(ssh: dict[str, str]) -> None:
    environ = ssh | {"SITE_SSH_HOST": "lab@login"}
    with login_node("", "", environ) as login:
        assert (login.name, login.run("echo 1")) == ("lab@login", b"1\n")
    with login_node("me@login", "", environ) as login:
        assert login.name == "me@login"


def test_a_worker_without_ssh_is_reported(tmp_path: Path) -> None:
    assert str(refusal("me@login", "true", {"PATH": str(tmp_path)})) == (
        "ssh cannot be started on this worker: No such file or directory"
    )


def test_a_key_that_is_not_there_is_reported() -> None:
    with pytest.raises(LaunchError) as refused, login_node("login", "/no/key", {}):
        pass
    assert str(refused.value) == "submission_ssh_key /no/key cannot be read: No such file or directory"


def test_ssh_itself_takes_what_it_is_given(tmp_path: Path) -> None:
    """The real client reads its options; the host does not exist."""
    if not shutil.which("ssh"):
        pytest.skip("there is no ssh on this machine")
    with login_node("me@nowhere.invalid:22", "", {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}) as login:
        command = ["ssh", "-G", *login.prefix[1:-1]]
        read = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert {"user me", "hostname nowhere.invalid", "port 22", "batchmode yes", "stricthostkeychecking true"} <= set(
        read
    )
