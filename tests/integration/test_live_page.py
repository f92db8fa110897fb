"""The live page in a real headless Chromium, while a real generator sends."""

import hashlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scenarios.traffic import PhaseSpan, Schedule, save_schedule
from tests.integration.test_report_in_browser import CHROMIUM, DEFICIENCIES, Browser, contrast, distance
from tests.matchday.compare.synthetic import PHASES, predicted

ROOT = Path(__file__).parent.parent.parent
QUICK = ROOT / "scenarios" / "quick"
HOST, POD_PORT = f"127.85.{1 + os.getpid() % 250}.9", 19483
PHONE, DESKTOP = 390, 1280
CHARTS = ["Offered rate", "Goodput", "p95 latency", "Failures", "Replicas"]
# Where everything of ours stands: Locust's page knows nothing of what is inside.
OURS = "document.querySelector('matchday-live').shadowRoot"

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine; Debian's package is called chromium"),
]


class Run:
    """`python -m loadgen run --live`: 40 requests a second for 100 s, beside the prediction of another world."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        text = predicted().model_dump_json()
        (directory / "prediction.json").write_text(text)
        self.sha256 = hashlib.sha256(text.encode()).hexdigest()
        (directory / "prediction.sha256").write_text(f"{self.sha256}  prediction.json\n")
        self.replicas(0.0, 2)
        times_s = np.arange(4000) / 40
        zeros = np.zeros(len(times_s), np.int32)
        spans = tuple(PhaseSpan(name, start, end, surge) for name, start, end, surge in PHASES)
        schedule = Schedule(times_s, zeros, np.zeros(len(times_s), np.int64), zeros, spans, 100.0)
        save_schedule(schedule, directory / "surge-schedule.npz")
        with socket.create_server((HOST, 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"
        self.stats = directory / "stats.json"
        command = [sys.executable, "-m", "loadgen", "run", "--scenario", str(QUICK), "--seed", "1"]
        command += ["--schedule", str(directory / "surge-schedule.npz"), "--target", f"{HOST}:{POD_PORT}"]
        command += ["--records", str(directory / "surge.records"), "--stats", str(self.stats)]
        command += ["--live", f"{HOST}:{self.port}", "--run", str(directory)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.began = time.monotonic()
        assert self.process.stdout is not None
        while "rate_rps" not in (said := self.process.stdout.readline()):
            assert said, "the generator has ended"

    def replicas(self, t_s: float, ready: int) -> None:
        row = {"t_s": t_s, "desired": ready, "ready": ready, "in_rotation": ready}
        with (self.directory / "replicas.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


class Tab:
    """A browser's tab, and what is in it."""

    def __init__(self, browser: Browser, run: Run) -> None:
        self.browser, self.run = browser, run

    def open(self, path: str = "/?tab=matchday", width: int = DESKTOP, *, dark: bool = False) -> None:
        ask = self.browser.ask
        ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        ask("Emulation.setEmulatedMedia", media="", features=[scheme])
        self.browser.events.clear()
        ask("Page.navigate", url=self.run.url + path)
        self.browser.until("Page.loadEventFired")

    def open_ours(self, path: str = "/?tab=matchday", width: int = DESKTOP, *, dark: bool = False) -> None:
        self.open(path, width, dark=dark)
        self.wait(f"{OURS}.querySelector('figure path.measured').getAttribute('d')")

    def wait(self, script: str, *, within_s: float = 15.0) -> Any:
        """The value of the script as soon as it has one."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if value := self.browser.run(f"(() => {{ try {{ return {script} }} catch {{ return null }} }})()"):
                return value
            select.select([], [], [], 0.05)
        raise AssertionError(f"never came: {script}")

    def ours(self, script: str) -> Any:
        return self.browser.run(f"(ours => {script})({OURS})")

    def press_button(self, name: str) -> None:
        self.wait(f"[...document.querySelectorAll('button')].some(b => /^{name}$/i.test(b.textContent.trim()))")
        self.browser.run(
            f"[...document.querySelectorAll('button')].find(b => /^{name}$/i.test(b.textContent.trim())).click()"
        )


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator["subprocess.Popen[bytes]"]:
    """Answers in 20 ms."""
    behaviour = {"time": {"constant": 0.02}, "cpu": 0.0, "bytes": 1024}
    workload = {
        "paths": {"/live": behaviour},
        "startup": {"mean": 0.01, "cv": 0},
        "discipline": "shared-cpu",
        "workers": 4,
    }
    path = tmp_path_factory.mktemp("pod") / "workload.json"
    path.write_text(json.dumps(workload))
    command = [sys.executable, "-m", "matchday.standin", "--host", HOST, "--port", str(POD_PORT), "--seed", "1"]
    process = subprocess.Popen([*command, "--workload", str(path)], cwd=ROOT)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, POD_PORT), timeout=1).close()
            break
        except ConnectionError:
            time.sleep(0.01)
    yield process
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    started = Browser(tmp_path_factory.mktemp("chromium"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def runs(pod: "subprocess.Popen[bytes]", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Run]]:
    """The run under way; another when this one will soon be over, as on a slow machine."""
    directory, started = tmp_path_factory.mktemp("live"), list[Run]()

    def under_way() -> Run:
        if not started or time.monotonic() > started[-1].began + 60:
            started.append(Run(directory / str(len(started))))
        return started[-1]

    yield under_way
    for run in started:
        run.end()


@pytest.fixture
def tab(browser: Browser, runs: Callable[[], Run]) -> Tab:
    return Tab(browser, runs())


def test_the_tab_is_among_locusts_and_can_be_chosen(tab: Tab) -> None:
    tab.open("/?tab=stats")
    names = "[...document.querySelectorAll('[role=tab]')].map(t => t.textContent.trim().toLowerCase())"
    assert {"statistics", "charts", "matchday"} <= set(tab.wait(names))
    assert tab.browser.run("document.querySelector('matchday-live')") is None
    tab.press_button("matchday")
    tab.wait(f"{OURS}.querySelectorAll('figure').length === 5")
    assert "tab=matchday" in tab.browser.run("location.search")


def test_it_is_what_the_bare_address_shows(tab: Tab) -> None:
    tab.open_ours("/")
    assert tab.ours("[...ours.querySelectorAll('h3')].map(h => h.firstChild.data.trim())")[:5] == CHARTS


def test_each_chart_has_its_band_and_its_median(tab: Tab) -> None:
    tab.open_ours()
    for path in tab.ours("[...ours.querySelectorAll('figure .band, figure .predicted')].map(p => p.getAttribute('d'))"):
        assert re.match(r"M[\d.]+ [\d.]+L", path)
        assert "NaN" not in path


def test_the_measured_line_grows(tab: Tab) -> None:
    tab.open_ours()
    points = f"({OURS}.querySelector('figure path.measured').getAttribute('d').match(/[ML]/g) ?? []).length"
    before = tab.wait(points)
    tab.wait(f"{points} >= {before + 2}")


def test_only_what_is_new_is_asked_for_once_a_second(tab: Tab) -> None:
    tab.open_ours()
    began = time.monotonic()
    first = tab.ours("ours.querySelector('figure path.measured').getAttribute('d').length")
    tab.wait(f"{OURS}.querySelector('figure path.measured').getAttribute('d').length > {first + 20}")
    took_s = time.monotonic() - began
    asked = [r["request"]["url"] for r in tab.browser.said("Network.requestWillBeSent")]
    data = [url for url in asked if "/matchday/data" in url]
    assert "since=" not in data[0]
    assert all("since=" in url for url in data[1:])
    assert len(data) <= took_s + 4


def test_a_page_opened_late_shows_the_first_second_too(tab: Tab) -> None:
    tab.open_ours()
    tab.ours("ours.querySelector('details').open = true")
    cells = tab.wait(
        f"[...{OURS}.querySelector('tbody').rows].slice(0, 1).map(r => [...r.cells].map(c => c.textContent))"
    )
    assert cells[0][0] == "0:00"
    assert float(cells[0][1]) == 40


def test_the_current_phase_is_marked(tab: Tab) -> None:
    tab.open_ours()
    current = "[...ours.querySelectorAll('.phases [aria-current]')].map(p => p.textContent)"
    marked, clock = tab.ours(f"[{current}, ours.querySelector('.clock').textContent]")
    minutes, seconds = map(int, clock.split()[0].split(":"))
    (name,) = marked
    (start_s, end_s) = next((start, end) for phase, start, end, _ in PHASES if phase == name)
    assert start_s <= 60 * minutes + seconds <= end_s
    assert tab.ours("[...ours.querySelectorAll('.phases li')].map(p => p.textContent)") == [name for name, *_ in PHASES]
    assert tab.ours("ours.querySelector('[aria-live=polite]').textContent") == f"Phase {name}"


def test_the_hash_of_the_frozen_prediction_is_shown(tab: Tab) -> None:
    tab.open_ours()
    assert tab.ours("ours.querySelector('code').textContent") == tab.run.sha256
    assert "still is what was frozen" in tab.ours("ours.querySelector('.frozen').textContent")


def test_validity_so_far_and_the_time_that_is_left_are_told(tab: Tab) -> None:
    tab.open_ours()
    tiles = dict(tab.ours("[...ours.querySelectorAll('.tile')].map(t => [t.children[0].textContent, t.textContent])"))
    assert re.search(r"\d+(\.\d)? ms", tiles["Generator's lag, p99"])
    assert tiles["Workers"].startswith("Workers1")
    assert re.fullmatch(r"\d:\d\d elapsed, \d:\d\d remaining", tab.ours("ours.querySelector('.clock').textContent"))


def test_a_server_that_stalls_is_drawn_in_the_seconds_it_stalled(tab: Tab, pod: "subprocess.Popen[bytes]") -> None:
    tab.open_ours()
    tab.ours("ours.querySelectorAll('details')[2].open = true")
    pod.send_signal(signal.SIGSTOP)
    tab.wait(f"{OURS}.querySelectorAll('.readout')[2].textContent.includes('the last second with all its answers')")
    pod.send_signal(signal.SIGCONT)
    told = f"[...{OURS}.querySelectorAll('tbody')[2].rows].map(r => r.cells[1].textContent)"
    tab.wait(f"{told}.some(t => /^[1-9][0-9]{{3}} ms$/.test(t))")
    rate = tab.ours("ours.querySelectorAll('.readout')[0].textContent")
    assert "measured 40" in rate  # an open loop sends on


def test_a_change_of_replicas_is_drawn(tab: Tab) -> None:
    tab.open_ours()
    tab.run.replicas(0.9, 5)
    tab.wait(f"[...{OURS}.querySelectorAll('.readout')].at(-1).textContent.includes('measured 5')")


def test_nothing_is_complained_of_and_nobody_else_is_asked(tab: Tab) -> None:
    tab.open("/?tab=stats")
    tab.press_button("matchday")
    tab.wait(f"{OURS}.querySelector('figure path.measured').getAttribute('d')")
    tab.ours("ours.querySelectorAll('details').forEach(d => d.open = true)")
    assert tab.browser.said("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown") == []
    asked = {r["request"]["url"] for r in tab.browser.said("Network.requestWillBeSent")}
    assert {url for url in asked if not url.startswith((tab.run.url, "data:"))} == set()


@pytest.mark.parametrize("path", ["/?tab=matchday", "/matchday"])
@pytest.mark.parametrize("width", [320, PHONE, DESKTOP])
def test_nothing_is_cut_off(tab: Tab, path: str, width: int) -> None:
    tab.open_ours(path, width)
    assert tab.browser.run("document.documentElement.scrollWidth") <= width
    beyond = """[...ours.querySelectorAll('h2, h3, p, .tile, .tick, code, .area, summary')].filter(e => {
        const b = e.getBoundingClientRect(); return b.width > 1 && (b.left < 0 || b.right > innerWidth); }).map(e => e.textContent)"""
    assert tab.ours(beyond) == []


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_every_word_is_large_enough_to_read(tab: Tab, width: int) -> None:
    tab.open_ours(width=width)
    sizes = tab.ours(
        "[...ours.querySelectorAll('*')].filter(e => e.textContent.trim()).map(e => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(sizes) >= 11
    assert tab.ours("ours.querySelectorAll('svg text').length") == 0


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_labels_of_an_axis_do_not_touch(tab: Tab, width: int) -> None:
    tab.open_ours(width=width)
    script = """[...ours.querySelectorAll('.area')].map(area => [...area.querySelectorAll('.tick')].map(
        e => { const b = e.getBoundingClientRect(); return [e.textContent, b.left, b.top, b.right, b.bottom]; }))"""
    for ticks in tab.ours(script):
        assert len(ticks) >= 5
        for (name, left, top, right, bottom), (other, its_left, its_top, its_right, its_bottom) in combinations(
            ticks, 2
        ):
            assert right <= its_left or its_right <= left or bottom <= its_top or its_bottom <= top, (name, other)


@pytest.mark.parametrize("dark", [False, True])
def test_lines_and_words_stand_out_and_differ_for_every_eye(tab: Tab, dark: bool) -> None:
    tab.open_ours(dark=dark)
    script = """Object.fromEntries(['paper', 'panel', 'surge', 'ink', 'soft', 'predicted', 'measured', 'good', 'bad'].map(name => {
        const probe = document.createElement('i'); probe.style.color = `var(--${name})`; ours.append(probe);
        const colour = getComputedStyle(probe).color; probe.remove(); return [name, colour]; }))"""
    colours = tab.ours(script)
    assert (contrast(colours["paper"], "rgb(0, 0, 0)") < 2) is dark
    for words, behind in (
        (("ink", "soft", "predicted", "measured"), "paper"),
        (("ink", "soft", "good", "bad"), "panel"),
    ):
        for word in words:
            assert contrast(colours[word], colours[behind]) >= 4.5, (word, behind)  # WCAG 2.2, 1.4.3
    for line in ("predicted", "measured", "ink"):
        assert contrast(colours[line], colours["surge"]) >= 3  # WCAG 2.2, 1.4.11
    for deficiency in DEFICIENCIES:
        assert distance(colours["predicted"], colours["measured"], deficiency) > 20, deficiency
    lines = "['measured', 'predicted', 'wanted'].map(css => getComputedStyle(ours.querySelector(`figure .line.${css}`)).strokeDasharray)"
    assert len(set(tab.ours(lines))) == 3


def test_locusts_own_button_for_the_dark_darkens_ours(tab: Tab) -> None:
    tab.open_ours()
    assert tab.ours("ours.host.hasAttribute('dark')") is False
    tab.browser.run("[...document.querySelectorAll('header button')].at(-1).click()")
    tab.wait(f"{OURS}.host.hasAttribute('dark')")
    tab.browser.run("localStorage.clear()")


def test_a_table_opens_with_the_keyboard(tab: Tab) -> None:
    tab.open_ours("/matchday")
    tab.ours("ours.querySelector('summary').focus()")
    tab.browser.press("Enter", 13, "\r")
    assert tab.wait(f"{OURS}.querySelector('tbody').rows.length") == 100
    heads = tab.ours("[...ours.querySelector('thead').rows[0].cells].map(c => c.textContent)")
    assert heads == ["time", "measured", "predicted low", "median", "high"]


def test_arrow_keys_walk_through_a_chart(tab: Tab) -> None:
    tab.open_ours("/matchday")
    tab.ours("ours.querySelector('.area').focus()")
    tab.browser.press("End", 35)
    tab.browser.press("ArrowLeft", 37)
    assert tab.ours("ours.querySelector('.readout').textContent").startswith("at 1:39: nothing measured, predicted ")
    tab.browser.press("Escape", 27)
    assert tab.ours("ours.querySelector('.readout').textContent").startswith("now: measured ")


def test_a_screen_reader_gets_each_chart_with_its_figures(tab: Tab) -> None:
    tab.open_ours("/matchday")
    nodes = tab.browser.ask("Accessibility.getFullAXTree")["nodes"]
    sliders = [node for node in nodes if node.get("role", {}).get("value") == "slider"]
    names = [node["name"]["value"] for node in sliders]
    assert [name[: len(chart)] for name, chart in zip(names, CHARTS, strict=True)] == CHARTS
    spoken = tab.ours("[...ours.querySelectorAll('[role=slider]')].map(e => e.getAttribute('aria-valuetext'))")
    assert all(re.match(r"now: measured .*, predicted .* \(.* to .*\)$", text) for text in spoken)


def test_locusts_stop_button_ends_the_run_as_sigterm_would(
    browser: Browser, pod: "subprocess.Popen[bytes]", tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = Run(tmp_path_factory.mktemp("stop") / "run")
    tab = Tab(browser, run)
    try:
        tab.open_ours()
        tab.press_button("stop")
        assert run.process.wait(timeout=15) == 0
        tab.wait(f"{OURS}.querySelector('.state:not([hidden])').textContent.includes('answers no more')")
        assert tab.ours("ours.querySelector('figure path.measured').getAttribute('d')")
    finally:
        run.end()
    stats = json.loads(run.stats.read_text())
    assert stats["complete"] is False
    assert 0 < stats["sent"] < stats["planned"]
