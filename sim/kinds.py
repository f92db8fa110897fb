"""Everything that is ever sent: the entries of the request mix, then the calls that pods make of each other."""

from __future__ import annotations

from dataclasses import dataclass

from scenarios.schema import Call, Request, Scenario
from sim.workload import Behaviour, PathBehaviour


@dataclass(frozen=True, eq=False)
class Kind:
    """One thing that is sent, and what its receiver does with it. Times in seconds.

    `calls` are indices of the kinds that the receiver sends after its own part, at once or one after the other.
    """

    host: str
    path: str
    timeout_s: float
    retries: int
    backoff_s: float
    behaviour: PathBehaviour
    calls: tuple[int, ...]
    parallel: bool
    is_call: bool


def kinds_of(scenario: Scenario, behaviour: Behaviour) -> tuple[Kind, ...]:
    """The request mix in its order, then every call, path by path."""
    paths = scenario.workload.paths
    calls_of: dict[str, tuple[int, ...]] = {}
    following = len(scenario.traffic.requests)
    for path, said in paths.items():
        calls_of[path] = tuple(range(following, following + len(said.calls)))
        following += len(said.calls)

    def kind(sent: Request | Call) -> Kind:
        return Kind(
            host=sent.host,
            path=sent.path,
            timeout_s=sent.timeout,
            retries=sent.retries,
            backoff_s=sent.backoff,
            behaviour=behaviour.paths[sent.path],
            calls=calls_of[sent.path],
            parallel=paths[sent.path].calls_in == "parallel",
            is_call=isinstance(sent, Call),
        )

    calls = [call for said in paths.values() for call in said.calls]
    return (*map(kind, scenario.traffic.requests), *map(kind, calls))
