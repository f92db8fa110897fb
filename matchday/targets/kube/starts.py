"""How long a pod takes from the decision to the first request, from what the API server tells and when we heard it.

A cluster writes its moments in whole seconds. What can be heard finer is heard: the moment we ordered the pod, the
first 200 of its readiness endpoint (asked through the API server), the moment its EndpointSlice said ready. The start
of its process lies between, good to half a second; the sum of all parts is exact.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from balancer.kube.api import ApiError, ApiUnavailableError
from balancer.policy.objects import Probe
from matchday.targets.target import Starts

_ASK_S = 0.1
_HALF_A_SECOND = 0.5
_LEAST_S = 0.001


class Asks(Protocol):
    """What asking a pod through the API server needs."""

    def text(self, path: str, **query: object) -> str:
        """An answer that is no JSON. ApiError for a status of 400 and more."""


@dataclass
class Start:
    """One pod's. Moments of `time.monotonic()`, None until they have come; `first_ok` None when nobody asked."""

    ordered: float
    probe: Probe
    started: float | None = None
    first_ok: float | None = None
    ready: float | None = None
    in_rotation: float | None = None

    def hear_started(self, written: str, heard: float) -> None:
        """`written` is Kubernetes' moment, whole seconds: half a second later is the best guess, never after `heard`."""
        if self.started is None:
            at_s = datetime.fromisoformat(written).timestamp() + _HALF_A_SECOND
            self.started = max(self.ordered, min(heard, at_s - time.time() + time.monotonic()))

    @property
    def decision_lag_s(self) -> float | None:
        """From the order to the process."""
        return None if self.started is None else max(_LEAST_S, self.started - self.ordered)

    @property
    def startup_s(self) -> float | None:
        """From the process to the first 200 of its readiness endpoint."""
        first = self.first_ok if self.first_ok is not None else self.ready
        return None if first is None or self.started is None else max(_LEAST_S, first - self.started)

    @property
    def rotation_lag_s(self) -> float | None:
        """From the probe that, on the grid of the process' start, would find it ready until it is in rotation."""
        if self.startup_s is None or self.started is None or self.in_rotation is None:
            return None
        probes = max(0, math.ceil((self.startup_s - self.probe.initial_delay_s) / self.probe.period_s))
        found = self.started + self.probe.initial_delay_s + probes * self.probe.period_s
        return max(_LEAST_S, self.in_rotation - found)


def learnt(starts: Mapping[str, Start]) -> Starts:
    """Of the pods that came into rotation; those that had no time to leave no trace."""
    whole = [start for start in starts.values() if start.in_rotation is not None and start.started is not None]
    return Starts(
        startup_s=tuple(s.startup_s for s in whole if s.startup_s is not None),
        rotation_lag_s=tuple(s.rotation_lag_s for s in whole if s.rotation_lag_s is not None),
        decision_lag_s=tuple(s.decision_lag_s for s in whole if s.decision_lag_s is not None),
    )


async def ask_until_ready(api: Asks, namespace: str, pod: str, port: int | None, start: Start) -> None:
    """Ask a pod's readiness endpoint until it answers 200, the pod is in rotation, or we may not ask."""
    if start.probe.path is None:
        return
    where = pod if port is None else f"{pod}:{port}"
    path = f"/api/v1/namespaces/{namespace}/pods/{where}/proxy{start.probe.path}"
    while start.in_rotation is None:
        try:
            await asyncio.to_thread(api.text, path)
        except ApiError as error:
            if error.status == 403:
                return
            await asyncio.sleep(_ASK_S)
        except ApiUnavailableError:
            await asyncio.sleep(_ASK_S)
        else:
            start.first_ok = time.monotonic()
            return


def probed_port(probe: Probe, pod: Mapping[str, Any]) -> int | None:
    """The number of the port a probe asks, which a manifest may name; None when it names none that is there."""
    if isinstance(probe.port, int):
        return probe.port
    ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", ())]
    return next((int(port["containerPort"]) for port in ports if probe.port in {None, port.get("name")}), None)
