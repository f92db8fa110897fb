from balancer.policy.config import Backend, BackendSettings, ProxyConfig
from balancer.policy.objects import Endpoint
from balancer.policy.servers import Servers, share

FRAME = ProxyConfig(
    "127.0.0.1", 80, backends=(Backend("live", BackendSettings(pod_maxconn=9)), Backend("login", BackendSettings()))
)
ONE, TWO = Endpoint("one", "127.0.0.1", 80), Endpoint("two", "127.0.0.2", 80)


def test_a_backend_whose_endpoints_are_the_same_is_the_very_same_object() -> None:
    servers = Servers()
    live, login = (ONE,), (TWO,)
    before = servers.config(FRAME, {"live": live, "login": login})
    after = servers.config(FRAME, {"live": (ONE, TWO), "login": login}, current=before)
    assert after.backend("login") is before.backend("login")
    assert [(s.name, s.id) for s in after.backend("live").servers] == [("one", 1), ("two", 2)]


def test_another_number_of_proxies_changes_every_limit() -> None:
    servers = Servers()
    live = (ONE,)
    before = servers.config(FRAME, {"live": live})
    after = servers.config(FRAME, {"live": live}, proxies=2, current=before)
    assert [config.backend("live").servers[0].maxconn for config in (before, after)] == [9, 4]


def test_a_share_is_never_rounded_down_to_unlimited() -> None:
    assert [share(limit, 4) for limit in (0, 1, 4, 9)] == [0, 1, 1, 2]
