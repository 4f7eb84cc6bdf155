"""What a service cannot do."""

from __future__ import annotations


class ServiceError(Exception):
    """One line: what is wrong, and what to write instead. `status` is that of the API's answer, 0 where none came."""

    def __init__(self, line: str, status: int = 0) -> None:
        super().__init__(line)
        self.status = status
