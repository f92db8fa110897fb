"""How old the CPU figures are that the cluster's autoscaler decides on, and over how long they are averaged.

Between a pod's work and the autoscaler stand the kubelet's own readings and metrics-server's. The model has the second
alone, read the moment before a sync: what it decides at one sync, the cluster decides at the first whose figures are as
recent. So many periods are added to what a decision takes.
"""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from balancer.kube.api import ApiError, ApiUnavailableError, ReadsAndWrites
from matchday.targets.kube.timing import seconds

_POLL_S = 1.0
_SHARES = 10


class Freshness:
    """Ages and windows of the figures of one namespace's pods, asked once a second; seconds."""

    def __init__(self, api: ReadsAndWrites, namespace: str) -> None:
        self._api, self._path = api, f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods"
        self._ages_s: list[float] = []
        self._windows_s: list[float] = []
        self.wanted = True

    async def watch(self) -> None:
        """Ask until cancelled, while `wanted`. A cluster that does not answer teaches nothing."""
        while True:
            if self.wanted:
                try:
                    self.hear(await asyncio.to_thread(self._api.get, self._path), time.time())
                except (ApiError, ApiUnavailableError):
                    await asyncio.sleep(_POLL_S)
            await asyncio.sleep(_POLL_S)

    def hear(self, metrics: Mapping[str, Any], now_s: float) -> None:
        """Take in a list of PodMetrics; `now_s` in seconds since 1970."""
        for pod in metrics["items"]:
            self._ages_s.append(max(0.0, now_s - datetime.fromisoformat(pod["timestamp"]).timestamp()))
            window_s = seconds(str(pod["window"]))
            if window_s is not None:
                self._windows_s.append(window_s)

    @property
    def window_s(self) -> float | None:
        """The usual window; None when nothing was heard."""
        return statistics.median(self._windows_s) if self._windows_s else None

    def added_to(self, lags_s: Iterable[float], sync_s: float) -> tuple[float, ...]:
        """Each lag with the periods of `sync_s` that figures are late by, in equal shares; as it is if none was heard."""
        if len(self._ages_s) < 2:
            return tuple(lags_s)
        ages_s = statistics.quantiles(self._ages_s, n=_SHARES)
        late_s = [sync_s * math.ceil(age_s / sync_s) for age_s in ages_s]
        return tuple(lag_s + each_s for lag_s in lags_s for each_s in late_s)
