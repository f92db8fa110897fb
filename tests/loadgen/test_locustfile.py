import errno
from pathlib import Path

import pytest

from loadgen.errors import LoadError
from loadgen.locustfile import one_line, outcome_of, read_locustfile, task_error

USERS = "from locust import HttpUser, LoadTestShape, User, task\n"


def written(tmp_path: Path, text: str, name: str = "locustfile.py") -> Path:
    path = tmp_path / name
    path.write_text(USERS + text)
    return path


def test_users_are_the_classes_that_locust_would_run(tmp_path: Path) -> None:
    text = "class Base(HttpUser):\n    abstract = True\nclass A(Base): pass\nclass B(User): pass\nclass Off(User): weight = 0\n"
    found = read_locustfile(written(tmp_path, text, "some_users.py"))
    assert ([cls.__name__ for cls in found.classes], found.notes) == (["A", "B"], ())


def test_modules_beside_the_file_can_be_imported(tmp_path: Path) -> None:
    (tmp_path / "beside_it.py").write_text("WEIGHT = 3\n")
    found = read_locustfile(
        written(tmp_path, "from beside_it import WEIGHT\nclass A(User): weight = WEIGHT\n", "with_help.py")
    )
    assert found.classes[0].weight == 3


def test_a_shape_of_the_file_is_told_and_left_out(tmp_path: Path) -> None:
    text = "class A(User): pass\nclass Mine(LoadTestShape):\n    def tick(self): return (1, 1)\n"
    notes = read_locustfile(written(tmp_path, text, "with_shape.py")).notes
    assert notes == (
        "with_shape.py: the load shape Mine is not used: the scenario's phases say how many users there are",
    )


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("def broken(:\n    pass\n", 2, "invalid syntax"),
        ("import no_such_module\n", 2, "ModuleNotFoundError: No module named 'no_such_module'"),
        ("\ndef f():\n    return 1 / 0\n\nf()\n", 4, "ZeroDivisionError: division by zero"),
        ("raise ValueError('two\\nlines')\n", 2, "ValueError: two lines"),
        ("import sys\nsys.exit(3)\n", 3, "SystemExit: 3"),
        ("x = 1\n", 1, "no users"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = written(tmp_path, text, "broken_users.py")
    with pytest.raises(LoadError) as caught:
        read_locustfile(path)
    assert str(caught.value).startswith(f"{path}:{line}: {said}")
    assert "\n" not in str(caught.value)


def test_a_task_that_raises_is_named_with_its_line(tmp_path: Path) -> None:
    path = written(
        tmp_path, "class Shopper(User):\n    def pay(self):\n        {}['basket']\n    pay = task(pay)\n", "shop.py"
    )
    (shopper,) = read_locustfile(path).classes
    instance = object.__new__(shopper)
    with pytest.raises(KeyError) as caught:
        instance.pay()  # type: ignore[attr-defined]
    assert task_error(instance, caught.value, caught.tb, path) == "Shopper.pay raised KeyError: 'basket' (shop.py:4)"


def raised(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def test_what_the_file_calls_a_success_is_one() -> None:
    assert [outcome_of(None, status) for status in (204, 404, 0)] == [(204, "", ""), (200, "", ""), (200, "", "")]


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (RuntimeError("no basket in the page"), 200, "check"),
        (RuntimeError("HTTP 503"), 503, ""),
        (RuntimeError("reason unknown"), 0, "other"),
        (raised(RuntimeError(), ConnectionRefusedError()), 0, "connect"),
        (RuntimeError(ConnectionResetError()), 0, "reset"),
        (raised(RuntimeError(), TimeoutError()), 0, "timeout"),
        (raised(ConnectionError(), BrokenPipeError()), 200, "reset"),
    ],
)
def test_a_failure_has_the_kind_of_what_lies_below_it(error: BaseException, status: int, kind: str) -> None:
    assert outcome_of(error, status) == (status, kind, "")


def test_what_this_machine_ran_out_of_is_its_own_limit() -> None:
    error = raised(RuntimeError(), OSError(errno.EADDRNOTAVAIL, "no address"))
    assert outcome_of(error, 0) == (0, "other", "ports")


def test_causes_that_lead_to_each_other_come_to_an_end() -> None:
    one, two = RuntimeError(), RuntimeError()
    one.__context__, two.__context__ = two, one
    assert outcome_of(one, 0) == (0, "other", "")


def test_a_long_text_is_cut() -> None:
    assert len(one_line("word " * 100)) == 160
