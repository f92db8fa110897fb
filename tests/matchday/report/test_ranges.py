from xml.etree import ElementTree as ET

import pytest

from matchday.report.axis import linear
from matchday.report.ranges import Group, Ranges, Row, render, said
from scenarios.outcome import Interval

PREDICTED = Interval(value=0.02, low=0.01, high=0.04)
RANGES = Ranges(
    "Failures <by kind>",
    "queue timeout",
    linear([0.05]),
    [Group("queue & timeout", [Row("surge", PREDICTED, 0.03, 0.005), Row("whistle", None, 0.05)])],
)


def test_ranges_are_well_formed_whatever_their_texts() -> None:
    root = ET.fromstring(render(RANGES))
    assert (root.get("role"), root.get("aria-label")) == ("img", "Failures <by kind>: queue timeout")
    assert "queue & timeout" in list(root.itertext())


def test_measured_stands_beside_predicted_on_one_axis() -> None:
    first, second, *_ = ET.fromstring(render(RANGES)).iter("svg")
    (band,), (dot,) = first.iter("rect"), first.iter("circle")
    assert (band.get("x"), band.get("width"), dot.get("cx")) == ("20.00%", "60.00%", "60.00%")
    assert [line.get("x1") for line in first.iter("line") if line.get("class") == "line limit"] == ["10.00%"]
    assert not list(second.iter("rect"))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (Row("", PREDICTED, 0.03), "3.0 %, predicted 2.0 % (1.0 % to 4.0 %)"),
        (Row("", PREDICTED, None), "predicted 2.0 % (1.0 % to 4.0 %)"),
        (Row("", Interval(value=0, low=0, high=0), 0.03), "3.0 %, predicted 0 %"),
        (Row("", None, 0.03), "3.0 %"),
    ],
)
def test_each_row_says_its_figures(row: Row, words: str) -> None:
    assert said(row) == words
