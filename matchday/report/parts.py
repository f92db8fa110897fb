"""The parts every report is made of, whatever it is about: `html` and `markdown` render them, others fill them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

Tone = Literal["good", "bad", "warn", "plain"]


@dataclass(frozen=True)
class Cell:
    """A table cell: a main text, a smaller line under it, and a mark whose tone is always said in words too."""

    text: str
    note: str = ""
    mark: str = ""
    tone: Tone = "plain"


@dataclass(frozen=True)
class Table:
    """Rows of cells; the first column heads its row. `stacked`: on a phone each row becomes a block of its own."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell | str, ...], ...]
    stacked: bool = False


@dataclass(frozen=True)
class Facts:
    """Terms and what they are."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Prose:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Key:
    """One entry of a picture's legend; `css` names the class that draws its swatch."""

    css: str
    text: str


@dataclass(frozen=True)
class Picture:
    """A drawing in two widths (desktop, phone), what it shows in one sentence, and its data."""

    name: str
    title: str
    summary: str
    keys: tuple[Key, ...]
    wide: Markup
    narrow: Markup
    data: Table


@dataclass(frozen=True)
class Fold:
    """Something shown on demand."""

    summary: str
    blocks: tuple[Table | Facts | Prose, ...]


Block = Table | Facts | Prose | Picture | Fold


@dataclass(frozen=True)
class Section:
    """A heading and its blocks. `brief` sections also appear in the pull-request report."""

    title: str
    blocks: tuple[Block, ...]
    brief: bool = False


@dataclass(frozen=True)
class Answer:
    """A question the reader came with, its answer in a word or two, and what it rests on."""

    question: str
    answer: str
    because: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Page:
    """A whole report. `notices` are what a reader must know before believing any of it."""

    kicker: str
    headline: str
    tone: Tone
    lede: str
    answers: tuple[Answer, ...]
    notices: tuple[str, ...]
    sections: tuple[Section, ...]
    footer: str
