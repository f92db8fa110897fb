from matchday.report.pictures import pictures
from tests.matchday.compare.synthetic import measured, predicted


def test_every_picture_has_its_data_as_a_table() -> None:
    shown = pictures(predicted(), measured())
    assert [p.chart.title for p in shown] == [
        "Offered and served",
        "Latency, median",
        "Latency, 99th percentile",
        "Pods",
        "Waiting in the proxy's queue",
        "Failures",
    ]
    for picture in shown:
        assert picture.rows
        assert all(len(row) == len(picture.head) for row in picture.rows)


def test_predicted_band_and_measured_line_lie_side_by_side() -> None:
    latency = pictures(predicted(), measured())[1].chart
    assert [band.css for band in latency.bands] == ["predicted"]
    assert [line.css for line in latency.lines] == ["predicted", "measured"]
    assert [span.label for span in latency.spans if span.shaded] == ["surge"]


def test_a_prediction_alone_is_shown_alone() -> None:
    for picture in pictures(predicted(), None):
        assert all(line.css in {"predicted", "offered"} for line in picture.chart.lines)


def test_nothing_gives_no_pictures() -> None:
    assert pictures(None, None) == []
