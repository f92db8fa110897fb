"""What the page draws of a frozen prediction."""

import hashlib
from pathlib import Path

import pytest

from loadgen.live.predicted import read_predicted
from tests.matchday.compare.synthetic import measured, predicted


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    text = predicted().model_dump_json()
    (tmp_path / "prediction.json").write_text(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    (tmp_path / "prediction.sha256").write_text(f"{digest}  prediction.json\n")
    return tmp_path


def test_bands_are_those_of_the_outcome(run_dir: Path) -> None:
    read, series = read_predicted(run_dir), predicted().series
    assert read is not None
    assert (read.time_s, read.bucket_s, read.duration_s) == (series.time_s, series.bucket_s, 100)
    figure = series.p95_s[40]
    assert figure is not None
    assert not isinstance(figure, float)
    assert read.p95_s[40] == (figure.low, figure.value, figure.high)
    assert len(read.replicas) == len(read.replicas_s) == len(predicted().replicas)


def test_failures_are_what_goodput_leaves_of_offered(run_dir: Path) -> None:
    read = read_predicted(run_dir)
    assert read is not None
    for rate, good, failed in zip(read.rate_rps, read.goodput_rps, read.failed_ratio, strict=True):
        assert rate is not None
        assert good is not None
        assert failed is not None
        low, middle, high = failed
        assert 0 <= low <= middle <= high <= 1
        assert middle == pytest.approx(max(0.0, 1 - good[1] / rate[1]))
    assert max(f[1] for f in read.failed_ratio if f) > 0.3  # the surge


def test_the_frozen_hash_is_shown_and_found_intact(run_dir: Path) -> None:
    read = read_predicted(run_dir)
    assert read is not None
    assert read.intact is True
    assert read.sha256 == (run_dir / "prediction.sha256").read_text().split()[0]


def test_a_prediction_touched_after_it_was_frozen_is_told(run_dir: Path) -> None:
    path = run_dir / "prediction.json"
    path.write_text(path.read_text() + "\n")
    read = read_predicted(run_dir)
    assert read is not None
    assert read.intact is False
    assert read.sha256 == (run_dir / "prediction.sha256").read_text().split()[0]


def test_a_prediction_that_nobody_froze_has_the_hash_of_its_file(run_dir: Path) -> None:
    (run_dir / "prediction.sha256").unlink()
    read = read_predicted(run_dir)
    assert read is not None
    assert read.intact is None
    assert read.sha256 == hashlib.sha256((run_dir / "prediction.json").read_bytes()).hexdigest()


@pytest.mark.parametrize("text", [None, "", "{}", "not json", measured().model_dump_json()])
def test_without_a_prediction_there_is_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "prediction.json").write_text(text)
    assert read_predicted(tmp_path) is None
