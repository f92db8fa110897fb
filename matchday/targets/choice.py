"""The words of the command line → a target."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from matchday.display import Display
from matchday.rundir import RunDirectory
from matchday.targets.kube.reach import Reach
from matchday.targets.kube.target import kube_target
from matchday.targets.local.supported import refuse_unsupported
from matchday.targets.local.target import local_target
from matchday.targets.target import Choice, Target
from scenarios.errors import ScenarioError
from scenarios.load import LoadedScenario


@dataclass(frozen=True)
class OnThisMachine:
    """Processes behind one HAProxy, the bundled one when `haproxy` is None."""

    haproxy: Path | None

    def refuse(self, loaded: LoadedScenario) -> None:
        """ScenarioError for what only the model can do."""
        refuse_unsupported(loaded)

    def start(
        self, loaded: LoadedScenario, run: RunDirectory, seed: int, display: Display
    ) -> AbstractAsyncContextManager[Target]:
        """The local target."""
        return local_target(loaded, run, self.haproxy, seed, display)


@dataclass(frozen=True)
class OnKubernetes:
    """A cluster with our controller in it."""

    reach: Reach

    def refuse(self, loaded: LoadedScenario) -> None:
        """ScenarioError for what only the model can do; and when the cluster cannot be found."""
        refuse_unsupported(loaded, "kube")
        self.reach.check()

    def start(
        self, loaded: LoadedScenario, run: RunDirectory, _seed: int, display: Display
    ) -> AbstractAsyncContextManager[Target]:
        """A namespace of the cluster."""
        return kube_target(loaded, run, self.reach, display)


def choose(target: str, *, haproxy: Path | None, context: str | None, address: str | None, owned: bool) -> Choice:
    """ScenarioError when the words do not go together."""
    if target == "local":
        for name, given in (("--context", context), ("--address", address), ("--i-own-this-host", owned or None)):
            if given is not None:
                raise ScenarioError(f"{name}: only with --target kube")
        return OnThisMachine(haproxy)
    if target != "kube":
        raise ScenarioError(f"--target: {target}: local or kube")
    if haproxy is not None:
        raise ScenarioError("--haproxy: only with --target local; a cluster's proxies run the image's own")
    return OnKubernetes(Reach(context, address, owned=owned))
