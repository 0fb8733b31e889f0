"""Second prompts that are worth comparing, for the models that come with gptscope. No Streamlit."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from gptcore.data.two_names import NAMES


@dataclass(frozen=True)
class Example:
    """Another prompt for the one on the screen."""

    label: str
    other: str


def examples(source: str, text: str) -> list[Example]:
    """Return prompts to compare a prompt with, the most telling first; [] where none is known for it.

    Args:
        source: the name by which the model was opened.
        text: the prompt on the screen.

    >>> [example.other for example in examples("fairytales", "The fox and the wolf")]
    ['The fox and the king', 'The wolf and the fox']
    """
    makers = _MAKERS.get(source, ())
    found = [Example(label, make(text)) for label, make in makers]
    return [example for example in found if example.other != text]


def exchanged(text: str, one: str, other: str) -> str:
    """Return the text with two words exchanged.

    >>> exchanged("a fox, a wolf, foxes", "fox", "wolf")
    'a wolf, a fox, foxes'
    """
    words = {one: other, other: one}
    return re.sub(rf"\b(?:{re.escape(one)}|{re.escape(other)})\b", lambda found: words[found[0]], text)


def _names(text: str) -> list[str]:
    return re.findall(rf"\b(?:{'|'.join(NAMES)})\b", text)


def _other_giver(text: str) -> str:
    """Return the text with another giver: the last name becomes the other one."""
    names = _names(text)
    others = [name for name in dict.fromkeys(names) if name != names[-1]]
    if not others:
        return text
    at = text.rindex(names[-1])
    return text[:at] + others[0] + text[at + len(names[-1]) :]


def _both_exchanged(text: str) -> str:
    names = list(dict.fromkeys(_names(text)))
    return exchanged(text, names[0], names[1]) if len(names) > 1 else text


def _another_next(text: str) -> str:
    """Return a sequence that goes on otherwise: where the letter that would be repeated stood, it has its neighbour."""
    at = text[:-1].rfind(text[-1:]) + 1
    if not 0 < at < len(text) - 2:
        return text
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _other_letters(text: str) -> str:
    """Return a sequence of other letters with the same repetitions."""
    used = list(dict.fromkeys(text))
    free = [chr(code) for code in range(ord("a"), ord("z") + 1) if chr(code) not in used]
    others = dict(zip(used, (*free, *used), strict=False))
    return "".join(others[letter] for letter in text)


_MAKERS: dict[str, tuple[tuple[str, Callable[[str], str]], ...]] = {
    "two-names": (("the other one gives", _other_giver), ("both names exchanged", _both_exchanged)),
    "induction": (("another letter follows", _another_next), ("other letters", _other_letters)),
    "fairytales": (
        ("a king for the wolf", lambda text: re.sub(r"\bwolf\b", "king", text)),
        ("fox and wolf exchanged", lambda text: exchanged(text, "fox", "wolf")),
    ),
    "nano-sort": (
        ("A and C exchanged", lambda text: text.translate(str.maketrans("AC", "CA"))),
        ("without A", lambda text: text.replace("A", "B")),
    ),
    "shakespeare-char": (("do in place of be", lambda text: re.sub(r"\bb(?=e?\b)", "d", text).replace("de", "do")),),
}
