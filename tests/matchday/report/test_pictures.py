import pytest

from matchday.report.chart import Chart
from matchday.report.picture import Picture
from matchday.report.pictures import pictures
from scenarios.outcome import Interval
from scenarios.schema import Slo
from tests.matchday.compare.synthetic import measured, predicted

SLO = Slo.model_validate({"p99": "400ms", "success": "99.5%"})


def shown(title: str) -> Picture:
    return next(picture for picture in pictures(predicted(), measured(), SLO) if picture.title == title)


def charts(picture: Picture) -> list[Chart]:
    return [panel for panel in picture.panels if isinstance(panel, Chart)]


def test_every_picture_has_its_data_as_a_table() -> None:
    all_shown = pictures(predicted(), measured(), SLO)
    assert [picture.title for picture in all_shown] == [
        "Offered and served",
        "Latency",
        "Pods",
        "Waiting in the proxy's queue",
        "Requests lost",
        "Failures by kind",
    ]
    for picture in all_shown:
        assert picture.rows
        assert all(len(row) == len(picture.head) for row in picture.rows)


def test_predicted_band_and_measured_line_lie_side_by_side() -> None:
    for picture in pictures(predicted(), measured()):
        for chart in charts(picture):
            assert [band.css for band in chart.bands] == ["predicted"]
            assert {"predicted", "measured"} <= {line.css for line in chart.lines}
            assert [span.label for span in chart.spans if span.shaded] == ["surge"]


def test_the_limit_of_the_slo_is_drawn_where_it_holds() -> None:
    p99, median = charts(shown("Latency"))
    assert [(limit.text, limit.value) for limit in p99.limits] == [("SLO: p99 at most 400 ms", 0.4)]
    assert not median.limits


def test_both_quantiles_share_a_logarithmic_axis() -> None:
    p99, median = charts(shown("Latency"))
    assert p99.y.log
    assert p99.y == median.y
    assert p99.y_text(0.05) == "50 ms"


def test_desired_pods_and_pods_in_rotation_are_predicted_and_measured() -> None:
    desired, rotation = charts(shown("Pods"))
    assert (desired.unit, rotation.unit) == ("pods desired by the autoscaler", "pods in rotation")
    assert desired.y == rotation.y
    for chart in (desired, rotation):
        assert [line.css for line in chart.lines] == ["measured", "predicted"]
    assert desired.lines[1].points != rotation.lines[1].points


def test_pods_of_an_interrupted_run_end_where_it_was_interrupted() -> None:
    series = measured().series
    cut = series.model_copy(
        update={name: getattr(series, name)[:26] for name in type(series).model_fields if name != "bucket_s"}
    )
    early = measured().model_copy(
        update={"series": cut, "replicas": measured().replicas[:2], "phases": measured().phases[:1]}
    )
    (picture,) = (p for p in pictures(predicted(), early) if p.title == "Pods")
    line = next(line for line in charts(picture)[0].lines if line.css == "measured")
    assert line.points[-1][0] == 26


def test_lost_is_offered_without_served() -> None:
    (chart,) = charts(shown("Requests lost"))
    offered, served = predicted().series.offered_rps[25], predicted().series.goodput_rps[25]
    assert isinstance(offered, Interval)
    assert isinstance(served, Interval)
    band = chart.bands[0].points[25]
    assert band is not None
    assert band[1:] == pytest.approx((max(0, offered.value - served.high), max(0, offered.value - served.low)))


def test_no_band_of_lost_requests_is_made_up_where_the_futures_were_offered_different_loads() -> None:
    series = predicted().series
    varied = tuple(Interval(value=12, low=10, high=14) for _ in series.offered_rps)
    loose = predicted().model_copy(update={"series": series.model_copy(update={"offered_rps": varied})})
    (picture,) = (p for p in pictures(loose, None) if p.title == "Requests lost")
    assert not any(charts(picture)[0].bands[0].points)


def test_a_prediction_alone_is_shown_alone() -> None:
    for picture in pictures(predicted(), None):
        for chart in charts(picture):
            assert all(line.css in {"predicted", "offered"} for line in chart.lines)


def test_nothing_gives_no_pictures() -> None:
    assert pictures(None, None) == []
