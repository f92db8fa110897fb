"""The protocol is kept by both targets: mypy says so where they are chosen; here, that no member is missing."""

import inspect

import pytest

from matchday.targets.kube.target import KubeTarget
from matchday.targets.local.target import LocalTarget
from matchday.targets.target import Target

METHODS = [name for name, value in vars(Target).items() if inspect.isfunction(value) and not name.startswith("_")]


@pytest.mark.parametrize("kind", [LocalTarget, KubeTarget])
@pytest.mark.parametrize("name", METHODS)
def test_every_target_does_all_that_a_rehearsal_needs(kind: type, name: str) -> None:
    wanted, found = getattr(Target, name), getattr(kind, name)
    assert inspect.iscoroutinefunction(found) == inspect.iscoroutinefunction(wanted)
    assert list(inspect.signature(found).parameters) == list(inspect.signature(wanted).parameters)
