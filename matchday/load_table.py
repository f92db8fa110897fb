"""The table of phases that `matchday load` prints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.table import Table

from loadgen.histograms import CLOCKS, histogram_of, latencies_s
from loadgen.progress import percentile_s
from loadgen.records import good_rows
from matchday.load_outcome import Measured
from scenarios.outcome import FAILURE_KINDS, PhaseOutcome

_PERCENTS = (50.0, 90.0, 95.0, 99.0, 99.9)


def phases_table(found: Measured, planned: Sequence[str] | None) -> Table:
    """A row for each phase and the total: requests a second, and milliseconds of successes from each clock.

    `planned` are the users of each phase in a closed loop, where intended time and send are one; None for a schedule.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("phase", no_wrap=True)
    for name in ("users" if planned is not None else "planned", "sent", "good"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("since", no_wrap=True)
    for name in (*(f"p{percent:g}" for percent in _PERCENTS), "max"):
        table.add_column(name, justify="right", no_wrap=True)
    phases = (*found.outcome.phases, found.outcome.total)
    users = None if planned is None else (*planned[: len(phases) - 1], "")
    for number, phase in enumerate(phases):
        first = _planned(found, phase) if users is None else users[number]
        for clock in CLOCKS if users is None else CLOCKS[1:]:
            begin = (phase.name, first, _rate(phase.offered_rps), _rate(phase.goodput_rps))
            lead = ("", "", "", "") if users is None and clock != CLOCKS[0] else begin
            table.add_row(*lead, clock, *(figure.removesuffix(" ms") for figure in _latencies(found, phase, clock)))
    return table


def failing_phases(found: Measured) -> list[str]:
    """A line for each phase in which something failed."""
    return [f"{phase.name}: {said}" for phase in found.outcome.phases if (said := failures(phase))]


def failures(phase: PhaseOutcome) -> str:
    """Its failures by kind, as percentages of what was sent; the most frequent first; empty without any."""
    shares = {kind: getattr(phase.failures, kind) for kind in FAILURE_KINDS}
    found = sorted((kind for kind in FAILURE_KINDS if shares[kind]), key=lambda kind: -shares[kind])
    return ", ".join(f"{shares[kind]:.2%} {kind.replace('_', ' ')}" for kind in found)


def milliseconds(seconds: float | None) -> str:
    """Three significant digits, or a dash."""
    if seconds is None:
        return "-"
    ms = seconds * 1000
    return f"{ms:,.0f} ms" if ms >= 100 else f"{ms:.1f} ms" if ms >= 10 else f"{ms:.2f} ms"


def _planned(found: Measured, phase: PhaseOutcome) -> str:
    first, last = np.searchsorted(found.schedule.intended_s, [phase.start_s, phase.end_s])
    return _rate(float(last - first) / (phase.end_s - phase.start_s))


def _latencies(found: Measured, phase: PhaseOutcome, clock: str) -> list[str]:
    rows = found.rows
    within = (rows["intended_s"] >= phase.start_s) & (rows["intended_s"] < phase.end_s)
    values_s = latencies_s(rows[within & (rows["final"] == 1) & good_rows(rows)], clock)
    histogram = histogram_of(values_s)
    figures = [percentile_s(histogram, percent) for percent in _PERCENTS]
    return [milliseconds(figure) for figure in (*figures, float(values_s.max()) if len(values_s) else None)]


def _rate(value: object) -> str:
    return f"{value:,.1f}"
