import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.policy.config import PathType, Route
from balancer.policy.routing import map_hosts, match, ordered, route_maps


def route(host: str | None, path: str, path_type: PathType = "Prefix") -> Route:
    return Route(host, path, path_type, f"{host} {path} {path_type}")


@pytest.mark.parametrize(
    ("host", "path", "winner"),
    [
        ("tv.example", "/live", route("tv.example", "/live", "Exact")),
        ("tv.example", "/live/", route("tv.example", "/live/")),
        ("tv.example", "/live/final", route("tv.example", "/live/")),
        ("tv.example", "/lively", route("tv.example", "/")),
        ("tv.example", "/live?minute=90", route("tv.example", "/live", "Exact")),
        ("TV.example:8080", "/live", route("tv.example", "/live", "Exact")),
        ("radio.example", "/live", route("*.example", "/live")),
        ("a.b.example", "/live", route(None, "/live", "ImplementationSpecific")),
        ("example", "/live", route(None, "/live", "ImplementationSpecific")),
        ("radio.example", "/health", None),
        ("[::1]:80", "/live/x", route(None, "/live", "ImplementationSpecific")),
    ],
)
def test_exact_host_before_wildcard_before_none_and_exact_path_before_the_longest_prefix(
    host: str, path: str, winner: Route | None
) -> None:
    table = ordered(
        [
            route(None, "/live", "ImplementationSpecific"),
            route("*.example", "/live"),
            route("tv.example", "/"),
            route("tv.example", "/live/"),
            route("tv.example", "/live", "Exact"),
        ]
    )
    assert match(table, host, path) == winner


def test_a_path_the_host_does_not_list_falls_through_to_less_exact_hosts() -> None:
    table = ordered([route("tv.example", "/live"), route("*.example", "/radio"), route(None, "/")])
    assert match(table, "tv.example", "/radio") == route("*.example", "/radio")
    assert match(table, "tv.example", "/other") == route(None, "/")


def test_the_first_given_of_two_alike_is_kept() -> None:
    first, second = Route("tv.example", "/a", "Prefix", "one"), Route("tv.example", "/a/", "Prefix", "two")
    assert ordered([first, second]) == (first,)


hosts = st.sampled_from(["tv.example", "radio.example", "a.b.example", "example", "other.org", ""])
paths = st.lists(st.sampled_from(["a", "b", "ab"]), max_size=3).map(lambda parts: "/" + "/".join(parts))
slashed = st.tuples(paths, st.sampled_from(["", "/"])).map(lambda both: both[0].rstrip("/") + both[1] or "/")
patterns = st.none() | st.sampled_from(["tv.example", "*.example", "*.b.example", "other.org"])
routes = st.builds(
    Route,
    patterns,
    slashed,
    st.sampled_from(["Exact", "Prefix", "ImplementationSpecific"]),
    st.sampled_from(["one", "two", "three"]),
)


@given(st.lists(routes, max_size=12), hosts, slashed)
def test_the_maps_lead_where_the_table_does(given_routes: list[Route], host: str, path: str) -> None:
    """As HAProxy looks them up: the host, its wildcard, any host; exact, then the longest beginning."""
    table = ordered(given_routes)
    maps = route_maps(table)
    found = None
    for name in map_hosts(host):
        beginnings = [key for key in maps.prefix if f"{name}{path}/".startswith(key)]
        found = found or maps.exact.get(name + path) or (maps.prefix[max(beginnings, key=len)] if beginnings else None)
    expected = match(table, host, path)
    assert found == (expected.backend if expected else None)
