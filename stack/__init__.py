"""Turns one `.env` into a Prefect site: Compose files, work pools, deployments, credentials."""

import sys
from pathlib import Path

# The package `launchers` is there: what flows check when they begin, render checks with the same code.
CLIENT = str(Path(__file__).resolve().parents[1] / "client")
if CLIENT not in sys.path:
    sys.path.append(CLIENT)
