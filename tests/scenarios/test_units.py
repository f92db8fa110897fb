"""Quantities as people write them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from scenarios.units import Flag, Number, Whole, parse_duration, parse_rate, parse_ratio, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("40ms", 0.04),
        ("250us", 0.00025),
        ("1m30s", 90),
        ("1h", 3600),
        (" 1.5 s ", 1.5),
        (".5s", 0.5),
        (0, 0),
    ],
)
def test_durations_carry_their_unit(text: object, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["90", 90, 1.5, "", "s", "-1s", "1s-", "1 m 30 s x", "1S", "1sec", "1e3s", None, True, False, [], "9" * 400 + "h"],
)
def test_a_duration_without_a_good_unit_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="a duration with its unit"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("12KiB", 12288), ("12kB", 12000), ("3 MB", 3_000_000), ("1GiB", 2**30), ("5B", 5), ("7", 7), (7, 7)],
)
def test_sizes_are_decimal_or_binary(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["12Ki", "-1B", -1, "big", None, True, math.nan, math.inf, "9" * 400])
def test_a_size_that_is_none_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="a size such as"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "rps"), [(240, 240), ("240rps", 240), ("600/min", 10), ("5/s", 5), ("60/m", 1), (0, 0)]
)
def test_rates_are_a_second_or_a_minute(text: object, rps: float) -> None:
    assert parse_rate(text) == pytest.approx(rps)


@pytest.mark.parametrize("text", [-1, "-1", math.nan, math.inf, "10/h", "", None, True, [1, 2], "9" * 400])
def test_a_rate_that_is_none_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="requests a second such as"):
        parse_rate(text)


@pytest.mark.parametrize(("text", "share"), [("99.5%", 0.995), (0.995, 0.995), ("1", 1), ("0%", 0), ("99.9%", 0.999)])
def test_shares_are_percentages_or_fractions(text: object, share: float) -> None:
    assert parse_ratio(text) == share


@pytest.mark.parametrize("text", [99.5, "101%", -0.1, math.nan, "all", None, True])
def test_a_share_beyond_one_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="a share between 0 and 1"):
        parse_ratio(text)


@given(st.text(max_size=20) | st.floats() | st.integers() | st.none() | st.booleans())
def test_every_value_is_read_or_refused_in_words(value: object) -> None:
    for parse in (parse_duration, parse_size, parse_rate, parse_ratio):
        try:
            assert math.isfinite(parse(value))
        except ValueError as error:
            assert "such as" in str(error) or "between" in str(error)  # noqa: PT017 - refusing is one of two good ends


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Whole, True),
        (Whole, "1"),
        (Whole, 1.5),
        (Number, "1"),
        (Number, True),
        (Number, math.inf),
        (Flag, 1),
        (Flag, "yes"),
    ],
)
def test_numbers_and_flags_are_not_guessed_from_other_types(kind: Any, value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(value)
