"""SimPy's clock with a call at a later moment."""

from __future__ import annotations

from collections.abc import Callable

import simpy


def after(env: simpy.Environment, delay_s: float, action: Callable[[], object]) -> None:
    """Call `action` once, `delay_s` from now. There is no cancelling: an action checks that it still matters."""

    def call(_event: simpy.Event) -> None:
        action()

    env.timeout(delay_s).callbacks.append(call)
