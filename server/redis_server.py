"""A lost Redis is found again soon after it is back.

Prefect's readers of events, logs and triggers ask for a lost Redis at growing intervals, at last every minute and more,
and it has no setting for that (3.9.1: `Consumer.run` in prefect_redis/messaging.py). Here they wait 10 s at most, give
or take a third.
"""

from typing import Any

from prefect_redis import messaging  # type: ignore[import-untyped]  # it ships no types

LONGEST_SECONDS = 10.0

stock: Any = messaging
stock_interval = stock.exponential_backoff_with_jitter


def interval(attempt: int, base: float, longest: float) -> float:
    """Seconds until the next attempt."""
    return float(stock_interval(attempt, base, min(longest, LONGEST_SECONDS)))


def ask_often() -> None:
    """In this process, from now on."""
    stock.exponential_backoff_with_jitter = interval
