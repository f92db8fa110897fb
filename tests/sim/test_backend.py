from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.policy.config import Balance, Timeouts
from sim.dataplane.facts import REFUSAL_S
from sim.ring import Ring

if TYPE_CHECKING:
    from tests.sim.conftest import Lab

ONE_KEY = 7


def draw_of_each(shop: Lab) -> list[int]:
    """For each server a number that random draws it with."""
    ring = shop.backend._picker
    assert isinstance(ring, Ring)
    return [next(k for k in range(0, 2**32, 2**20) if ring.at(k) is server) for server in shop.servers]


@pytest.mark.parametrize("algorithm", ["roundrobin", "leastconn", "random"])
def test_six_requests_on_two_slots_give_four_answers_and_two_queue_timeouts(lab: type[Lab], algorithm: str) -> None:
    # reference/haproxy.md [M]: 0.7 s each, maxconn 1, timeout queue 1 s: 4 OK, 2 x 503 at 1.00 s
    shop = lab(algorithm, servers=2, maxconn=1, timeouts=Timeouts(queue_s=1.0))
    first, second = draw_of_each(shop) if algorithm == "random" else (0, 0)
    for draw in (first, second, first, first, first, first):
        shop.send(0.0, 0.7, draws=[draw, draw])
    shop.run()
    assert Counter(shop.fates()) == {"ok": 4, "queue_timeout": 2}
    assert [sent.end_s for sent in shop.sent if sent.fate == "queue_timeout"] == [1.0, 1.0]


def test_a_hashed_key_waits_at_its_own_server_while_the_other_idles(lab: type[Lab]) -> None:
    # reference/haproxy.md [M]: source consistent, one key: 2 OK, 4 x 503
    shop = lab(Balance("source", consistent=True), servers=2, maxconn=1, timeouts=Timeouts(queue_s=1.0))
    for _ in range(6):
        shop.send(0.0, 0.7, key=ONE_KEY)
    shop.run()
    assert Counter(shop.fates()) == {"ok": 2, "queue_timeout": 4}
    assert sorted(len(pod) for pod in {p for s in shop.sent for p in s.pods}) == [5]


def test_a_new_request_whose_pick_has_room_does_not_wait_behind_the_queue(lab: type[Lab]) -> None:
    shop = lab("random", servers=2, maxconn=1)
    first, second = draw_of_each(shop)
    shop.send(0.0, 1.0, draws=[first, first])
    waiting = shop.send(0.1, 1.0, draws=[first, first])
    lucky = shop.send(0.2, 0.3, draws=[second, second])
    shop.run()
    assert lucky.end_s == pytest.approx(0.5)
    # and what its server frees goes to the backend's queue
    assert waiting.end_s == pytest.approx(1.5)


def test_a_freed_slot_takes_the_older_of_its_own_head_and_the_backends(lab: type[Lab]) -> None:
    shop = lab(Balance("uri"), servers=1, maxconn=1)
    shop.send(0.0, 1.0, key=ONE_KEY)
    keyless = shop.send(0.1, 1.0)
    own = shop.send(0.2, 1.0, key=ONE_KEY)
    shop.run(until_s=0.5)
    assert (keyless.attempt.queue is shop.backend.queue, own.attempt.queue is shop.servers[0].queue) == (True, True)
    shop.run()
    assert (keyless.end_s, own.end_s) == pytest.approx((2.0, 3.0))


def test_no_server_at_all_is_a_503_at_once(lab: type[Lab]) -> None:
    shop = lab(servers=0)
    shop.send(0.5, 1.0)
    shop.run()
    assert shop.fates() == ["no_server"]
    assert shop.sent[0].end_s == 0.5


def test_a_server_that_comes_helps_itself_to_the_backends_queue(lab: type[Lab]) -> None:
    # as HAProxy 2.8.25 did: slots of 0.8 s, the second server at 0.3 s with room for two
    shop = lab("leastconn", servers=1, maxconn=1)
    for i in range(4):
        shop.send(0.02 * i, 0.8)
    shop.run(until_s=0.3)
    shop.maxconn = 2
    shop.add_server()
    shop.run()
    assert [sent.end_s for sent in shop.sent] == pytest.approx([0.8, 1.1, 1.1, 1.6])


def test_a_drained_server_finishes_what_it_has_and_takes_nothing_new(lab: type[Lab]) -> None:
    shop = lab("roundrobin", servers=2, maxconn=1)
    for _ in range(4):
        shop.send(0.0, 1.0)
    shop.env.after(0.5, lambda: shop.backend.drain("pod-1"))
    shop.run()
    assert [sent.end_s for sent in shop.sent] == pytest.approx([1.0, 1.0, 2.0, 3.0])
    assert shop.fates() == ["ok"] * 4


def test_what_waited_at_a_drained_server_goes_elsewhere(lab: type[Lab]) -> None:
    shop = lab(Balance("uri"), servers=2, maxconn=1)
    keys = [0, 0, 0]  # map-based: server 1
    for key in keys:
        shop.send(0.0, 1.0, key=key)
    shop.env.after(0.5, lambda: shop.backend.drain("pod-1"))
    shop.run()
    assert [sent.end_s for sent in shop.sent] == pytest.approx([1.0, 1.5, 2.5])


def test_a_client_that_gives_up_in_the_queue_leaves_it(lab: type[Lab]) -> None:
    shop = lab(servers=1, maxconn=1)
    shop.send(0.0, 1.0)
    shop.send(0.0, 1.0, patience_s=0.5)
    third = shop.send(0.0, 1.0)
    shop.run()
    assert shop.fates() == ["ok", "client_timeout", "ok"]
    assert third.end_s == pytest.approx(2.0)


def test_a_client_that_gives_up_in_service_frees_the_slot_while_the_pod_works_on(lab: type[Lab]) -> None:
    shop = lab(servers=1, maxconn=1, workers=1)
    shop.send(0.0, 2.0, patience_s=0.5, cpu_s=1.0)
    second = shop.send(0.1, 1.0)
    shop.run()
    assert shop.fates() == ["client_timeout", "ok"]
    # the second waits inside the pod
    assert shop.stays == [(0.0, 1), (0.5, -1), (0.5, 1), (3.0, -1)]
    assert second.end_s == pytest.approx(3.0)
    assert shop.pods[0].cpu_used_s() == pytest.approx(1.0)


def test_timeout_server_is_an_error_and_frees_the_slot(lab: type[Lab]) -> None:
    shop = lab(servers=1, maxconn=1, timeouts=Timeouts(server_s=0.5, queue_s=9.0))
    shop.send(0.0, 2.0)
    shop.send(0.0, 0.1)
    shop.run()
    assert shop.fates() == ["server_error", "ok"]
    assert [sent.end_s for sent in shop.sent] == pytest.approx([0.5, 0.6])


@pytest.mark.parametrize("algorithm", ["roundrobin", "leastconn", "first"])
def test_a_refused_connection_is_retried_elsewhere_at_once(lab: type[Lab], algorithm: str) -> None:
    shop = lab(algorithm, servers=2)
    shop.pods[0].kill()
    for i in range(4):
        shop.send(float(i), 0.5)
    shop.run()
    assert shop.fates() == ["ok"] * 4
    assert shop.sojourn_s().max() == pytest.approx(0.5 + REFUSAL_S)


def test_a_map_based_hash_sticks_to_its_dead_server_until_retries_end(lab: type[Lab]) -> None:
    # as HAProxy 2.8.25 did: 503 within 2 ms for the keys of the dead server, the others served
    shop = lab(Balance("uri"), servers=2)
    shop.pods[0].kill()
    for key in (0, 1):
        shop.send(0.0, 0.5, key=key)
    shop.run()
    assert shop.fates() == ["connect", "ok"]
    assert shop.sent[0].end_s == pytest.approx(4 * REFUSAL_S)


@pytest.mark.parametrize("algorithm", ["roundrobin", "leastconn", "uri"])
def test_a_lonely_dead_server_is_retried_after_a_second(lab: type[Lab], algorithm: str) -> None:
    # as HAProxy 2.8.25 did: three retries, 503 after 3.01 s
    shop = lab(algorithm, servers=1)
    shop.pods[0].kill()
    shop.send(0.0, 0.5, key=ONE_KEY)
    shop.run()
    assert shop.fates() == ["connect"]
    assert shop.sent[0].end_s == pytest.approx(3.0, abs=0.01)


def test_a_killed_pod_breaks_its_requests_and_no_other(lab: type[Lab]) -> None:
    shop = lab("roundrobin", servers=2)
    for _ in range(4):
        shop.send(0.0, 1.0)
    shop.env.after(0.5, shop.pods[0].kill)
    shop.run()
    assert shop.fates() == ["server_error", "ok", "server_error", "ok"]
    assert shop.sent[0].end_s == 0.5


requests = st.lists(
    st.tuples(
        st.floats(0, 5),  # when
        st.floats(0.01, 3),  # service time
        st.floats(0.05, 8),  # patience
        st.integers(0, 2**32 - 1) | st.none(),  # key
        st.integers(0, 2**32 - 1),  # draws
    ),
    min_size=1,
    max_size=40,
)
balances = st.sampled_from(
    [
        Balance("roundrobin"),
        Balance("static-rr"),
        Balance("leastconn"),
        Balance("first"),
        Balance("random"),
        Balance("uri"),
        Balance("uri", consistent=True),
        Balance("uri", consistent=True, hash_balance_factor=125),
    ]
)
events = st.lists(st.tuples(st.floats(0, 6), st.sampled_from(["add", "drain", "kill"])), max_size=6)


@settings(max_examples=150, deadline=None)
@given(balances, requests, events, st.integers(0, 3), st.lists(st.integers(1, 9), max_size=4), st.integers(1, 3))
def test_every_request_has_one_fate_and_no_server_more_than_its_maxconn(
    lab: type[Lab],
    balance: Balance,
    sends: list[tuple[float, float, float, int | None, int]],
    changes: list[tuple[float, str]],
    maxconn: int,
    weights: list[int],
    workers: int,
) -> None:
    shop = lab(balance, servers=weights, maxconn=maxconn, workers=workers, timeouts=Timeouts(queue_s=1.0))
    for at_s, service_s, patience_s, key, draw in sends:
        shop.send(at_s, service_s, patience_s=patience_s, key=key, draws=[draw, draw ^ 0xFFFF])

    def change(kind: str) -> None:
        if kind == "add":
            shop.add_server()
        elif shop.backend.servers:
            oldest = next(iter(shop.backend.servers.values()))
            if kind == "drain":
                shop.backend.drain(oldest.pod.name)
            else:
                oldest.pod.kill()

    for at_s, kind in changes:
        shop.env.after(at_s, lambda kind=kind: change(kind))  # type: ignore[misc]
    while shop.env.peek() < float("inf"):
        shop.env.step()
        assert all(server.served <= server.maxconn or not server.maxconn for server in shop.servers)
        # nobody waits at a server that has room and is in rotation
        for server in shop.backend.servers.values():
            assert not server.queue or server.served == server.maxconn
    assert None not in shop.fates()
    assert all(sent.end_s <= sent.sent_s + 8 for sent in shop.sent)
    assert not shop.backend.queue
    assert all(server.served == 0 and not server.queue for server in shop.servers)
