"""The one error of this package: faults that a user can correct, in lines that a user can read."""


class SiteError(Exception):
    """Faults that stop the work; each is one line that says what, where, and what to do instead.

    Only `stack.cli` catches it: it prints the lines and sets the exit status.
    """

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults
