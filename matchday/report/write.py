"""Writes report.html and report.md into a run directory."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from matchday.errors import EnvironmentFailedError
from matchday.report import chart, ranges
from matchday.report.chart import Chart
from matchday.report.content import Content, content
from matchday.report.picture import Picture
from matchday.report.pictures import pictures
from matchday.report.ranges import Ranges
from matchday.report.record import Record, read_record
from matchday.report.tables import Cell, Table

_BEFORE_UNIT = re.compile(r"(?<=\d) (?=%|(?:ms|s|min|h|rps|pods?)\b)")


def write_report(run_dir: Path) -> None:
    """Make both reports of whatever is there; EnvironmentFailedError when they cannot be written."""
    record = read_record(run_dir)
    said = content(record)
    try:
        (run_dir / "report.html").write_text(html(record, said), encoding="utf-8")
        (run_dir / "report.md").write_text(markdown(record, said), encoding="utf-8")
    except OSError as error:
        raise EnvironmentFailedError(f"cannot write the report into {run_dir}: {error.strerror or error}") from error


def html(record: Record, said: Content) -> str:
    """One page that needs nothing else."""
    environment = Environment(
        loader=PackageLoader("matchday.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=_unbroken,
    )
    return environment.get_template("page.html.j2").render(
        said=said,
        pictures=_pictures(record),
        pictures_head="What happened" if record.measurement else "What is expected",
        absent=record.absent,
        draw=_draw,
    )


def _unbroken(value: object) -> object:
    """A number stays on one line with its unit; what is markup already is left alone."""
    return _BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", value) if type(value) is str else value


def _pictures(record: Record) -> list[Picture]:
    return pictures(record.prediction, record.measurement, record.scenario.slo if record.scenario else None)


def _draw(panel: Chart | Ranges) -> Markup:
    drawn = chart.render(panel) if isinstance(panel, Chart) else ranges.render(panel)
    return Markup(drawn)  # noqa: S704 - both escape every text they are given


def markdown(record: Record, said: Content) -> str:
    """A comment for a pull request."""
    lines = [f"# {said.title}", "", said.subtitle, "", *([said.objective, ""] if said.objective else [])]
    lines += [f"**{verdict.head}.** {verdict.text}\n" for verdict in said.verdicts]
    for table in said.tables:
        lines += [f"## {table.caption}", "", *([table.note, ""] if table.note else []), *_rows(table), ""]
    for facts in said.evidence:
        lines += [f"## {facts.head}", "", *(f"- {name}: {value}" for name, value in facts.items_), ""]
    if record.absent:
        lines += ["## Not in this run", "", *(f"- {line}" for line in record.absent), ""]
    return "\n".join(lines)


def _rows(table: Table) -> list[str]:
    lines = ["| " + " | ".join(table.head) + " |", "|" + " --- |" * len(table.head)]
    return lines + ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in table.rows]


def _cell(cell: Cell) -> str:
    mark = {"in": " ✓", "out": " ✗", "": ""}[cell.mark]
    note = f"<br>{' '.join(cell.note)}" if cell.note else ""
    return (cell.text + mark + note).replace("|", "\\|")
