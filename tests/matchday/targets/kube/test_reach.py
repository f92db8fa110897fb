import pytest

from matchday.errors import EnvironmentFailedError
from matchday.targets.kube.reach import Reach, ingress_addresses, permitted
from scenarios.errors import ScenarioError
from tests.matchday.targets.kube.api import Answers

SERVICE = "/api/v1/namespaces/matchday/services/matchday-balancer"
BALANCED = {"status": {"loadBalancer": {"ingress": [{"hostname": "lb.example"}, {"ip": "203.0.113.7"}]}}}


def test_loopback_is_always_permitted() -> None:
    assert permitted("127.0.0.1:8080", (), owned=False) == "127.0.0.1:8080"


def test_the_contexts_own_address_is_permitted() -> None:
    assert permitted("203.0.113.7:80", ingress_addresses(BALANCED), owned=False) == "203.0.113.7:80"


def test_any_other_host_must_be_said_to_be_ones_own() -> None:
    with pytest.raises(ScenarioError, match=r"--i-own-this-host"):
        permitted("203.0.113.8:80", ("203.0.113.7",), owned=False)
    assert permitted("203.0.113.8:80", ("203.0.113.7",), owned=True) == "203.0.113.8:80"


@pytest.mark.parametrize("address", ["tv.example:80", "127.0.0.1", "127.0.0.1:http", ":80"])
def test_an_address_is_numbers(address: str) -> None:
    with pytest.raises(ScenarioError, match=r"--address: .*: an IPv4 address and a port"):
        permitted(address, (), owned=True)


def test_a_load_balancers_address_is_found_without_being_named() -> None:
    assert Reach("test", None, owned=False).find(Answers({SERVICE: BALANCED})) == "203.0.113.7:80"


def test_a_service_that_nobody_reaches_from_here_asks_for_an_address() -> None:
    with pytest.raises(EnvironmentFailedError, match=r"--address HOST:PORT"):
        Reach("test", None, owned=False).find(Answers({SERVICE: {"status": {}}}))


def test_the_context_is_that_of_up_when_none_is_named() -> None:
    assert Reach(None, None, owned=False).name == "kind-matchday"
