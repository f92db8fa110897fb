import asyncio

from matchday.targets.kube.freshness import Freshness
from tests.matchday.targets.kube.api import Answers, Json

START_S = 1767225600.0  # 2026-01-01T00:00:00Z
PATH = "/apis/metrics.k8s.io/v1beta1/namespaces/n/pods"


def metrics(*windows: str) -> Json:
    return {"items": [{"timestamp": "2026-01-01T00:00:00Z", "window": window} for window in windows]}


def test_the_usual_window_is_the_median() -> None:
    fresh = Freshness(Answers(), "n")
    fresh.hear(metrics("12.5s", "15s", "18.81s"), START_S)
    assert fresh.window_s == 15.0


def test_a_decision_waits_for_the_first_sync_whose_figures_are_as_recent() -> None:
    fresh = Freshness(Answers(), "n")
    for age_s in range(10, 31):
        fresh.hear(metrics("15s"), START_S + age_s)
    lags_s = fresh.added_to([1.0, 2.0], 15.0)
    assert len(lags_s) == 18
    assert sorted(set(lags_s)) == [16.0, 17.0, 31.0, 32.0]
    assert lags_s.count(16.0) == 2  # ages of 10 to 15 s among those of 10 to 30 s


def test_where_nothing_was_heard_lags_are_as_they_are() -> None:
    fresh = Freshness(Answers(), "n")
    assert fresh.window_s is None
    assert fresh.added_to([0.5], 15.0) == (0.5,)


def test_it_asks_until_it_is_told_to_stop_and_bears_a_cluster_without_metrics() -> None:
    async def heard(api: Answers) -> float | None:
        fresh = Freshness(api, "n")
        task = asyncio.ensure_future(fresh.watch())
        await asyncio.sleep(0.2)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return fresh.window_s

    assert asyncio.run(heard(Answers({PATH: metrics("15s")}))) == 15.0
    assert asyncio.run(heard(Answers())) is None
