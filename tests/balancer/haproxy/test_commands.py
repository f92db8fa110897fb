import pytest

from balancer.errors import BalancerError
from balancer.haproxy.commands import deletion, lines
from balancer.policy.config import HealthCheck, Server
from balancer.policy.plan import (
    AddMapEntry,
    AddServer,
    DeleteMapEntry,
    DeleteServer,
    DrainServer,
    EnableServer,
    ReadyServer,
    RuntimeCommand,
    SetAddress,
    SetMapEntry,
    SetMaxconn,
    SetWeight,
)

ONE = Server("one", 7, "127.0.0.1", 8080, maxconn=4)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            AddServer("live", ONE, HealthCheck()),
            [
                "add server live/one 127.0.0.1:8080 id 7 weight 100 maxconn 4 check inter 2000ms fall 3 rise 2",
                "enable health live/one",
            ],
        ),
        (
            AddServer("live", ONE, HealthCheck(enabled=False)),
            ["add server live/one 127.0.0.1:8080 id 7 weight 100 maxconn 4"],
        ),
        (EnableServer("live", "one"), ["enable server live/one"]),
        (ReadyServer("live", "one"), ["set server live/one state ready"]),
        (DrainServer("live", "one"), ["set server live/one state drain"]),
        (SetWeight("live", "one", 5), ["set server live/one weight 5"]),
        (SetMaxconn("live", "one", 0), ["set maxconn server live/one 0"]),
        (SetAddress("live", "one", "::1", 9), ["set server live/one addr ::1 port 9"]),
        (AddMapEntry("exact", "tv.example/a;b", "live"), [r"add map exact.map tv.example/a\;b live"]),
        (SetMapEntry("prefix", "*/", "live"), ["set map prefix.map */ live"]),
        (DeleteMapEntry("prefix", "*/"), ["del map prefix.map */"]),
    ],
)
def test_a_command_in_haproxys_words(command: RuntimeCommand, said: list[str]) -> None:
    assert [line.text for line in lines(command)] == said


def test_a_deletion_moves_the_server_away_so_that_haproxy_drops_its_idle_connections() -> None:
    assert [line.text for line in deletion(DeleteServer("live", "one"))] == [
        "set server live/one state maint",
        "set server live/one addr 127.0.0.1 port 1",
        "del server live/one",
    ]


def test_what_haproxy_answers_tells_whether_it_obeyed() -> None:
    add, health = lines(AddServer("live", ONE, HealthCheck()))
    assert add.accepts("New server registered.")
    assert not add.accepts("")
    assert health.accepts("")
    assert not health.accepts("No such server.")
    (move,) = lines(SetAddress("live", "one", "127.0.0.9", 9))
    assert move.accepts("IP changed from '127.0.0.1' to '127.0.0.9' by 'stats socket command'")
    assert not move.accepts("invalid addr family")


@pytest.mark.parametrize(
    "command",
    [
        DrainServer("live", "one; shutdown frontend http"),
        DrainServer("live\nshutdown", "one"),
        AddMapEntry("exact", "a b", "live"),
        AddMapEntry("exact", "a", "live;x"),
        AddServer("live", Server("one", 1, "localhost", 80), HealthCheck()),
    ],
)
def test_a_value_that_would_be_another_command_is_refused(command: RuntimeCommand) -> None:
    with pytest.raises(BalancerError):
        lines(command)
