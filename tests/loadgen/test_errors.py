"""One error for the whole package."""

from loadgen.errors import LoadError


def test_a_load_error_reads_as_one_line() -> None:
    assert str(LoadError("--target: example.org:80: HOST:PORT on 127.0.0.0/8")).count("\n") == 0
