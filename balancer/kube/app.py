"""The controller's process: what the watches tell goes through the controller core into HAProxy, in one loop.

The loop alone touches HAProxy and the cluster's state. An event is acted on at once; events that came meanwhile are
taken together. Reloads keep a distance to each other, endpoints never wait for that.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from threading import Event, Thread

import structlog

from balancer.controller import Controller, Endpoints, SyncResult
from balancer.errors import BalancerError, HAProxyUnavailableError
from balancer.haproxy.supervised import SupervisedProxy
from balancer.kube.cluster import Cluster, IngressState, Refusal
from balancer.kube.events import place
from balancer.kube.kinds import INGRESS
from balancer.kube.metrics import ControllerMetrics
from balancer.kube.watch import Change, Changed, Kind, Listed, Reachable, Watch, Watchable
from balancer.policy.objects import Manifests, Problem

log = structlog.get_logger()

# Rules that come one after the other, as an installation applies them, should share reloads.
_BETWEEN_RELOADS_S = 0.3
# How often a drained pod is looked at, and whether HAProxy is still the one we know.
_LOOK_AGAIN_S = 0.5
_BACK_OFF_S = 0.1
_FAILED_S = 1.0
# To look through thousands of objects for what is refused takes as long as many changes.
_TELL_EVERY_S = 0.5
_STUCK_S = 60.0
_REFUSED_AGAIN_S = 5.0


Tell = Callable[[tuple[Refusal, ...], tuple[IngressState, ...]], None]


class Loop:
    """Gather → decide → apply, for ever. `tell` hears what stands refused and which Ingresses are ours, when it changes.

    `own` is our Service's namespace and name: its ready endpoints are the proxies that share the pods.
    `changes` is where the watches deliver; `proxies` are the addresses of all of them, replaced and never changed.
    """

    def __init__(
        self,
        proxy: SupervisedProxy,
        cluster: Cluster,
        metrics: ControllerMetrics,
        own: tuple[str, str],
        tell: Tell,
        *,
        allow_snippets: bool = False,
    ) -> None:
        self.changes: SimpleQueue[Change] = SimpleQueue()
        self.synced = Event()
        self.proxies: tuple[str, ...] = ()
        self._proxy, self._cluster, self._metrics, self._own = proxy, cluster, metrics, own
        self._tell = tell
        self._controller = Controller(proxy, Manifests(), allow_snippets=allow_snippets)
        self._problems: tuple[Problem, ...] = ()
        self._told: tuple[tuple[Refusal, ...], tuple[IngressState, ...]] | None = None
        self._news, self._told_s = True, float("-inf")
        self._heard: list[float] = []
        self._reloaded = float("-inf")
        self._look_again = self._away = False
        self._pid = 0
        self._round_s = time.monotonic()

    @property
    def backends(self) -> int:
        """How many backends HAProxy has."""
        return len(self._controller.frame.config.backends)

    def run(self, stop: Event) -> None:
        """Until `stop` is set and HAProxy has ended: as long as it finishes requests it must hear of its pods."""
        while not (stop.is_set() and (self._away or not self.synced.is_set())):
            self._round_s = time.monotonic()
            self._take_in()
            if self._cluster.synced:
                self._step()

    def alive(self, now_s: float) -> bool:
        """Whether the loop has gone round lately; a first sync may take long."""
        return not self.synced.is_set() or now_s - self._round_s < _STUCK_S

    def _take_in(self) -> None:
        """Wait for a change, and take in all that are there."""
        try:
            change = self.changes.get(timeout=self._patience_s())
        except Empty:
            return
        while True:
            self._hear(change)
            try:
                change = self.changes.get_nowait()
            except Empty:
                return

    def _patience_s(self) -> float:
        if self._cluster.rules_changed:
            return max(0.0, min(_LOOK_AGAIN_S, self._reloaded + _BETWEEN_RELOADS_S - time.monotonic()))
        return _LOOK_AGAIN_S

    def _hear(self, change: Change) -> None:
        before = self._cluster.rules_changed, self._cluster.endpoints_changed
        self._cluster.rules_changed = self._cluster.endpoints_changed = False
        try:
            self._cluster.apply(change)
        except Exception:
            # an object we cannot read must cost only itself
            log.exception("an object could not be read", change=str(change))
        if isinstance(change, Changed | Listed):
            # the status of an Ingress matters to who writes it, though not to the proxy
            self._news |= self._cluster.rules_changed or change.kind is INGRESS
            if isinstance(change, Listed):
                self._metrics.relists.labels(change.kind.name).inc()
            if self._cluster.rules_changed or self._cluster.endpoints_changed:
                self._heard.append(change.received_s)
        elif isinstance(change, Reachable):
            self._metrics.api_up.set(0 if self._cluster.unreachable else 1)
            log.info("API server", kind=change.kind.name, reachable=change.yes, why=change.why)
        self._cluster.rules_changed |= before[0]
        self._cluster.endpoints_changed |= before[1]

    def _step(self) -> None:
        """One round, if there is anything to do; whatever HAProxy does, the loop goes on."""
        try:
            if not self.synced.is_set():
                self._first()
            elif self._due():
                self._sync()
            if self.changes.empty():
                self._when_idle()
        except HAProxyUnavailableError as error:
            log.warning("HAProxy is not there", why=str(error))
            self._away = True
            time.sleep(_BACK_OFF_S)
            self._take_over()
        except BalancerError as error:
            # the old worker goes on; endpoints still reach it
            log.warning("HAProxy refused", why=str(error))
            self._reloaded = time.monotonic()
        except Exception:
            # traffic goes on as it is; what else changes may be within our reach again
            log.exception("a round failed")
            self._reloaded = time.monotonic()
            self._cluster.endpoints_changed = True
            time.sleep(_FAILED_S)

    def _due(self) -> bool:
        rules = self._cluster.rules_changed and time.monotonic() >= self._reloaded + _BETWEEN_RELOADS_S
        return rules or self._cluster.endpoints_changed or self._look_again

    def _first(self) -> None:
        """Everything was listed: take over a HAProxy that is there, or have one started."""
        self._read_rules()
        self._heard.clear()
        found = self._controller.take_over(self._proxy.adopt, self._endpoints())
        self._sync()
        self._pid = self._proxy.worker_pid()
        # of 2,000 Ingresses nearly all stay: to look through them for garbage would cost a change three times its time
        gc.collect()
        gc.freeze()
        self.synced.set()
        log.info("first sync", backends=self.backends, took_over=found)

    def _read_rules(self) -> None:
        self._cluster.rules_changed = False
        manifests, self._problems = self._cluster.manifests()
        self._controller.manifests = manifests

    def _endpoints(self) -> Endpoints:
        return self._cluster.endpoints(backend.name for backend in self._controller.frame.config.backends)

    def _sync(self) -> None:
        heard, self._heard = self._heard, []
        if self._cluster.rules_changed and time.monotonic() >= self._reloaded + _BETWEEN_RELOADS_S:
            self._read_rules()
        self._cluster.endpoints_changed = False
        self.proxies = self._cluster.ready_addresses(self._own)
        self._controller.proxies = max(1, len(self.proxies))
        try:
            result = self._controller.sync(self._endpoints(), save=False)
        except BalancerError:
            self._heard = heard
            self._cluster.endpoints_changed = True
            raise
        live = time.monotonic()
        for received in heard:
            self._metrics.live(live - received, reloaded=bool(result.reloads))
        self._look_again = result.waiting
        self._note(result)

    def _note(self, result: SyncResult) -> None:
        self._metrics.sync.observe(result.took_s)
        for command in result.commands:
            self._metrics.commanded(type(command).__name__, obeyed=True)
        if result.commands:
            log.info("told HAProxy", commands=[str(command) for command in result.commands[:20]], took_s=result.took_s)
        if result.refused:
            log.warning("HAProxy refused", why=result.refused, again_in_s=_REFUSED_AGAIN_S)
            self._reloaded = time.monotonic() + _REFUSED_AGAIN_S
            self._cluster.rules_changed = True
        if result.reloads:
            self._reloaded = time.monotonic()
            self._metrics.reloaded(result.reasons)
            self._pid = self._proxy.worker_pid()
            log.info("reloaded", reasons=list(result.reasons[:20]), took_s=result.took_s)

    def _when_idle(self) -> None:
        """What can wait: the files, refusals, and a look at HAProxy."""
        self._controller.save()
        if self._news and not self._cluster.rules_changed and time.monotonic() >= self._told_s + _TELL_EVERY_S:
            self._news, self._told_s = False, time.monotonic()
            refused = self._cluster.refusals((*self._problems, *self._controller.frame.warnings))
            now = refused, self._cluster.ingresses()
            if now != self._told:
                self._told = now
                self._metrics.stand_refused((r.ref, place(r.problem)) for r in refused)
                self._tell(*now)
        if self._proxy.worker_pid() != self._pid:
            self._take_over()

    def _take_over(self) -> None:
        """HAProxy is another process than the one we knew: it serves what its files said."""
        try:
            self._proxy.wait_until_it_answers()
            found = self._controller.take_over(self._proxy.adopt, self._endpoints())
            self._pid = self._proxy.worker_pid()
        except HAProxyUnavailableError:
            return
        self._away = False
        log.warning("HAProxy was started anew", took_over=found)
        self._cluster.endpoints_changed = True


def start_watches(api: Watchable, kinds: Iterable[Kind], loop: Loop, stop: Event) -> list[Thread]:
    """A thread for each kind, delivering to the loop."""
    threads = []
    for kind in kinds:
        watch = Watch(api, kind, loop.changes.put)
        threads.append(Thread(target=watch.run, args=(stop,), name=f"watch {kind.name}", daemon=True))
        threads[-1].start()
    return threads
