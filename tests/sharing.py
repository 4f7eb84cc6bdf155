"""How processes share the tests (`make test`): file by file, and files of one site stay in one process."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# Long ones first: what is short fills the gap that one process has at the end.
TIERS = ("tests/e2e/", "tests/server/", "tests/compose/", "tests/unit/")
SITE = (
    "backup", "doctor_finds", "outage", "plain_compose", "retention", "secrets_changed", "secrets_unseen",
    "slots_without_leases", "small_site", "ui",
)  # fmt: skip
SERVER_RUNS = ("conda_flow", "parent_flow", "process_worker", "run_flow")
SERVER_SAMPLES = ("flights_run", "registrar", "registrar_api", "weather_run")
# By the fixture that is slow to make. A file that is missing here is tested all the same, only later.
TOGETHER = {
    "engines_site": ("tests/e2e/test_endurance.py", "tests/e2e/test_engines.py"),
    "site": tuple(f"tests/e2e/test_{name}.py" for name in SITE),
    "docker_site": tuple(f"tests/e2e/test_{name}.py" for name in ("direct_mode", "second_engine", "worker_docker")),
    "podman_place": ("tests/e2e/launcher/",),
    "proxy": ("tests/e2e/proxy/",),
    "slurm": ("tests/e2e/slurm/",),
    "server: runs": tuple(f"tests/server/test_{name}.py" for name in SERVER_RUNS),
    "server: samples": tuple(f"tests/server/test_{name}.py" for name in SERVER_SAMPLES),
}
# The first makes the images that the engine lacks; what follows needs none, and those after it find them made.
FIRST = ("engines_site", "tests/e2e/test_without_engine.py", "server: runs", "docker_site", "podman_place", "site")

# What is quicker is summed up by tier in the table of what took how long.
WORTH_A_ROW = 20

# What files share, until the last of them is done: a site at rest takes its part of the machine too.
SHARED = ExitStack()


def arrange(items: list[pytest.Item]) -> None:
    """What is first, then tier by tier, and group by group; else the order stays."""
    first: dict[str, int] = {}
    for place, item in enumerate(items):
        first.setdefault(group(item.nodeid), place)
    begins = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: (begins.get(group(item.nodeid), len(FIRST)), _tier(item), first[group(item.nodeid)]))


def group(nodeid: str) -> str:
    """What a process is given at a time: a file, or the files of one site."""
    file = nodeid.partition("::")[0]
    return next((name for name, files in TOGETHER.items() if file.startswith(files)), file)


def _tier(item: pytest.Item) -> int:
    return next((place for place, tier in enumerate(TIERS) if item.nodeid.startswith(tier)), len(TIERS))


def table(reports: Iterable[pytest.TestReport]) -> Iterator[str]:
    """What took how long, the longest first, as the table of tests/README.md."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for report in reports:
        seconds[group(report.nodeid)] += report.duration
    for name in [name for name, took in seconds.items() if took < WORTH_A_ROW]:
        seconds[_rest(name)] += seconds.pop(name)
    yield from ("| tests | seconds |", "|---|---|")
    yield from (f"| `{name}` | {took:.0f} |" for name, took in sorted(seconds.items(), key=lambda row: -row[1]))


def _rest(name: str) -> str:
    return f"the rest of {next((tier for tier in TIERS if name.startswith(tier)), 'all')}"


def leave(item: pytest.Item, following: pytest.Item | None) -> None:
    """Ends what is shared, where the next test is not among those that share it."""
    if following is None or group(following.nodeid) != group(item.nodeid):
        SHARED.close()


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """What one process is given at a time; by name, since marks of groups do not pass from pytest 9.2 to xdist 3.8."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)
