"""Measurements taken in turn, so that what else the machine does meets all of them; and what they come to."""

import os
import statistics
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Ways = Mapping[str, Callable[[], float]]  # name -> what measures it once, in seconds


@dataclass(frozen=True)
class Reach:
    """The goal against another measurement: at most this share of it, or this many seconds over it."""

    share: float | None = None
    over: float | None = None

    def verdict(self, ours: float, other: float) -> str:
        if self.share is not None:
            return _verdict(ours / other, self.share, "")
        if self.over is not None:
            return _verdict(ours - other, self.over, " s over it")
        return f"{ours / other:.2f}"


def _verdict(reached: float, limit: float, unit: str) -> str:
    return f"{reached:.2f}{unit}, reach {limit:.2f}: {'reached' if reached <= limit else 'MISSED'}"


def interleaved(measured: Ways, rounds: int) -> dict[str, list[float]]:
    """Seconds of each; one round first that does not count, since it fills caches."""
    seconds: dict[str, list[float]] = {name: [] for name in measured}
    for number in range(rounds + 1):
        for name, measure in measured.items():
            taken = measure()
            if number:
                seconds[name].append(taken)
    return seconds


def report(title: str, seconds: Mapping[str, list[float]], reaches: Mapping[str, Reach]) -> None:
    """Prints the medians, and ours against each that has a reach."""
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"\n{title}: medians of {len(seconds['ours'])} rounds, interleaved; {conditions()}")
    for name, values in seconds.items():
        print(f"  {name:8} {medians[name]:7.3f} s   ({min(values):.3f} to {max(values):.3f})")
    for name, reach in reaches.items():
        print(f"  ours / {name}: {reach.verdict(medians['ours'], medians[name])}", flush=True)


def conditions() -> str:
    """What else the figures depend on: a machine with other work gives worse ones, ratios included."""
    done = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, text=True, check=False
    )
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, load {load:.1f} at the end, engine {done.stdout.strip() or 'none'}"
