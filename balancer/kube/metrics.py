"""What the controller counts, for Prometheus. docs/metrics.md says what each number is good for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from balancer.errors import BalancerError
from balancer.haproxy.stats import Stat
from balancer.kube.load import ServicePort, in_rotation, service_port
from balancer.kube.reference import ObjectRef

_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_LONGEST_FIELD = 200
_SERVICE = ("namespace", "service", "port")
_POD = (*_SERVICE, "pod", "node")
_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
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


class ProxyMetrics(Collector):
    """HAProxy's counters by service, pod and node, read when somebody asks.

    `stats` gives `show stat` (may raise BalancerError), `node_of` the node of (namespace, pod), empty if unknown.
    """

    def __init__(self, stats: Callable[[], Sequence[Stat]], node_of: Callable[[str, str], str]) -> None:
        self._stats, self._node_of = stats, node_of

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering does not ask HAProxy."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The metrics as of now; only matchday_proxy_up when HAProxy does not answer."""
        up = GaugeMetricFamily("matchday_proxy_up", "Whether HAProxy answers on its socket")
        try:
            rows = self._stats()
        except BalancerError:
            up.add_metric((), 0)
            yield up
            return
        up.add_metric((), 1)
        yield up
        yield from self._services(rows)
        yield from self._pods(rows)

    def _services(self, rows: Sequence[Stat]) -> Iterator[Metric]:
        pods = GaugeMetricFamily("matchday_pods_in_rotation", "Pods that get new requests", labels=_SERVICE)
        queue = GaugeMetricFamily("matchday_queue_length", "Requests that wait in the proxy", labels=_SERVICE)
        in_flight = GaugeMetricFamily("matchday_in_flight", "Requests that are in pods", labels=_SERVICE)
        backends = [(service_port(row.proxy), row) for row in rows if row.kind == "backend"]
        pods_of: dict[str, list[Stat]] = {}
        for row in rows:
            if row.kind == "server":
                pods_of.setdefault(row.proxy, []).append(row)
        for key, row in backends:
            servers = pods_of.get(row.proxy, [])
            if key:
                pods.add_metric(key, sum(in_rotation(s.status, str(s.weight)) for s in servers))
                queue.add_metric(key, row.queued + sum(s.queued for s in servers))
                in_flight.add_metric(key, sum(s.current_sessions for s in servers))
        yield from (pods, queue, in_flight)
        yield from _counters("matchday", "a service", _SERVICE, [(key, row) for key, row in backends if key])

    def _pods(self, rows: Sequence[Stat]) -> Iterator[Metric]:
        queue = GaugeMetricFamily("matchday_pod_queue_length", "Requests that wait for this pod", labels=_POD)
        in_flight = GaugeMetricFamily("matchday_pod_in_flight", "Requests in this pod", labels=_POD)
        rotation = GaugeMetricFamily("matchday_pod_in_rotation", "Whether this pod gets new requests", labels=_POD)
        servers = []
        for row in rows:
            key = service_port(row.proxy)
            if key is None or row.kind != "server":
                continue
            labels = (*key, row.name, self._node(key, row.name))
            servers.append((labels, row))
            queue.add_metric(labels, row.queued)
            in_flight.add_metric(labels, row.current_sessions)
            rotation.add_metric(labels, in_rotation(row.status, str(row.weight)))
        yield from (queue, in_flight, rotation)
        yield from _counters("matchday_pod", "a pod", _POD, servers)

    def _node(self, key: ServicePort, pod: str) -> str:
        return self._node_of(key.namespace, pod)


def reason_class(reason: str) -> str:
    """A reload's reason without names; `other` for words we do not know."""
    return next((name for pattern, name in _REASONS if pattern.match(reason)), "other")


def _counters(
    prefix: str, of_whom: str, labels: Sequence[str], rows: Sequence[tuple[tuple[str, ...], Stat]]
) -> Iterator[Metric]:
    requests = CounterMetricFamily(f"{prefix}_requests", f"Requests sent to {of_whom}", labels=labels)
    responses = CounterMetricFamily(f"{prefix}_responses", f"Answers of {of_whom}", labels=(*labels, "code"))
    moved = CounterMetricFamily(
        f"{prefix}_bytes", f"Bytes to (in) and from (out) {of_whom}", labels=(*labels, "direction")
    )
    failures = CounterMetricFamily(
        f"{prefix}_failures", f"Connections, answers and attempts of {of_whom} that failed", labels=(*labels, "what")
    )
    for values, row in rows:
        requests.add_metric(values, row.sessions)
        for code, count in zip(_CLASSES, row.answers, strict=True):
            responses.add_metric((*values, code), count)
        moved.add_metric((*values, "in"), row.bytes_in)
        moved.add_metric((*values, "out"), row.bytes_out)
        for what, count in (
            ("connection", row.connection_errors),
            ("response", row.response_errors),
            ("retry", row.retries),
            ("redispatch", row.redispatches),
        ):
            failures.add_metric((*values, what), count)
    yield from (requests, responses, moved, failures)
