from __future__ import annotations

from dataclasses import dataclass

from balancer.policy.config import Backend, BackendSettings, Balance, ProxyConfig
from sim.cluster import Cluster
from sim.fleet import Fleet


@dataclass
class Named:
    name: str
    jobs: int = 0

    @property
    def in_flight(self) -> int:
        return self.jobs


class Told(Fleet[Named]):
    """Remembers what it would have done to which proxy."""

    def __init__(self, settings: BackendSettings, proxies: int = 2) -> None:
        backends = (Backend("live", settings), Backend("also", BackendSettings()), Backend("other", BackendSettings()))
        owners = {"live": "a", "also": "a", "other": "b"}
        config = ProxyConfig("127.0.0.1", 80, backends=backends)
        super().__init__(Cluster(config, owners, (), {}, (), ("127.0.0.1",), proxies=proxies))
        self.told: list[tuple[object, ...]] = []

    def _start_process(self, proxy: int) -> None:
        self.told.append(("start", proxy))

    def _seat(self, proxy: int, backend: str, pod: Named, id_: int, *, slowly: bool) -> None:
        self.told.append(("seat", proxy, backend, pod.name, id_, slowly))

    def _unseat(self, proxy: int, backend: str, pod: Named) -> None:
        self.told.append(("unseat", proxy, backend, pod.name))


def test_a_pod_comes_into_every_backend_of_its_deployment_at_every_proxy() -> None:
    fleet = Told(BackendSettings())
    fleet.add("a", Named("a-1"))
    assert fleet.told == [("seat", p, b, "a-1", 1, True) for b in ("live", "also") for p in (0, 1)]


def test_an_algorithm_that_takes_no_servers_at_run_time_costs_a_reload_of_all_proxies() -> None:
    fleet = Told(BackendSettings(balance=Balance("static-rr")), proxies=1)
    fleet.add("b", Named("b-1"))
    fleet.add("a", Named("a-1"), new=False)
    fleet.told.clear()
    fleet.add("a", Named("a-2"))
    assert fleet.told[0] == ("start", 0)
    assert [entry[2:4] for entry in fleet.told[1:] if entry[0] == "seat"][:3] == [
        ("live", "a-1"), ("live", "a-2"), ("also", "a-1"),
    ]  # fmt: skip


def test_a_server_found_down_is_left_out_by_a_reload_until_it_is_up_again() -> None:
    fleet = Told(BackendSettings(), proxies=2)
    pod = Named("b-1")
    fleet.add("b", pod)
    fleet.mark("b", pod, 1, up=False)
    fleet.mark("b", pod, 1, up=False)
    fleet.told.clear()
    fleet.reload()
    assert fleet.told == [("start", 0), ("seat", 0, "other", "b-1", 1, False), ("start", 1)]
    fleet.mark("b", pod, 1, up=True)
    assert fleet.told[-1] == ("seat", 1, "other", "b-1", 1, True)


def test_a_drained_pod_that_is_busy_keeps_its_id() -> None:
    fleet = Told(BackendSettings(), proxies=1)
    busy, idle = Named("b-1", jobs=1), Named("b-2")
    for pod in (busy, idle):
        fleet.add("b", pod)
    for pod in (busy, idle):
        fleet.drain("b", pod)
    fleet.add("b", Named("b-3"))
    assert fleet.told[-1] == ("seat", 0, "other", "b-3", 2, True)


def test_a_pod_that_comes_back_while_it_is_busy_has_its_id_again() -> None:
    fleet = Told(BackendSettings(), proxies=1)
    first, busy = Named("b-1"), Named("b-2", jobs=1)
    for pod in (first, busy):
        fleet.add("b", pod)
    fleet.drain("b", first)
    fleet.drain("b", busy)
    fleet.add("b", busy)
    assert fleet.told[-1] == ("seat", 0, "other", "b-2", 2, True)


def test_a_pods_limits_are_divided_but_never_down_to_unlimited() -> None:
    fleet = Told(BackendSettings(pod_maxconn=5, pod_minconn=1, fullconn=9), proxies=2)
    assert fleet.shares("live") == (2, 1)
    assert fleet.shares("also") == (0, 0)
