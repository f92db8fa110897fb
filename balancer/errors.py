"""What can go wrong in the balancer, as exceptions a caller can tell apart."""


class BalancerError(Exception):
    """Base of every error the balancer raises on purpose; its text is one line for a person."""


class HAProxyUnavailableError(BalancerError):
    """HAProxy could not be found, started, or reached on its runtime socket, or it has died."""


class RuntimeCommandError(BalancerError):
    """HAProxy answered a runtime command with a refusal; the text carries command and answer."""


class ConfigurationRefusedError(BalancerError):
    """HAProxy would not take a configuration. `backends` are those whose sections it complains of, if it says so."""

    def __init__(self, text: str, backends: frozenset[str] = frozenset()) -> None:
        super().__init__(text)
        self.backends = backends
