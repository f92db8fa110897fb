"""Fine histograms of a run: by path, phase and class of answer, from the intended time and from the send.

They are made of the records of all workers, so that a sum over workers is exact: nothing was rounded before it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogWriter
from numpy.typing import NDArray

from loadgen.progress import new_histogram, percentile_s, record_all
from loadgen.records import ERRORS, Rows, good_rows
from scenarios.figures import bucket_s_for
from scenarios.traffic import PhaseSpan

PERCENTILES = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99)
CLOCKS = ("intended", "send")


@dataclass(frozen=True)
class Key:
    """What a histogram is of. `answer` is 2xx to 5xx, or the error of a request without an answer."""

    path: str
    phase: str
    answer: str

    def tag(self, clock: str) -> str:
        """Its name in an HDR log, where commas and spaces part the fields."""
        return f"{self.path}|{self.phase}|{self.answer}|{clock}".replace(",", "%2C").replace(" ", "%20")


def by_key(rows: Rows, paths: Sequence[str], phases: Sequence[PhaseSpan]) -> Iterator[tuple[Key, Rows]]:
    """The last attempts of requests, parted by path, phase (of the intended time) and class of answer."""
    final = rows[rows["final"] == 1]
    phase = np.searchsorted([span.start_s for span in phases], final["intended_s"], side="right") - 1
    classes = np.where(final["error"] > 0, final["error"], 10 + final["status"] // 100).astype(np.int64)
    parts = np.stack((final["request"].astype(np.int64), np.maximum(0, phase), classes), axis=1)
    for request, number, answer in np.unique(parts, axis=0).tolist():
        mine = (parts == (request, number, answer)).all(axis=1)
        name = ERRORS[answer] if answer < 10 else f"{answer - 10}xx"
        yield Key(paths[request], phases[number].name, name), final[mine]


def latencies_s(rows: Rows, clock: str) -> NDArray[np.float64]:
    """(n,) seconds to the end of each, from the intended time of its request or from its own send."""
    since: NDArray[np.float64] = rows["done_s"] - rows["intended_s" if clock == "intended" else "send_s"]
    return since


def histogram_of(values_s: NDArray[np.float64]) -> HdrHistogram:
    """A histogram of (n,) seconds."""
    histogram = new_histogram()
    record_all(histogram, values_s)
    return histogram


def write_log(path: Path, rows: Rows, paths: Sequence[str], phases: Sequence[PhaseSpan], epoch_unix_s: float) -> None:
    """An HDR log: a line for each interval, key and clock, by the moment a request was done; times since the schedule's start.

    An interval is a second, or longer in runs of more than ten minutes.

    HistogramLogAnalyzer and other readers of HDR logs add up the lines of a tag. Values are microseconds.
    """
    with path.open("w", encoding="utf-8") as file:
        writer = HistogramLogWriter(file)
        writer.output_comment("[matchday: microseconds; tags are path|phase|answer|clock]")
        writer.output_log_format_version()
        file.write(f"#[StartTime: {epoch_unix_s:.3f} (seconds since epoch)]\n")
        writer.output_legend()
        interval_s = bucket_s_for(max((span.end_s for span in phases), default=0.0))
        keyed = list(by_key(rows, paths, phases))
        for key, mine in sorted(keyed, key=lambda pair: pair[0].tag("")):
            intervals = np.floor(mine["done_s"] / interval_s)
            for interval in np.unique(intervals).tolist():
                within = mine[intervals == interval]
                start_s = interval * interval_s or 1e-9  # the writer takes 0 for "not given"
                for clock in CLOCKS:
                    file.write(f"Tag={key.tag(clock)},")
                    histogram = histogram_of(latencies_s(within, clock))
                    writer.output_interval_histogram(histogram, start_s, start_s + interval_s)


def write_csv(path: Path, rows: Rows, paths: Sequence[str], phases: Sequence[PhaseSpan]) -> None:
    """A row for each key and clock: count, mean, percentiles to 99.99, max, in seconds; counts add up over rows."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        named = [f"p{percent:g}_s" for percent in PERCENTILES]
        writer.writerow(["path", "phase", "answer", "clock", "count", "mean_s", *named, "max_s"])
        for key, mine in by_key(rows, paths, phases):
            for clock in CLOCKS:
                values_s = latencies_s(mine, clock)
                histogram = histogram_of(values_s)
                figures = [percentile_s(histogram, percent) for percent in PERCENTILES]
                writer.writerow(
                    [key.path, key.phase, key.answer, clock, len(mine)]
                    + [f"{figure:.6f}" for figure in (float(values_s.mean()), *figures, float(values_s.max()))]
                )


def write_hgrm(path: Path, histogram: HdrHistogram) -> None:
    """The percentile distribution that HdrHistogram's plotters read, in milliseconds."""
    with path.open("wb") as file:
        histogram.output_percentile_distribution(file, 1000.0)


def export(prefix: Path, rows: Rows, paths: Sequence[str], phases: Sequence[PhaseSpan], epoch_unix_s: float) -> None:
    """All three forms beside each other: PREFIX.hlog, PREFIX-histograms.csv, and PREFIX.hgrm of all good answers' latency."""
    write_log(prefix.with_name(f"{prefix.name}.hlog"), rows, paths, phases, epoch_unix_s)
    write_csv(prefix.with_name(f"{prefix.name}-histograms.csv"), rows, paths, phases)
    good = rows[(rows["final"] == 1) & good_rows(rows)]
    write_hgrm(prefix.with_name(f"{prefix.name}.hgrm"), histogram_of(latencies_s(good, "intended")))
