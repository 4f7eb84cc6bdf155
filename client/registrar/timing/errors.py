"""Words that Prefect takes and reads otherwise than they are meant."""


class MeaningError(ValueError):
    """A fault whose message already says what to write instead."""
