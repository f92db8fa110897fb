"""YAML with lines, hostile YAML included."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.errors import ScenarioError
from scenarios.yaml_marks import Document, field_name, read_documents, shown

PLAIN = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8)
TREES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)


def read(tmp_path: Path, text: str) -> list[Document]:
    file = tmp_path / "a.yaml"
    file.write_text(text)
    return read_documents(file)


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(ScenarioError) as error:
        read(tmp_path, text)
    message = str(error.value)
    assert "\n" not in message
    return message.removeprefix(f"{tmp_path}/a.yaml:")


def test_every_field_knows_its_line(tmp_path: Path) -> None:
    (document,) = read(tmp_path, "a: 1\nb:\n  - x\n  - {c: 2,\n     d: 3}\n")
    assert document.data == {"a": 1, "b": ["x", {"c": 2, "d": 3}]}
    paths = [("a",), ("b",), ("b", 0), ("b", 1, "c"), ("b", 1, "d")]
    assert [document.line(path) for path in paths] == [1, 2, 3, 4, 5]
    assert document.line(("b", 1, "missing", 0)) == 4


def test_lines_count_through_the_documents_of_a_file(tmp_path: Path) -> None:
    first, second = read(tmp_path, "a: 1\n---\n# nothing\n---\nb: 2\n")
    assert (first.line(("a",)), second.line(("b",))) == (1, 5)


def test_only_what_looks_like_it_to_anyone_is_no_text(tmp_path: Path) -> None:
    (document,) = read(
        tmp_path, "[on, yes, 12:30, 2024-01-01, 0x10, 1_000, true, ~, 08, 1.5, .5, 1e3, -.inf, '1', !!str 1]"
    )
    assert document.data == [
        *("on", "yes", "12:30", "2024-01-01", "0x10", "1_000"),
        *(True, None, 8, 1.5, 0.5, 1000.0, float("-inf"), "1", "1"),
    ]


def test_a_merged_mapping_gives_way_to_keys_of_its_own(tmp_path: Path) -> None:
    (document,) = read(tmp_path, "base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\nboth: {<<: [*b, {x: 9, z: 9}]}\n")
    assert isinstance(document.data, dict)
    assert document.data["use"] == {"x": 1, "y": 3}
    assert document.data["both"] == {"x": 1, "y": 2, "z": 9}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1,\nb: 2", "2: file: expected ',' or ']', but got '<stream end>': valid YAML"),
        ("a:\n\t- 1", "2: file: found character '\\t' that cannot start any token: valid YAML"),
        ("a: *b", "1: file: found undefined alias 'b': valid YAML"),
        ("a: 1\nb: 2\na: 3", "3: a: given twice: each key once; it stands in line 1 already"),
        ("? [x]\n: 1", "1: file: a list or mapping as key: a plain word as key"),
        ("a: !!int x", "1: a: x: a value that fits its tag"),
        ("a: !!float x", "1: a: x: a value that fits its tag"),
        ("a: !!bool x", "1: a: x: a value without the tag bool"),
        ("a: !!timestamp x", "1: a: x: a value without the tag timestamp"),
        ("a: !!python/name:os.system x", "1: a: x: a value without the tag python/name:os.system"),
        ("a: {<<: 3}", '1: a["<<"]: not a mapping: an alias of a mapping, or a list of them'),
        ("a: \x01", "1: file: a control character: valid YAML"),
    ],
)
def test_what_is_no_good_yaml_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    assert refused(tmp_path, text) == message


def test_yaml_that_grows_without_end_is_refused(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
    assert "too many values" in refused(tmp_path, bomb)


@pytest.mark.parametrize(
    "text", ["a: &a [*a]", "a: &a {b: *a}", "&a {<<: *a}", "a: &a {<<: &b {<<: *a}}", "[" * 5000, "{a: " * 500]
)
def test_yaml_without_a_bottom_is_refused(tmp_path: Path, text: str) -> None:
    assert "nested too deep" in refused(tmp_path, text)


@settings(max_examples=60)
@given(st.dictionaries(st.text(max_size=6), TREES, min_size=1, max_size=5))
def test_what_yaml_writes_is_read_as_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, object]
) -> None:
    text = yaml.safe_dump(data, allow_unicode=True, default_style='"', default_flow_style=False)
    file = tmp_path_factory.mktemp("yaml") / "a.yaml"
    file.write_text(text)
    (document,) = read_documents(file)
    assert document.data == data


@settings(max_examples=200)
@given(st.text(alphabet="ab:-[]{}&*!|>#'\"%@`,? \n\t\\.0<~=", max_size=40))
def test_no_text_at_all_gets_past_as_an_exception_of_another_kind(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    file = tmp_path_factory.mktemp("yaml") / "a.yaml"
    file.write_text(text)
    try:
        read_documents(file)
    except ScenarioError as error:
        assert "\n" not in str(error)  # noqa: PT017 - refusing is one of two good ends


def test_fields_are_named_as_people_write_them() -> None:
    assert field_name(("traffic", "phases", 1, "rps")) == "traffic.phases[1].rps"
    assert field_name(("paths", "/a b", "cpu")) == 'paths["/a b"].cpu'
    assert field_name(()) == "file"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "missing"),
        (True, "true"),
        ("", '""'),
        ("a\nb", "a\\nb"),
        (1.0, "1.0"),
        ("x" * 61, "x" * 57 + "..."),
        ("é", "é"),
    ],
)
def test_values_are_shown_on_one_short_line(value: object, text: str) -> None:
    assert shown(value) == text
