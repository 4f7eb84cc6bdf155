"""Global concurrency limits."""

from __future__ import annotations

from contextlib import suppress

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
from prefect.exceptions import ObjectNotFound

from registrar.outcome import MADE, REMOVED, Outcome, changed, differences
from registrar.record import Record
from registrar.registration import Limit

KIND = "concurrency limit"


def apply(client: SyncPrefectClient, limit: Limit, record: Record) -> Outcome:
    """Make the limit, or change what differs."""
    wanted = limit.model_dump()
    record.remember_limit(limit.name)
    try:
        present = client.read_global_concurrency_limit_by_name(limit.name).model_dump()
    except ObjectNotFound:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(**wanted))
        return Outcome(KIND, limit.name, MADE)
    news = differences(wanted, present)
    if news:
        client.update_global_concurrency_limit(limit.name, GlobalConcurrencyLimitUpdate(**news))
    return Outcome(KIND, limit.name, changed(news))


def remove(client: SyncPrefectClient, name: str, record: Record) -> Outcome:
    """Remove a limit that no file names any more."""
    with suppress(ObjectNotFound):  # somebody was quicker
        client.delete_global_concurrency_limit_by_name(name)
    record.forget_limit(name)
    return Outcome(KIND, name, REMOVED)
