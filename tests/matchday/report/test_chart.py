import re
from dataclasses import replace
from xml.etree import ElementTree as ET

from matchday.report.axis import linear, logarithmic
from matchday.report.chart import HEIGHT, WIDTH, Band, Chart, Limit, Line, Span, heights, render

CHART = Chart(
    "Latency <p99>",
    "highest 2",
    "ms",
    100.0,
    linear([3]),
    lines=[Line("measured", "measured", [(0, 1), (10, None), (20, 2), (30, 1)])],
    bands=[Band("predicted", "predicted", [(0, 1, 2), (50, 2, 3)])],
    spans=[Span("surge & more", 20, 80, shaded=True)],
    limits=[Limit("SLO < 2", 1.5)],
)


def drawn(chart: Chart, css: str) -> list[str]:
    root = ET.fromstring(render(chart))
    return [path.get("d") or "" for path in root.iter("path") if path.get("class") == css]


def words(chart: Chart, css: str) -> list[str]:
    root = ET.fromstring(render(chart))
    return ["".join(e.itertext()) for e in root.iter("div") if css in (e.get("class") or "").split()]


def test_a_chart_is_well_formed_whatever_its_texts() -> None:
    root = ET.fromstring(render(CHART))
    assert root.get("aria-label") == "Latency <p99>: highest 2"
    assert words(CHART, "phase") == ["surge & more"]
    assert words(CHART, "limit-text") == ["SLO < 2"]


def test_a_screen_reader_meets_one_picture_and_not_its_strokes() -> None:
    root = ET.fromstring(render(CHART))
    (svg,) = root.iter("svg")
    assert root.get("role") == "img"
    assert svg.get("aria-hidden") == "true"


def test_words_are_no_part_of_the_drawing_that_stretches() -> None:
    assert not list(ET.fromstring(render(CHART)).iter("text"))


def test_a_line_breaks_where_there_is_nothing() -> None:
    (line,) = drawn(CHART, "line measured")
    assert (line.count("M"), line.count("L")) == (2, 1)


def test_a_value_between_two_gaps_is_a_dot() -> None:
    lonely = replace(CHART, lines=[Line("measured", "measured", [(0, None), (10, 1), (20, None)])])
    assert drawn(lonely, "line measured") == ["M100.0,133.3h0"]


def test_a_staircase_has_a_corner_before_each_step() -> None:
    steps = replace(CHART, lines=[Line("pods", "measured", [(0, 1), (50, 3)], steps=True)])
    assert drawn(steps, "line measured") == ["M0.0,133.3h0H500.0V0.0"]


def test_a_band_stops_at_a_gap() -> None:
    gap = replace(CHART, bands=[Band("predicted", "predicted", [(0, 1, 2), (5, 1, 2), None, (20, 1, 2), (30, 1, 2)])])
    (band,) = drawn(gap, "band predicted")
    assert band.count("Z") == 2


def test_a_limit_runs_across_the_whole_picture_at_its_own_height() -> None:
    assert drawn(CHART, "line limit") == [f"M0,100.0H{WIDTH}"]


def test_nothing_is_drawn_outside_the_picture() -> None:
    beyond = replace(CHART, bands=[Band("predicted", "predicted", [(-5, -1, 2), (150, 2, 30)])])
    (band,) = drawn(beyond, "band predicted")
    for x, y in re.findall(r"([-\d.]+),([-\d.]+)", band):
        assert 0 <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT


def test_the_same_factor_is_the_same_height_on_a_logarithmic_axis() -> None:
    chart = replace(CHART, y=logarithmic([0.01, 10]), lines=[Line("m", "measured", [(0, 0.01), (1, 0.1), (2, 1)])])
    heights_drawn = [float(y) for y in re.findall(r",([\d.]+)", drawn(chart, "line measured")[0])]
    assert heights_drawn == [200.0, 133.3, 66.7]


def test_an_axis_can_hold_all_that_is_drawn() -> None:
    assert sorted(heights(CHART.lines, CHART.bands, CHART.limits)) == [1, 1, 1, 1.5, 2, 2, 2, 3]


def test_an_empty_chart_still_has_axes() -> None:
    empty = Chart("Failures", "none", "rps", 100.0, linear([]))
    assert len(drawn(empty, "grid")) >= 2
    assert words(empty, "x")[-1] == "100 s"
