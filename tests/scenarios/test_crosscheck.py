"""What only the whole of scenario.yaml shows. Most whole messages are in test_load.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.scenarios.conftest import Copy


def rest(quick: Copy) -> list[str]:
    """Each mistake without its file and line."""
    return [line.split(": ", 1)[1] for line in quick.mistakes()]


def test_phases_may_say_where_they_start_when_they_are_right(quick: Copy) -> None:
    quick.edit("scenario.yaml", "name: surge,", "name: surge, at: 20s,")
    quick.edit("scenario.yaml", "name: whistle,", "name: whistle, at: 1m20s,")
    assert quick.load().warnings == ()


def test_one_wrong_length_is_one_mistake_however_many_phases_follow(quick: Copy) -> None:
    quick.edit("scenario.yaml", "name: surge,", "name: surge, at: 20s,")
    quick.edit("scenario.yaml", "name: whistle,", "name: whistle, at: 80s,")
    quick.edit("scenario.yaml", "warm-up, duration: 20s", "warm-up, duration: 25s")
    assert rest(quick) == ["traffic.phases[1].at: 20s: 25s, where warm-up ends; this makes an overlap"]


def test_a_load_of_nothing_is_refused(quick: Copy) -> None:
    for old in (
        "duration: 60s, rps: 240",
        "name: whistle, duration: 20s, rps: 12",
        "name: warm-up, duration: 20s, rps: 12",
    ):
        quick.edit("scenario.yaml", old, old.rpartition(" ")[0] + " 0")
    assert rest(quick) == ["traffic.phases: 0 requests in all: rates that make at least one request"]


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        ('path: "/live/{key}"', "traffic.requests[0].keys: missing: more than 1"),
        ('path: "/live/{key}", keys: 1', "traffic.requests[0].keys: 1: more than 1"),
        ("path: /live, keys: 5", "traffic.requests[0].path: /live: a path with {key}, since `keys` is given"),
    ],
)
def test_keys_and_their_place_in_the_path_go_together(quick: Copy, change: str, mistake: str) -> None:
    quick.edit("scenario.yaml", "path: /live", change)
    if "{key}" in change:
        quick.edit("scenario.yaml", "/live:", '"/live/{key}":')
    assert rest(quick) == [mistake]


def test_a_misspelt_path_is_told_once_and_not_from_both_sides(quick: Copy) -> None:
    quick.edit("scenario.yaml", "    /live:", "    /life:")
    assert rest(quick) == [
        "traffic.requests[0].path: /live: a path that workload.paths describes; did you mean `/life`?",
    ]


def test_the_pods_of_a_command_cannot_be_slowed(quick: Copy) -> None:
    quick.edit("scenario.yaml", "workers: 8", 'command: [serve, "{host}:{port}"]')
    quick.edit("scenario.yaml", "cost:", "disturbances:\n  - {at: 30s, slow: {factor: 3, duration: 5s}}\ncost:")
    text = "kill; only the stand-in's pods can be slowed, and workload.command replaces it"
    assert rest(quick) == [f"disturbances[0].slow: slow: {text}"]


def test_a_trace_played_for_ever_is_too_much(match_day: Copy) -> None:
    match_day.edit("scenario.yaml", "speed: 40", "speed: 0.0001")
    assert rest(match_day) == ["traffic.trace: 1.4e+10 requests in all: at most 200,000,000 in one run"]


ALL_ZERO = (
    "name: warm-up, duration: 20s, rps: 12",
    "duration: 60s, rps: 240",
    "name: whistle, duration: 20s, rps: 12",
)


def test_users_may_be_the_whole_load(quick: Copy) -> None:
    for old in ALL_ZERO:
        quick.edit("scenario.yaml", old, old.rpartition(" ")[0] + " 0")
    quick.edit("scenario.yaml", "  requests:", "  users: {count: 50, think: {exponential: {mean: 2s}}}\n  requests:")
    assert quick.load().scenario.traffic.users is not None


def test_users_who_hardly_think_send_too_much(quick: Copy) -> None:
    quick.edit("scenario.yaml", "  requests:", "  users: {count: 100000, think: {constant: 1us}}\n  requests:")
    quick.edit("scenario.yaml", "lognormal: {mean: 60ms, cv: 0.5}", "constant: 3ms")
    assert rest(quick) == ["traffic.phases: 3.33e+09 requests in all: at most 200,000,000 in one run"]


def test_connections_cost_only_where_they_are_not_kept(quick: Copy) -> None:
    quick.edit("scenario.yaml", "  requests:", "  connect: 3ms\n  requests:")
    assert rest(quick) == ["traffic.connect: 0.003s: only with keep_alive: false"]
    quick.edit("scenario.yaml", "connect: 3ms", "connect: 3ms\n  keep_alive: false")
    assert quick.load().scenario.traffic.connect == 0.003


def test_parameters_are_refused_where_the_model_would_have_to_hash_them(quick: Copy) -> None:
    (quick.directory / "d.csv").write_text("term\nfinal\n")
    quick.edit("scenario.yaml", "path: /live,", "path: '/live?q={term}', data: {file: d.csv},")
    quick.edit("scenario.yaml", "    /live:", "    '/live?q={term}':")
    assert quick.load().scenario.traffic.requests[0].keys == 1
    quick.edit("app.yaml", "load-balance: leastconn", "load-balance: uri")
    allowed = "a backend that does not pick pods by a hash of the request, for the model knows no parameters"
    assert rest(quick) == [f"traffic.requests[0].data: d.csv: {allowed}"]


def test_parameters_that_decide_the_route_are_refused_since_the_model_knows_none(quick: Copy) -> None:
    rule = "          - {path: /, pathType: Prefix, backend: {service: {name: live, port: {name: http}}}}\n"
    quick.edit("app.yaml", rule, rule + rule.replace("path: /,", "path: /shop/toys,"))
    quick.edit("scenario.yaml", "path: /live", 'path: "/shop/{kind}", data: {file: kinds.csv}')
    quick.edit("scenario.yaml", "/live:", '"/shop/{kind}":')
    (quick.directory / "kinds.csv").write_text("kind\ntoys\nbooks\n")
    (mistake,) = rest(quick)
    assert mistake == (
        "traffic.requests[0].path: /shop/{kind}: a path whose first parameter is not looked at by any Ingress, "
        "for the model knows no parameters"
    )


def test_a_trace_is_scaled_once(match_day: Copy) -> None:
    match_day.edit("scenario.yaml", "    speed: 40\n", "    speed: 40\n    scale: 0.5\n")
    assert rest(match_day) == ["traffic.trace.scale: 0.5: either scale or scale_to_peak_rps"]
