from balancer.policy.objects import Endpoint, Manifests, Probe, Problem


def test_a_probe_left_empty_has_kubernetes_defaults() -> None:
    assert (Probe().period_s, Probe().timeout_s, Probe().success_threshold, Probe().failure_threshold) == (10, 1, 1, 3)


def test_a_new_endpoint_serves() -> None:
    assert Endpoint("live-1", "127.0.0.2", 8080).serving


def test_manifests_may_be_empty() -> None:
    assert Manifests().deployments == ()


def test_a_problem_can_be_told_apart_whatever_stands_there() -> None:
    one, same, other = (Problem(0, ("spec",), {"a": value}, "a text") for value in ([1], [1], [2]))
    assert dict.fromkeys([one, same, other]) == {one: None, other: None}
