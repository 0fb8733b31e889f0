"""Sentences as data: texts, numbers, letters of axes and tokens, in the order in which one reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Final, Literal

LETTERS: Final = frozenset({"B", "T", "C", "3C", "4C", "H", "D", "V", "L", "block_size"})
"""The letters of the axes. In a template, `{C}` is one of them."""

Cell = tuple[str, tuple[int, ...]]
"""One number of the run: its tensor's name, and its place there."""


@dataclass(frozen=True)
class Number:
    """A number of the run or of the map."""

    value: float
    kind: Literal["count", "number", "share"] = "number"
    """The way in which it is written: a whole number, four digits, per cent."""
    cell: Cell | None = None
    """The number of the run that it is; None where it is computed from several, or is one of the map."""
    name: str = ""
    """Its name in the sentence."""


@dataclass(frozen=True)
class Letter:
    """A letter of the axes."""

    letter: str


@dataclass(frozen=True)
class Token:
    """A token, by its label."""

    label: str
    position: int | None = None
    """Its place in the context; None for a token of the vocabulary, which may stand anywhere."""


Part = str | Number | Letter | Token
"""A piece of a sentence; a str is text."""
Given = int | float | str | Number | Token
"""A value of a template's field."""


@dataclass(frozen=True)
class Sentence:
    """The words about a node, which may be two sentences."""

    node: str
    """The node's id."""
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Question:
    """A question that learners ask, and what this run answers."""

    question: tuple[Part, ...]
    answer: tuple[Part, ...]


@dataclass(frozen=True)
class Lesson:
    """A view in words."""

    view: str
    sentences: tuple[Sentence, ...]
    questions: tuple[Question, ...]


def parts(template: str, **given: Given) -> tuple[Part, ...]:
    """Return the parts of a sentence.

    Args:
        template: the words, with `{name}` for what is given, `{C}` for a letter of the axes.
        given: an int becomes a count, a float a number, a str stays text.

    Raises:
        KeyError: a field that is neither given nor a letter.

    >>> parts("{C} = {width}: {first}", width=64, first=0.25)  # doctest: +NORMALIZE_WHITESPACE
    (Letter(letter='C'), ' = ', Number(value=64, kind='count', cell=None, name='width'), ': ',
     Number(value=0.25, kind='number', cell=None, name='first'))
    """
    found: list[Part] = []
    for text, field, _, _ in Formatter().parse(template):
        if text:
            found.append(text)
        if field is not None:
            found.append(_part(field, given))
    return tuple(found)


def say(node: str, template: str, **given: Given) -> Sentence:
    """Return a sentence of a node; the template and what is given are those of `parts`."""
    return Sentence(node, parts(template, **given))


def ask(question: str, answer: str, **given: Given) -> Question:
    """Return a question and its answer, both templates of the same fields."""
    return Question(parts(question, **given), parts(answer, **given))


def share(value: float) -> Number:
    """Return a number that is written in per cent."""
    return Number(value, "share")


def some(count: int, one: str, many: str = "") -> str:
    """Return the noun that stands after a number.

    >>> some(1, "token"), some(4, "token"), some(0, "row is", "rows are")
    ('token', 'tokens', 'rows are')
    """
    return one if count == 1 else many or f"{one}s"


def plain(sentence: tuple[Part, ...]) -> str:
    """Return the parts as text, as a screen reader would say it, with numbers in full.

    >>> plain(parts("{T} = {count}", count=5))
    'T = 5'
    """
    return "".join(_plain(part) for part in sentence)


def _plain(part: Part) -> str:
    match part:
        case str():
            return part
        case Number():
            return f"{part.value}"
        case Letter():
            return part.letter
        case Token():
            return part.label


def _part(field: str, given: Mapping[str, Given]) -> Part:
    if field not in given:
        if field not in LETTERS:
            raise KeyError(f"the sentence has {{{field}}}, which is neither given nor a letter; give it a value")
        return Letter(field)
    value = given[field]
    if isinstance(value, Number):
        return Number(value.value, value.kind, value.cell, field)
    if isinstance(value, int | float):
        return Number(value, "count" if isinstance(value, int) else "number", None, field)
    return value
