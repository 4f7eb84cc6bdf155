"""The process that is forked first and gets its orders later: `run_flow.standby`, in its own interpreter."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPO = Path(__file__).parents[3]
BEGIN = """
import os, signal, sys, time
from pathlib import Path
import anyio
from run_flow.standby import Order, Standby

class Started:
    def started(self, value):
        print("started", value, flush=True)

async def start(child, **environment):
    seen = {"task_status": Started(), "task_status_handler": lambda one: one is child}
    command = ["python", "-m", "module", "argument"]
    await child.start(command, env=environment, cwd="/tmp", stream_output=True, start_new_session=True, **seen)
    print("ended", child.returncode, flush=True)
"""


def run(script: str) -> list[str]:
    """The lines that the script prints, and its exit status."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + script],
        # Buffered, whatever the tests are: else a line and its end are written apart, and two processes share the pipe.
        env=os.environ | {"PYTHONPATH": str(REPO / "images" / "prefect"), "PYTHONUNBUFFERED": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert not done.stderr, done.stderr
    return [*done.stdout.splitlines(), f"exit {done.returncode}"]


def test_the_child_carries_out_its_order_and_is_awaited() -> None:
    script = """
def work(order):
    print(order.arguments, order.environment, order.directory, flush=True)
    return 3
child = Standby(work)
anyio.run(lambda: start(child, NAME="a 'value'\\n"))
"""
    called = "['python', '-m', 'module', 'argument'] {'NAME': \"a 'value'\\n\"} /tmp"
    assert sorted(run(script)) == sorted(["started True", called, "ended 3", "exit 0"])


def test_a_signal_reaches_the_child_and_what_it_has_started() -> None:
    script = """
def work(order):
    grandchild = os.fork()
    if not grandchild:
        time.sleep(600)
    print("working", flush=True)
    os.kill(os.getppid(), signal.SIGUSR1)
    os.waitpid(grandchild, 0)
    time.sleep(600)
child = Standby(work)
signal.signal(signal.SIGUSR1, lambda *_: child.signal(signal.SIGTERM))
anyio.run(lambda: start(child))
"""
    assert sorted(run(script)) == sorted(["started True", "working", "ended -15", "exit 0"])


@pytest.mark.parametrize(("number", "status"), [("SIGTERM", -15), ("SIGKILL", -9)])
def test_a_child_that_is_killed_before_its_order_has_ended_by_that(number: str, status: int) -> None:
    script = f"""
child = Standby(lambda order: 0)
child.signal(signal.{number})
time.sleep(0.1)
anyio.run(lambda: start(child))
child.signal(signal.SIGTERM)
"""
    assert run(script) == ["started True", f"ended {status}", "exit 0"]


def test_a_child_without_an_order_ends_with_its_parent() -> None:
    script = """
child = Standby(lambda order: print("not asked"))
print(child.pid)
"""
    pid = run(script)[0]
    for _ in range(3000):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.1)
    pytest.fail(f"process {pid} is still there")


def test_a_cancelled_start_leaves_no_child() -> None:
    script = """
def work(order):
    print("working", flush=True)
    time.sleep(600)
child = Standby(work)
async def cancelled():
    with anyio.move_on_after(1):
        await start(child)
anyio.run(cancelled)
while Path(f"/proc/{child.pid}").exists():
    time.sleep(0.1)
print("over")
"""
    assert run(script)[-2:] == ["over", "exit 0"]


def test_a_sigterm_while_prefect_is_imported_ends_the_command(tmp_path: Path) -> None:
    (tmp_path / "prefect.py").write_text("import time; print('importing', flush=True); time.sleep(600)")
    started = subprocess.Popen(
        [sys.executable, "-m", "run_flow"],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{REPO / 'images' / 'prefect'}"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
    )
    with started:
        assert started.stdout
        assert started.stdout.readline() == b"importing\n"
        started.send_signal(signal.SIGTERM)
        assert started.wait(300) == 143
