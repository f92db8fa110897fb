"""The report in a real headless Chromium, where one is installed: what it asks for, shows, prints and reads out."""

import base64
import json
import math
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest

from matchday.report import write_report
from tests.matchday.compare.synthetic import measured, predicted

QUICK = Path(__file__).parents[2] / "scenarios" / "quick"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]
PHONE, DESKTOP = 390, 1000
SMALLEST_PX = 11

# Source: Machado, Oliveira, Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency",
# IEEE TVCG 15 (2009), severity 1.0; on linear RGB.
DEFICIENCIES = {
    "none": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}

# Every piece of text that is painted: its words, size, colour, the colour behind it, and its box.
TEXTS = """(() => {
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const behind = e => { for (; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor; if (colour !== 'rgba(0, 0, 0, 0)') return colour; } };
  while (walker.nextNode()) {
    const node = walker.currentNode, parent = node.parentElement;
    if (!node.data.trim() || !parent.checkVisibility() || parent.closest('.unseen, style')) continue;
    const range = document.createRange(); range.selectNodeContents(node);
    const box = range.getBoundingClientRect(), style = getComputedStyle(parent);
    const scale = parent.offsetWidth ? parent.getBoundingClientRect().width / parent.offsetWidth : 1;
    found.push({text: node.data.trim(), px: parseFloat(style.fontSize) * scale, colour: style.color,
      behind: behind(parent), box: [box.left, box.top, box.right, box.bottom],
      clipped: !!parent.closest('thead, .phase') });
  }
  return found;
})()"""
COLOURS = """(css => Object.fromEntries(css.map(name => {
  const probe = document.createElement('i'); probe.style.color = `var(--${name})`; document.body.append(probe);
  const colour = getComputedStyle(probe).color; probe.remove(); return [name, colour]; })))"""

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine; Debian's package is called chromium"),
]


class Browser:
    """Chromium's DevTools protocol over its pipe: JSON messages with a zero byte after each."""

    def __init__(self, directory: Path) -> None:
        assert CHROMIUM is not None
        its_end, self._to = os.pipe()
        self._from, its_other_end = os.pipe()
        files = [
            (os.POSIX_SPAWN_OPEN, 1, str(directory / "chromium.log"), os.O_CREAT | os.O_WRONLY, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            (os.POSIX_SPAWN_DUP2, its_end, 3),
            (os.POSIX_SPAWN_DUP2, its_other_end, 4),
        ]
        arguments = [CHROMIUM, *FLAGS, f"--user-data-dir={directory / 'profile'}", "about:blank"]
        self._pid = os.posix_spawn(CHROMIUM, arguments, os.environ, file_actions=files)
        os.close(its_end)
        os.close(its_other_end)
        self._read, self._asked, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = next(t for t in self.ask("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self._session = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log", "Accessibility"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        self._asked += 1
        message: dict[str, object] = {"id": self._asked, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._asked:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            assert select.select([self._from], [], [], 60)[0], "chromium does not answer"
            chunk = os.read(self._from, 1 << 20)
            assert chunk, "chromium is gone"
            self._read += chunk
        message, _, self._read = self._read.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer

    def open(self, page: Path, width: int = DESKTOP, *, dark: bool = False, media: str = "") -> None:
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.events.clear()
        self.ask("Page.navigate", url=page.as_uri())
        self.until("Page.loadEventFired")

    def until(self, method: str) -> dict[str, Any]:
        """The first event of this name since the page was opened."""
        while True:
            for event in self.events:
                if event.get("method") == method:
                    return event
            self.events.append(self._next())

    def said(self, *methods: str) -> list[dict[str, Any]]:
        return [event["params"] for event in self.events if event.get("method") in methods]

    def run(self, script: str) -> Any:
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        for kind in ("keyDown", "keyUp"):
            words = {"text": text} if text and kind == "keyDown" else {}
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **words)

    def close(self) -> None:
        os.kill(self._pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        while os.waitpid(self._pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > deadline:
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
                break
            select.select([], [], [], 0.05)
        os.close(self._to)
        os.close(self._from)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("run")
    shutil.copytree(QUICK, run / "scenario")
    (run / "prediction.json").write_text(predicted().model_dump_json())
    (run / "measurement.json").write_text(measured().model_dump_json())
    write_report(run)
    return run / "report.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    started = Browser(tmp_path_factory.mktemp("chromium"))
    yield started
    started.close()


def channels(colour: str) -> tuple[float, float, float]:
    """Linear RGB of `rgb(1, 2, 3)`. Source: IEC 61966-2-1."""
    parts = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return red, green, blue


def contrast(one: str, other: str) -> float:
    """Source: WCAG 2.2, contrast ratio."""
    low, high = sorted(
        sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), channels(x), strict=True)) for x in (one, other)
    )
    return (high + 0.05) / (low + 0.05)


def distance(one: str, other: str, deficiency: str) -> float:
    """CIE 1976 difference of two colours as someone with this deficiency sees them; about 2 is just noticeable."""

    def lab(colour: str) -> tuple[float, float, float]:
        seen = [sum(w * c for w, c in zip(row, channels(colour), strict=True)) for row in DEFICIENCIES[deficiency]]
        r, g, b = (min(1.0, max(0.0, c)) for c in seen)
        x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505
        y = 0.2126 * r + 0.7152 * g + 0.0722 * b
        z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089
        fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
        return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)

    return math.dist(lab(one), lab(other))


def test_the_page_loads_from_disk_without_a_complaint(browser: Browser, report: Path) -> None:
    browser.open(report)
    assert browser.run("document.querySelectorAll('figure').length") == 6
    assert browser.said("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown") == []


def test_the_page_asks_for_nothing_but_itself(browser: Browser, report: Path) -> None:
    browser.open(report)
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true); scrollTo(0, 1e6)")
    browser.ask("Page.printToPDF")
    asked = [request["request"]["url"] for request in browser.said("Network.requestWillBeSent")]
    assert asked == [report.as_uri()]


def test_the_browser_would_refuse_anything_from_outside(browser: Browser, report: Path) -> None:
    browser.open(report)
    browser.run("document.body.append(Object.assign(new Image(), {src: 'http://192.0.2.1/pixel.png'})); 0")
    complaint = browser.until("Log.entryAdded")["params"]["entry"]["text"]
    assert "Content Security Policy" in complaint


@pytest.mark.parametrize("width", [PHONE, 701, DESKTOP, 1440])
def test_nothing_is_cut_off(browser: Browser, report: Path, width: int) -> None:
    browser.open(report, width)
    assert browser.run("document.documentElement.scrollWidth") <= width
    wide = "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).length"
    assert browser.run(wide) == 0
    beyond = [t["text"] for t in browser.run(TEXTS) if not t["clipped"] and (t["box"][0] < 0 or t["box"][2] > width)]
    assert beyond == []


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_every_word_is_large_enough_to_read(browser: Browser, report: Path, width: int) -> None:
    browser.open(report, width)
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    texts = browser.run(TEXTS)
    assert len(texts) > 500
    assert min((t["px"], t["text"]) for t in texts) >= (SMALLEST_PX, "")
    assert browser.run("document.querySelectorAll('svg text').length") == 0  # they would shrink with the drawing


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_labels_of_an_axis_do_not_touch(browser: Browser, report: Path, width: int) -> None:
    browser.open(report, width)
    script = """[...document.querySelectorAll('.area, .axis .track')].map(area => [...area.querySelectorAll('.tick')].map(
        e => { const b = e.getBoundingClientRect(); return [e.textContent, b.left, b.top, b.right, b.bottom]; }))"""
    for ticks in browser.run(script):
        assert len(ticks) >= 2
        for (name, left, top, right, bottom), (other, its_left, its_top, its_right, its_bottom) in combinations(
            ticks, 2
        ):
            apart = right <= its_left or its_right <= left or bottom <= its_top or its_bottom <= top
            assert apart, (name, other)


def test_on_a_phone_each_phase_is_a_card_that_names_its_figures(browser: Browser, report: Path) -> None:
    browser.open(report, PHONE)
    script = """[...document.querySelectorAll('table.cards')[0].querySelectorAll('tbody tr:nth-child(2) td')].map(
        e => [getComputedStyle(e, '::before').content.replaceAll('"', ''), e.getBoundingClientRect().top])"""
    cells = browser.run(script)
    assert [name for name, _ in cells] == ["goodput", "success", "mean", "p50", "p95", "p99"]
    assert all(top < following for (_, top), (_, following) in pairwise(cells))


@pytest.mark.parametrize("dark", [False, True])
def test_words_stand_out_in_light_and_dark(browser: Browser, report: Path, dark: bool) -> None:
    browser.open(report, dark=dark)
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    texts = browser.run(TEXTS)
    assert (contrast(texts[0]["behind"], "rgb(0, 0, 0)") < 2) is dark
    weakest = min((contrast(t["colour"], t["behind"]), t["text"]) for t in texts)
    assert weakest >= (4.5, "")  # WCAG 2.2, 1.4.3


@pytest.mark.parametrize("dark", [False, True])
def test_lines_stand_out_and_differ_for_every_eye(browser: Browser, report: Path, dark: bool) -> None:
    browser.open(report, dark=dark)
    colours = browser.run(COLOURS + "(['paper', 'surge', 'predicted', 'measured', 'limit'])")
    for line in ("predicted", "measured", "limit"):
        assert contrast(colours[line], colours["paper"]) >= 3  # WCAG 2.2, 1.4.11
        assert contrast(colours[line], colours["surge"]) >= 3
    for one, other in combinations(("predicted", "measured", "limit"), 2):
        for deficiency in DEFICIENCIES:
            assert distance(colours[one], colours[other], deficiency) > 20, (one, other, deficiency)


def test_lines_differ_without_any_colour(browser: Browser, report: Path) -> None:
    browser.open(report)
    script = """['predicted', 'measured', 'limit'].map(
        css => getComputedStyle(document.querySelector(`.area .line.${css}`)).strokeDasharray)"""
    assert len(set(browser.run(script))) == 3


def test_paper_is_white_even_for_who_reads_in_the_dark(browser: Browser, report: Path) -> None:
    browser.open(report, dark=True, media="print")
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    shown = {t["text"] for t in browser.run(TEXTS)}
    assert "The figures behind each picture stand in report.html, under the picture." in shown
    assert not any("the data as a table" in text for text in shown)


def test_no_picture_is_torn_by_the_edge_of_a_sheet(browser: Browser, report: Path) -> None:
    browser.open(report)
    pdf = base64.b64decode(browser.ask("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)["data"])
    assert 2 <= pdf.count(b"/Type /Page\n") <= 6
    browser.open(report, 700, media="print")
    heights = "[...document.querySelectorAll('figure')].map(e => [getComputedStyle(e).breakInside, e.offsetHeight])"
    assert all(inside == "avoid" and height < 900 for inside, height in browser.run(heights))


def test_the_keyboard_reaches_and_opens_every_table(browser: Browser, report: Path) -> None:
    browser.open(report)
    focused = "document.activeElement.tagName + getComputedStyle(document.activeElement).outlineWidth"
    seen = []
    for _ in range(14):  # two tables that may scroll; of each picture its summary and, once open, its table
        browser.press("Tab", 9)
        seen.append(browser.run(focused))
        if seen[-1].startswith("SUMMARY"):
            browser.press("Enter", 13, "\r")
    assert [name for name in seen if name.startswith("SUMMARY")] == ["SUMMARY3px"] * 6
    assert browser.run("document.querySelectorAll('details[open]').length") == 6


def test_a_screen_reader_hears_titles_pictures_and_tables(browser: Browser, report: Path) -> None:
    browser.open(report, PHONE)
    nodes = [n for n in browser.ask("Accessibility.getFullAXTree")["nodes"] if not n["ignored"]]

    def named(role: str) -> list[str]:
        return [n.get("name", {}).get("value", "") for n in nodes if n["role"]["value"] == role]

    images = named("image")
    assert len(images) == 8
    assert all(": " in name for name in images)
    assert any("SLO: p99 at most 400 ms" in name for name in images)
    assert named("table")[:2] == ["Predicted beside measured", "Scaling"]
    assert named("columnheader")[:3] == ["phase", "goodput", "success"]
    assert any("inside the interval" in name for name in named("cell"))
    levels = [p["value"]["value"] for n in nodes for p in n.get("properties", []) if p["name"] == "level"]
    assert levels[0] == 1
    assert all(following <= level + 1 for level, following in pairwise(levels))
