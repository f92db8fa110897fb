"""The generated reference is current, and says what the models say."""

from __future__ import annotations

import itertools
import re
import textwrap
from pathlib import Path

import pytest
import yaml

from scenarios import reference
from scenarios.reference import PAGE_FILE, SCHEMA_FILE, json_schema, page, schema_text, tables
from scenarios.schema import Scenario
from scenarios.units import parse_duration, parse_rate, parse_ratio, parse_size


def test_the_json_schema_is_current() -> None:
    assert SCHEMA_FILE.read_text() == schema_text(), "run python -m scenarios.reference"


def test_the_page_is_current() -> None:
    text = PAGE_FILE.read_text()
    assert text == page(text), "run python -m scenarios.reference"


def test_the_page_keeps_what_people_wrote() -> None:
    text = f"# Title\n\n{reference.BEGIN}\nold\n{reference.END}\n\nThe end.\n"
    assert page(text) == f"# Title\n\n{reference.BEGIN}\n\n{tables()}\n{reference.END}\n\nThe end.\n"


def test_every_key_of_every_section_is_on_the_page() -> None:
    text = tables()
    for definition in (json_schema(), *json_schema()["$defs"].values()):
        for key in definition.get("properties", ()):
            assert f"`{key}`" in text or f"`{key}:`" in text or f".{key}" in text


def test_the_schema_requires_what_loading_requires() -> None:
    required = {name for name, field in Scenario.model_fields.items() if field.is_required()}
    assert set(json_schema()["required"]) == required


def test_no_link_of_the_schema_leads_nowhere() -> None:
    names = re.findall(r'"#/\$defs/(\w+)"', schema_text())
    assert set(names) <= set(json_schema()["$defs"])


@pytest.mark.parametrize(
    ("quantity", "parse", "texts"),
    [
        ("Duration", parse_duration, ["90s", "1m30s", "40ms", "250us", ".5h", "90", "1 s", "s", "-1s", "1S", "1m 30s"]),
        ("Size", parse_size, ["12KiB", "12kB", "12KB", "3 MB", "1GiB", "7", "12Ki", "-1B", "1kiB", "1iB", "B"]),
        ("Rate", parse_rate, ["240", "240rps", "600/min", "5/s", "60/m", "-1", "5/h", "rps"]),
        ("Share", parse_ratio, ["99.5%", "0.5", "1", "-1%", "%"]),
    ],
)
def test_an_editor_accepts_the_same_texts_as_loading(quantity: str, parse: object, texts: list[str]) -> None:
    assert callable(parse)
    pattern = json_schema()["$defs"][quantity]["anyOf"][0]["pattern"]
    for text in texts:
        try:
            parse(text)
            good = True
        except ValueError:
            good = False
        assert (re.search(pattern, text) is not None) == good, text


def test_made_files_are_where_people_look() -> None:
    root = Path(__file__).parents[2]
    assert (root / "docs" / "scenario.md", root / "scenarios" / "scenario.schema.json") == (PAGE_FILE, SCHEMA_FILE)


def test_the_examples_of_the_page_are_understood() -> None:
    lines = PAGE_FILE.read_text().split("\n")
    blocks = [list(part) for code, part in itertools.groupby(lines, lambda line: line.startswith("    ")) if code]
    examples = [
        textwrap.dedent("\n".join(part)) for part in blocks if part[0].strip().startswith(("workload:", "cluster:"))
    ]
    assert len(examples) == 2
    content = yaml.safe_load((PAGE_FILE.parents[1] / "scenarios" / "quick" / "scenario.yaml").read_text())
    for example in examples:
        for key, section in yaml.safe_load(example).items():
            content[key] = {**content[key], **section} if isinstance(section, dict) else section
    scenario = Scenario.model_validate(content)
    assert len({type(disturbance) for disturbance in scenario.disturbances}) == 7
    assert scenario.workload.paths["/checkout"].calls_in == "parallel"
