from matchday.errors import EnvironmentFailedError, InterruptedRunError, InvalidRunError, MatchdayError


def test_each_error_knows_its_exit_code() -> None:
    codes = {error.exit_code for error in (EnvironmentFailedError("x"), MatchdayError("x"))}
    assert codes == {3}
    assert {InvalidRunError("x").exit_code, InterruptedRunError("x").exit_code} == {4}
