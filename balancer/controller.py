"""The controller core: gather → decide → apply. Who feeds it endpoints (a local target, an API server) is not its matter."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from balancer.errors import ConfigurationRefusedError, RuntimeCommandError
from balancer.haproxy.proxy import Proxy
from balancer.policy.config import ProxyConfig
from balancer.policy.desired import Frames
from balancer.policy.objects import Endpoint, Manifests, Problem
from balancer.policy.plan import Reload, RuntimeCommand, carried_over, plan
from balancer.policy.servers import Servers

Endpoints = Mapping[str, tuple[Endpoint, ...]]


@dataclass(frozen=True)
class SyncResult:
    """What one sync did. `reasons` say why there was a reload; `warnings` what of the manifests was refused.

    `waiting` says that a server whose pod is gone still has requests: another sync is needed to delete it. `refused` is
    why HAProxy would not have what the manifests ask for: it goes on with the rules it had, and with the new endpoints.
    """

    commands: tuple[RuntimeCommand, ...] = ()
    reloads: int = 0
    reasons: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()
    took_s: float = 0.0
    waiting: bool = False
    refused: str = ""


class Controller:
    """Keeps one HAProxy in line with `manifests` (which may be replaced at any time) and the endpoints it is told.

    `proxies` is how many HAProxies share the pods; it may change too. Not for use by several threads at once.
    """

    def __init__(self, proxy: Proxy, manifests: Manifests, proxies: int = 1, *, allow_snippets: bool = False) -> None:
        self.proxy, self.proxies = proxy, proxies
        self.current: ProxyConfig | None = None
        self._frames = Frames(
            bind_address=proxy.bind_address,
            bind_port=proxy.bind_port,
            https_port=proxy.https_port,
            allow_snippets=allow_snippets,
        )
        self._servers = Servers()
        self._unsaved = False
        self.manifests = manifests
        self._served = self.frame

    @property
    def manifests(self) -> Manifests:
        """What the proxy serves; read anew when replaced."""
        return self._manifests

    @manifests.setter
    def manifests(self, manifests: Manifests) -> None:
        self._manifests = manifests
        self.frame = self._frames.frame(manifests)

    def take_over(self, adopt: Callable[[ProxyConfig], ProxyConfig | None], endpoints: Endpoints) -> bool:
        """Begin with what a HAProxy that is there serves, as `adopt` finds it for what is wished for; whether it could."""
        self._servers = Servers()  # ids are those that it gave
        self.current = adopt(Servers().config(self.frame.config, endpoints, proxies=self.proxies))
        return self.current is not None

    def sync(self, endpoints: Endpoints, *, save: bool = True) -> SyncResult:
        """Bring HAProxy to what manifests and endpoints ask for, starting it if it never ran.

        A server whose endpoint is gone is drained, and deleted by the first sync that finds it idle. With `save` False
        the files that a restarted HAProxy would read are left to `save`.
        HAProxyUnavailableError when HAProxy is not there.
        """
        began = time.perf_counter()
        desired = self._desired(endpoints)
        commands: tuple[RuntimeCommand, ...] = ()
        reasons: tuple[str, ...] = ()
        waiting = False
        if self.current is None:
            self.current = self._accepted(self.proxy.start, desired, endpoints)
        elif isinstance(step := plan(self.current, desired), Reload):
            reasons = step.reasons
        else:
            try:
                left = self.proxy.runtime.apply(step) if step else ()
            except RuntimeCommandError as error:
                reasons = (str(error),)
            else:
                self.current = carried_over(self.current, desired, left)
                commands = tuple(command for command in step if command not in left)
                waiting, self._unsaved = bool(left), self._unsaved or bool(step)
        if reasons:
            try:
                self.current = self._accepted(self.proxy.reload, desired, endpoints)
            except ConfigurationRefusedError as error:
                if self.frame is self._served:
                    raise
                self.frame = self._served
                return replace(self.sync(endpoints, save=save), refused=str(error))
            self._unsaved = False
        self._served = self.frame
        took_s = time.perf_counter() - began
        if save:
            self.save()
        return SyncResult(commands, 1 if reasons else 0, reasons, self.frame.warnings, took_s, waiting)

    def _accepted(self, act: Callable[[ProxyConfig], None], desired: ProxyConfig, endpoints: Endpoints) -> ProxyConfig:
        """Start or reload; a backend whose section HAProxy refuses must not cost the others theirs.

        ConfigurationRefusedError when nobody can be blamed.
        """
        while True:
            try:
                act(desired)
            except ConfigurationRefusedError as error:
                milder = [self._frames.refuse(name, str(error)) for name in error.backends]
                if not milder or not all(milder):
                    raise
                self.manifests = self._manifests
                desired = self._desired(endpoints)
            else:
                return desired

    def _desired(self, endpoints: Endpoints) -> ProxyConfig:
        return self._servers.config(self.frame.config, endpoints, proxies=self.proxies, current=self.current)

    def save(self) -> None:
        """Bring the files in line with what HAProxy was told since they were written."""
        if self._unsaved and self.current is not None:
            self.proxy.write(self.current)
            self._unsaved = False

    def is_idle(self, endpoint: str) -> bool:
        """Whether no request is in flight on, or waiting for, the pod of that name, on any worker."""
        return all(stat.idle for stat in self.proxy.servers() if stat.name == endpoint)
