"""The rate: exact in its integral and in the inverse of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from scenarios.rate import Rate

rates = st.floats(0, 500) | st.just(0.0)
pieces = st.lists(st.tuples(st.floats(0.01, 60), rates, rates), min_size=1, max_size=6)


def rate(*of: tuple[float, float, float]) -> Rate:
    """Pieces of (length, from, to)."""
    lengths, first, last = (np.array(side, dtype=np.float64) for side in zip(*of, strict=True))
    return Rate(np.concatenate(([0.0], np.cumsum(lengths))), first, last)


@given(pieces)
def test_inversion_undoes_the_integral(of: list[tuple[float, float, float]]) -> None:
    bent = rate(*of)
    total = float(bent.expected()[-1])
    counts = np.linspace(0, total, 50, endpoint=False)[1:] if total > 1e-3 else np.empty(0)
    times = bent.when(counts)
    assert np.all(np.diff(times) >= 0)
    np.testing.assert_allclose(bent.count(times), counts, rtol=1e-6, atol=1e-6 * max(1.0, total))


@given(pieces, st.floats(0, 1))
def test_expected_count_agrees_with_quadrature(of: list[tuple[float, float, float]], share: float) -> None:
    bent = rate(*of)
    until = share * float(bent.edge_s[-1])

    def at(time: float) -> float:
        piece = min(int(np.searchsorted(bent.edge_s, time, side="right")) - 1, len(of) - 1)
        length, first, last = of[piece]
        return first + (last - first) * (time - float(bent.edge_s[piece])) / length

    inner = [float(edge) for edge in bent.edge_s[1:-1] if edge < until]
    area = integrate.quad(at, 0.0, until, points=inner or None, limit=200)[0]
    assert float(bent.count(np.array([until]))[0]) == pytest.approx(area, rel=1e-6, abs=1e-6)


def test_a_ramp_from_zero_is_inverted_in_closed_form() -> None:
    counts = np.array([0.5, 1.0, 8.0, 49.9])
    np.testing.assert_allclose(rate((10.0, 0.0, 10.0)).when(counts), np.sqrt(2 * counts), rtol=1e-12)


def test_a_ramp_to_zero_is_inverted_in_closed_form() -> None:
    counts = np.array([0.5, 10.0, 49.9])
    np.testing.assert_allclose(rate((10.0, 10.0, 0.0)).when(counts), 10 - np.sqrt(100 - 2 * counts), rtol=1e-9)


def test_no_count_has_no_time() -> None:
    assert rate((10.0, 1.0, 1.0)).when(np.empty(0)).shape == (0,)


@given(pieces, st.lists(st.floats(0, 1, exclude_max=True), min_size=2, max_size=30), st.integers(1, 29))
def test_a_time_depends_on_its_own_count_alone(
    of: list[tuple[float, float, float]], shares: list[float], cut: int
) -> None:
    bent = rate(*of)
    counts = np.sort(np.array(shares)) * float(bent.expected()[-1])
    parts = [bent.when(part) for part in (counts[:cut], counts[cut:])]
    assert np.maximum.accumulate(np.concatenate(parts)).tobytes() == bent.when(counts).tobytes()


@given(pieces, st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=30))
def test_many_pieces_at_once_give_the_same_bits_as_one_by_one(
    of: list[tuple[float, float, float]], shares: list[float]
) -> None:
    bent = rate(*(of * 40))
    counts = np.sort(np.array(shares)) * float(bent.expected()[-1])
    together = bent.when(counts)
    one_by_one = np.concatenate([bent.when(counts[i : i + 1]) for i in range(len(counts))])
    assert np.maximum.accumulate(one_by_one).tobytes() == together.tobytes()
