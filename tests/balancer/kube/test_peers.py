from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from balancer.kube.http import Answer, HttpServer, as_json
from balancer.kube.load import BadLoadError, ServiceLoad, to_json
from balancer.kube.peers import PeerError, Peers, fetch


def load(requests_per_s: float, service: str = "live") -> ServiceLoad:
    return ServiceLoad("fan", service, "http", requests_per_s, queued=1, in_flight=2, pods=3)


@contextmanager
def peer(*loads: ServiceLoad, answer: Answer | None = None) -> Iterator[str]:
    server = HttpServer("127.0.0.1", 0, lambda request: answer or as_json(200, to_json(loads)))
    server.start()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        server.close()


@contextmanager
def silent_peer() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def rates(peers: Peers, *own: ServiceLoad) -> dict[str, float]:
    return {load.service: load.requests_per_s for load in peers.whole(own).loads}


def test_loads_of_all_replicas_are_summed() -> None:
    with peer(load(5), load(7, "shop")) as one, peer(load(10)) as two:
        peers = Peers(lambda: [one, two])
        assert rates(peers, load(1)) == {"live": 16, "shop": 7}
        whole = peers.whole([])
        assert (whole.answered, whole.asked) == (2, 2)


def test_alone_there_is_nobody_to_ask() -> None:
    whole = Peers(list).whole([load(3)])
    assert (whole.loads, whole.answered, whole.asked) == ((load(3),), 0, 0)


def test_silent_peers_cost_the_time_out_once_and_the_others_count() -> None:
    with silent_peer() as silent, silent_peer() as mute, peer(load(5)) as one:
        peers = Peers(lambda: [silent, one, mute], timeout_s=0.3)
        began = time.monotonic()
        whole = peers.whole([load(1)])
        assert time.monotonic() - began < 2
        assert (whole.answered, whole.asked) == (1, 3)
        assert whole.loads[0].requests_per_s == 6


def test_a_peer_that_falls_silent_counts_with_its_last_answer_for_a_while() -> None:
    now = [100.0]
    with peer(load(5)) as one:
        peers = Peers(lambda: [one], keep_s=15, clock=lambda: now[0])
        assert rates(peers) == {"live": 5}
    now[0] += 15
    assert rates(peers) == {"live": 5}
    assert peers.whole([]).answered == 0
    now[0] += 1.5
    assert rates(peers) == {}


def test_a_peer_that_is_gone_from_the_list_counts_no_more() -> None:
    now, others = [100.0], ["x"]
    with peer(load(5)) as one:
        others[:] = [one]
        peers = Peers(lambda: others, clock=lambda: now[0])
        assert rates(peers) == {"live": 5}
        others.clear()
        now[0] += 1
        assert rates(peers) == {}


def test_answers_are_asked_for_once_a_second_at_most() -> None:
    now, asked = [100.0], []
    peers = Peers(lambda: asked.append(1) or [], clock=lambda: now[0])  # type: ignore[func-returns-value]
    for _ in range(3):
        peers.whole([])
    assert len(asked) == 1
    now[0] += 1
    peers.whole([])
    assert len(asked) == 2


def test_who_answers_otherwise_is_an_error() -> None:
    with peer(answer=Answer(503, b"not yet")) as one, pytest.raises(PeerError, match="503"):
        fetch(one, 5)
    with peer(answer=Answer(200, b"hello")) as one, pytest.raises(PeerError):
        fetch(one, 5)
    with peer(answer=as_json(200, {"services": 3})) as one, pytest.raises(BadLoadError):
        fetch(one, 5)


def test_strange_answers_of_a_peer_count_as_none() -> None:
    with peer(answer=as_json(200, [])) as one:
        whole = Peers(lambda: [one]).whole([load(1)])
        assert (whole.answered, whole.asked, len(whole.loads)) == (0, 1, 1)


def test_a_peer_with_an_ipv6_address_is_asked_there() -> None:
    with pytest.raises(PeerError, match="::1"):
        fetch("[::1]:1", 1)
