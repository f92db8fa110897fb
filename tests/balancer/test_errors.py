import pytest

from balancer.errors import BalancerError, HAProxyUnavailableError, RuntimeCommandError


@pytest.mark.parametrize("error", [HAProxyUnavailableError, RuntimeCommandError])
def test_one_base_catches_all(error: type[Exception]) -> None:
    assert issubclass(error, BalancerError)
