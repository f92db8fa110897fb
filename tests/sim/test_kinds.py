from __future__ import annotations

from scenarios.schema import Scenario
from sim.kinds import kinds_of
from sim.workload import declared

SCENARIO = Scenario.model_validate(
    {
        "name": "graph",
        "manifests": ["none.yaml"],
        "traffic": {
            "phases": [{"name": "all", "duration": "1s", "rps": 1}],
            "requests": [{"host": "h", "path": "/page", "timeout": "3s", "retries": 1}, {"host": "h", "path": "/ping"}],
        },
        "workload": {
            "paths": {
                "/page": {
                    "time": {"constant": "1s"},
                    "calls_in": "parallel",
                    "calls": [{"host": "a", "path": "/user"}, {"host": "b", "path": "/stock", "timeout": "200ms"}],
                },
                "/ping": {"time": {"constant": "1ms"}},
                "/user": {"time": {"constant": "2s"}, "calls": [{"host": "b", "path": "/stock", "retries": 2}]},
                "/stock": {"time": {"constant": "3s"}, "cpu": "1s"},
            },
            "startup": {"mean": "1s"},
        },
        "slo": {"p99": "1s", "success": "99%"},
    }
)


def test_the_request_mix_comes_first_and_then_every_call() -> None:
    kinds = kinds_of(SCENARIO, declared(SCENARIO))
    assert [(kind.path, kind.is_call) for kind in kinds] == [
        ("/page", False),
        ("/ping", False),
        ("/user", True),
        ("/stock", True),
        ("/stock", True),
    ]
    assert (kinds[0].timeout_s, kinds[0].retries, kinds[3].timeout_s, kinds[4].retries) == (3.0, 1, 0.2, 2)


def test_a_kind_knows_what_its_receiver_sends_and_how() -> None:
    kinds = kinds_of(SCENARIO, declared(SCENARIO))
    assert [kind.calls for kind in kinds] == [(2, 3), (), (4,), (), ()]
    assert [kind.parallel for kind in kinds] == [True, False, False, False, False]
    assert kinds[3].behaviour.cpu_s == 1.0
