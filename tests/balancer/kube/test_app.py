from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from threading import Event
from typing import Any, cast

import pytest

from balancer.errors import ConfigurationRefusedError, HAProxyUnavailableError
from balancer.haproxy.supervised import SupervisedProxy
from balancer.kube import kinds
from balancer.kube.app import Loop
from balancer.kube.cluster import Cluster, IngressState, Refusal
from balancer.kube.metrics import ControllerMetrics
from balancer.kube.watch import Change, Changed, Kind, Listed, Reachable
from balancer.policy.config import ProxyConfig
from balancer.policy.plan import DeleteServer, RuntimeCommand
from tests.balancer.kube.test_cluster import ingress, ingress_class, service, slice_of

WATCHED = kinds.watched("matchday", "matchday")
OWN = ("matchday", "balancer")


class Recorder:
    """A HAProxy that notes what it is told; `away`, `refuses` and `busy` until told otherwise."""

    bind_address, bind_port, https_port = "127.0.0.1", 8000, None

    def __init__(self) -> None:
        self.told: list[str] = []
        self.written = 0
        self.pid = 1
        self.away = self.refuses = self.busy = False
        self.running: ProxyConfig | None = None

    @property
    def runtime(self) -> Recorder:
        return self

    def apply(self, commands: Sequence[RuntimeCommand]) -> tuple[DeleteServer, ...]:
        self._there()
        self.told.append("; ".join(map(str, commands)))
        return tuple(command for command in commands if self.busy and isinstance(command, DeleteServer))

    def start(self, config: ProxyConfig) -> None:
        self._there()
        self.told.append("start")
        self.running = config

    def reload(self, config: ProxyConfig) -> None:
        self._there()
        self.told.append("reload")
        if self.refuses:
            raise ConfigurationRefusedError("HAProxy did not reload")
        self.running = config

    def write(self, config: ProxyConfig) -> None:
        self.written += 1

    def adopt(self, desired: ProxyConfig) -> ProxyConfig | None:
        return self.running

    def worker_pid(self) -> int:
        self._there()
        return self.pid

    def wait_until_it_answers(self) -> None:
        self._there()

    def _there(self) -> None:
        if self.away:
            raise HAProxyUnavailableError("HAProxy does not answer")


class Bench:
    """A loop that is driven by hand, a round at a time."""

    def __init__(self) -> None:
        self.proxy = Recorder()
        self.metrics = ControllerMetrics()
        self.said: list[tuple[tuple[Refusal, ...], tuple[IngressState, ...]]] = []
        cluster = Cluster(WATCHED, "matchday", None)
        self.loop = Loop(
            cast(SupervisedProxy, self.proxy),
            cluster,
            self.metrics,
            OWN,
            lambda refusals, ingresses: self.said.append((refusals, ingresses)),
        )

    def list_all(self, *given: tuple[Kind, Any]) -> None:
        objects: dict[Kind, list[Any]] = {kind: [] for kind in WATCHED}
        objects[kinds.INGRESS_CLASS] = [ingress_class()]
        for kind, found in given:
            objects[kind].append(found)
        for kind, found in objects.items():
            self.loop.changes.put(Listed(kind, tuple(found), time.monotonic()))

    def put(self, *changes: Change) -> None:
        for change in changes:
            self.loop.changes.put(change)

    def rounds(self, until: Any, deadline_s: float = 5.0) -> None:
        """Go round until something is so."""
        end = time.monotonic() + deadline_s

        class Stop(Event):
            def is_set(self) -> bool:
                assert time.monotonic() < end, "it never came about"
                return bool(until())

        _run(self.loop, Stop())


def _run(loop: Loop, stop: Event) -> None:
    while not stop.is_set():
        loop._take_in()
        if loop._cluster.synced:
            loop._step()


def changed(kind: Kind, found: Any, *, gone: bool = False) -> Changed:
    return Changed(kind, found, gone, time.monotonic())


SERVED = ((kinds.INGRESS, ingress()), (kinds.SERVICE, service()), (kinds.ENDPOINT_SLICE, slice_of("live", "a")))


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    """A controller's process lasts; this one goes on with other tests."""
    yield
    gc.unfreeze()


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.list_all(*SERVED)
    made.rounds(made.loop.synced.is_set)
    return made


def test_nothing_is_configured_before_every_kind_was_listed() -> None:
    bench = Bench()
    for kind in WATCHED[:-1]:
        bench.put(Listed(kind, (), 0.0))
    bench.rounds(bench.loop.changes.empty)
    assert bench.proxy.told == []
    bench.put(Listed(WATCHED[-1], (), 0.0))
    bench.rounds(bench.loop.synced.is_set)
    assert bench.proxy.told == ["start"]


def test_what_the_first_sync_read_is_not_looked_through_for_garbage_again() -> None:
    bench = Bench()
    bench.list_all(*SERVED)
    assert gc.get_freeze_count() == 0
    bench.rounds(bench.loop.synced.is_set)
    assert gc.get_freeze_count() > 0


def test_events_that_came_together_are_one_round(bench: Bench) -> None:
    bench.put(
        changed(kinds.ENDPOINT_SLICE, slice_of("live", "a", "b")),
        changed(kinds.ENDPOINT_SLICE, slice_of("live", "a", "b", "c")),
    )
    bench.rounds(lambda: len(bench.proxy.told) > 1)
    added = "add tv_live_80/{0} at 10.0.0.{1}:8080; enable tv_live_80/{0}"
    assert bench.proxy.told[1:] == [f"{added.format('b', 2)}; {added.format('c', 3)}"]
    live = bench.metrics.registry.get_sample_value("matchday_event_to_live_seconds_count", {"how": "runtime"})
    assert live == 2


def test_reloads_keep_their_distance_and_endpoints_do_not_wait(bench: Bench) -> None:
    def other(name: str) -> tuple[Change, ...]:
        return changed(kinds.SERVICE, service(name)), changed(
            kinds.INGRESS, ingress(name, name, host=f"{name}.example")
        )

    # each of the two has a name of its own, so each is a backend of its own
    first, second = other("one"), other("two")
    for found, name in ((first, "one"), (second, "two")):
        cast(Changed, found[1]).object["metadata"] |= {"name": name, "uid": name}
    bench.put(*first)
    bench.rounds(lambda: "reload" in bench.proxy.told)
    reloaded = time.monotonic()
    bench.put(*second)
    bench.put(changed(kinds.ENDPOINT_SLICE, slice_of("live", "a", "b")))
    bench.rounds(lambda: any("add tv_live_80/b" in told for told in bench.proxy.told))
    assert bench.proxy.told.count("reload") == 1
    bench.rounds(lambda: bench.proxy.told.count("reload") == 2)
    assert time.monotonic() - reloaded >= 0.25


def test_the_files_follow_when_there_is_time(bench: Bench) -> None:
    before = bench.proxy.written
    bench.put(changed(kinds.ENDPOINT_SLICE, slice_of("live", "a", "b")))
    bench.rounds(lambda: bench.proxy.written > before)
    assert len(bench.proxy.told) == 2


def test_a_pod_that_takes_long_to_finish_keeps_nothing_else_waiting(bench: Bench) -> None:
    bench.proxy.busy = True
    bench.put(changed(kinds.ENDPOINT_SLICE, slice_of("live")))
    bench.rounds(lambda: bench.loop._look_again)
    before = bench.proxy.written
    wrong = ingress(metadata={**ingress()["metadata"], "annotations": {"haproxy.org/pod-maxconn": "many"}})
    bench.put(changed(kinds.INGRESS, wrong))
    bench.rounds(lambda: bench.said and bench.said[-1][0])
    bench.rounds(lambda: bench.proxy.written > before)
    assert bench.loop._look_again
    bench.proxy.busy = False
    bench.rounds(lambda: not bench.loop._look_again)


def test_a_haproxy_that_was_started_anew_is_taken_over_and_brought_in_line(bench: Bench) -> None:
    before = bench.proxy.running
    bench.put(changed(kinds.ENDPOINT_SLICE, slice_of("live", "a", "b")))
    bench.rounds(lambda: len(bench.proxy.told) > 1)
    bench.proxy.pid, bench.proxy.running = 2, before  # what its files said
    bench.rounds(lambda: len(bench.proxy.told) > 2)
    assert "add tv_live_80/b" in bench.proxy.told[2]


def test_nothing_is_lost_while_haproxy_is_away(bench: Bench) -> None:
    bench.proxy.away = True
    bench.put(changed(kinds.ENDPOINT_SLICE, slice_of("live", "a", "b")))
    bench.rounds(lambda: bench.loop._away)
    bench.proxy.away = False
    bench.rounds(lambda: any("add tv_live_80/b" in told for told in bench.proxy.told))


def test_a_refused_reload_does_not_keep_endpoints_from_the_old_worker(bench: Bench) -> None:
    bench.proxy.refuses = True
    annotated = ingress(metadata={**ingress()["metadata"], "annotations": {"haproxy.org/timeout-queue": "7s"}})
    bench.put(changed(kinds.INGRESS, annotated))
    bench.rounds(lambda: "reload" in bench.proxy.told)
    bench.put(changed(kinds.ENDPOINT_SLICE, slice_of("live", "a", "b")))
    bench.rounds(lambda: any("add tv_live_80/b" in told for told in bench.proxy.told))
    assert bench.proxy.told.count("reload") == 1  # tried again later, not again and again


def test_what_stands_refused_is_told_when_it_changes_and_only_then(bench: Bench) -> None:
    bench.rounds(lambda: bench.said)
    wrong = ingress(metadata={**ingress()["metadata"], "annotations": {"haproxy.org/pod-maxconn": "many"}})
    bench.put(changed(kinds.INGRESS, wrong))
    bench.rounds(lambda: len(bench.said) > 1)
    refusals, ingresses = bench.said[-1]
    assert [refusal.problem.path[-1] for refusal in refusals] == ["haproxy.org/pod-maxconn"]
    assert [state.ref.name for state in ingresses] == ["live"]
    bench.put(changed(kinds.SERVICE, service("unrelated")))
    bench.rounds(lambda: bench.loop.changes.empty() and not bench.loop._news)
    assert len(bench.said) == 2


def test_an_object_that_cannot_be_read_costs_only_itself(bench: Bench) -> None:
    bench.put(
        changed(
            kinds.ENDPOINT_SLICE,
            {"metadata": {"name": "x", "labels": {"kubernetes.io/service-name": "x"}}, "endpoints": 7},
        )
    )
    bench.put(changed(kinds.ENDPOINT_SLICE, slice_of("live", "a", "b")))
    bench.rounds(lambda: any("add tv_live_80/b" in told for told in bench.proxy.told))


def test_the_proxies_that_share_a_pods_limit_are_those_of_our_own_service(bench: Bench) -> None:
    own = slice_of("balancer", "p", "q", "r")
    own["metadata"] |= {"namespace": "matchday", "labels": {"kubernetes.io/service-name": "balancer"}}
    bench.put(changed(kinds.ENDPOINT_SLICE, own))
    bench.rounds(lambda: len(bench.loop.proxies) == 3)
    assert bench.loop._controller.proxies == 3


def test_whether_the_api_server_answers_is_a_metric(bench: Bench) -> None:
    def up() -> float | None:
        return bench.metrics.registry.get_sample_value("matchday_api_up")

    bench.put(Reachable(kinds.SERVICE, yes=False, why="refused"))
    bench.rounds(lambda: up() == 0)
    bench.put(Reachable(kinds.SERVICE, yes=True))
    bench.rounds(lambda: up() == 1)


def test_it_ends_when_told_to_and_haproxy_is_gone(bench: Bench) -> None:
    bench.proxy.away = True
    stop = Event()
    stop.set()
    bench.loop.run(stop)
    assert bench.loop._away


def test_a_loop_that_goes_round_is_alive(bench: Bench) -> None:
    assert bench.loop.alive(time.monotonic())
    assert not bench.loop.alive(time.monotonic() + 3600)
