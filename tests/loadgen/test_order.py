"""What is to be sent travels to another machine and is the same there."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from loadgen.errors import LoadError
from loadgen.http import Clients
from loadgen.order import Order
from scenarios.load import LoadedScenario, load_scenario
from scenarios.traffic import Schedule


@pytest.fixture
def order(loaded: LoadedScenario, schedule_at: Callable[..., Schedule]) -> Order:
    return Order(loaded, schedule_at([0.0, 0.5, 1.5]), "127.0.0.1", 8080, 7)


def test_an_order_comes_out_as_it_went_in(order: Order) -> None:
    with TemporaryDirectory() as name:
        room = TemporaryDirectory(dir=name)
        there = Order.unpacked(order.packed(), room)
        assert there.loaded.sha256 == order.loaded.sha256
        assert there.schedule.intended_s.tolist() == [0.0, 0.5, 1.5]
        assert there.schedule.phases == order.schedule.phases
        assert (there.host, there.port, there.seed, there.requests) == ("127.0.0.1", 8080, 7, order.requests)
        room.cleanup()


def test_senders_of_all_shares_plan_the_whole_schedule(order: Order) -> None:
    assert [order.sender(0.0, share, 2).planned for share in range(2)] == [2, 1]


@pytest.mark.parametrize("name", ["../outside.txt", "/tmp/outside.txt"])
def test_a_file_cannot_be_written_outside_of_the_workers_room(order: Order, name: str) -> None:
    packed = order.packed()
    packed["files"] = {name: b"", **packed["files"]}
    with TemporaryDirectory() as parent:
        room = TemporaryDirectory(dir=parent)
        with pytest.raises(LoadError, match="outside of the scenario's directory"):
            Order.unpacked(packed, room)
        assert not (Path(parent) / "outside.txt").exists()
        room.cleanup()


def test_a_scenario_that_is_read_otherwise_is_not_sent(order: Order) -> None:
    with TemporaryDirectory() as parent:
        room = TemporaryDirectory(dir=parent)
        with pytest.raises(LoadError, match="the same matchday"):
            Order.unpacked(order.packed() | {"sha256": "other"}, room)
        room.cleanup()


@pytest.mark.parametrize(("tls", "name"), [({}, "tv.example"), ({"server_name": "shop.example"}, "shop.example")])
def test_the_server_is_asked_for_by_its_given_name_or_the_first_requests_host(
    scenario_dir: Callable[..., Path], schedule_at: Callable[..., Schedule], tls: dict[str, str], name: str
) -> None:
    loaded = load_scenario(scenario_dir({"host": "tv.example:8443"}, tls=tls))
    sender = Order(loaded, schedule_at([0.0]), "127.0.0.1", 1, 1).sender(0.0)
    assert isinstance(sender.clients, Clients)
    assert sender.clients.server_name == name
