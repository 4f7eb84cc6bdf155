"""The launcher's code as its users have it: importable from `client/`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "client"))
