"""`python -m run_flow`. The environment names the run, as it does for `prefect flow-run execute`."""

import gc
import os
import signal
import threading

STOPPED = 128 + signal.SIGTERM


def main() -> None:
    # Signals have no default action in the first process of a container: without a handler, `docker stop` would wait.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(STOPPED))
    # Importing makes a million objects that stay. To look for garbage among them is a seventh of the time. Frozen
    # ones are never looked at again, so that their memory stays shared after the fork.
    gc.disable()
    from run_flow import attempt, supervisor

    gc.freeze()
    gc.enable()
    if threading.active_count() == 1:
        supervisor.execute_forked(attempt.main)
    else:  # A fork has only one of the threads: what another has locked would stay locked. Nothing of Prefect does so.
        supervisor.execute()


if __name__ == "__main__":
    main()
