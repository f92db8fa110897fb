"""The report in a real headless Chromium, where one is installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from matchday.report import write_report
from tests.matchday.compare.synthetic import measured, predicted

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--hide-scrollbars",
]

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine; Debian's package is called chromium"),
]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    (tmp_path / "prediction.json").write_text(predicted().model_dump_json())
    (tmp_path / "measurement.json").write_text(measured().model_dump_json())
    write_report(tmp_path)
    return tmp_path / "report.html"


def browse(report: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM is not None
    profile = f"--user-data-dir={report.parent / 'profile'}"
    return subprocess.run(
        [CHROMIUM, *QUIET, profile, *flags, report.as_uri()], capture_output=True, text=True, timeout=60, check=True
    )


def test_the_page_loads_from_disk_without_a_complaint(report: Path) -> None:
    done = browse(report, "--dump-dom")
    assert done.stdout.count("<svg") == 6
    assert "CONSOLE" not in done.stderr


def test_desktop_and_phone_are_drawn(report: Path) -> None:
    for width in (1280, 400):
        picture = report.parent / f"{width}.png"
        browse(report, f"--window-size={width},1200", f"--screenshot={picture}")
        header = picture.read_bytes()[:24]
        assert header.startswith(b"\x89PNG")
        assert int.from_bytes(header[16:20], "big") >= min(width, 400)
        assert picture.stat().st_size > 20_000  # an empty page compresses to a few kilobytes
