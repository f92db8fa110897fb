"""What the frozen prediction of a run directory says, second by second, as the live page draws it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from scenarios.outcome import Figure, Interval, Outcome
from scenarios.traffic import PhaseSpan

Triple = tuple[float, float, float]
"""Low, median, high: the 5th percentile, the median and the 95th percentile over the replications."""


@dataclass(frozen=True)
class Predicted:
    """Figures a bucket. `time_s` are the starts of buckets of `bucket_s`; `replicas` are counts from their second on.

    `intact` says whether prediction.json still has the hash that was frozen beside it; None: none was frozen.
    """

    scenario: str
    sha256: str
    intact: bool | None
    phases: tuple[PhaseSpan, ...]
    bucket_s: float
    time_s: tuple[float, ...]
    rate_rps: tuple[Triple | None, ...]
    goodput_rps: tuple[Triple | None, ...]
    p95_s: tuple[Triple | None, ...]
    failed_ratio: tuple[Triple | None, ...]
    replicas_s: tuple[float, ...]
    replicas: tuple[Triple | None, ...]

    @property
    def duration_s(self) -> float:
        """Length of the schedule."""
        return self.phases[-1].end_s if self.phases else self.time_s[-1] + self.bucket_s


def read_predicted(run_dir: Path) -> Predicted | None:
    """The prediction of a run directory; None when there is none that can be read, as in a run that only measures."""
    try:
        text = (run_dir / "prediction.json").read_bytes()
        outcome = Outcome.model_validate_json(text)
    except (OSError, ValidationError):
        return None
    if outcome.kind != "predicted" or not outcome.series.time_s:
        return None
    digest = hashlib.sha256(text).hexdigest()
    series, frozen = outcome.series, _frozen(run_dir / "prediction.sha256")
    return Predicted(
        scenario=outcome.scenario,
        sha256=frozen or digest,
        intact=None if frozen is None else frozen == digest,
        phases=tuple(PhaseSpan(p.name, p.start_s, p.end_s, p.surge) for p in outcome.phases),
        bucket_s=series.bucket_s,
        time_s=series.time_s,
        rate_rps=_triples(series.offered_rps),
        goodput_rps=_triples(series.goodput_rps),
        p95_s=_triples(series.p95_s),
        failed_ratio=tuple(map(_failed, series.offered_rps, series.goodput_rps)),
        replicas_s=tuple(change.time_s for change in outcome.replicas),
        replicas=_triples([change.ready for change in outcome.replicas]),
    )


def _frozen(path: Path) -> str | None:
    try:
        words = path.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None
    return words[0].lower() if words else None


def _triples(figures: Sequence[Figure | None]) -> tuple[Triple | None, ...]:
    return tuple(None if figure is None else _triple(figure) for figure in figures)


def _triple(figure: Figure) -> Triple:
    return (figure.low, figure.value, figure.high) if isinstance(figure, Interval) else (figure, figure, figure)


def _failed(offered: Figure, goodput: Figure) -> Triple | None:
    """The share of a bucket's requests that fail.

    An outcome keeps no failures a bucket. The replications' offered and goodput are taken to go together: low
    with low, high with high. That is exact when all replications offer the same, as with an even schedule.
    """
    ratio: Callable[[float, float], float] = lambda sent, good: min(1.0, max(0.0, 1 - good / sent))  # noqa: E731
    sent, good = _triple(offered), _triple(goodput)
    if min(sent) <= 0:
        return None
    low, middle, high = sorted(ratio(s, g) for s, g in zip(sent, good, strict=True))
    return low, middle, high
