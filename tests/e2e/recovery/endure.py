"""A flow that leaves a line for each of its attempts, takes its time, and may kill itself."""

import os
import signal
import time
from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run


@flow
def endure(seconds: float = 15, poison: bool = False) -> None:
    """Leaves a line with the number of the attempt as its effect, and another one at its end."""
    leave(f"begun {flow_run.run_count}")
    if poison:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(seconds)
    leave(f"ended {flow_run.run_count}")


def leave(line: str) -> None:
    folder = Path(os.environ["SITE_HOME"]) / "results" / "endure"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / flow_run.id).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
