from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from balancer.policy.config import Balance, Route
from scenarios.errors import ScenarioError
from sim.dataplane import tables as t
from sim.dataplane.memory import Memory
from sim.hashing import sdbm
from sim.kernel_tables import enlarge_lane, grown, make_room, new_memory
from sim.kinds import kinds_of
from sim.streams import Streams
from sim.workload import declared

if TYPE_CHECKING:
    from tests.sim.conftest import World


def memory_of(shop: World) -> Memory:
    behaviour = declared(shop.scenario)
    return new_memory(shop.scenario, shop.cluster, kinds_of(shop.scenario, behaviour), behaviour, Streams(1, 0))


def test_free_attempts_are_a_list_of_all_rows_and_a_power_of_two(world: type[World]) -> None:
    memory = memory_of(world())
    make_room(memory, rows=1000)
    size = memory.attempts.size
    assert size & (size - 1) == 0
    seen, row = set(), int(memory.root[t.FREE])
    while row >= 0:
        seen.add(row)
        row = int(memory.attempts["next"][row])
    assert seen == set(range(size))
    assert memory.root[t.FREE_COUNT] == size


def test_a_larger_lane_keeps_its_timers_in_order(world: type[World]) -> None:
    memory = memory_of(world())
    lane = memory.lanes[0]
    room = int(lane["room"])
    memory.timers["order"][:room] = np.roll(np.arange(room), 3)
    lane["head"], lane["count"] = 3, room
    enlarge_lane(memory, 0)
    lane = memory.lanes[0]
    assert (int(lane["room"]), int(lane["head"])) == (2 * room, 0)
    assert memory.timers["order"][int(lane["at"]) :][:room].tolist() == list(range(room))


def test_a_table_grows_to_twice_its_rows() -> None:
    assert grown(np.ones(40, t.COUNTER), t.COUNTER).size == 80


def program(shop: World) -> list[int]:
    memory = memory_of(shop)
    return [int(code) for code in memory.lists[memory.lists[memory.root[t.PROGRAMS_AT]] :]]


def test_a_hash_program_spells_the_text_and_marks_the_key(world: type[World]) -> None:
    shop = world(balance=Balance("uri"), request={"path": "/a{key}/b?c", "keys": 9})
    code = program(shop)
    assert code[: code.index(t.PROGRAM_END)] == [t.TEXT_KEY, *b"/a", t.KEY_DIGITS, *b"/b"]


@pytest.mark.parametrize("key", [0, 7, 10, 987_654])
def test_the_kernel_hashes_the_key_as_haproxy_would_the_path(world: type[World], key: int) -> None:
    shop = world(pods=7, workers=9, balance=Balance("uri"), request={"path": "/a{key}/b", "keys": 1_000_000})
    schedule = shop.schedule([0.0])
    schedule.key[:] = key
    tally = shop.replication(schedule).run([schedule], tracing=True)
    assert int(tally.records["pod"][0]) == sdbm(f"/a{key}/b".encode()) % 7


def test_keys_that_lead_to_many_backends_are_refused_when_there_are_too_many(world: type[World]) -> None:
    shop = world(request={"path": "/a/{key}", "keys": 5_000_000}, routes=(Route("h", "/a/7", "Exact", "live"),))
    with pytest.raises(ScenarioError, match=r"/a/\{key\} has 5,000,000 keys"):
        memory_of(shop)
