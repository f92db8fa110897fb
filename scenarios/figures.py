"""From what happened to each request to the figures of an `Outcome`: one definition for predicted and measured.

A quantile is the smallest latency that at least that share of the successes does not exceed (inverted CDF, as
HdrHistogram has it). A request belongs to the phase and bucket of its intended send time.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenarios.outcome import FAILURE_KINDS, Failures, Latency, PhaseOutcome, Series
from scenarios.traffic import PhaseSpan

FATES = ("ok", *FAILURE_KINDS)
QUANTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99, "p999": 0.999}
_MOST_BUCKETS = 600

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Requests:
    """What became of n offered requests.

    intended_s  (n,) float64, ascending
    latency_s   (n,) float64, from the intended send time to the moment the client knew
    fate        (n,) int8, index into FATES
    """

    intended_s: Floats
    latency_s: Floats
    fate: NDArray[np.int8]

    def within(self, start_s: float, end_s: float) -> Requests:
        """Those meant to be sent in [start_s, end_s)."""
        first, last = np.searchsorted(self.intended_s, [start_s, end_s], side="left")
        part = slice(int(first), int(last))
        return Requests(self.intended_s[part], self.latency_s[part], self.fate[part])


def quantile(ascending_s: Floats, share: float) -> float | None:
    """The inverted CDF of an ascending sample; None when it is empty."""
    n = len(ascending_s)
    return float(ascending_s[min(n - 1, max(0, math.ceil(share * n - 1e-9) - 1))]) if n else None


def latency_of(successes_s: Floats) -> Latency:
    """The latency figures of successful requests, in any order."""
    ascending = np.sort(successes_s)
    n = len(ascending)
    return Latency(
        mean=float(ascending.mean()) if n else None,
        **{name: quantile(ascending, share) for name, share in QUANTILES.items()},
        max=float(ascending[-1]) if n else None,
    )


def phase_outcome(requests: Requests, span: PhaseSpan, latency: Latency | None = None) -> PhaseOutcome:
    """The figures of one span; `latency` replaces the exact figures where a histogram has them."""
    part = requests.within(span.start_s, span.end_s)
    offered = len(part.fate)
    counts = np.bincount(part.fate, minlength=len(FATES))
    length_s = span.end_s - span.start_s
    return PhaseOutcome(
        name=span.name,
        start_s=span.start_s,
        end_s=span.end_s,
        surge=span.surge,
        offered_rps=offered / length_s,
        goodput_rps=float(counts[0]) / length_s,
        success_ratio=float(counts[0]) / offered if offered else None,
        failures=Failures(
            **{
                kind: float(count) / offered if offered else 0.0
                for kind, count in zip(FAILURE_KINDS, counts[1:], strict=True)
            }
        ),
        latency_s=latency or latency_of(part.latency_s[part.fate == 0]),
    )


def bucket_s_for(duration_s: float) -> float:
    """One second, or the smallest whole number of seconds that keeps a schedule within 600 buckets."""
    return float(max(1, math.ceil(duration_s / _MOST_BUCKETS)))


def series_of(
    requests: Requests,
    queued: Sequence[tuple[float, float]],
    in_service: Sequence[tuple[float, float]],
    duration_s: float,
) -> Series:
    """Figures per bucket; `queued` and `in_service` are (from, until) of every stay in a queue or a slot."""
    bucket_s = bucket_s_for(duration_s)
    edges = np.arange(math.ceil(duration_s / bucket_s - 1e-9) + 1, dtype=np.float64)
    edges *= bucket_s
    parts = [requests.within(start, end) for start, end in itertools.pairwise(edges.tolist())]
    good = [np.sort(part.latency_s[part.fate == 0]) for part in parts]
    return Series(
        bucket_s=bucket_s,
        time_s=tuple(edges[:-1].tolist()),
        offered_rps=tuple(len(part.fate) / bucket_s for part in parts),
        goodput_rps=tuple(len(latencies) / bucket_s for latencies in good),
        p50_s=tuple(quantile(latencies, 0.50) for latencies in good),
        p95_s=tuple(quantile(latencies, 0.95) for latencies in good),
        p99_s=tuple(quantile(latencies, 0.99) for latencies in good),
        queued=tuple(mean_present(queued, edges).tolist()),
        in_flight=tuple(mean_present(in_service, edges).tolist()),
    )


def mean_present(stays: Sequence[tuple[float, float]], edges: Floats) -> Floats:
    """(m,) how many stays were under way on average in each of the m buckets between `edges` (m + 1,)."""
    if not len(stays):
        return np.zeros(len(edges) - 1)
    spans = np.asarray(stays, dtype=np.float64)

    def time_before(moments: Floats) -> Floats:
        """(m + 1,) total time that stays starting at these moments would have lasted up to each edge."""
        ordered = np.sort(moments)
        total = np.concatenate(([0.0], np.cumsum(ordered)))
        count = np.searchsorted(ordered, edges)
        return count * edges - total[count]

    present = time_before(spans[:, 0]) - time_before(spans[:, 1])
    return np.maximum(0.0, np.diff(present) / np.diff(edges))
