from pathlib import Path

import pytest

from balancer.haproxy.binary import Binary
from balancer.haproxy.supervised import SupervisedProxy, _routes
from balancer.policy.config import Backend, BackendSettings, ProxyConfig, Route, Timeouts
from balancer.policy.routing import ordered, route_maps

CONFIG = ProxyConfig("127.0.0.1", 8000, backends=(Backend("live", BackendSettings()),))


def proxy(directory: Path) -> SupervisedProxy:
    return SupervisedProxy(Binary(Path("/bin/true"), "2.8.0"), directory, bind_address="127.0.0.1", bind_port=8000)


def test_nothing_is_taken_over_where_nothing_runs(tmp_path: Path) -> None:
    assert proxy(tmp_path).adopt(CONFIG) is None
    proxy(tmp_path).write(CONFIG)
    assert proxy(tmp_path).adopt(CONFIG) is None


def test_a_proxy_found_by_other_settings_is_not_taken_over(tmp_path: Path) -> None:
    proxy(tmp_path).write(CONFIG)
    other = ProxyConfig("127.0.0.1", 8000, backends=CONFIG.backends, timeouts=Timeouts(client_s=1.0))
    assert proxy(tmp_path).adopt(other) is None


@pytest.mark.parametrize("exact", [True, False])
def test_maps_as_haproxy_shows_them_give_the_routes_that_made_them(exact: bool) -> None:
    kind = "Exact" if exact else "Prefix"
    routes = ordered(
        Route(host, path, kind, "live")  # type: ignore[arg-type]  # one of the two
        for host in (None, "tv.example", "*.example")
        for path in ("/", "/a", "/a/b")
    )
    maps = route_maps(routes)
    entries = maps.exact if exact else maps.prefix
    shown = "\n".join(f"0x55d0 {key} {backend}" for key, backend in entries.items())
    assert ordered(_routes(shown, exact=exact)) == routes
