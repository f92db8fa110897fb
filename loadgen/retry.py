"""How long a client waits before it tries again."""

from __future__ import annotations

import random

_JITTER = (0.5, 1.5)


def backoff_s(seed: int, index: int, attempt: int, base_s: float) -> float:
    """The wait after attempt number `attempt`: doubling, times a uniform factor of 0.5 to 1.5. Reproducible."""
    return base_s * 2.0**attempt * random.Random(f"{seed}/{index}/{attempt}").uniform(*_JITTER)
