"""What the controller counts, for Prometheus. docs/metrics.md says what each number is good for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from balancer.kube.reference import ObjectRef

_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_LONGEST_FIELD = 200
# What `balancer.policy.plan` gives as reasons, without the names that would make a label of each.
_REASONS = (
    (re.compile(r"it listens on |TLS listens on "), "listener"),
    (re.compile(r"the timeouts "), "timeouts"),
    (re.compile(r"the default backend "), "default_backend"),
    (re.compile(r"the certificate "), "certificate"),
    (re.compile(r"backend \S+ is gone"), "backend_gone"),
    (re.compile(r"backend \S+ is new"), "backend_new"),
    (re.compile(r"backend \S+: the (id|limits) of "), "server_limits"),
    (re.compile(r"backend \S+: \S+ takes no "), "balance_algorithm"),
    (re.compile(r"backend \S+: \S+ changed"), "backend_settings"),
)

Refusal = tuple[ObjectRef, str]
"""An object and the field of it (an annotation's name, or the place in dots) that was refused."""


class ControllerMetrics:
    """The controller's own metrics in a registry of their own. Times in seconds."""

    def __init__(self) -> None:
        # a series for each counter that says when it began is of no use here
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.event_to_live = Histogram(
            "matchday_event_to_live_seconds",
            "From an event of the API server to HAProxy obeying what follows from it",
            ["how"],
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self.reloads = Counter(
            "matchday_reloads", "Reloads of HAProxy, once for each class of reason", ["reason"], registry=self.registry
        )
        self.runtime_commands = Counter(
            "matchday_runtime_commands",
            "Commands to a running HAProxy and whether it obeyed",
            ["command", "result"],
            registry=self.registry,
        )
        self.refused_annotations = Gauge(
            "matchday_refused_annotations",
            "Annotations and fields that stand refused now",
            ["namespace", "kind", "name", "field"],
            registry=self.registry,
        )
        self.refusals = Counter("matchday_refusals", "Refusals that were new when found", registry=self.registry)
        self.sync = Histogram(
            "matchday_sync_seconds",
            "From objects to HAProxy obeying, one round",
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self.api_up = Gauge("matchday_api_up", "Whether the API server answers", registry=self.registry)
        self.relists = Counter(
            "matchday_watch_relists", "Lists read anew, the first one included", ["kind"], registry=self.registry
        )
        self.leader = Gauge("matchday_leader", "Whether this replica writes status and Events", registry=self.registry)
        self._standing: frozenset[tuple[str, str, str, str]] = frozenset()

    def live(self, seconds: float, *, reloaded: bool) -> None:
        """An event's change is live, `seconds` after the event came."""
        self.event_to_live.labels("reload" if reloaded else "runtime").observe(seconds)

    def reloaded(self, reasons: Iterable[str]) -> None:
        """HAProxy was reloaded; reasons in the words of `balancer.policy.plan.Reload`."""
        for reason in {reason_class(reason) for reason in reasons}:
            self.reloads.labels(reason).inc()

    def commanded(self, command: str, *, obeyed: bool, times: int = 1) -> None:
        """Runtime commands were given; `command` is the class's name (AddServer)."""
        self.runtime_commands.labels(command, "ok" if obeyed else "refused").inc(times)

    def stand_refused(self, refusals: Iterable[Refusal]) -> None:
        """All that is refused as of now; what no longer is vanishes."""
        now = frozenset((ref.namespace, ref.kind, ref.name, field[:_LONGEST_FIELD]) for ref, field in refusals)
        for gone in self._standing - now:
            self.refused_annotations.remove(*gone)
        for new in now - self._standing:
            self.refused_annotations.labels(*new).set(1)
            self.refusals.inc()
        self._standing = now


def reason_class(reason: str) -> str:
    """A reload's reason without names; `other` for words we do not know."""
    return next((name for pattern, name in _REASONS if pattern.match(reason)), "other")
