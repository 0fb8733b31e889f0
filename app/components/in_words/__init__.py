"""A view of the map in words: its drawing beside a sentence for each node, and questions with their answers.

Texts come in parts, so that a number, a letter of an axis and a token can each be told from the words around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, TypeGuard

from app.components._assets import check_payload, number, register

_WORDS = register("in_words")


class NumberPart(TypedDict):
    """A number in a sentence."""

    name: str
    """Its name in the sentence."""
    value: float
    kind: str
    """The way in which it is written: "count", "number" or "share"."""
    cell: tuple[str, tuple[int, ...]] | None
    """The tensor and the place of which it is the number; None where it is none of a tensor's."""


class LetterPart(TypedDict):
    """A letter of the axes."""

    letter: str


class TokenPart(TypedDict):
    """A token, by its label."""

    token: str
    position: int | None
    """Its place in the context; None for a token of the vocabulary."""


WordsPart = str | NumberPart | LetterPart | TokenPart


class NodeWords(TypedDict):
    """The words about a node."""

    node: str
    label: str
    concept: str
    opens: str | None
    """The name of the view inside, among `views`; None for a node without an inside."""
    parts: list[WordsPart]


class Answered(TypedDict):
    """A question and its answer."""

    question: list[WordsPart]
    answer: list[WordsPart]


class Choice(TypedDict):
    """One of several blocks, heads or tokens."""

    chosen: int
    labels: list[str]


class InWordsEvent(TypedDict):
    """The value of `st.session_state[key]["event"]` after a click or a choice; act once per `seq`.

    place: a view, a block, a head and a token of the context were chosen. find: show the node `id` as well. cell: show
    where the number of tensor `id` at the place `cell` comes from.
    """

    kind: str
    id: str
    cell: list[int]
    view: str
    layer: int | None
    head: int | None
    token: int | None
    """Each is None where there is no choice of it."""
    origin: str
    seq: int


def in_words(
    *,
    key: str,
    text: str,
    origin: str,
    svg: str,
    letters: Mapping[str, str],
    views: Sequence[tuple[str, str]],
    view: str,
    choices: Mapping[str, Choice],
    sentences: Sequence[NodeWords],
    questions: Sequence[Answered],
    ack: int = 0,
) -> None:
    """Mount the view in words.

    Args:
        key: `st.session_state[key]["event"]` is a `InWordsEvent`.
        text: the prompt of the numbers.
        origin: the session and the model; it comes back with each event.
        svg: the drawing of the view, from `to_svg`.
        letters: a sentence for each letter of the axes.
        views: (name, short name) of each view.
        view: the name of the one that is told.
        choices: the present block, head and token, as far as the view depends on them: by "layer", "head", "token".
        sentences: in the order of computation.
        questions: the questions, with their answers.
        ack: `seq` of the last `InWordsEvent` that was processed.
    """
    data = {
        "text": text,
        "origin": origin,
        "svg": svg,
        "letters": dict(letters),
        "views": [list(each) for each in views],
        "view": view,
        "ack": ack,
        "choices": {name: dict(choice) for name, choice in choices.items()},
        "sentences": [{**each, "parts": _sendable(each["parts"])} for each in sentences],
        "questions": [{name: _sendable(parts) for name, parts in _items(each)} for each in questions],
    }
    _WORDS(key=key, data=check_payload(data))


def _items(each: Answered) -> Sequence[tuple[str, list[WordsPart]]]:
    return (("question", each["question"]), ("answer", each["answer"]))


def _sendable(parts: Sequence[WordsPart]) -> list[Any]:
    """Return the parts with numbers that JSON has."""
    return [{**part, "value": _sendable_number(part["value"])} if _is_number(part) else part for part in parts]


def _is_number(part: WordsPart) -> TypeGuard[NumberPart]:
    return isinstance(part, dict) and "value" in part


def _sendable_number(value: float) -> float | str:
    return value if isinstance(value, int) else number(value)
