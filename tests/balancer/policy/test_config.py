import pytest

from balancer.policy.config import Algorithm, Backend, BackendSettings, Balance, ProxyConfig


@pytest.mark.parametrize(
    ("algorithm", "consistent", "takes"),
    [
        ("roundrobin", False, True), ("leastconn", False, True), ("random", False, True), ("first", False, True),
        ("static-rr", False, False), ("source", False, False), ("source", True, True), ("uri", True, True),
        ("hdr", True, True), ("url_param", False, False),
    ],
)  # fmt: skip
def test_servers_come_at_run_time_unless_the_algorithm_needs_a_fixed_map(
    algorithm: Algorithm, consistent: bool, takes: bool
) -> None:
    assert Balance(algorithm, consistent=consistent).takes_servers_at_runtime is takes


def test_a_backend_is_found_by_its_name() -> None:
    backend = Backend("one", BackendSettings())
    config = ProxyConfig("127.0.0.1", 80, backends=(backend,))
    assert config.backend("one") is backend
    with pytest.raises(KeyError):
        config.backend("two")
