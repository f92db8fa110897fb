from xml.etree import ElementTree as ET

from matchday.report.chart import HEIGHT, WIDTH, Band, Chart, Line, Span, render

CHART = Chart(
    "Latency <p99>",
    "highest 2",
    "ms",
    100.0,
    lines=[Line("measured", "measured", [(0, 1), (10, None), (20, 2), (30, 1)])],
    bands=[Band("predicted", "predicted", [(0, 1, 2), (50, 2, 3)])],
    spans=[Span("surge & more", 20, 80, shaded=True)],
)


def test_a_chart_is_well_formed_whatever_its_texts() -> None:
    root = ET.fromstring(render(CHART))
    assert root.get("aria-label") == "Latency <p99>: highest 2"
    assert "surge & more" in [text.text for text in root.iter("text")]


def test_a_line_breaks_where_there_is_nothing() -> None:
    (path,) = ET.fromstring(render(CHART)).iter("path")
    assert (path.get("d") or "").count("M") == 2
    assert (path.get("d") or "").count("L") == 1


def test_a_staircase_has_a_corner_before_each_step() -> None:
    steps = Chart("Pods", "", "pods", 10.0, lines=[Line("pods", "measured", [(0, 2), (5, 4)], steps=True)])
    (path,) = ET.fromstring(render(steps)).iter("path")
    assert (path.get("d") or "").count("L") == 2


def test_nothing_is_drawn_outside_the_picture() -> None:
    root = ET.fromstring(render(CHART))
    (polygon,) = root.iter("polygon")
    for point in (polygon.get("points") or "").split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT


def test_an_empty_chart_still_has_axes() -> None:
    root = ET.fromstring(render(Chart("Failures", "none", "rps", 100.0)))
    assert len(list(root.iter("line"))) >= 2
