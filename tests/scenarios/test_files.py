from pathlib import Path

import pytest

from scenarios.errors import ScenarioError
from scenarios.files import beside, read_text


def test_text_is_utf_8_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"\xef\xbb\xbfcaf\xc3\xa9\r\n")
    assert read_text(file) == "café\r\n"


def test_a_byte_that_is_no_text_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"one\ntwo \xe9\n")
    with pytest.raises(ScenarioError, match=r"a\.csv:2: file: byte 8 is not UTF-8: text in UTF-8"):
        read_text(file)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("none", "No such file or directory"),
        ("", "a directory"),
        ("file/none", "Not a directory"),
        ("x" * 300, "File name too long"),
        ("a\0b", "null byte"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ScenarioError, match=words) as refused:
        read_text(tmp_path / name)
    assert "\n" not in str(refused.value)
    assert ":1: file: " in str(refused.value)


def test_a_file_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "large"
    with file.open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(ScenarioError, match="too large: at most 64 MiB"):
        read_text(file)


def test_only_regular_files_in_the_directory_are_beside_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "sub").mkdir(parents=True)
    (home / "sub" / "a.yaml").write_text("")
    (tmp_path / "secret").write_text("")
    (home / "link").symlink_to(tmp_path / "secret")
    (home / "loop").symlink_to(home / "loop")
    assert beside(home, "sub/a.yaml") == home / "sub" / "a.yaml"
    for name in ("", ".", "sub", "none", "../secret", str(tmp_path / "secret"), "link", "loop", "a\0b", "x" * 300):
        assert beside(home, name) is None
