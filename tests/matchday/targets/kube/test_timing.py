import pytest

from balancer.kube.api import ApiError
from matchday.errors import EnvironmentFailedError
from matchday.targets.kube.timing import read_timing, refuse_without_metrics, seconds, timing_of, with_window
from scenarios.load import load_scenario
from tests.matchday.targets.kube.api import Answers, Json, pod
from tests.matchday.targets.kube.quick import QUICK


def running(*words: str) -> Json:
    return {"spec": {"containers": [{"command": list(words)}]}}


@pytest.mark.parametrize(
    ("text", "value"), [("15s", 15.0), ("1m30s", 90.0), ("2m", 120.0), ("1h", 3600.0), ("500ms", 0.5), ("soon", None)]
)
def test_durations_are_read_as_go_writes_them(text: str, value: float | None) -> None:
    assert seconds(text) == value


def test_what_the_clusters_commands_say_holds() -> None:
    timing = timing_of(
        [running("kube-controller-manager", "--horizontal-pod-autoscaler-sync-period=10s")],
        [running("--metric-resolution=20s")],
        [pod("a", ready=True), pod("b", ready=True), pod("c")],
    )
    assert (timing.hpa_sync_s, timing.metrics_resolution_s, timing.proxies) == (10.0, 20.0, 2)


def test_what_they_do_not_say_is_kubernetes_default() -> None:
    timing = timing_of([running("kube-controller-manager")], [], [])
    assert (timing.hpa_sync_s, timing.metrics_resolution_s, timing.proxies) == (15.0, 15.0, 1)
    assert "autoscaler every 15 s (the default)" in timing.said


def test_a_cluster_that_hides_its_system_has_default_timing() -> None:
    class Hidden(Answers):
        def get(self, path: str, **_query: object) -> Json:
            raise ApiError(403, "forbidden")

    assert read_timing(Hidden()).hpa_sync_s == 15.0


def test_the_prediction_is_made_with_the_clusters_timing_of_the_same_scenario() -> None:
    loaded = load_scenario(QUICK)
    here = timing_of([], [], [pod("a", ready=True), pod("b", ready=True)]).applied(loaded)
    assert (here.scenario.cluster.hpa_sync, here.scenario.cluster.proxies) == (15.0, 2)
    assert here.sha256 == loaded.sha256
    assert here.scenario.traffic.phases == loaded.scenario.traffic.phases


def test_with_several_proxies_each_request_of_the_model_draws_its_own() -> None:
    assert (
        not timing_of([], [], [pod("a", ready=True), pod("b", ready=True)])
        .applied(load_scenario(QUICK))
        .scenario.traffic.keep_alive
    )
    assert timing_of([], [], [pod("a", ready=True)]).applied(load_scenario(QUICK)).scenario.traffic.keep_alive


def test_an_autoscaler_on_cpu_needs_a_cluster_that_measures_it() -> None:
    with pytest.raises(EnvironmentFailedError, match="serves no CPU of pods"):
        refuse_without_metrics(Answers(), load_scenario(QUICK))
    refuse_without_metrics(Answers({"/apis/metrics.k8s.io/v1beta1/nodes": {}}), load_scenario(QUICK))


@pytest.mark.parametrize(("window_s", "resolution_s"), [(14.5, 15.0), (18.0, 15.0), (40.0, 15.0), (8.0, 7.5)])
def test_the_window_that_was_seen_becomes_a_whole_part_of_the_autoscalers_period(
    window_s: float, resolution_s: float
) -> None:
    here = with_window(timing_of([], [], []).applied(load_scenario(QUICK)), window_s)
    assert here.scenario.cluster.metrics_resolution == resolution_s
    assert here.scenario.cluster.hpa_sync == 15.0
