"""The findings of `render.py doctor`."""

from dataclasses import dataclass

OK, NOTE, FAIL = "ok", "note", "FAIL"


@dataclass(frozen=True)
class Finding:
    """One line of the report; `mend` says what to do if the status is not ok."""

    status: str
    what: str
    mend: str = ""

    def line(self) -> str:
        return f"{self.status:5}{self.what}" + (f"; {self.mend}" if self.mend else "")
