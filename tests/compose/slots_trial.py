"""What happens to slots of concurrency limits when Redis loses its data: by Prefect's own code, in its own databases.

`python -m tests.compose.slots_trial`, with the environment of a server; prints what it saw as JSON.
"""

import asyncio
import json
import random
from uuid import UUID

import lost_slots
import sqlalchemy as sa
from prefect.server.api import concurrency_limits_v2 as api
from prefect.server.concurrency.lease_storage import get_concurrency_lease_storage
from prefect.server.database import provide_database_interface

RUNS = 50
HOLD_SECONDS = 0.5
APART_SECONDS = 1.5
GRACE_SECONDS = 10.0  # several looks long
LIMITS = {"lost": 5, "partly": 5, "busy": RUNS, "switched-off": 5, "rate": 5}

DB = provide_database_interface()
Seen = dict[str, dict[str, int]]


async def create() -> None:
    await DB.create_db()
    async with DB.session_context(begin_transaction=True) as session:
        for name, limit in LIMITS.items():
            decay = 0.0001 if name == "rate" else 0.0
            session.add(DB.ConcurrencyLimitV2(name=name, limit=limit, slot_decay_per_second=decay))


async def take(name: str, slots: int = 1) -> UUID:
    answer = await api.bulk_increment_active_slots_with_lease(
        slots=slots, names=[name], mode="concurrency", lease_duration=60, holder=None, db=DB
    )
    return answer.lease_id


async def give_back(lease: UUID) -> None:
    await api.bulk_decrement_active_slots_with_lease(lease_id=lease, db=DB)


async def taken() -> dict[str, int]:
    async with DB.session_context() as session:
        limits = DB.ConcurrencyLimitV2
        return dict((await session.execute(sa.select(limits.name, limits.active_slots))).tuples().all())


async def run(stop: asyncio.Event) -> UUID:
    """Takes a slot and gives it back again and again; ends holding one."""
    while True:
        lease = await take("busy")
        if stop.is_set():
            return lease
        await asyncio.sleep(random.uniform(0, HOLD_SECONDS))  # noqa: S311
        await give_back(lease)


async def lose_all_leases() -> None:
    storage = get_concurrency_lease_storage()
    await storage.redis_client.flushall()  # type: ignore[attr-defined]


async def switch_off(name: str) -> None:
    async with DB.session_context(begin_transaction=True) as session:
        limits = DB.ConcurrencyLimitV2
        await session.execute(sa.update(limits).where(limits.name == name).values(active=False))


async def trial() -> Seen:
    await create()
    for name in ("lost", "lost", "partly", "switched-off", "rate"):
        await take(name)
    await switch_off("switched-off")
    await lose_all_leases()
    held = await take("partly", 2)
    stop, watch, seen = asyncio.Event(), lost_slots.Watch(GRACE_SECONDS), {"before": await taken()}
    runs = [asyncio.create_task(run(stop)) for _ in range(RUNS)]
    while (await taken())["lost"]:
        await lost_slots.pass_once(watch, DB, get_concurrency_lease_storage(), APART_SECONDS)
    stop.set()
    leases = await asyncio.gather(*runs)
    seen["all hold one"] = await taken()
    await asyncio.gather(*map(give_back, (*leases, held)))
    seen["given back"] = await taken()
    return seen


if __name__ == "__main__":
    print(json.dumps(asyncio.run(asyncio.wait_for(trial(), timeout=600))))
