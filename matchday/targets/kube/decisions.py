"""What Kubernetes' autoscaler decided, as lines of events.jsonl in the words of the local target's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Decided:
    """One HPA's last word. `error` is why it could not decide."""

    deployment: str
    current: int
    desired: int
    reasons: tuple[str, ...]
    error: str | None


def decided(hpa: Mapping[str, Any]) -> Decided | None:
    """What the HPA's status says; None before its first sync."""
    status = hpa.get("status") or {}
    conditions = {condition["type"]: condition for condition in status.get("conditions") or ()}
    if not conditions:
        return None
    current = int(status.get("currentReplicas", 0))
    active = conditions.get("ScalingActive", {})
    failed = active.get("status") == "False" and active.get("reason") != "ScalingDisabled"
    return Decided(
        deployment=str(hpa["spec"]["scaleTargetRef"]["name"]),
        current=current,
        # Kubernetes writes 0 when it could not decide, and leaves the pods as they are
        desired=current if failed else int(status.get("desiredReplicas", 0)),
        reasons=tuple(str(c.get("message", "")) for name, c in conditions.items() if name != "ScalingActive"),
        error=str(active.get("message", "")) if failed else None,
    )


class Decisions:
    """Gives each decision once."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, str | None]] = {}

    def news(self, hpa: Mapping[str, Any]) -> Decided | None:
        """The decision, when it is another than the last."""
        said = decided(hpa)
        if said is None or self._last.get(said.deployment) == (said.desired, said.error):
            return None
        known = said.deployment in self._last
        self._last[said.deployment] = (said.desired, said.error)
        return said if known or said.error or said.current != said.desired else None
