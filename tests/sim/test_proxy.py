from __future__ import annotations

import pytest

from balancer.policy.config import (
    Algorithm,
    Backend,
    BackendSettings,
    Balance,
    ProxyConfig,
    RateLimit,
    Route,
)
from balancer.policy.objects import Deployment
from balancer.policy.routing import ordered
from scenarios.schema import Scenario
from sim.backend import Attempt, Fate, Server
from sim.clock import Clock
from sim.cluster import Cluster
from sim.destinations import Destination
from sim.hashing import avalanche, sdbm
from sim.kinds import Kind
from sim.proxy import Proxies
from sim.workload import PathBehaviour, constant

SCENARIO = {
    "name": "site",
    "manifests": ["none.yaml"],
    "traffic": {
        "phases": [{"name": "all", "duration": "1s", "rps": 1}],
        "requests": [{"host": "tv.example", "path": "/live"}],
    },
    "workload": {"paths": {"/live": {"time": {"constant": "1s"}}}, "startup": {"mean": "1s"}, "workers": 99},
    "slo": {"p99": "1s", "success": "99%"},
}
CLIENTS = ("127.0.0.1", "127.0.0.2", "10.1.2.3")


class Site:
    """A proxy (or more) with one Deployment of endless pods behind a backend or two."""

    def __init__(self, settings: BackendSettings, pods: int = 2, proxies: int = 1) -> None:
        self.env = Clock()
        self.ends_s: list[float] = []
        config = ProxyConfig(
            "127.0.0.1",
            8080,
            routes=ordered((Route("tv.example", "/", "Prefix", "live"), Route("tv.example", "/api", "Prefix", "api"))),
            backends=(Backend("live", settings), Backend("api", BackendSettings())),
        )
        deployment = Deployment(
            name="live", namespace="default", replicas=pods, selector={}, pod_labels={}, ports={}, first_port=1,
            cpu_request_milli=None, cpu_limit_milli=None, readiness=None,
        )  # fmt: skip
        cluster = Cluster(
            config, {"live": "live", "api": "api"}, (deployment,), {"live": pods}, (), CLIENTS, proxies=proxies
        )
        scenario = Scenario.model_validate(SCENARIO)
        self.proxies = Proxies(self.env, scenario, cluster, 0.0, lambda _now, _step: None, lambda _now, _step: None)
        self.pods = [self.proxies.new_pod("live", f"live-{i + 1}") for i in range(pods)]
        for pod in self.pods:
            self.proxies.add("live", pod, new=False)

    def goal(self, path: str, client: int, host: str = "tv.example") -> Destination | None:
        kind = Kind(host, path, 1.0, 0, 0.1, PathBehaviour(constant(1.0), 0.0), (), parallel=False, is_call=False)
        return self.proxies.destination(kind, 0, self.proxies.address_of_client(client))

    def send(self, path: str = "/live", client: int = 0, host: str = "tv.example", proxy: int = 0) -> Attempt:
        attempt = Attempt(self.env.event(), 1.0, 0.0, 1e9)
        assert attempt.done.callbacks is not None
        attempt.done.callbacks.append(lambda _event: self.ends_s.append(self.env.now))
        goal = self.goal(path, client, host)
        if goal is not None:
            attempt.key = goal.key
        self.proxies.submit(goal, proxy, client, attempt)
        return attempt

    def servers(self, proxy: int = 0) -> dict[str, Server]:
        return self.proxies._running[proxy].backends["live"].servers

    def fates(self, attempts: list[Attempt]) -> list[Fate | None]:
        self.env.run()
        return [attempt.fate for attempt in attempts]


def hashing(algorithm: Algorithm, argument: str | None = None, *, consistent: bool = False) -> Site:
    return Site(BackendSettings(balance=Balance(algorithm, argument, consistent=consistent)))


def test_requests_go_where_host_and_path_say() -> None:
    site = Site(BackendSettings())
    assert site.goal("/live", 0) == Destination("live")
    assert site.goal("/api/v1", 0) == Destination("api")
    assert site.goal("/live", 0, "other.example") is None
    assert site.fates([site.send(), site.send("/api"), site.send(host="other.example")]) == [
        "ok",
        "no_server",
        "no_server",
    ]


def test_a_hashed_pick_hashes_what_its_algorithm_names() -> None:
    def key(site: Site, path: str = "/live/7?user=ann&x=1", client: int = 2) -> int | None:
        goal = site.goal(path, client)
        assert goal is not None
        return goal.key

    assert key(hashing("uri")) == sdbm(b"/live/7")
    assert key(hashing("uri", consistent=True)) == avalanche(sdbm(b"/live/7"))
    assert key(hashing("source")) == 10 * 2**24 + 1 * 2**16 + 2 * 2**8 + 3
    assert key(hashing("hdr", "Host")) == sdbm(b"tv.example")
    assert key(hashing("hdr", "X-User")) is None
    assert key(hashing("url_param", "user")) == sdbm(b"ann")
    assert key(hashing("url_param", "use")) is None
    assert key(hashing("url_param", "user"), "/live/7") is None


def test_random_asks_for_its_draws() -> None:
    site = Site(BackendSettings(balance=Balance("random", draws=3)))
    assert site.goal("/", 0) == Destination("live", draws=3)


def test_one_client_too_fast_is_refused_and_the_others_are_not() -> None:
    site = Site(BackendSettings(rate_limit=RateLimit(requests=2)))
    sent = [site.send(client=client) for client in (0, 0, 0, 1)]
    assert site.fates(sent) == ["ok", "ok", "rate_limited", "ok"]


def test_lists_allow_and_deny_by_address() -> None:
    denied = Site(BackendSettings(deny=("127.0.0.0/31",)))
    assert denied.fates([denied.send(client=c) for c in range(3)]) == ["denied", "ok", "ok"]
    allowed = Site(BackendSettings(allow=("10.0.0.0/8", "127.0.0.2")))
    assert allowed.fates([allowed.send(client=c) for c in range(3)]) == ["denied", "ok", "ok"]


def test_pod_maxconn_is_each_servers_limit() -> None:
    site = Site(BackendSettings(pod_maxconn=1))
    sent = [site.send() for _ in range(4)]
    assert {server.maxconn for server in site.servers().values()} == {1}
    site.fates(sent)
    assert site.ends_s == pytest.approx([1.0, 1.0, 2.0, 2.0])


def test_a_drained_pod_gets_nothing_new() -> None:
    site = Site(BackendSettings())
    site.proxies.drain("live", site.pods[0])
    sent = [site.send() for _ in range(3)]
    assert {attempt.server.pod.name for attempt in sent if attempt.server} == {"live-2"}
    site.proxies.drain("live", site.pods[1])
    assert site.send().fate == "no_server"


def test_a_map_based_hash_reloads_and_the_old_process_serves_what_it_has() -> None:
    site = Site(BackendSettings(balance=Balance("source"), pod_maxconn=1), pods=1)
    old = [site.send() for _ in range(2)]
    site.proxies.drain("live", site.pods[0])
    site.proxies.add("live", site.pods[0])
    new = site.send()
    # the new process has a slot of its own for the same pod
    assert site.pods[0].in_flight == 2
    assert site.fates([*old, new]) == ["ok", "ok", "ok"]
    assert site.ends_s == pytest.approx([1.0, 1.0, 2.0])


def test_a_new_server_takes_the_lowest_free_id_and_a_busy_leaver_keeps_its_own() -> None:
    site = Site(BackendSettings())
    busy = site.send()
    assert busy.server is not None
    assert busy.server.pod is site.pods[0]
    for pod in site.pods:
        site.proxies.drain("live", pod)
    newcomers = [site.proxies.new_pod("live", f"live-{i}") for i in (3, 4)]
    for pod in newcomers:
        site.proxies.add("live", pod)
    assert [server.id for server in site.servers().values()] == [2, 3]


def test_each_proxy_has_its_share_of_a_pods_slots_and_a_queue_of_its_own() -> None:
    site = Site(BackendSettings(pod_maxconn=5), pods=1, proxies=2)
    assert [site.servers(proxy)["live-1"].maxconn for proxy in (0, 1)] == [2, 2]
    site.fates([site.send(proxy=0) for _ in range(3)] + [site.send(proxy=1)])
    # the third waits at its own proxy although the other has a slot free
    assert site.ends_s == pytest.approx([1.0, 1.0, 1.0, 2.0])


def test_a_server_found_down_by_one_proxy_is_up_for_the_other_and_comes_back() -> None:
    site = Site(BackendSettings(), proxies=2)
    site.proxies.mark("live", site.pods[0], 0, up=False)
    assert (list(site.servers(0)), list(site.servers(1))) == (["live-2"], ["live-1", "live-2"])
    site.proxies.reload()
    assert list(site.servers(0)) == ["live-2"]
    site.proxies.mark("live", site.pods[0], 0, up=True)
    assert list(site.servers(0)) == ["live-2", "live-1"]
