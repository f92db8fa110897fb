from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import pytest

from balancer.controller import Controller
from balancer.errors import ConfigurationRefusedError, HAProxyUnavailableError, RuntimeCommandError
from balancer.haproxy.proxy import Proxy
from balancer.haproxy.stats import Stat, parse_stat
from balancer.policy.config import ProxyConfig
from balancer.policy.objects import BackendRef, Endpoint, Ingress, IngressPath, Manifests, Service, ServicePort
from balancer.policy.plan import AddServer, DeleteServer, DrainServer, EnableServer, RuntimeCommand

BACKEND = "default_live_80"
MANIFESTS = Manifests(
    services=(Service("live", "default", {"app": "live"}, (ServicePort(None, 80, 80),), {"haproxy.org/x": "y"}),),
    ingresses=(Ingress("tv", "default", (IngressPath(None, "/", "Prefix", BackendRef("live", 80)),)),),
)
ONE, TWO = Endpoint("one", "127.0.0.1", 8080), Endpoint("two", "127.0.0.2", 8080)


class Recorder:
    """Notes what HAProxy is told; `waiting` are deletions it will not do yet, `refuse` a command it will not take."""

    bind_address, bind_port, https_port = "127.0.0.1", 8000, None

    def __init__(self) -> None:
        self.told: list[object] = []
        self.waiting: tuple[DeleteServer, ...] = ()
        self.refuse = self.dead = False
        self.written: ProxyConfig | None = None
        self.busy = "0"
        self.refused_snippets = self.refuse_all = False
        self.refused_backends: frozenset[str] = frozenset()

    @property
    def runtime(self) -> "Recorder":
        return self

    def start(self, config: ProxyConfig) -> None:
        self._judge(config)
        self.told.append("start")
        self.written = config

    def _judge(self, config: ProxyConfig) -> None:
        """What `haproxy -c` would say."""
        if self.refuse_all:
            raise ConfigurationRefusedError("HAProxy refuses")
        for backend in config.backends:
            asked = backend.name in self.refused_backends and not backend.settings.allow
            if asked or (self.refused_snippets and backend.settings.snippet):
                raise ConfigurationRefusedError("HAProxy refuses: unknown action", frozenset({backend.name}))

    def reload(self, config: ProxyConfig) -> None:
        self._judge(config)
        self.told.append("reload")
        self.written = config

    def write(self, config: ProxyConfig) -> None:
        self.written = config

    def apply(self, commands: Sequence[RuntimeCommand]) -> tuple[DeleteServer, ...]:
        if self.dead:
            raise HAProxyUnavailableError("HAProxy does not answer")
        if self.refuse:
            raise RuntimeCommandError("HAProxy refused `add server`")
        self.told += commands
        return tuple(command for command in self.waiting if command in commands)

    def servers(self) -> tuple[Stat, ...]:
        return parse_stat(
            f"# pxname,svname,status,type,scur,qcur\n{BACKEND},one,UP,2,0,0\nother,one,UP,2,{self.busy},0\n"
        )


def started() -> tuple[Controller, Recorder]:
    recorder = Recorder()
    controller = Controller(cast(Proxy, recorder), MANIFESTS)
    controller.sync({BACKEND: (ONE,)})
    return controller, recorder


def test_the_first_sync_starts_haproxy_with_the_servers_there_are() -> None:
    controller, recorder = started()
    assert recorder.told == ["start"]
    assert recorder.written is controller.current
    assert controller.current is not None
    assert [s.name for s in controller.current.backend(BACKEND).servers] == ["one"]


def test_a_sync_without_change_does_nothing() -> None:
    controller, recorder = started()
    result = controller.sync({BACKEND: (ONE,)})
    assert (result.commands, result.reloads, recorder.told) == ((), 0, ["start"])


def test_endpoints_come_and_go_by_commands_and_the_files_follow() -> None:
    controller, recorder = started()
    result = controller.sync({BACKEND: (ONE, TWO)})
    assert [type(command) for command in result.commands] == [AddServer, EnableServer]
    assert recorder.written == controller.current
    result = controller.sync({BACKEND: (TWO,)})
    assert result.commands == (DrainServer(BACKEND, "one"), DeleteServer(BACKEND, "one"))
    assert result.reloads == 0


def test_a_deletion_that_must_wait_is_tried_by_the_next_sync_and_holds_its_id_meanwhile() -> None:
    controller, recorder = started()
    recorder.waiting = (DeleteServer(BACKEND, "one"),)
    assert controller.sync({BACKEND: (TWO,)}).commands[-1] == DrainServer(BACKEND, "one")
    assert controller.current is not None
    assert {s.name: (s.id, s.state) for s in controller.current.backend(BACKEND).servers} == {
        "two": (2, "ready"),
        "one": (1, "drain"),
    }
    assert controller.sync({BACKEND: (TWO,)}).commands == ()
    recorder.waiting = ()
    assert controller.sync({BACKEND: (TWO,)}).commands == (DeleteServer(BACKEND, "one"),)


def test_a_refused_command_is_set_right_by_a_reload() -> None:
    controller, recorder = started()
    recorder.refuse = True
    result = controller.sync({BACKEND: (ONE, TWO)})
    assert (result.commands, result.reloads, result.reasons) == ((), 1, ("HAProxy refused `add server`",))
    assert recorder.told == ["start", "reload"]


def test_new_manifests_are_a_reload_with_its_reasons() -> None:
    controller, recorder = started()
    controller.manifests = Manifests()
    result = controller.sync({})
    assert result.reasons == (f"backend {BACKEND} is gone",)
    assert recorder.told == ["start", "reload"]


def test_warnings_are_told_at_every_sync() -> None:
    controller, _ = started()
    assert [warning.path[-1] for warning in controller.sync({}).warnings] == ["haproxy.org/x"]


def test_a_dead_haproxy_is_not_mistaken_for_a_refusal() -> None:
    controller, recorder = started()
    recorder.dead = True
    with pytest.raises(HAProxyUnavailableError):
        controller.sync({BACKEND: (ONE, TWO)})


def test_a_pod_is_idle_when_it_is_so_in_every_backend_and_worker() -> None:
    controller, recorder = started()
    assert controller.is_idle("one")
    assert controller.is_idle("unknown")
    recorder.busy = "1"
    assert not controller.is_idle("one")


def test_files_can_be_left_for_later() -> None:
    controller, recorder = started()
    before = recorder.written
    controller.sync({BACKEND: (ONE, TWO)}, save=False)
    assert recorder.written is before
    controller.save()
    assert recorder.written is controller.current
    recorder.written = None
    controller.save()
    assert recorder.written is None  # nothing new


def test_a_backend_that_haproxy_refuses_costs_only_itself() -> None:
    other = Service("radio", "default", {"app": "radio"}, (ServicePort(None, 80, 80),))
    both = IngressPath(None, "/radio", "Prefix", BackendRef("radio", 80))
    hostile = replace(
        MANIFESTS.services[0], annotations={"haproxy.org/backend-config-snippet": "http-request frobnicate"}
    )
    manifests = Manifests(
        services=(hostile, other),
        ingresses=(Ingress("tv", "default", (*MANIFESTS.ingresses[0].paths, both)),),
    )
    recorder = Recorder()
    controller = Controller(cast(Proxy, recorder), manifests, allow_snippets=True)
    recorder.refused_snippets = True
    controller.sync({})
    assert controller.current is not None
    assert [b.settings.snippet for b in controller.current.backends] == [(), ()]
    assert [p.path for p in controller.frame.warnings] == [("metadata", "annotations")]
    assert "unknown action" in controller.frame.warnings[0].allowed
    told = list(recorder.told)
    controller.sync({})
    assert recorder.told == told  # it is not tried again and again


def test_a_backend_refused_without_a_snippet_lets_nobody_in() -> None:
    recorder = Recorder()
    controller = Controller(cast(Proxy, recorder), MANIFESTS)
    recorder.refused_backends = frozenset({BACKEND})
    controller.sync({})
    assert controller.current is not None
    assert controller.current.backend(BACKEND).settings.allow == ("255.255.255.255/32",)


def test_rules_that_haproxy_refuses_leave_the_old_ones_and_the_new_endpoints() -> None:
    controller, recorder = started()
    controller.manifests = replace(MANIFESTS, ingresses=())
    recorder.refuse_all = True
    result = controller.sync({BACKEND: (ONE, TWO)})
    assert "refuses" in result.refused
    assert [str(command) for command in result.commands] == [
        f"add {BACKEND}/two at 127.0.0.2:8080",
        f"enable {BACKEND}/two",
    ]
    recorder.refuse_all = False
    controller.manifests = replace(MANIFESTS, ingresses=())
    assert controller.sync({}).reasons == (f"backend {BACKEND} is gone",)
