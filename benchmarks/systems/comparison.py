"""Several systems in turn, and a table of what their rounds cost beside the first one."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .system import Shape, System
from .usage import Usage


@dataclass(frozen=True)
class Turn:
    """The rounds of one system in one turn.

    Attributes:
        round_seconds: The median duration of a round.
        cpu_seconds_per_gb: The CPU time of all processes for 10⁹ bytes moved.
        cpu_by_role: The same of each role.
        peak_mb: The largest private memory of one process of each role, in 10⁶ bytes.
    """

    round_seconds: float
    cpu_seconds_per_gb: float
    cpu_by_role: dict[str, float]
    peak_mb: dict[str, float]


def compare(
    systems: Sequence[System], shape: Shape, *, rounds: int, repeats: int
) -> list[dict[str, Any]]:
    """Run all systems in turn, as often as asked; return a row for each.

    A row has the medians over the turns. Its ratio is the median of the ratios to the first system in the same turn, so
    that a load which comes and goes on this machine touches both.
    """
    turns: dict[str, list[Turn]] = {system.name: [] for system in systems}
    for number in range(repeats):
        for system in systems:
            turn = measured(system, shape, rounds)
            turns[system.name].append(turn)
            _tell(f"{shape}, turn {number + 1}, {system.name}: {turn.round_seconds:.3f} s")
    base = turns[systems[0].name]
    return [_row(shape, name, mine, base) for name, mine in turns.items()]


def measured(system: System, shape: Shape, rounds: int) -> Turn:
    """Start a system, let it do rounds, and end it."""
    with system.started(shape) as running:
        with Usage(running.pids) as usage:
            done = running.run(rounds)
        gigabytes = done.count * shape.gigabytes_per_round
        by_role = {role: seconds / gigabytes for role, seconds in usage.cpu_seconds.items()}
        return Turn(
            statistics.median(done.seconds),
            sum(by_role.values()),
            by_role,
            usage.peak_megabytes,
        )


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as text."""
    head = f"{'shape':13}{'system':12}{'round s':>9}{'ratio':>7}{'from-to':>12}{'CPU s/GB':>10}"
    lines = [head + "  CPU s/GB, peak private MB by role"]
    for row in rows:
        least, most = row["ratios"][0], row["ratios"][-1]
        lines.append(
            f"{row['shape']:13}{row['system']:12}{row['round_seconds']:9.3f}{row['ratio']:7.2f}"
            f"{f'{least:.2f}-{most:.2f}':>12}{row['cpu_seconds_per_gb']:10.2f}  {_roles(row)}"
        )
    return "\n".join(lines)


def _row(shape: Shape, name: str, mine: Sequence[Turn], base: Sequence[Turn]) -> dict[str, Any]:
    ratios = sorted(
        round(one.round_seconds / other.round_seconds, 2)
        for one, other in zip(mine, base, strict=True)
    )
    return {
        "shape": str(shape),
        "system": name,
        "round_seconds": round(statistics.median(turn.round_seconds for turn in mine), 4),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "cpu_seconds_per_gb": _median([turn.cpu_seconds_per_gb for turn in mine], 2),
        "cpu_by_role": {
            role: _median([turn.cpu_by_role[role] for turn in mine], 2)
            for role in mine[0].cpu_by_role
        },
        "peak_mb": {
            role: round(max(turn.peak_mb[role] for turn in mine)) for role in mine[0].peak_mb
        },
    }


def _median(values: Sequence[float], digits: int) -> float:
    return round(statistics.median(values), digits)


def _roles(row: dict[str, Any]) -> str:
    peaks = row["peak_mb"]
    return ", ".join(
        f"{role} {cpu:.2f} and {peaks[role]:,}" for role, cpu in row["cpu_by_role"].items()
    )


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
