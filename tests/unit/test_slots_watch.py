"""Which slots of concurrency limits count as lost; the real databases are tested in tests/compose."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from lost_slots import Look, Watch, slots_of_leases
from prefect.server.concurrency.lease_storage import ConcurrencyLimitLeaseMetadata
from prefect.server.concurrency.lease_storage.memory import ConcurrencyLeaseStorage

LIMIT, OTHER = uuid4(), uuid4()
GRACE = 600.0
See = Callable[..., dict[UUID, int]]


@pytest.fixture
def see() -> See:
    """Looks every 15 s, from a second to another, at the same unheld slots; what is due at the last look."""
    watch = Watch(GRACE)

    def look(begin: int, end: int, **unheld: int) -> dict[UUID, int]:
        slots = {LIMIT: unheld.get("limit", 0), OTHER: unheld.get("other", 0)}
        return [dict(watch.see(slots, float(now))) for now in range(begin, end + 1, 15)][-1]

    return look


def test_what_no_lease_held_for_the_whole_grace_is_due_and_not_before(see: See) -> None:
    assert see(1000, 1590, limit=2, other=1) == {}
    assert see(1600, 1600, limit=2, other=1) == {LIMIT: 2, OTHER: 1}


def test_a_slot_that_was_held_meanwhile_begins_anew(see: See) -> None:
    see(1000, 1570, limit=1)
    see(1585, 1585)
    assert see(1600, 2185, limit=1) == {}


def test_only_as_many_as_were_unheld_all_the_time_are_due(see: See) -> None:
    """The others are those of runs that were just taking or giving back a slot."""
    see(1000, 1300, limit=3)
    see(1315, 1315, limit=1)
    assert see(1330, 1600, limit=4) == {LIMIT: 1}


def test_what_nobody_looked_at_for_long_begins_anew(see: See) -> None:
    see(1000, 1100, limit=1)
    assert see(1900, 1900, limit=1) == {}


def test_what_is_taken_beyond_the_leases_is_unheld() -> None:
    assert Look({LIMIT: 5, OTHER: 1}, {LIMIT: 2, OTHER: 4}).unheld == {LIMIT: 3, OTHER: -3}


def test_a_lease_holds_its_slots_until_prefect_has_freed_them_and_one_that_cannot_be_read_holds_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def leases() -> dict[UUID, dict[UUID, int]]:
        storage = ConcurrencyLeaseStorage()  # type: ignore[no-untyped-call]
        for seconds, slots in ((60, 2), (-60, 3)):
            metadata = ConcurrencyLimitLeaseMetadata(slots=slots)
            await storage.create_lease([LIMIT], timedelta(seconds=seconds), metadata)
        odd = await storage.create_lease([LIMIT], timedelta(seconds=60))
        odd.metadata = "five"  # type: ignore[assignment]
        return {identity: dict(slots) for identity, slots in (await slots_of_leases(storage)).items()}

    found = asyncio.run(leases())
    assert sorted(slots.get(LIMIT, 0) for slots in found.values()) == [0, 2, 3]
