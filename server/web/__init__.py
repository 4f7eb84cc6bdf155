"""What the site changes of Prefect's web server: no page asks another host, and a path below a host works."""


def apply() -> None:
    """Changes Prefect in this process. Each process that serves the API has to call it, before the app is made."""
    from web import collections, docs, files, subpath  # they import Prefect's server, which takes seconds

    files.apply()
    docs.apply()
    collections.apply()
    subpath.apply()
