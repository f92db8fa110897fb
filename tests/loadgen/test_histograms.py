"""Histograms by path, phase and answer; sums over workers and intervals are exact."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from loadgen.histograms import PERCENTILES, by_key, export, histogram_of, latencies_s, write_csv, write_hgrm, write_log
from loadgen.progress import DIGITS, HIGHEST_US, LOWEST_US
from loadgen.records import Recorder, Rows, rows_of
from scenarios.traffic import PhaseSpan

PATHS = ("/live", "/log in,now")
PHASES = (PhaseSpan("calm", 0.0, 5.0, surge=False), PhaseSpan("surge", 5.0, 10.0, surge=True))


def made(seed: int, n: int = 400) -> Rows:
    rng, recorder = np.random.default_rng(seed), Recorder()
    for index in range(n):
        intended_s = float(rng.uniform(0, 10))
        send_s = intended_s + float(rng.exponential(0.001))
        status, error = [(200, ""), (200, ""), (503, ""), (0, "timeout")][int(rng.integers(4))]
        done_s = send_s + float(rng.lognormal(-3, 1))
        recorder.add(
            index, 0, int(rng.integers(2)), intended_s, send_s, done_s, status, error, bool(rng.random() < 0.9), 1
        )
    return rows_of(recorder.take())


def test_every_request_is_in_one_histogram_and_attempts_that_were_repeated_in_none() -> None:
    rows = made(1)
    keyed = dict(by_key(rows, PATHS, PHASES))
    assert sum(len(mine) for mine in keyed.values()) == int(rows["final"].sum())
    assert {key.answer for key in keyed} == {"2xx", "5xx", "timeout"}
    for key, mine in keyed.items():
        assert {PATHS[request] for request in mine["request"]} == {key.path}
        assert ((mine["intended_s"] >= 5.0) == (key.phase == "surge")).all()


def test_the_histograms_of_workers_add_up_to_that_of_all_rows_exactly() -> None:
    workers, together = [made(seed) for seed in range(3)], np.concatenate([made(seed) for seed in range(3)])
    merged = histogram_of(np.empty(0))
    for rows in workers:
        merged.add(histogram_of(latencies_s(rows, "intended")))
    whole = histogram_of(latencies_s(together, "intended"))
    assert merged.get_total_count() == whole.get_total_count() == len(together)
    assert [merged.get_value_at_percentile(p) for p in PERCENTILES] == [
        whole.get_value_at_percentile(p) for p in PERCENTILES
    ]


def test_the_log_of_intervals_adds_up_to_the_run_tag_by_tag(tmp_path: Path) -> None:
    rows = made(2)
    write_log(tmp_path / "run.hlog", rows, PATHS, PHASES, 1_700_000_000.0)
    added: dict[str, HdrHistogram] = {}
    reader = HistogramLogReader(str(tmp_path / "run.hlog"), HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS))
    while (interval := reader.get_next_interval_histogram()) is not None:
        added.setdefault(interval.get_tag(), histogram_of(np.empty(0))).add(interval)
    for key, mine in by_key(rows, PATHS, PHASES):
        for clock in ("intended", "send"):
            found, whole = added.pop(key.tag(clock)), histogram_of(latencies_s(mine, clock))
            assert found.get_total_count() == len(mine)
            assert found.get_value_at_percentile(99.0) == whole.get_value_at_percentile(99.0)
    assert added == {}


def test_the_table_has_both_clocks_and_percentiles_to_four_nines(tmp_path: Path) -> None:
    rows = made(3)
    write_csv(tmp_path / "h.csv", rows, PATHS, PHASES)
    with (tmp_path / "h.csv").open() as file:
        table = list(csv.DictReader(file))
    assert sum(int(row["count"]) for row in table if row["clock"] == "send") == int(rows["final"].sum())
    intended = next(row for row in table if row["clock"] == "intended")
    assert float(intended["p99.99_s"]) == pytest.approx(float(intended["max_s"]), rel=0.001)
    key, mine = next(by_key(rows, PATHS, PHASES))
    exact = np.quantile(latencies_s(mine, "intended"), 0.5, method="inverted_cdf")
    assert (intended["path"], intended["phase"]) == (key.path, key.phase)
    assert float(intended["p50_s"]) == pytest.approx(exact, rel=0.002)


def test_plotters_get_a_percentile_distribution_in_milliseconds(tmp_path: Path) -> None:
    write_hgrm(tmp_path / "h.hgrm", histogram_of(np.array([0.010, 0.020, 0.030])))
    lines = (tmp_path / "h.hgrm").read_text().splitlines()
    assert lines[0].split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    assert lines[2].split()[0].startswith("10.0")
    assert "Max     =       30.0" in lines[-2]


def test_an_export_has_all_three_forms_and_the_distribution_is_of_good_answers(tmp_path: Path) -> None:
    rows = made(4)
    export(tmp_path / "surge", rows, PATHS, PHASES, 1_700_000_000.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["surge-histograms.csv", "surge.hgrm", "surge.hlog"]
    good = int(((rows["final"] == 1) & (rows["status"] == 200)).sum())
    assert f"TotalCount     = {good:12.3f}" in (tmp_path / "surge.hgrm").read_text()


def test_an_export_of_nothing_is_readable_too(tmp_path: Path) -> None:
    export(tmp_path / "surge", rows_of(b""), PATHS, PHASES, 0.0)
    assert (tmp_path / "surge-histograms.csv").read_text().count("\n") == 1
