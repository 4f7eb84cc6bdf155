"""Frees slots of concurrency limits that are counted as taken and that no lease holds.

Prefect counts the taken slots in the database and keeps the leases on them elsewhere: in Redis, or on SQLite in the
memory of the server. Only a lease frees its slots. A Redis that lost its data, a restored database, a restarted server
on SQLite and an API process that was killed between the two writes leave slots taken for ever, and runs wait for them.

This is one more of Prefect's own background services: importing this module adds it, so it runs wherever those run,
and sees their database and their leases. It frees what no lease held during two lease periods. Limits of deployments,
of tags and global ones have leases. Rate limits free their slots by themselves; work pools and queues count runs.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from docket import Perpetual
from prefect.logging import get_logger
from prefect.server.concurrency.lease_storage import ConcurrencyLeaseStorage, get_concurrency_lease_storage
from prefect.server.database import PrefectDBInterface, provide_database_interface
from prefect.server.models.concurrency_limits_v2 import denied_slots_after_decay
from prefect.server.services.perpetual_services import perpetual_service
from prefect.server.utilities.database import greatest, least
from prefect.settings.context import get_current_settings

INTERVAL_SECONDS = 15
# The two writes of one request are milliseconds apart, on a busy machine seconds. Leases that are seen this long before
# or after the counts belong to them.
APART_SECONDS = 3
# The storage has no "all of them"; its pages may leave one out that is renewed meanwhile.
ALL = 1_000_000

logger = get_logger("prefect.server.services.lostslots")

Slots = Mapping[UUID, int]
"""Number of slots by the limit's id."""


@dataclass(frozen=True)
class Unheld:
    """Slots of a limit that no lease has held since a time (s, monotonic): the fewest that there were since then."""

    slots: int
    since: float

    def still(self, slots: int) -> "Unheld":
        return Unheld(min(slots, self.slots), self.since)


@dataclass
class Watch:
    """Tells slots that are lost from those whose lease is just being made or given back."""

    grace: float
    """Seconds that a slot must be unheld."""
    unheld: dict[UUID, Unheld] = field(default_factory=dict)
    last: float = 0.0

    def see(self, slots: Slots, now: float) -> Slots:
        """Notes the slots that no lease holds now; returns those that have been so during the whole grace."""
        if now - self.last > self.grace:
            self.unheld = {}  # after a long time without a look: they may have been held meanwhile
        self.last = now
        self.unheld = {
            limit: self.unheld.get(limit, Unheld(count, now)).still(count)
            for limit, count in slots.items()
            if count > 0
        }
        return {limit: one.slots for limit, one in self.unheld.items() if now - one.since >= self.grace}

    def forget(self, limits: Iterable[UUID]) -> None:
        for limit in limits:
            self.unheld.pop(limit, None)


@dataclass(frozen=True)
class Look:
    """The slots that are taken by the database's count, and those that leases hold, at the same time."""

    taken: Slots
    held: Slots

    @property
    def unheld(self) -> Slots:
        return {limit: count - self.held.get(limit, 0) for limit, count in self.taken.items()}


async def look(db: PrefectDBInterface, leases: ConcurrencyLeaseStorage, apart: float) -> Look:
    """A lease is made shortly after its slots are counted, or given back shortly before: both times count."""
    if not await taken_slots(db):
        return Look({}, {})
    before = await slots_of_leases(leases)
    await asyncio.sleep(apart)
    taken = await taken_slots(db)
    await asyncio.sleep(apart)
    return Look(taken, summed((before | await slots_of_leases(leases)).values()))


async def taken_slots(db: PrefectDBInterface) -> Slots:
    limits = db.ConcurrencyLimitV2
    query = sa.select(limits.id, limits.active_slots).where(limits.active_slots > 0, limits.slot_decay_per_second == 0)
    async with db.session_context() as session:
        return dict((await session.execute(query)).tuples().all())


async def slots_of_leases(leases: ConcurrencyLeaseStorage) -> dict[UUID, Slots]:
    """By the lease's id. What has expired still counts: Prefect itself frees that, once."""
    ids = {*await leases.read_active_lease_ids(limit=ALL), *await leases.read_expired_lease_ids(limit=ALL)}
    return {one: await slots_of_lease(leases, one) for one in ids}


async def slots_of_lease(leases: ConcurrencyLeaseStorage, identity: UUID) -> Slots:
    try:
        lease = await leases.read_lease(identity)
        slots = lease.metadata.slots if lease and lease.metadata else 1
        return dict.fromkeys(lease.resource_ids, slots) if lease else {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning(f"the lease {identity} cannot be read, and so holds no slots: {error!r}")
        return {}


def summed(leases: Iterable[Slots]) -> Slots:
    total: dict[UUID, int] = {}
    for lease in leases:
        for limit, slots in lease.items():
            total[limit] = total.get(limit, 0) + slots
    return total


async def free(db: PrefectDBInterface, limit: UUID, lost: int, held: int) -> None:
    """In one statement: what takes or frees slots meanwhile, also another of these services, is respected."""
    row = db.ConcurrencyLimitV2
    change = (
        sa.update(row)
        .where(row.id == limit, row.active_slots > held)
        .values(
            active_slots=greatest(least(row.active_slots, held), row.active_slots - lost),
            denied_slots=denied_slots_after_decay(db),
        )
        .returning(row.name)
        .execution_options(synchronize_session=False)
    )
    async with db.session_context(begin_transaction=True) as session:
        name = (await session.execute(change)).scalar_one_or_none()
    if name:
        logger.warning(
            f"freed {lost} of the slots of the concurrency limit {name!r}: they were taken, and no lease held them. "
            "That is so after a restore of the database, or when the leases were lost"
        )


async def pass_once(
    watch: Watch, db: PrefectDBInterface, leases: ConcurrencyLeaseStorage, apart: float = APART_SECONDS
) -> None:
    seen = await look(db, leases, apart)
    due = watch.see(seen.unheld, time.monotonic())
    for limit, lost in due.items():
        await free(db, limit, lost, seen.held.get(limit, 0))
    watch.forget(due)


def lease_periods(number: int) -> float:
    """In seconds; Prefect's clients take leases of as long as the server's first one for deployments, 300 s."""
    return number * float(get_current_settings().server.concurrency.initial_deployment_lease_duration)


WATCH = Watch(grace=lease_periods(2))


@perpetual_service(enabled_getter=lambda: True)
async def free_lost_slots(
    perpetual: Perpetual = Perpetual(automatic=True, every=timedelta(seconds=INTERVAL_SECONDS)),  # noqa: B008  # docket's way
) -> None:
    try:
        await pass_once(WATCH, provide_database_interface(), get_concurrency_lease_storage())
    except Exception as error:  # whatever the database, Redis or their clients raise ends this pass alone
        WATCH.unheld = {}
        logger.warning(f"could not look for slots of concurrency limits that no lease holds: {error!r}")
