import pytest

from matchday.compare import words


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.0042, "4.2 ms"), (0.412, "412 ms"), (1.9249, "1.92 s"), (104.2, "104 s"), (0.0, "0 ms")],
)
def test_seconds(value: float | None, text: str) -> None:
    assert words.seconds(value) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.912, "91.2 %"),
        (0.9988, "99.88 %"),
        (0.99999, "over 99.99 %"),
        (0.00001, "under 0.01 %"),
    ],
)
def test_a_percentage_is_never_rounded_onto_an_end(ratio: float, text: str) -> None:
    assert words.percent(ratio) == text


def test_rates_and_points() -> None:
    assert words.rate(240.2) == "240 rps"
    assert words.rate(4.21) == "4.2 rps"
    assert words.points(0.012) == "1.2 points"


def test_a_bound_is_rounded_up() -> None:
    assert words.bound_percent(0.1101) == "12 %"


def test_signs() -> None:
    assert words.signed_percent(0.081) == "+8 %"
    assert words.signed_percent(-0.12) == "−12 %"
    assert words.signed_percent(0.001) == "0 %"


def test_intervals_share_their_unit() -> None:
    assert words.interval(1.71, 2.24, "s") == "1.71–2.24 s"
    assert words.interval(0.9, 1.2, "s") == "900 ms–1.20 s"
    assert words.interval(2, 2, "pods") == "2"
    assert words.interval(None, 1.0, "s") == ""


def test_lists_read_as_sentences() -> None:
    assert words.join(["a", "b", "c"]) == "a, b and c"
    assert words.join(["a"]) == "a"
