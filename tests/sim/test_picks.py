from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.policy.config import Balance
from sim.picks import First, LeastConnections, RoundRobin, StaticMap, Turns, turns_picker

if TYPE_CHECKING:
    from tests.sim.conftest import Lab


class FakeLoad:
    """The numbers a picker reads of a server."""

    maxqueue = 0

    def __init__(self, id_: int, weight: int = 100, maxconn: int = 0, served: int = 0, queued: int = 0) -> None:
        self.id, self.weight, self.limit, self.served, self.queued = id_, weight, maxconn, served, queued
        self.eweight = 16 * weight


def filled(picker: Turns, *weights: int, maxconn: int = 0) -> list[FakeLoad]:
    servers = [FakeLoad(i + 1, weight, maxconn) for i, weight in enumerate(weights)]
    for server in servers:
        picker.add(server)
    return servers


def sequence(picker: Turns, n: int) -> str:
    picked = [picker.pick() for _ in range(n)]
    return "".join(str(server.id) if server else "-" for server in picked)


def test_round_robin_of_equals_is_a_circle() -> None:
    picker = RoundRobin()
    filled(picker, 100, 100, 100)
    assert sequence(picker, 7) == "1231231"


def test_round_robin_spreads_weights_evenly_over_the_cycle() -> None:
    # what HAProxy 2.8.25 does, seen by test_model_against_haproxy.py
    picker = RoundRobin()
    filled(picker, 1, 2, 5)
    assert sequence(picker, 16) == "3323313233233132"


@given(st.lists(st.integers(1, 256), min_size=1, max_size=6))
def test_round_robin_gives_each_server_its_weight_per_cycle(weights: list[int]) -> None:
    picker = RoundRobin()
    filled(picker, *weights)
    total = sum(weights)
    counts = Counter(sequence(picker, 4 * total))
    for i, weight in enumerate(weights):
        assert abs(counts[str(i + 1)] - 4 * weight) <= 2


def test_round_robin_skips_full_servers_and_those_with_a_queue_of_their_own() -> None:
    picker = RoundRobin()
    servers = filled(picker, 100, 100, 100, maxconn=1)
    servers[0].served = 1
    servers[1].queued = 1
    assert sequence(picker, 3) == "333"
    servers[2].served = 1
    assert sequence(picker, 1) == "-"


def test_round_robin_takes_a_newcomer_in_at_run_time() -> None:
    picker = RoundRobin()
    filled(picker, 100, 100)
    assert sequence(picker, 4) == "1212"
    picker.add(FakeLoad(3))
    counts = Counter(sequence(picker, 30))
    assert max(counts.values()) - min(counts.values()) <= 1


def test_round_robin_goes_on_without_a_removed_server() -> None:
    picker = RoundRobin()
    servers = filled(picker, 100, 100, 100)
    sequence(picker, 4)
    picker.remove(servers[1])
    assert set(sequence(picker, 6)) == {"1", "3"}
    picker.remove(servers[0])
    picker.remove(servers[2])
    assert picker.pick() is None


def test_least_connections_rotates_over_idle_servers_whatever_their_weight() -> None:
    picker = LeastConnections()
    servers = filled(picker, 1, 2, 5)
    order = ""
    for _ in range(6):
        server = picker.pick()
        assert isinstance(server, FakeLoad)
        order += str(server.id)
        for served in (1, 0):  # comes and goes
            server.served = served
            picker.moved(server)
    assert order == "123123"
    assert servers[0].served == 0


def test_least_connections_compares_inflight_plus_one_per_weight() -> None:
    picker = LeastConnections()
    filled(picker, 100, 200)
    order = ""
    for _ in range(9):
        server = picker.pick()
        assert isinstance(server, FakeLoad)
        server.served += 1
        picker.moved(server)
        order += str(server.id)
    # keys (n + 1) * 4096 // (16 * weight): 0 5 7 10 against 0 2 3 5 6 7 8, whole numbers, first come first on a tie
    assert order == "122212212"


def test_least_connections_passes_over_full_servers() -> None:
    picker = LeastConnections()
    servers = filled(picker, 100, 100, maxconn=1)
    servers[0].served = 1
    picker.moved(servers[0])
    assert picker.pick() is servers[1]
    servers[1].served = 1
    picker.moved(servers[1])
    assert picker.pick() is None


def test_first_fills_the_lowest_id_before_the_next() -> None:
    picker = First()
    servers = [FakeLoad(i, maxconn=2) for i in (3, 1, 2)]
    for server in servers:
        picker.add(server)
    order = ""
    for _ in range(6):
        picked = picker.pick()
        assert isinstance(picked, FakeLoad)
        picked.served += 1
        order += str(picked.id)
    assert order == "112233"
    assert picker.pick() is None


def test_static_map_divides_weights_by_their_common_divisor() -> None:
    picker = StaticMap()
    servers = filled(picker, 10, 20, 50)
    assert Counter(sequence(picker, 8)) == {"1": 1, "2": 2, "3": 5}
    assert [picker.at(i) for i in range(8)] == [picker.at(i + 8) for i in range(8)]
    assert servers[2] in {picker.at(0), picker.at(1)}


def test_static_map_of_equals_is_in_order_of_declaration() -> None:
    picker = StaticMap()
    servers = filled(picker, 100, 100, 100)
    assert [picker.at(i) for i in range(3)] == servers
    picker.remove(servers[1])
    assert [picker.at(i) for i in range(2)] == [servers[0], servers[2]]
    assert StaticMap().at(5) is None


@pytest.mark.parametrize("picker", [RoundRobin(), LeastConnections(), First(), StaticMap()])
def test_the_server_to_avoid_is_taken_only_when_no_other_has_room(picker: Turns) -> None:
    servers = filled(picker, 100, 100, maxconn=1)
    assert picker.pick(avoid=servers[0]) is servers[1]
    servers[1].served = 1
    picker.moved(servers[1])
    assert picker.pick(avoid=servers[0]) is servers[0]


def test_each_algorithm_has_its_picker() -> None:
    assert isinstance(turns_picker(Balance("roundrobin")), RoundRobin)
    assert isinstance(turns_picker(Balance("static-rr")), StaticMap)
    assert isinstance(turns_picker(Balance("leastconn")), LeastConnections)
    assert isinstance(turns_picker(Balance("first")), First)


@pytest.mark.parametrize("algorithm", ["roundrobin", "static-rr", "leastconn"])
def test_equal_servers_share_equally(lab: type[Lab], algorithm: str) -> None:
    shop = lab(algorithm, servers=4)
    for i in range(400):
        shop.send(0.1 * i, 0.25)
    shop.run()
    counts = Counter(shop.picks())
    assert max(counts.values()) - min(counts.values()) <= 1
