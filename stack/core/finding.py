"""The findings of `render.py doctor`."""

from dataclasses import dataclass

OK, NOTE, FAIL = "ok", "note", "FAIL"


@dataclass(frozen=True)
class Finding:
    """One line of the report; `advice` says what to do if the status is not ok."""

    status: str
    what: str
    advice: str = ""

    def line(self) -> str:
        return f"{self.status:5}{self.what}" + (f"; {self.advice}" if self.advice else "")
