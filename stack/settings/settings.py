"""Settings: what is known of each key of `.env`, and the checked values of one site.

The names are upper case because they are the keys of `.env`, and a template uses the same names again: a search for
SERVER_PORT finds its component's module, `.env.example`, the template, and little else.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from stack.core.errors import SiteError
from stack.core.nearest import advice
from stack.load.envfile import EnvFile

MAX_SHOWN = 200  # characters; a fault is one line, and does not repeat a longer value
SETTING = "setting"


class Setting(NamedTuple):
    """What is known of a key beside its type. A `secret` is made if it is empty, and never printed; an `optional` one
    may be empty."""

    default: Any
    description: str
    example: str
    secret: bool
    optional: bool


def setting(default: Any, description: str, example: str, *, secret: bool = False, optional: bool = False) -> Any:
    """A field of `.env`."""
    return field(metadata={SETTING: Setting(default, description, example, secret, optional or secret)})


class Section:
    """A group of settings; its docstring's first line is the heading in `.env.example`.

    Each group is a frozen dataclass and not a model of Pydantic's: the parsers do all that is checked, and importing
    Pydantic would take a third of a render.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __init_subclass__(cls) -> None:
        dataclass(init=False, repr=False, frozen=True)(cls)


def described(section: type[Section]) -> Iterator[tuple[str, Setting]]:
    """The keys of a group, in the order in which they are written."""
    for each in fields(section):
        yield each.name, each.metadata[SETTING]


class Settings:
    """The values of one site, checked one by one: `settings.SERVER_PORT`.

    The keys come from the list of components, so a type checker cannot know them; a test compares every name that the
    code uses with the list. `folder` is the one that holds the `.env`.
    """

    def __init__(self, values: Mapping[str, Any], folder: Path = Path()) -> None:
        self.__dict__.update(values, folder=folder)

    def __getattr__(self, key: str) -> Any:
        raise AttributeError(f"there is no setting {key}")

    def __setattr__(self, key: str, value: object) -> None:
        raise AttributeError(f"{key}: settings are read from .env and never changed")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and _values(self) == _values(other)

    __hash__ = None  # type: ignore[assignment]

    def beside(self, path: str) -> Path:
        """A path that a setting names: absolute, or relative to the folder that holds the `.env`."""
        folder: Path = self.__dict__["folder"]
        return folder / path


def _values(settings: Settings) -> dict[str, Any]:
    return {key: value for key, value in settings.__dict__.items() if key != "folder"}


@dataclass(frozen=True)
class Fault:
    """A rule that a setting breaks. `instead` is what to write; None: the setting's example."""

    key: str
    reason: str
    instead: str | None = None


def reads(settings: "Settings", key: str, parse: Callable[[str], str]) -> Iterator[Fault]:
    """A fault if a value is not one that `parse` takes: for a rule that holds on some machines only."""
    try:
        parse(getattr(settings, key))
    except ValueError as error:
        yield Fault(key, str(error))


# A check of settings against each other, with the settings that it reads.
Check = Callable[[Settings], Iterator[Fault]]
Rules = Mapping[Check, tuple[str, ...]]


class Catalogue:
    """Every setting that a `.env` can have, in groups."""

    def __init__(self, sections: Iterable[type[Section]]) -> None:
        self.sections = tuple(sections)
        self.keys = {key: each for section in self.sections for key, each in described(section)}
        self.parsers = {
            each.name: each.type.__metadata__[0]  # type: ignore[union-attr]
            for section in self.sections
            for each in fields(section)
        }

    def defaults(self, **given: Any) -> Settings:
        """Values of the fields' types; what is not given is at its default."""
        return self._settings(given, Path())

    def _settings(self, given: Mapping[str, Any], folder: Path) -> Settings:
        return Settings({key: copy(each.default) for key, each in self.keys.items()} | dict(given), folder)

    def load(self, env: EnvFile) -> Settings:
        """The settings; raises SiteError with every fault of a single value."""
        settings, faults = self.examine(env)
        if faults:
            raise SiteError(*faults.values())
        return settings

    def examine(self, env: EnvFile) -> tuple[Settings, dict[str, str]]:
        """The settings, wrong ones at their defaults, and the line to print for each key that is unknown or wrong."""
        parsed: dict[str, Any] = {}
        faults = {key: self._unknown(env, key) for key in env.assignments if key not in self.keys}
        for key, value in env.values().items():
            if key in self.keys:
                try:
                    parsed[key] = self._parsed(key, value)
                except ValueError as error:
                    faults[key] = self.line(env, Fault(key, str(error)))
        return self._settings(parsed, env.path.parent), faults

    def _parsed(self, key: str, value: str) -> Any:
        if not value.strip() and not self.keys[key].optional:
            raise ValueError("a value is missing")
        return self.parsers[key](value)

    def line(self, env: EnvFile, fault: Fault) -> str:
        """File, line, the value there, the rule, and what to write instead."""
        key, assignment = fault.key, env.assignments.get(fault.key)
        value = assignment.value if assignment else ""
        if value and (self.keys[key].secret or len(value) > MAX_SHOWN):
            value = "..."
        right = self.keys[key].example if fault.instead is None else fault.instead
        return f"{env.where(key)}: {key}={value}: {fault.reason}; write for example {key}={right}"

    def _unknown(self, env: EnvFile, key: str) -> str:
        instead = advice(key, self.keys, otherwise="delete the line; .env.example lists every setting")
        return f"{env.where(key)}: {key} is not a setting; {instead}"
