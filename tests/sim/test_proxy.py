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
from balancer.policy.routing import ordered
from sim.backend import Attempt, Fate
from sim.clock import Clock
from sim.hashing import avalanche, sdbm
from sim.pod import WorkerPod
from sim.proxy import Destination, Proxy

CLIENTS = ("127.0.0.1", "127.0.0.2", "10.1.2.3")


class Site:
    """A proxy with one Deployment of endless pods behind a backend or two."""

    def __init__(self, settings: BackendSettings, pods: int = 2) -> None:
        self.env = Clock()
        self.ends_s: list[float] = []
        config = ProxyConfig(
            "127.0.0.1",
            8080,
            routes=ordered((Route("tv.example", "/", "Prefix", "live"), Route("tv.example", "/api", "Prefix", "api"))),
            backends=(Backend("live", settings), Backend("api", BackendSettings())),
        )
        deployments = {"live": "live", "api": "api"}
        self.proxy = Proxy(self.env, config, deployments, CLIENTS, lambda a, b: None, lambda a, b: None)
        self.pods = [WorkerPod(self.env, f"live-{i + 1}", 99) for i in range(pods)]
        for pod in self.pods:
            self.proxy.add("live", pod)

    def send(self, path: str = "/live", client: int = 0, host: str = "tv.example", service_s: float = 1.0) -> Attempt:
        attempt = Attempt(self.env.event(), service_s, 0.0, 1e9)
        assert attempt.done.callbacks is not None
        attempt.done.callbacks.append(lambda _event: self.ends_s.append(self.env.now))
        destination = self.proxy.destination(host, path, client)
        if destination is not None:
            attempt.key = destination.key
        self.proxy.submit(destination, client, attempt)
        return attempt

    def fates(self, attempts: list[Attempt]) -> list[Fate | None]:
        self.env.run()
        return [attempt.fate for attempt in attempts]


def hashing(algorithm: Algorithm, argument: str | None = None, *, consistent: bool = False) -> Site:
    return Site(BackendSettings(balance=Balance(algorithm, argument, consistent=consistent)))


def test_requests_go_where_host_and_path_say() -> None:
    site = Site(BackendSettings())
    assert site.proxy.destination("tv.example", "/live", 0) == Destination("live")
    assert site.proxy.destination("tv.example", "/api/v1", 0) == Destination("api")
    assert site.proxy.destination("other.example", "/live", 0) is None
    assert site.fates([site.send(), site.send("/api"), site.send(host="other.example")]) == [
        "ok",
        "no_server",
        "no_server",
    ]


def test_a_hashed_pick_hashes_what_its_algorithm_names() -> None:
    def key(site: Site, path: str = "/live/7?user=ann&x=1", client: int = 2) -> int | None:
        destination = site.proxy.destination("tv.example", path, client)
        assert destination is not None
        return destination.key

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
    assert site.proxy.destination("tv.example", "/", 0) == Destination("live", draws=3)


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
    assert {server.maxconn for server in site.proxy.backends["live"].servers.values()} == {1}
    site.fates(sent)
    assert site.ends_s == pytest.approx([1.0, 1.0, 2.0, 2.0])


def test_a_drained_pod_gets_nothing_new() -> None:
    site = Site(BackendSettings())
    site.proxy.drain("live", site.pods[0])
    sent = [site.send() for _ in range(3)]
    assert {attempt.server.pod.name for attempt in sent if attempt.server} == {"live-2"}
    site.proxy.drain("live", site.pods[1])
    assert site.send().fate == "no_server"


def test_a_map_based_hash_reloads_and_the_old_process_serves_what_it_has() -> None:
    site = Site(BackendSettings(balance=Balance("source"), pod_maxconn=1), pods=1)
    old = [site.send() for _ in range(2)]
    site.proxy.drain("live", site.pods[0])
    site.proxy.add("live", site.pods[0])
    new = site.send()
    # the new process has a slot of its own for the same pod
    assert len(site.pods[0].jobs) == 2
    assert site.fates([*old, new]) == ["ok", "ok", "ok"]
    assert site.ends_s == pytest.approx([1.0, 1.0, 2.0])


def test_a_new_server_takes_the_lowest_free_id_and_a_busy_leaver_keeps_its_own() -> None:
    site = Site(BackendSettings())
    busy = site.send()
    assert busy.server is not None
    assert busy.server.pod is site.pods[0]
    for pod in site.pods:
        site.proxy.drain("live", pod)
    newcomers = [WorkerPod(site.env, f"live-{i}", 99) for i in (3, 4)]
    for pod in newcomers:
        site.proxy.add("live", pod)
    assert [server.id for server in site.proxy.backends["live"].servers.values()] == [2, 3]
