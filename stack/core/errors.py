"""The one error of this package: faults that a user can correct, in lines that a user can read."""

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


class SiteError(Exception):
    """Faults that stop the work; each is one line that says what, where, and what to do instead.

    Only `stack.cli` catches it: it prints the lines and sets the exit status.
    """

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def all_of(steps: Iterable[Callable[[], T]]) -> list[T]:
    """What each step makes. Raises SiteError with the faults of all steps, not only of the first."""
    made: list[T] = []
    faults: list[str] = []
    for step in steps:
        try:
            made.append(step())
        except SiteError as error:
            faults += error.faults
    if faults:
        raise SiteError(*faults)
    return made
