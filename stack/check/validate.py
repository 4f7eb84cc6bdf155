"""Checks a `.env` and reports every fault at once, in the order of its lines."""

import re

from stack.check import rules
from stack.components.all import SETTINGS
from stack.core.errors import SiteError
from stack.load.envfile import EnvFile
from stack.settings.settings import Settings


def validate(env: EnvFile) -> Settings:
    """The settings; raises SiteError with the line of each fault."""
    checked, wrong = SETTINGS.examine(env)
    faults = [*env.faults, *wrong.values(), *(SETTINGS.line(env, fault) for fault in rules.broken(checked, wrong))]
    if faults:
        raise SiteError(*sorted(faults, key=lambda fault: _line_number(env, fault)))
    return checked


def _line_number(env: EnvFile, fault: str) -> int:
    """0 for a key that is not in the file."""
    found = re.match(r":(\d+):", fault.removeprefix(env.path.name))
    return int(found[1]) if found else 0
