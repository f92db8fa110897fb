from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.policy.config import (
    Backend,
    BackendSettings,
    Balance,
    Certificate,
    HealthCheck,
    ProxyConfig,
    Route,
    Server,
    Timeouts,
)
from balancer.policy.plan import (
    AddCertificate,
    AddMapEntry,
    AddServer,
    CertificateCommand,
    DeleteCertificate,
    DeleteMapEntry,
    DeleteServer,
    DrainServer,
    EnableServer,
    ReadyServer,
    Reload,
    RenewCertificate,
    RuntimeCommand,
    SetAddress,
    SetMapEntry,
    SetMaxconn,
    SetWeight,
    carried_over,
    plan,
)
from balancer.policy.routing import ordered, route_maps

ONE = Server("one", 1, "127.0.0.1", 8080)
TWO = Server("two", 2, "127.0.0.2", 8080)
CHECK = HealthCheck()


def config(*servers: Server, routes: tuple[Route, ...] = (), **settings: Any) -> ProxyConfig:
    backends = (Backend("live", BackendSettings(**settings), servers), Backend("login", BackendSettings()))
    return ProxyConfig("127.0.0.1", 80, routes, backends)


def drain(server: Server) -> Server:
    return replace(server, state="drain")


@pytest.mark.parametrize(
    ("before", "after", "commands"),
    [
        ((), (ONE,), (AddServer("live", ONE, CHECK), EnableServer("live", "one"))),
        ((), (drain(ONE),), (AddServer("live", drain(ONE), CHECK),)),
        ((ONE,), (ONE,), ()),
        ((ONE,), (drain(ONE),), (DrainServer("live", "one"),)),
        ((drain(ONE),), (ONE,), (ReadyServer("live", "one"),)),
        ((drain(ONE),), (), (DeleteServer("live", "one"),)),
        ((ONE,), (), (DrainServer("live", "one"), DeleteServer("live", "one"))),
        ((ONE,), (replace(ONE, weight=50),), (SetWeight("live", "one", 50),)),
        ((ONE,), (replace(ONE, maxconn=4),), (SetMaxconn("live", "one", 4),)),
        ((ONE,), (replace(ONE, address="127.0.0.9", port=9),), (SetAddress("live", "one", "127.0.0.9", 9),)),
        (
            (drain(ONE),),
            (replace(ONE, address="127.0.0.9"),),
            (SetAddress("live", "one", "127.0.0.9", 8080), ReadyServer("live", "one")),
        ),
        (
            (ONE,),
            (TWO,),
            (
                AddServer("live", TWO, CHECK),
                EnableServer("live", "two"),
                DrainServer("live", "one"),
                DeleteServer("live", "one"),
            ),
        ),
    ],
)
def test_servers_come_drain_change_and_go_while_it_runs(
    before: tuple[Server, ...], after: tuple[Server, ...], commands: tuple[RuntimeCommand, ...]
) -> None:
    assert plan(config(*before), config(*after)) == commands


def test_a_new_limit_per_pod_is_set_on_each_server() -> None:
    after = config(replace(ONE, maxconn=4), replace(TWO, maxconn=4), pod_maxconn=4)
    assert plan(config(ONE, TWO), after) == (SetMaxconn("live", "one", 4), SetMaxconn("live", "two", 4))


def test_routes_come_before_others_go() -> None:
    before = (Route("tv.example", "/a", "Prefix", "live"), Route("tv.example", "/b", "Exact", "live"))
    after = (Route("tv.example", "/a", "Prefix", "login"), Route(None, "/c", "Exact", "live"))
    assert plan(config(routes=before), config(routes=after)) == (
        AddMapEntry("exact", "*/c", "live"),
        SetMapEntry("prefix", "tv.example/a/", "login"),
        DeleteMapEntry("exact", "tv.example/b"),
    )


HASHED = Balance("uri", consistent=False)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (config(), replace(config(), bind_port=81), "it listens on 127.0.0.1:81 now"),
        (config(), replace(config(), timeouts=Timeouts(client_s=1)), "the timeouts of the whole proxy changed"),
        (config(), replace(config(), default_backend="live"), "the default backend is live now"),
        (config(), replace(config(), backends=config().backends[:1]), "backend login is gone"),
        (replace(config(), backends=config().backends[:1]), config(), "backend login is new"),
        (config(), config(timeouts=Timeouts(queue_s=1)), "backend live: timeouts changed"),
        (config(), config(balance=Balance("random")), "backend live: balance changed"),
        (config(), config(check=HealthCheck(enabled=False)), "backend live: check changed"),
        (config(), config(fullconn=100), "backend live: fullconn changed"),
        (config(), config(slowstart_s=9.0), "backend live: slowstart_s changed"),
        (config(ONE), config(replace(ONE, id=2)), "backend live: the id of one changed"),
        (config(ONE), config(replace(ONE, maxqueue=2)), "backend live: the limits of one changed"),
        (
            config(ONE, balance=Balance("static-rr")),
            config(ONE, TWO, balance=Balance("static-rr")),
            "backend live: static-rr takes no servers at run time",
        ),
        (config(balance=HASHED), config(ONE, balance=HASHED), "backend live: uri takes no servers at run time"),
        (
            config(ONE, balance=Balance("static-rr")),
            config(replace(ONE, weight=1), balance=Balance("static-rr")),
            "backend live: static-rr takes no weights at run time",
        ),
    ],
)
def test_what_a_running_haproxy_cannot_do_is_a_reload_with_its_reason(
    before: ProxyConfig, after: ProxyConfig, reason: str
) -> None:
    assert plan(before, after) == Reload((reason,))


def test_a_fixed_map_lets_servers_drain_and_go_while_it_runs() -> None:
    before = config(ONE, TWO, balance=HASHED)
    assert plan(before, config(ONE, drain(TWO), balance=HASHED)) == (DrainServer("live", "two"),)
    assert plan(before, config(ONE, balance=HASHED)) == (DrainServer("live", "two"), DeleteServer("live", "two"))


def test_a_server_that_could_not_be_deleted_still_drains_and_is_deleted_by_the_next_plan() -> None:
    current, desired = config(ONE, TWO), config(ONE)
    carried = carried_over(current, desired, (DeleteServer("live", "two"),))
    assert carried == config(ONE, drain(TWO))
    assert plan(carried, desired) == (DeleteServer("live", "two"),)


def test_commands_read_as_sentences() -> None:
    commands = [
        AddServer("live", ONE, CHECK),
        DrainServer("live", "one"),
        SetMaxconn("live", "one", 4),
        SetWeight("live", "one", 5),
        SetAddress("live", "one", "127.0.0.9", 9),
        AddMapEntry("exact", "tv.example/a", "live"),
        SetMapEntry("prefix", "tv.example/a/", "live"),
        DeleteMapEntry("exact", "tv.example/a"),
        RenewCertificate(Certificate("tv.pem", ("tv.example",), "a secret")),
    ]
    assert [str(command) for command in commands] == [
        "add live/one at 127.0.0.1:8080",
        "drain live/one",
        "maxconn 4 for live/one",
        "weight 5 for live/one",
        "move live/one to 127.0.0.9:9",
        "route exact tv.example/a to live",
        "reroute prefix tv.example/a/ to live",
        "unroute exact tv.example/a",
        "renew certificate tv.pem",
    ]


class RunningProxy:
    """What HAProxy does with each command, and what it would refuse."""

    def __init__(self, start: ProxyConfig) -> None:
        self.servers = {(b.name, s.name): s for b in start.backends for s in b.servers}
        maps = route_maps(start.routes)
        self.maps = {"exact": dict(maps.exact), "prefix": dict(maps.prefix)}
        self.certificates = {certificate.name: certificate for certificate in start.certificates}

    def obey(self, command: RuntimeCommand) -> None:
        if isinstance(command, AddServer):
            key = command.backend, command.server.name
            assert key not in self.servers
            assert command.server.id not in {s.id for (b, _), s in self.servers.items() if b == command.backend}
            self.servers[key] = drain(command.server)
        elif isinstance(command, AddMapEntry):
            assert command.key not in self.maps[command.map]
            self.maps[command.map][command.key] = command.backend
        elif isinstance(command, SetMapEntry):
            assert command.key in self.maps[command.map]
            self.maps[command.map][command.key] = command.backend
        elif isinstance(command, DeleteMapEntry):
            del self.maps[command.map][command.key]
        elif isinstance(command, CertificateCommand):
            self.certify(command)
        else:
            self.change(command.backend, command.name, command)

    def certify(self, command: CertificateCommand) -> None:
        known = self.certificates.pop(command.certificate.name, None)
        if isinstance(command, AddCertificate):
            assert known is None
        if isinstance(command, RenewCertificate):
            assert known is not None
            assert known.hosts == command.certificate.hosts
        if isinstance(command, DeleteCertificate):
            assert known == command.certificate
        else:
            self.certificates[command.certificate.name] = command.certificate

    def change(self, backend: str, name: str, command: RuntimeCommand) -> None:
        server = self.servers.pop((backend, name))
        if isinstance(command, DeleteServer):
            assert server.state == "drain"
            return
        if isinstance(command, EnableServer | ReadyServer):
            server = replace(server, state="ready")
        elif isinstance(command, DrainServer):
            server = drain(server)
        elif isinstance(command, SetWeight):
            server = replace(server, weight=command.weight)
        elif isinstance(command, SetMaxconn):
            server = replace(server, maxconn=command.maxconn)
        elif isinstance(command, SetAddress):
            server = replace(server, address=command.address, port=command.port)
        self.servers[backend, name] = server


names = st.sampled_from(["a", "b", "c", "d"])


@st.composite
def server_sets(draw: st.DrawFn) -> tuple[Server, ...]:
    """Servers whose id is their own for ever, as `desired_config` sees to."""
    return tuple(
        Server(
            name,
            "abcd".index(name) + 1,
            draw(st.sampled_from(["127.0.0.1", "127.0.0.2"])),
            8080,
            draw(st.sampled_from([0, 4])),
            draw(st.sampled_from([1, 100])),
            draw(st.sampled_from(["ready", "drain"])),
        )
        for name in draw(st.lists(names, unique=True))
    )


@st.composite
def configs(draw: st.DrawFn) -> ProxyConfig:
    backend_names = ("live", "login")
    backends = tuple(
        Backend(name, BackendSettings(balance=draw(st.sampled_from([Balance(), HASHED]))), draw(server_sets()))
        for name in backend_names
    )
    routes = st.builds(
        Route,
        st.sampled_from([None, "tv.example", "*.example"]),
        st.sampled_from(["/", "/a", "/a/b"]),
        st.sampled_from(["Exact", "Prefix"]),
        st.sampled_from(backend_names),
    )
    certificates = st.builds(
        Certificate,
        st.sampled_from(["default.pem", "tv.pem", "radio.pem"]),
        st.sampled_from([(), ("tv.example",), ("tv.example", "*.example")]),
        st.sampled_from(["old", "new"]),
    )
    return ProxyConfig(
        "127.0.0.1",
        80,
        ordered(draw(st.lists(routes, max_size=6))),
        backends,
        certificates=tuple(draw(st.lists(certificates, unique_by=lambda c: c.name))),
    )


@given(configs(), configs())
def test_applying_the_plan_gives_what_was_desired(current: ProxyConfig, desired: ProxyConfig) -> None:
    commands = plan(current, desired)
    if isinstance(commands, Reload):
        assert commands.reasons
        return
    proxy = RunningProxy(current)
    for command in commands:
        proxy.obey(command)
    wanted = RunningProxy(desired)
    assert (proxy.servers, proxy.maps, proxy.certificates) == (wanted.servers, wanted.maps, wanted.certificates)


@given(configs())
def test_nothing_is_done_when_nothing_changed(same: ProxyConfig) -> None:
    assert plan(same, same) == ()


@given(configs(), configs())
def test_a_backend_never_has_fewer_ready_servers_than_both_states_have(
    current: ProxyConfig, desired: ProxyConfig
) -> None:
    commands = plan(current, desired)
    if isinstance(commands, Reload):
        return

    def ready(proxy: RunningProxy, backend: str) -> int:
        return sum(s.state == "ready" for (b, _), s in proxy.servers.items() if b == backend)

    proxy = RunningProxy(current)
    least = {b: min(ready(RunningProxy(current), b), ready(RunningProxy(desired), b)) for b in ("live", "login")}
    for command in commands:
        proxy.obey(command)
        assert all(ready(proxy, backend) >= number for backend, number in least.items())


def test_a_key_is_never_shown() -> None:
    assert "a secret" not in repr(AddCertificate(Certificate("tv.pem", (), "a secret")))


def test_another_certificate_for_unknown_hosts_is_a_reload() -> None:
    one, two = Certificate("one.pem", (), "x"), Certificate("two.pem", (), "x")
    before = ProxyConfig("127.0.0.1", 80, certificates=(one, two))
    after = ProxyConfig("127.0.0.1", 80, certificates=(two, one))
    assert plan(before, after) == Reload(("the certificate for unknown hosts is two.pem now",))
