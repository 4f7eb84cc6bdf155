"""The `.env` file as text: read line by line, written back without touching what a user wrote.

An assignment is one line, so that a fault can name its line, and an open quote cannot swallow the rest of the
file. The grammar of a line is python-dotenv's, without `${VAR}` interpolation: a `$` in a password is a `$`.
"""

import re
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from dotenv.parser import Binding, Original, parse_stream

from stack.core.errors import SiteError
from stack.load import textfile

KIND = ".env file"
WAY = "with --env"  # to name another


@dataclass(frozen=True)
class Assignment:
    """`KEY=value`, found on line `line` (counted from 1)."""

    key: str
    value: str
    line: int


@dataclass(frozen=True)
class EnvFile:
    """A parsed `.env`: its path, its text, its assignments by key, and a message for each line that is not valid."""

    path: Path
    text: str
    assignments: dict[str, Assignment]
    faults: tuple[str, ...] = ()

    def values(self) -> dict[str, str]:
        return {key: assignment.value for key, assignment in self.assignments.items()}

    def beside(self, path: str) -> Path:
        """A path that the file names: absolute, or relative to the folder of the file."""
        return self.path.parent / path

    def where(self, key: str) -> str:
        """`.env:12` for a key that is in the file, `.env` for one that is not."""
        assignment = self.assignments.get(key)
        return f"{self.path.name}:{assignment.line}" if assignment else self.path.name


def exists(path: Path) -> bool:
    """Whether the path exists; raises SiteError if this cannot be found out."""
    return textfile.exists(path, WAY)


def read(path: Path) -> EnvFile:
    """Reads and parses; raises SiteError if the path is not a text file."""
    return parse(path, textfile.read(path, KIND, WAY))


def parse(path: Path, text: str) -> EnvFile:
    """The assignments of the text. If a key is given twice, the first counts and the second is a fault."""
    faults: list[str] = []
    assignments: dict[str, Assignment] = {}
    for number, line in enumerate(_lines(text), start=1):
        _take_line(path.name, number, line, assignments, faults)
    return EnvFile(path, text, assignments, tuple(faults))


def with_values(text: str, values: dict[str, str]) -> str:
    """The text with these keys set, which are empty or missing in it; every other character stays as it is."""
    parts = re.split("(\r?\n)", text)  # line, line end, line, ...
    missing = dict(values)
    for index in range(0, len(parts), 2):
        key = _binding(parts[index]).key
        if key in missing:
            parts[index] = _filled(parts[index], assignment_line(key, missing.pop(key)))
    newline = parts[1] if len(parts) > 1 else "\n"
    if missing and parts[-1]:
        parts.append(newline)
    return "".join(parts) + "".join(assignment_line(key, value) + newline for key, value in missing.items())


def assignment_line(key: str, value: str) -> str:
    """The line in the first notation that reads back as the same value; raises SiteError if none does."""
    for written in (value, f"'{value}'", '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'):
        binding = _binding(f"{key}={written}")
        if not binding.error and binding.key == key and binding.value == value and value.isprintable():
            return f"{key}={written}"
    raise SiteError(f"{key}: this value cannot be written in a .env file; write printable characters")


def _filled(line: str, assignment: str) -> str:
    """The line with the value of the assignment filled in; a comment behind it stays."""
    start, _, rest = line.partition("=")
    comment = re.search("#.*", rest)
    return f"{start}={assignment.partition('=')[2]}" + (f"  {comment[0]}" if comment else "")


def _lines(text: str) -> list[str]:
    """Split at newlines alone: `str.splitlines` would also cut at a form feed or U+2028 within a value."""
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n")


def _take_line(name: str, number: int, line: str, assignments: dict[str, Assignment], faults: list[str]) -> None:
    binding = _binding(line)
    if binding.error:
        faults.append(f"{name}:{number}: {_line_fault(line)}")
    elif binding.key is None:
        return
    elif unseen := next((c for c in binding.key + (binding.value or "") if not c.isprintable()), None):
        faults.append(f"{name}:{number}: contains unprintable U+{ord(unseen):04X}; write printable characters")
    elif binding.value is None:
        faults.append(f"{name}:{number}: {_line_fault(line)}")
    elif first := assignments.get(binding.key):
        faults.append(f"{name}:{number}: {binding.key} is already set on line {first.line}; keep one of the two lines")
    else:
        assignments[binding.key] = Assignment(binding.key, binding.value, number)


def _line_fault(line: str) -> str:
    key = line.split("=", 1)[0].lstrip("\ufeff").strip().removeprefix("export ").strip()
    if "\0" in line:
        return "contains a zero byte, so this is not text; save the file as UTF-8 text"
    if "\r" in line:
        return "contains a carriage return within the line; save the file with line ends LF or CRLF"
    if "=" in line and key.isidentifier():
        return f"the quotes of {key} do not match; put the value into one pair of ' or \""
    if (word := key.partition("#")[0].strip()).isidentifier():
        return f"{word} has no '='; write {word}=VALUE"
    return "is not an assignment; write KEY=value, or start the line with # for a comment"


def _binding(line: str) -> Binding:
    """One line as python-dotenv reads it: a key and value, neither (blank, comment), or an error."""
    nothing = Binding(key=None, value=None, original=Original(line, 1), error="\0" in line or "\r" in line)
    return nothing if nothing.error else next(parse_stream(StringIO(line)), nothing)
