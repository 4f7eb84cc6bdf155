"""The client's code as its users have it: `client/` is where the commands are run."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT / "client"), str(ROOT)]
