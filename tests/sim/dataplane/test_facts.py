from __future__ import annotations

from ipaddress import IPv4Address

from sim.dataplane import facts


def test_a_call_seems_to_come_from_loopback_and_from_no_client() -> None:
    first = IPv4Address(facts.FIRST_POD_ADDRESS)
    assert str(first) == "127.100.0.1"
    # clients are 127.0.x.y, see sim.cluster.client_addresses
    assert first > IPv4Address("127.0.255.255")


def test_users_are_named_beyond_every_request_of_a_schedule() -> None:
    assert facts.USERS > 200_000_000  # the most a scenario may ask for


def test_the_heaviest_server_stands_at_every_place_of_the_widest_cycle() -> None:
    assert facts.MAX_WEIGHT == 256 * 16
