from typing import Any

from matchday.targets.kube.decisions import Decisions, decided


def hpa(
    current: int, desired: int, *, active: bool = True, message: str = "recommended size matches"
) -> dict[str, Any]:
    conditions = [
        {"type": "AbleToScale", "status": "True", "message": message},
        {"type": "ScalingActive", "status": str(active), "reason": "X", "message": "no metrics"},
    ]
    return {
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "live"}},
        "status": {"currentReplicas": current, "desiredReplicas": desired, "conditions": conditions},
    }


def test_an_autoscaler_that_has_not_looked_yet_has_decided_nothing() -> None:
    assert decided({"spec": {"scaleTargetRef": {"name": "live"}}}) is None


def test_a_decision_names_deployment_counts_and_reasons() -> None:
    said = decided(hpa(2, 6, message="the scale was set to 6"))
    assert said is not None
    assert (said.deployment, said.current, said.desired, said.error) == ("live", 2, 6, None)
    assert said.reasons == ("the scale was set to 6",)


def test_metrics_that_are_missing_are_an_error() -> None:
    said = decided(hpa(2, 0, active=False))
    assert said is not None
    assert said.desired == 2  # nothing changes
    assert said.error == "no metrics"


def test_the_same_decision_is_news_only_once() -> None:
    decisions = Decisions()
    assert decisions.news(hpa(2, 2)) is None  # where it started is no decision
    assert decisions.news(hpa(2, 6)) is not None
    assert decisions.news(hpa(6, 6)) is None
    assert decisions.news(hpa(6, 2)) is not None
