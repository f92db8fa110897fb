"""Collects the mistakes of a scenario's files, in the order of files and lines."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from scenarios.errors import ScenarioError
from scenarios.yaml_marks import Document, FieldPath


def near_miss(word: str, known: Iterable[str]) -> str:
    """`; did you mean ...?` when a known word is close, else nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


class Mistakes:
    """Lines to report, each at its file, line and field."""

    def __init__(self, scenario: Document, manifests: Sequence[Document] = ()) -> None:
        self._scenario, self._manifests = scenario, tuple(manifests)
        self._lines: dict[str, tuple[int, int]] = {}

    def scenario(self, path: FieldPath, value: object, allowed: str) -> None:
        """A mistake in scenario.yaml."""
        text = self._scenario.error(path, value, allowed)
        self._lines.setdefault(text, (-1, self._scenario.line(path)))

    def manifest(self, document: int, path: FieldPath, value: object, allowed: str) -> None:
        """A mistake in the n-th manifest document."""
        text = self._manifests[document].error(path, value, allowed)
        self._lines.setdefault(text, (document, self._manifests[document].line(path)))

    def raw(self, document: int) -> object:
        """What stands in the n-th manifest document."""
        return self._manifests[document].data

    def raise_if_any(self) -> None:
        """ScenarioError with all lines so far."""
        if self._lines:
            raise ScenarioError("\n".join(sorted(self._lines, key=lambda text: self._lines[text])))
