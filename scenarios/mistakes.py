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
    """Lines to report, each at its file, line and field.

    A field has one mistake, the first found, and what lies within a mistaken field has none: it only follows.
    """

    def __init__(self, scenario: Document, manifests: Sequence[Document] = ()) -> None:
        self._documents = (scenario, *manifests)
        self._texts: dict[tuple[int, FieldPath], str] = {}

    def scenario(self, path: FieldPath, value: object, allowed: str) -> None:
        """A mistake in scenario.yaml."""
        self._note(0, path, value, allowed)

    def manifest(self, document: int, path: FieldPath, value: object, allowed: str) -> None:
        """A mistake in the n-th manifest document."""
        self._note(document + 1, path, value, allowed)

    def raw(self, document: int) -> object:
        """What stands in the n-th manifest document."""
        return self._documents[document + 1].data

    def raise_if_any(self) -> None:
        """ScenarioError with all lines so far."""
        if self._texts:
            places = [(n, path) for n, path in self._texts if not self._follows(n, path)]
            places.sort(key=lambda place: (place[0], self._documents[place[0]].line(place[1])))
            raise ScenarioError("\n".join(self._texts[place] for place in places))

    def _note(self, number: int, path: FieldPath, value: object, allowed: str) -> None:
        self._texts.setdefault((number, path), self._documents[number].error(path, value, allowed))

    def _follows(self, number: int, path: FieldPath) -> bool:
        return any((number, path[:length]) in self._texts for length in range(len(path)))
