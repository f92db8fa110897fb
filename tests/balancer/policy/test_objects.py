from balancer.policy.objects import Endpoint, Manifests, Probe


def test_a_probe_left_empty_has_kubernetes_defaults() -> None:
    assert (Probe().period_s, Probe().timeout_s, Probe().success_threshold, Probe().failure_threshold) == (10, 1, 1, 3)


def test_a_new_endpoint_serves() -> None:
    assert Endpoint("live-1", "127.0.0.2", 8080).serving


def test_manifests_may_be_empty() -> None:
    assert Manifests().deployments == ()
