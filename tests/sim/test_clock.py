from __future__ import annotations

from sim.clock import Clock


def test_actions_happen_at_their_time_in_the_order_asked_for() -> None:
    env = Clock()
    seen: list[tuple[float, str]] = []
    env.after(2.0, lambda: seen.append((env.now, "late")))
    env.after(1.0, lambda: seen.append((env.now, "first")))
    env.after(1.0, lambda: seen.append((env.now, "second")))
    env.run()
    assert seen == [(1.0, "first"), (1.0, "second"), (2.0, "late")]
