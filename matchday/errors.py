"""What can go wrong in a rehearsal, and which exit code says so.

`ScenarioError` (scenarios) is bad input, exit code 2. `BalancerError` (balancer) and `EnvironmentFailedError` mean
that something we rely on failed, exit code 3. `InterruptedRunError` and `InvalidRunError` leave a run that is
kept but proves nothing, exit code 4. Only `matchday.cli` turns an exception into a line and a code.
"""

BAD_INPUT, ENVIRONMENT_FAILED, INVALID_RUN = 2, 3, 4


class MatchdayError(Exception):
    """Base of the harness's own errors; the text is one line for a person."""

    exit_code = ENVIRONMENT_FAILED


class EnvironmentFailedError(MatchdayError):
    """A process, port, disk or host we need failed."""


class InvalidRunError(MatchdayError):
    """The run ended, but proves nothing."""

    exit_code = INVALID_RUN


class InterruptedRunError(MatchdayError):
    """The user stopped the run; what was measured is kept."""

    exit_code = INVALID_RUN
