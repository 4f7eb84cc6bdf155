"""A flow that leaves a line at the begin and at the end of each of its attempts, and may kill itself between them."""

import os
import signal
import time
from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run


@flow
def endure(seconds: float, poison: bool = False) -> None:
    leave("begun")
    if poison:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(seconds)
    leave("ended")


def leave(word: str) -> None:
    folder = Path(os.environ["SITE_HOME"]) / "results" / "endure"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / flow_run.id).open("a", encoding="utf-8") as file:
        file.write(f"{flow_run.run_count} {word}\n")
