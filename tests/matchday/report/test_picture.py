from matchday.report.chart import Line
from matchday.report.picture import band_and_lines, legend_of, points, ranged, shown, spans, told
from scenarios.outcome import Interval
from tests.matchday.compare.synthetic import measured, predicted

BOTH = (predicted(), measured())


def test_a_figure_is_drawn_in_the_middle_of_its_second() -> None:
    series = measured().series
    assert points(measured(), series.queued)[20] == (20.5, series.queued[20])


def test_a_second_without_an_interval_is_a_gap_in_the_band() -> None:
    band = ranged(predicted(), predicted().series.p99_s)
    assert band[0] is None
    assert band[1] is not None


def test_the_median_is_drawn_over_the_measured_line() -> None:
    bands, lines = band_and_lines(BOTH, (predicted().series.queued, measured().series.queued))
    assert [band.css for band in bands] == ["predicted"]
    assert [line.css for line in lines] == ["measured", "predicted"]


def test_the_legend_names_only_what_is_there() -> None:
    assert [key.label for key in legend_of((None, measured()))] == ["measured", "surge"]
    assert len(legend_of(BOTH)) == 4


def test_the_phases_are_shown_even_where_the_run_did_not_get_to() -> None:
    cut = measured().model_copy(update={"phases": measured().phases[:1]})
    assert [span.label for span in spans((predicted(), cut))] == ["warm-up", "surge", "whistle"]


def test_who_does_not_see_a_line_hears_its_extremes() -> None:
    line = Line("measured", "measured", [(0.5, 4.0), (1.5, None), (2.5, 19.0), (3.5, 19.0)])
    assert told([line], "pods") == "measured from 4 to 19 pods, highest at 2.5 s"
    assert told([], "pods") == "nothing to show"


def test_a_cell_of_data_has_its_interval() -> None:
    assert shown(None) == "–"
    assert shown(0.25, 1000) == "250"
    assert shown(Interval(value=2, low=1, high=3)) == "2 (1 to 3)"
    assert shown(Interval(value=2, low=2, high=2)) == "2"
