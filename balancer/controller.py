"""The controller core: gather → decide → apply. Who feeds it endpoints (a local target, an API server) is not its matter."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from balancer.errors import RuntimeCommandError
from balancer.haproxy.process import HAProxy
from balancer.policy.config import ProxyConfig
from balancer.policy.desired import with_servers, without_servers
from balancer.policy.objects import Endpoint, Manifests, Problem
from balancer.policy.plan import Reload, RuntimeCommand, carried_over, plan

Endpoints = Mapping[str, tuple[Endpoint, ...]]


@dataclass(frozen=True)
class SyncResult:
    """What one sync did. `reasons` say why there was a reload; `warnings` what of the manifests was refused."""

    commands: tuple[RuntimeCommand, ...] = ()
    reloads: int = 0
    reasons: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()
    took_s: float = 0.0


class Controller:
    """Keeps one HAProxy in line with `manifests` (which may be replaced at any time) and the endpoints it is told.

    `proxies` is how many HAProxies share the pods. Not for use by several threads at once.
    """

    def __init__(self, haproxy: HAProxy, manifests: Manifests, proxies: int = 1) -> None:
        self.haproxy, self.proxies = haproxy, proxies
        self.current: ProxyConfig | None = None
        self.manifests = manifests

    @property
    def manifests(self) -> Manifests:
        """What the proxy serves; read anew when replaced."""
        return self._manifests

    @manifests.setter
    def manifests(self, manifests: Manifests) -> None:
        self._manifests = manifests
        self._frame = without_servers(
            manifests, bind_address=self.haproxy.bind_address, bind_port=self.haproxy.bind_port
        )

    def sync(self, endpoints: Endpoints) -> SyncResult:
        """Bring HAProxy to what manifests and endpoints ask for, starting it if it never ran.

        A server whose endpoint is gone is drained, and deleted by the first sync that finds it idle.
        HAProxyUnavailableError when HAProxy is not there.
        """
        began = time.perf_counter()
        desired = with_servers(self._frame.config, endpoints, proxies=self.proxies, current=self.current)
        commands: tuple[RuntimeCommand, ...] = ()
        reasons: tuple[str, ...] = ()
        if self.current is None:
            self.haproxy.start(desired)
            self.current = desired
        elif isinstance(step := plan(self.current, desired), Reload):
            reasons = step.reasons
        else:
            commands, reasons = self._apply(self.current, desired, step)
        if reasons:
            self.haproxy.reload(desired)
            self.current = desired
        took_s = time.perf_counter() - began
        return SyncResult(commands, 1 if reasons else 0, reasons, self._frame.warnings, took_s)

    def is_idle(self, endpoint: str) -> bool:
        """Whether no request is in flight on, or waiting for, the pod of that name, on any worker."""
        return all(stat.idle for stat in self.haproxy.servers() if stat.name == endpoint)

    def _apply(
        self, current: ProxyConfig, desired: ProxyConfig, step: tuple[RuntimeCommand, ...]
    ) -> tuple[tuple[RuntimeCommand, ...], tuple[str, ...]]:
        """Carry out the commands; what was done, and why a reload must set it right when HAProxy refused one."""
        if not step:
            self.current = desired
            return (), ()
        try:
            waiting = self.haproxy.runtime.apply(step)
        except RuntimeCommandError as error:
            return (), (str(error),)
        self.current = carried_over(current, desired, waiting)
        self.haproxy.write(self.current)
        return tuple(command for command in step if command not in waiting), ()
