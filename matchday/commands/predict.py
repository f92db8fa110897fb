"""`matchday predict`: the surge simulated, without any target."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from matchday.display import Display
from matchday.rehearsal import given_calibration
from scenarios.load import load_scenario
from scenarios.outcome import Figure, Interval, Outcome
from sim.predict import predict


def run(path: Path, *, seed: int | None, replications: int, calibration: Path | None, as_json: bool) -> int:
    """Print the predicted outcome; 0 when at least half of the futures meet the SLO, else 1."""
    loaded = load_scenario(path)
    given = None if calibration is None else given_calibration(calibration, loaded)
    display = Display(as_json=as_json)
    with display.stage("predict", f"{replications} simulated futures of {loaded.scenario.name}") as stage:
        outcome = predict(
            loaded,
            seed=loaded.scenario.seed if seed is None else seed,
            replications=replications,
            calibration=given,
            same_arrivals=False,
            progress=lambda done: stage.update(done / replications, f"{done} of {replications}"),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
    if as_json:
        print(outcome.model_dump_json(indent=1))
    else:
        display.console.print(_table(outcome))
        basis = "a calibration" if given is not None else "the declared workload"
        display.say(f"Medians of {replications} futures with 5th to 95th percentile, from {basis}.")
        display.say(f"The SLO holds in {outcome.slo.met:.0%} of them.")
    return 0 if outcome.slo.met >= 0.5 else 1


def _table(outcome: Outcome) -> Table:
    table = Table("phase", "offered", "goodput", "success", "p50", "p95", "p99", box=None, pad_edge=False)
    for phase in (*outcome.phases, outcome.total):
        latency = phase.latency_s
        table.add_row(
            phase.name,
            _range(phase.offered_rps, 1, " rps", digits=0),
            _range(phase.goodput_rps, 1, " rps", digits=0),
            _range(phase.success_ratio, 100, " %", digits=1),
            *(_range(figure, 1000, " ms", digits=0) for figure in (latency.p50, latency.p95, latency.p99)),
        )
    return table


def _range(figure: Figure | None, factor: float, unit: str, *, digits: int) -> str:
    if not isinstance(figure, Interval):
        return "-"
    middle, low, high = (f"{value * factor:.{digits}f}" for value in (figure.value, figure.low, figure.high))
    return f"{middle}{unit}" if low == high else f"{middle}{unit} ({low} to {high})"
