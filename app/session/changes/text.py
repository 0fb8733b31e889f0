"""Changes as a short text that a link can carry, and back.

`2.attn.z_zero_h1 0.mlp_zero_off` is head 1 of block 2 switched off, and the MLP of block 0, which is not on at present.
`1.attn.z_mean_h0` takes the mean over the model's own text, `1.attn.z_patch:Once~upon_h0` the values of a prompt;
`1.resid_post_patch:Once~upon_p4_f1_n0.resid_post` those of its position 1 in another tensor.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final
from urllib.parse import quote, unquote

import torch

from app.session.changes.change import (
    BLOCKS,
    LETTERS,
    MOST,
    MOST_TEXT,
    PARTS_OF_ONE,
    SOURCES,
    Change,
    ChangeList,
    Other,
    Wish,
    is_row,
    selectors,
    thousandths,
)
from gptcore import Edit

KEEPS, MUTED = "keep-patterns", "all-off"
"""Words of their own for what holds for all changes."""
LONGEST: Final = len(str(PARTS_OF_ONE))
PART: Final = re.compile(
    r"(?P<name>[A-Za-z0-9._]{1,100}?)_(?P<how>zero|scale|set|row|mean|resample|patch)"
    r"(?P<value>-inf|-?[0-9.]{1,30}(e-?[0-9]{1,3})?|[0-9.]{1,9000})?(:(?P<text>[A-Za-z0-9.~%-]{1,9000}))?"
    r"(_h(?P<head>\d{1,6}))?(_p(?P<position>\d{1,6}))?(_k(?P<key>\d{1,6}))?(_c(?P<channel>\d{1,6}))?"
    r"(_f(?P<at>\d{1,6}))?(_n(?P<of>[A-Za-z0-9._]{1,100}?))?(?P<off>_off)?",
    re.ASCII,
)


def to_text(listed: ChangeList) -> str:
    """Return changes as a text without any character that a link would have to quote, but for % and spaces between.

    >>> cut = Edit("transformer.h.1.attn.masked", "set", -torch.inf, head=0, position=7, key=3)
    >>> to_text(ChangeList((Change(cut),)))
    '1.attn.masked_set-inf_h0_p7_k3'
    """
    words = [_part(change) for change in listed.changes]
    return " ".join([*words, *([KEEPS] if listed.keeps else []), *([MUTED] if listed.muted else [])])


def _part(change: Change) -> str:
    wish = change.edit
    name = wish.name.removeprefix(BLOCKS)
    return "_".join([name, _how(wish), *selectors(wish), *_from(wish), *([] if change.on else ["off"])])


def _from(wish: Wish) -> list[str]:
    """Return the place of the other prompt, where it is another one than that which is changed."""
    if not isinstance(wish, Other):
        return []
    position = [] if wish.at is None else [f"f{wish.at}"]
    return [*position, *([f"n{wish.of.removeprefix(BLOCKS)}"] if wish.of else [])]


def _how(wish: Wish) -> str:
    if isinstance(wish, Other):
        draw = str(wish.draw) if wish.how == "resample" else ""
        return f"{wish.how}{draw}{':' if wish.text else ''}{_quoted(wish.text)}"
    if is_row(wish):
        return f"row{'.'.join(str(part) for part in thousandths(wish))}"
    return wish.how if wish.value is None else f"{wish.how}{_number(wish.value)}"


def _quoted(text: str) -> str:
    """Quote all but letters and digits; a space, which is frequent, is a tilde.

    >>> _quoted("a b_~")
    'a~b%5F%7E'
    """
    return quote(text, safe="").replace("~", "%7E").replace("%20", "~").replace("_", "%5F")


def _number(value: float) -> str:
    short = f"{value:g}"
    return (short if float(short) == value else repr(value)).replace("e+", "e")


def of_text(text: str) -> ChangeList:
    """Return the changes that `to_text` has written. Whether a model has such tensors only the model can tell.

    Raises:
        ValueError: the text holds something else.

    >>> of_text("2.attn.z_zero_h1 0.mlp_zero_off").changes[1]
    Change(edit=Edit('transformer.h.0.mlp', 'zero'), on=False)
    """
    parts = text.split(" ") if text else []
    flags = {KEEPS: False, MUTED: False}
    while parts and parts[-1] in flags and not flags[parts[-1]]:
        flags[parts.pop()] = True
    if len(parts) > MOST:
        raise ValueError(f"a screen has {MOST} changes at most, got {len(parts)}; leave some out")
    changes = tuple(_of_part(part) for part in parts)
    if not changes and any(flags.values()):
        raise ValueError(f"{text[:60]!r} holds for changes, and there are none; take the link as it was given")
    twice = [key for key, count in Counter(change.key for change in changes).items() if count > 1]
    if twice:
        raise ValueError(f"each part of a run has one change at most, got two of {twice[0][:60]!r}; leave one out")
    return ChangeList(changes, flags[KEEPS], flags[MUTED])


def _of_part(part: str) -> Change:
    found = PART.fullmatch(part)
    if found is None:
        raise ValueError(f"a change is written like 2.attn.z_zero_h1, got {part[:60]!r}; take the link as it was given")
    name = _name(found["name"])
    chosen: dict[str, Any] = {which: int(found[which]) for which in LETTERS.values() if found[which] is not None}
    try:
        wish = _wish(name, found, chosen)
    except (TypeError, ValueError):
        wanted = "zero takes no number, scale and set take one; mean, resample and patch take a text"
        raise ValueError(f"{wanted}, got {part[:60]!r}; take the link as it was given") from None
    return Change(wish, not found["off"])


def _name(short: str) -> str:
    """Return the tensor of a name that may begin with its block."""
    return f"{BLOCKS}{short}" if short[:1].isdigit() else short


def _wish(name: str, found: re.Match[str], chosen: dict[str, Any]) -> Wish:
    """Return what a part asks for.

    Raises:
        TypeError, ValueError: a value or a text that does not go with it.
    """
    how, value, text = found["how"], found["value"], found["text"]
    if how in SOURCES:
        if (value is None) == (how == "resample") or "key" in chosen:
            raise ValueError
        told = "" if text is None else unquote(text.replace("~", " "), errors="strict")
        if len(told) > MOST_TEXT:
            raise ValueError
        place = {"of": _name(found["of"] or ""), "at": None if found["at"] is None else int(found["at"])}
        return Other(name, how, told, 0 if value is None else int(value), **chosen, **place)  # type: ignore[arg-type]
    if text is not None or found["of"] or found["at"]:
        raise ValueError
    if how == "row":
        weights = str(value).split(".")
        if chosen.keys() != {"head", "position"} or any(len(each) > LONGEST for each in weights):
            raise ValueError
        return drawn(name, [int(each) for each in weights], **chosen)
    return Edit(name, how, None if value is None else float(value), **chosen)  # type: ignore[arg-type]


def drawn(name: str, weights: list[int], head: int, position: int) -> Edit:
    """Return the edit that sets a row of a pattern, up to its own position, to weights in thousandths."""
    value = torch.tensor(weights, dtype=torch.float32) / PARTS_OF_ONE
    return Edit(name, "set", value, head=head, position=position, key=slice(0, position + 1))
