from __future__ import annotations

import simpy

from sim.clock import after


def test_actions_happen_at_their_time_in_the_order_asked_for() -> None:
    env = simpy.Environment()
    seen: list[tuple[float, str]] = []
    after(env, 2.0, lambda: seen.append((env.now, "late")))
    after(env, 1.0, lambda: seen.append((env.now, "first")))
    after(env, 1.0, lambda: seen.append((env.now, "second")))
    env.run()
    assert seen == [(1.0, "first"), (1.0, "second"), (2.0, "late")]
