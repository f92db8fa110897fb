"""Writes report.html and report.md into a run directory."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from matchday.errors import EnvironmentFailedError
from matchday.report.chart import Chart, render
from matchday.report.content import Cell, Content, Table, content
from matchday.report.pictures import pictures
from matchday.report.record import Record, read_record


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
        loader=PackageLoader("matchday.report", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("page.html.j2").render(
        title=said.title,
        subtitle=said.subtitle,
        verdicts=said.verdicts,
        tables=said.tables,
        pictures=pictures(record.prediction, record.measurement),
        decisions=said.decisions,
        evidence=said.evidence,
        absent=record.absent,
        svg=_svg,
    )


def _svg(chart: Chart) -> Markup:
    return Markup(render(chart))  # noqa: S704 - render escapes every text it is given


def markdown(record: Record, said: Content) -> str:
    """A comment for a pull request."""
    lines = [f"# {said.title}", "", said.subtitle, ""]
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
    note = f"<br>{cell.note}" if cell.note else ""
    return (cell.text + mark + note).replace("|", "\\|")
