import re
from pathlib import Path

import pytest

from matchday.errors import EnvironmentFailedError
from matchday.report import write_report


def test_the_page_needs_nothing_but_itself(run_dir: Path) -> None:
    write_report(run_dir)
    page = (run_dir / "report.html").read_text()
    assert page.count("<figure>") == page.count("<details>") == 6
    assert not re.search(r"(?:src|href|url)\s*[=(]", page)
    assert "<script" not in page
    assert "default-src 'none'" in page


def test_texts_of_a_scenario_cannot_become_markup(run_dir: Path) -> None:
    scenario = run_dir / "scenario" / "scenario.yaml"
    lines = [line for line in scenario.read_text().splitlines() if not line.startswith("description:")]
    scenario.write_text("\n".join(["description: '<script>alert(1)</script>'", *lines]))
    write_report(run_dir)
    page = (run_dir / "report.html").read_text()
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


def test_a_number_stays_on_one_line_with_its_unit(run_dir: Path) -> None:
    write_report(run_dir)
    page = (run_dir / "report.html").read_text()
    assert "within 400\N{NO-BREAK SPACE}ms" in page


def test_markdown_has_the_tables(run_dir: Path) -> None:
    write_report(run_dir)
    text = (run_dir / "report.md").read_text()
    assert "| phase | goodput | success | mean | p50 | p95 | p99 |" in text
    assert text.count("\n| surge<br>20–80 s |") == 1
    assert "answered within 400 ms" in text


def test_an_empty_run_gets_a_report_that_says_what_is_missing(tmp_path: Path) -> None:
    write_report(tmp_path)
    assert "Not in this run" in (tmp_path / "report.html").read_text()


def test_a_directory_that_cannot_be_written_is_named(run_dir: Path) -> None:
    (run_dir / "report.html").mkdir()
    with pytest.raises(EnvironmentFailedError, match="cannot write the report"):
        write_report(run_dir)
