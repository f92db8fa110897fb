from pathlib import Path

from matchday.compare.figures import score_figure
from matchday.report.record import read_record
from matchday.report.tables import score_cell, tables
from scenarios.outcome import Interval


def test_each_phase_is_a_row_with_measured_and_predicted(run_dir: Path) -> None:
    table = next(tables(read_record(run_dir)))
    assert [row[0].text for row in table.rows] == ["warm-up", "surge", "whistle", "total"]
    assert all(cell.mark in {"in", "out"} and cell.note for cell in table.rows[1][1:])


def test_an_interval_repeats_its_unit_only_where_it_changes() -> None:
    def note(value: float, low: float, high: float) -> tuple[str, ...]:
        score = score_figure("p99", "s", Interval(value=value, low=low, high=high), 1.0, scored=True)
        return score_cell(score).note

    assert note(0.5, 0.4, 0.6) == ("500 ms", "(400–600)")
    assert note(0.9, 0.8, 1.2) == ("900 ms", "(800 ms–1.20 s)")
    assert note(0.5, 0.5, 0.5) == ("500 ms",)
    assert note(1.1, 0.8, 1.2) == ("1.10 s", "(800 ms–1.20 s)")


def test_a_phase_tells_when_it_is(run_dir: Path) -> None:
    assert next(tables(read_record(run_dir))).rows[1][0].note == ("20–80 s",)


def test_scale_ups_have_a_sign_and_a_unit(run_dir: Path) -> None:
    scaling = list(tables(read_record(run_dir)))[1]
    assert scaling.caption == "Scaling"
    assert [row[0].text for row in scaling.rows][-1] == "pods at the end"
    assert all(row[3].text[0] in "−+0–" for row in scaling.rows)
