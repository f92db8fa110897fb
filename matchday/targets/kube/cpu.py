"""CPU of proxies and pods as kubelets count it: a reading of every container about every ten seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from balancer.kube.api import ApiError, ApiUnavailableError, ReadsAndWrites
from balancer.policy.podview import Reading
from matchday.errors import EnvironmentFailedError
from matchday.targets.kube.reach import CONTROLLER_NAMESPACE
from matchday.targets.target import Cpu

_PROXY = "proxy"
_POLL_S = 3.0
_KEY = tuple[str, str]  # uid of the pod, name of the container


class CpuCounts:
    """Readings since the start, by container; times are seconds since 1970."""

    def __init__(self, api: ReadsAndWrites, namespace: str) -> None:
        self._api, self._namespace = api, namespace
        self._proxies: dict[_KEY, list[Reading]] = {}
        self._pods: dict[_KEY, list[Reading]] = {}

    async def watch(self) -> None:
        """Poll until cancelled. EnvironmentFailedError when we may not ask kubelets."""
        while True:
            try:
                await asyncio.to_thread(self._poll)
            except ApiUnavailableError:
                await asyncio.sleep(_POLL_S)  # the target itself decides for how long that is borne
            except ApiError as error:
                raise EnvironmentFailedError(f"kubelets do not say what pods use (nodes/proxy): {error}") from error
            await asyncio.sleep(_POLL_S)

    def _poll(self) -> None:
        for node in self._api.get("/api/v1/nodes")["items"]:
            path = f"/api/v1/nodes/{node['metadata']['name']}/proxy/stats/summary"
            self.hear(self._api.get(path, only_cpu_and_memory="true"))

    def hear(self, summary: Mapping[str, Any]) -> None:
        """Take one kubelet's summary in."""
        for pod in summary.get("pods", ()):
            where = pod["podRef"]["namespace"]
            for container in pod.get("containers", ()):
                if where == self._namespace:
                    readings = self._pods
                elif where == CONTROLLER_NAMESPACE and container["name"] == _PROXY:
                    readings = self._proxies
                else:
                    continue
                _keep(readings.setdefault((pod["podRef"]["uid"], container["name"]), []), container.get("cpu", {}))

    def used(self, since_s: float, until_s: float) -> Cpu:
        """CPU seconds between two moments."""
        return Cpu(
            proxy_s=sum(used_s(readings, since_s, until_s) for readings in self._proxies.values()),
            pods_s=sum(used_s(readings, since_s, until_s) for readings in self._pods.values()),
        )

    def idle_cores(self, since_s: float) -> float:
        """The least that any pod used on average since then: those that were there all the time served nothing."""
        rates = [
            (inside[-1].cpu_s - inside[0].cpu_s) / (inside[-1].at_s - inside[0].at_s)
            for readings in self._pods.values()
            if len(inside := [r for r in readings if r.at_s >= since_s]) > 1
        ]
        return min(rates, default=0.0)


class KubeMeter:
    """Counts from the moment it was made."""

    def __init__(self, counts: CpuCounts) -> None:
        self._counts, self._since_s = counts, time.time()

    async def read(self) -> Cpu:
        """What was used until now."""
        return self._counts.used(self._since_s, time.time())


def used_s(readings: Sequence[Reading], since_s: float, until_s: float) -> float:
    """CPU seconds of a container between two moments, of which readings are some seconds short on both sides.

    A container that was there before goes on as it did between its readings; one that came meanwhile counts from zero.
    """
    inside = [reading for reading in readings if since_s <= reading.at_s <= until_s]
    if not inside:
        return 0.0
    if inside[0] is readings[0] and inside[0].at_s - since_s > 2 * _LONGEST_GAP_S:
        return inside[-1].cpu_s
    if len(inside) < 2:
        return 0.0
    rate = (inside[-1].cpu_s - inside[0].cpu_s) / (inside[-1].at_s - inside[0].at_s)
    lived_until_s = until_s if until_s - inside[-1].at_s <= 2 * _LONGEST_GAP_S else inside[-1].at_s
    return rate * (lived_until_s - since_s)


# Between two readings of a container. Source: cAdvisor's housekeeping, 10 s and up to half as much more.
_LONGEST_GAP_S = 15.0


def _keep(readings: list[Reading], cpu: Mapping[str, Any]) -> None:
    if "usageCoreNanoSeconds" not in cpu:
        return
    at_s, cpu_s = datetime.fromisoformat(cpu["time"]).timestamp(), cpu["usageCoreNanoSeconds"] / 1e9
    # a container that is ending is now and then said to have used less than before
    if not readings or (at_s > readings[-1].at_s and cpu_s >= readings[-1].cpu_s):
        readings.append(Reading(at_s, cpu_s))
