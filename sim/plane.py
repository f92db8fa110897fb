"""What the control plane knows of the data plane: pods it starts and kills, proxies it feeds.

Two planes implement it: the plain SimPy one (`sim.reference`) and the compiled one (`sim.engine`).
"""

from __future__ import annotations

from typing import Any, Protocol


class PodHandle(Protocol):
    """A pod whose process runs. Times in seconds, CPU in cores."""

    name: str

    @property
    def alive(self) -> bool:
        """Whether it has not been killed."""

    @property
    def in_flight(self) -> int:
        """Requests it holds: served, waiting inside it, or calling others."""

    @property
    def accepted(self) -> int:
        """Requests it has taken in since its start."""

    def kill(self) -> None:
        """SIGKILL: everything in it breaks, and connections are refused from now on."""

    def slow(self, factor: float) -> None:
        """Requests that start from now on take so many times as long; 1 is back to normal."""

    def warm_up(self, factor: float, until_s: float) -> None:
        """Requests that start before `until_s` take `factor` times as long, on top of `slow`: a cold cache."""

    def set_reachable(self, *, reachable: bool) -> None:
        """Cut it off from the network, or bring it back: meanwhile connections to it hang, and so do its answers."""

    def cpu_used_s(self) -> float:
        """CPU seconds since the process started, as /proc would count them."""

    def when_idle(self) -> Any:
        """A SimPy event: the last request has left."""


class Plane(Protocol):
    """All proxies and the pods behind them."""

    proxies: int

    def new_pod(self, deployment: str, name: str) -> PodHandle:
        """Start a pod's process; no request reaches it before `add`."""

    def add(self, deployment: str, pod: Any, *, new: bool = True) -> None:
        """Every proxy sends requests to this pod from now on; `new` servers start slowly where the backend says so."""

    def drain(self, deployment: str, pod: Any) -> None:
        """No proxy sends it new ones."""

    def mark(self, deployment: str, pod: Any, proxy: int, *, up: bool) -> None:
        """The health checks of one proxy have found a server of this pod down, or up again."""

    def reload(self) -> None:
        """Every proxy starts a new process with empty queues; the old ones serve what they have."""

    def arrived(self, deployment: str) -> int:
        """Requests that have reached the proxies for this Deployment's backends since the start."""

    def queued(self, deployment: str) -> int:
        """Requests that wait in the proxies for this Deployment's pods."""
