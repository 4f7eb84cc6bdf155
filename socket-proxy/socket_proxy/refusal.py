"""A refusal: why a request does not pass, and what would let it."""


class RefusedError(Exception):
    """Raised by a rule; `reason` never holds a value that could be a secret (environment, passwords, tokens).

    `setting` names the setting that would allow the request, empty when none does. `status` is the HTTP status.
    """

    def __init__(self, reason: str, setting: str = "", status: int = 403) -> None:
        super().__init__(reason)
        self.reason = reason
        self.setting = setting
        self.status = status

    def explain(self, role: str) -> str:
        """The one line a client shows its user."""
        if self.status == 404:
            return self.reason  # clients match the engine's own wording, "No such container"
        if self.status != 403:
            return f"socket proxy ({role}): {self.reason}"
        remedy = f"{self.setting} would allow it" if self.setting else "no setting allows it"
        return f"socket proxy ({role}): {self.reason}; {remedy}"
