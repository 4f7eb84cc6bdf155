"""`render.py show`: each setting with its origin and its value, secrets hidden. Writes nothing."""

from typing import NamedTuple

from stack.check.validate import validate
from stack.complete import complete
from stack.components.all import KEYS, SETTINGS
from stack.core.errors import SiteError
from stack.core.nearest import advice
from stack.load.envfile import EnvFile
from stack.settings.example import written
from stack.settings.settings import Section, described

HIDDEN = "..."
ALL_OF_THEM = "`python render.py show` lists all settings"


class Row(NamedTuple):
    """A setting as it is printed; `origin` is where the value comes from: the file, the default, or the next render."""

    key: str
    origin: str
    value: str


def lines(env: EnvFile, keys: list[str]) -> list[str]:
    """One aligned line for each of the keys; for no keys all settings, below the titles of their sections."""
    _refuse_unknown(keys)
    rows = _rows(env)
    if keys:
        return _aligned([rows[key] for key in keys])
    aligned = dict(zip(rows, _aligned(list(rows.values())), strict=True))
    blocks = [
        [_title(section), *(f"  {aligned[key]}" for key, _ in described(section))] for section in SETTINGS.sections
    ]
    return [line for block in blocks for line in ("", *block)][1:]


def _refuse_unknown(keys: list[str]) -> None:
    unknown = [key for key in keys if key not in KEYS]
    if unknown:
        raise SiteError(*(f"{key}: unknown setting; {advice(key, KEYS, ALL_OF_THEM)}" for key in unknown))


def _rows(env: EnvFile) -> dict[str, Row]:
    """Every setting. Raises SiteError with every fault of the file, as a render does."""
    _, settings, made = complete.complete(env, validate(env))
    return {key: Row(key, _origin(env, key, made), _value(key, getattr(settings, key))) for key in KEYS}


def _origin(env: EnvFile, key: str, made: list[str]) -> str:
    if key in made:
        return "made at render"
    return f"set {env.where(key)}" if key in env.assignments else "default"


def _value(key: str, value: object) -> str:
    return HIDDEN if value and KEYS[key].secret else written(value)


def _aligned(rows: list[Row]) -> list[str]:
    """The value comes last: it may be long."""
    key, origin = (max(len(row[column]) for row in rows) for column in (0, 1))
    return [f"{row.key:{key}}  {row.origin:{origin}}  {row.value}".rstrip() for row in rows]


def _title(section: type[Section]) -> str:
    return (section.__doc__ or "").splitlines()[0]
