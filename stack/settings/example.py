"""`.env.example` and `docs/settings.md`, from the descriptions of the settings; `python -m stack.components` writes
both."""

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from stack.settings.settings import Section, described

HEAD = """\
# All settings of a site. Copy this file to .env, or run `python render.py`: it makes .env and fills in the secrets.
# After a change: python render.py, then docker compose up -d in the folders that it names.
# Put a value into ' or " if it has a space before '#', or spaces or quotes at its ends; $ has no special meaning.
"""
PAGE = """\
# Settings

Every setting of `.env`, with its default. `.env.example` has an example of each.

"""
WIDTH = 110


def env_example(sections: Iterable[type[Section]]) -> str:
    return HEAD + "".join(_section(section) for section in sections)


def settings_page(sections: Iterable[type[Section]]) -> str:
    """A Markdown table for each component: setting, default, meaning."""
    return PAGE + "\n".join(_table(section) for section in sections)


def _section(section: type[Section]) -> str:
    heading = f"\n# === {_title(section)} ===\n"
    return heading + "".join(_entry(key, default, text, example) for key, default, text, example in _fields(section))


def _entry(key: str, default: str, text: str, example: str) -> str:
    comment = textwrap.fill(text, WIDTH, initial_indent="# ", subsequent_indent="# ")
    if example != default:
        comment += f"\n# Example: {key}={example}"
    return f"\n{comment}\n{key}={default}\n"


def _table(section: type[Section]) -> str:
    rows = [f"| `{key}` | {f'`{default}`' if default else ''} | {text} |" for key, default, text, _ in _fields(section)]
    return f"## {_title(section)}\n\n| setting | default | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _fields(section: type[Section]) -> Iterator[tuple[str, str, str, str]]:
    for key, each in described(section):
        yield key, written(each.default), each.description, each.example


def written(value: Any) -> str:
    """A default as it is written in `.env`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return ",".join(f"{name}={item}" for name, item in value.items())
    return " ".join(value) if isinstance(value, list) else str(value)


def _title(section: type[Section]) -> str:
    return (section.__doc__ or "").splitlines()[0]
