"""The check of `Checkpoint.info`: what files tell of their training has the types that readers of it rely on.

Whoever wrote a file may have written anything. A field of another type is left out, and a notice tells it; a text
becomes one printable line. This file knows no format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from gptcore.checkpoint.assumptions import stored
from gptcore.tokenizer.bounded import one_line, shown

MOST_TEXT, MOST_NOTICE = 300, 2000
"""Characters of a text, and of a notice."""
MOST_NOTICES = 50
MOST_SETTINGS = 500
"""Number of the training's settings that are kept."""
_Step = Annotated[int, Field(strict=True, ge=0, lt=2**53)]
_Loss = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_Prompt = Annotated[str, Field(strict=True, min_length=1, max_length=1000)]
_Line = Annotated[str, Field(strict=True)]

WANTED: Mapping[str, tuple[TypeAdapter[Any], str]] = {
    "iter_num": (TypeAdapter(_Step), "a whole number of steps"),
    "snapshot": (TypeAdapter(_Step), "a whole number of steps"),
    "best_val_loss": (TypeAdapter(_Loss), "a number"),
    "val_loss": (TypeAdapter(_Loss), "a number"),
    "prompt": (TypeAdapter(_Prompt), "a text of at most 1000 characters"),
    "revision": (TypeAdapter(_Line), "a text"),
    "train_config": (TypeAdapter(dict[str, Any]), "an object"),
}
"""Fields that have a meaning here: their types, and the same in words. Others are the caller's own, and stay."""


def checked(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a checkpoint, each field of the type that its readers rely on.

    >>> checked({"iter_num": [1], "best_val_loss": 1.5, "notices": []})
    {'best_val_loss': 1.5, 'notices': ["the file's iter_num is a list, not a whole number of steps: it was left out"]}
    """
    found = {name: value for name, value in info.items() if value is not None or name not in WANTED}
    wrong = []
    for name, (wanted, words) in WANTED.items():
        if name in found and not _fits(wanted, found[name]):
            wrong.append(f"the file's {name} is {shown(found.pop(name))}, not {words}: it was left out")
    if "revision" in found:
        found["revision"] = one_line(found["revision"], MOST_TEXT)
    if "train_config" in found:
        found["train_config"] = _settings(found["train_config"])
    if "assumptions" in found:
        found["assumptions"] = stored(found)[:MOST_NOTICES]
    told = [one_line(each, MOST_NOTICE) for each in found.get("notices", [])]
    more = len(told) - MOST_NOTICES
    found["notices"] = [*told[:MOST_NOTICES], *([f"and {more:,} more of this kind"] if more > 0 else []), *wrong]
    return found


def _fits(wanted: TypeAdapter[Any], value: object) -> bool:
    """Tell if a value has a type, and if a text has no half of a character, which nothing can send."""
    try:
        wanted.validate_python(value)
        return not isinstance(value, str) or bool(value.encode()) or not value
    except (ValidationError, UnicodeEncodeError):
        return False


def _settings(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain settings of a training: numbers that can be counted with, and short texts."""
    plain = ((name, value) for name, value in told.items() if isinstance(value, str | int | float))
    small = ((name, value) for name, value in plain if isinstance(value, str) or abs(value) < 2**53)
    lines = {one_line(name, MOST_TEXT): one_line(v, MOST_NOTICE) if isinstance(v, str) else v for name, v in small}
    return dict(list(lines.items())[:MOST_SETTINGS])
