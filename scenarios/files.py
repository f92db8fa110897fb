"""Reads the text files of a scenario; whatever is wrong with one is a single line."""

from __future__ import annotations

from pathlib import Path

from scenarios.errors import ScenarioError

_MOST_BYTES = 64 * 2**20


def read_text(path: Path, most_bytes: int = _MOST_BYTES) -> str:
    """A text file in UTF-8, with or without a byte order mark; ScenarioError when it is not one."""
    try:
        if path.exists() and not path.is_file():
            raise ScenarioError(f"{path}:1: file: {'a directory' if path.is_dir() else 'no file'}: a text file")
        with path.open("rb") as stream:
            content = stream.read(most_bytes + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ScenarioError(f"{path}:1: file: {reason}: a text file that can be read") from None
    if len(content) > most_bytes:
        raise ScenarioError(f"{path}:1: file: too large: at most {most_bytes // 2**20} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ScenarioError(f"{path}:{line}: file: byte {error.start} is not UTF-8: text in UTF-8") from None


def beside(directory: Path, name: str) -> Path | None:
    """The regular file of that name in `directory` or below; None when there is none or it lies elsewhere."""
    try:
        path = directory / name
        inside = path.resolve().is_relative_to(directory.resolve())
        return path if name and inside and path.is_file() else None
    except (OSError, ValueError, RuntimeError):  # a name too long, with a NUL, or a loop of links
        return None
