"""Writes docs/five-rehearsals.md and the README's summary from run directories: `python tests/benchmarks/rehearsal_table.py RUN_DIR…`."""

import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from matchday.compare import Comparison, compare
from matchday.compare.figures import plain
from matchday.report.record import read_model, read_record
from scenarios.outcome import Outcome

ROOT = Path(__file__).parents[2]
ENDPOINT_FAILURES = ("no_server", "connect", "server_error", "aborted")


@dataclass(frozen=True)
class Row:
    """One rehearsal: errors as ratios of measured (goodput: of offered), pods at the end, seconds."""

    mean: float
    p50: float
    p95: float
    goodput: float
    final: tuple[float, float]
    largest_difference_s: float
    matched: bool
    inside: str
    reloads: int
    endpoint_failures: float
    verdict: str


def row(run: Path) -> Row:
    measured = read_model(run / "measurement.json", Outcome)
    comparison: Comparison = compare(read_model(run / "prediction.json", Outcome), measured)
    summary, replicas = comparison.summary, comparison.replicas
    assert summary is not None, f"{run} is not scored"
    assert replicas is not None
    assert measured.validity is not None
    failures = sum(plain(getattr(measured.total.failures, kind)) or 0.0 for kind in ENDPOINT_FAILURES)
    return Row(
        mean=summary.mean_error_ratio or 0.0,
        p50=summary.p50_error_ratio or 0.0,
        p95=summary.p95_error_ratio or 0.0,
        goodput=summary.goodput_error_ratio or 0.0,
        final=(replicas.final.predicted or 0.0, replicas.final.measured or 0.0),
        largest_difference_s=replicas.largest_difference_s or 0.0,
        matched=replicas.scale_ups_matched is True,
        inside=f"{summary.figures_inside} of {summary.figures_counted}",
        reloads=sum(event.reloads for event in read_record(run).events),
        endpoint_failures=failures * measured.validity.sent,
        verdict=measured.validity.verdict,
    )


def table(rows: list[Row]) -> str:
    head = (
        "run",
        "mean",
        "p50",
        "p95",
        "goodput",
        "pods at the end, predicted / measured",
        "scale-ups apart by at most",
        "figures inside",
        "reloads",
        "failed by endpoint changes",
        "validity",
    )
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for number, r in enumerate(rows, start=1):
        lines.append(
            f"| {number} | {r.mean:.1%} | {r.p50:.1%} | {r.p95:.1%} | {100 * r.goodput:.2f} points "
            f"| {r.final[0]:g} / {r.final[1]:g} | {r.largest_difference_s:.2f} s{'' if r.matched else ', not all matched'} "
            f"| {r.inside} | {r.reloads} | {r.endpoint_failures:.0f} | {r.verdict} |"
        )
    return "\n".join(lines)


def medians(rows: list[Row]) -> str:
    middle = {name: statistics.median(getattr(r, name) for r in rows) for name in ("mean", "p50", "p95", "goodput")}
    return (
        "| surge phase | median error of five runs | wanted |\n| --- | --- | --- |\n"
        f"| mean latency | {middle['mean']:.1%} | 15 % |\n"
        f"| p50 latency | {middle['p50']:.1%} | 15 % |\n"
        f"| p95 latency | {middle['p95']:.1%} | 25 % |\n"
        f"| goodput, of offered | {100 * middle['goodput']:.2f} points | 5 points |"
    )


def main(runs: list[Path]) -> None:
    rows = [row(run) for run in runs]
    page = (
        "# Five rehearsals in a row\n\n"
        "`make rehearse` five times, one after the other, on two cores; written by `tests/benchmarks/rehearsal_table.py`. Errors are "
        "|predicted - measured| / measured in the surge phase, goodput as a share of offered.\n\n"
        f"{table(rows)}\n\n{medians(rows)}\n"
    )
    (ROOT / "docs" / "five-rehearsals.md").write_text(page, encoding="utf-8")
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition("<!-- five:begin -->")
    _, _, after = rest.partition("<!-- five:end -->")
    readme.write_text(f"{before}<!-- five:begin -->\n{medians(rows)}\n<!-- five:end -->{after}", encoding="utf-8")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
