import socket
from itertools import islice

from matchday.targets.local.addresses import Addresses, free_port


def test_pods_get_253_loopback_addresses_beside_the_proxys() -> None:
    addresses = Addresses(pid=1234)
    pods = list(islice(addresses.pods(), 254))
    assert addresses.proxy not in pods
    assert all(pod.startswith("127.") for pod in pods)
    assert len(set(pods)) == 253
    assert pods[253] == pods[0]


def test_neighbouring_runs_do_not_share_addresses() -> None:
    proxies = {Addresses(pid).proxy for pid in range(1000, 1600)}
    assert len(proxies) == 600


def test_every_address_can_be_bound() -> None:
    for pid in (0, 49_999, 4_194_303):
        with socket.socket() as listener:
            listener.bind((Addresses(pid).proxy, 0))


def test_a_taken_port_is_passed_over() -> None:
    first = free_port(7)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first))
        taken.listen()
        assert free_port(7) != first
