"""States that no page of ours would send: each honest event with one thing wrong, and values that are no events at all.

They are made systematically, always the same ones in the same order, as the texts that travel: JSON as a stranger's
client may write it, with numbers that JSON does not have, and as wide and deep as it likes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from streamlit.proto.WidgetStates_pb2 import WidgetState

PATTERN: Final = "transformer.h.1.attn.pattern"
DEEP: Final = 40
"""Depth of a value that JSON's reader takes."""


class Raw(NamedTuple):
    """JSON as text, which Python's writer would not write."""

    text: str


WRONG: Final[Mapping[str, object]] = {
    "nothing": None,
    "a yes": True,
    "a negative": -1,
    "a large number": 10**9,
    "more than 64 bits": 2**80,
    "a huge number": 10**400,
    "more digits than Python reads": Raw("9" * 5000),
    "a fraction": 1.5,
    "a large fraction": 1e308,
    "no number": Raw("NaN"),
    "infinity": Raw("-Infinity"),
    "an empty text": "",
    "a long text": "x" * 20_000,
    "a number as text": "1",
    "half a character": Raw('"\\ud800"'),
    "a control character": "\x00\x1b",
    "text that runs backwards": "\u202eabc",
    "another model's node": "transformer.h.99.attn.pattern",
    "a path": "../../etc/passwd",
    "an empty list": [],
    "a list": [1, "a", None],
    "an empty dict": {},
    "a dict": {"seq": 1, "text": "a", "row": 0},
    "deep": Raw("[" * DEEP + "]" * DEEP),
    "deep dicts": Raw('{"a":' * DEEP + "1" + "}" * DEEP),
    "deeper than Python goes": Raw("[" * 100_000 + "]" * 100_000),
}
"""Values in the place of an honest one."""

HEAD: Final = {"name": "transformer.h.1.attn.z", "head": 2}
CHANGE: Final[dict[str, Any]] = {"kind": "add", "part": HEAD, "how": "scale", "number": 0.5, "text": "ab", "draw": 1}

PANELS: Final[Mapping[str, tuple[dict[str, Any], ...]]] = {
    "prompt": ({"text": "ba", "rev": 0}, {"example": True, "text": "ba", "rev": 0}),
    "follow": ({"token": 1, "text": "@text"},),
    "look": ({"name": "plot", "word": "links"}, {"name": "drawer", "word": "code"}),
    "explain": (
        {"name": PATTERN, "row": 1, "col": 0},
        {"name": PATTERN, "row": 1, "col": 0, "cut": True},
        {"row": None},
        {"back": 0},
        {"open": "transformer.h.1.attn.scores", "cell": [0, 1, 2, 1]},
        {"open": "transformer.wte.weight", "cell": [1, 2]},
        {"open": "transformer.h.1.attn.c_attn.weight"},
        {"formula": "x"},
    ),
    "map": (
        {"kind": "select", "id": "transformer.h.1.mlp"},
        {"kind": "find", "id": PATTERN},
        {"kind": "open", "id": "transformer.h", "layer": 1},
        {"kind": "open", "id": "transformer.h.1.attn"},
        {"kind": "up", "id": "transformer.h.1.attn"},
        {"kind": "layer", "layer": 1},
        {"kind": "cell", "id": "transformer.h.1.mlp", "row": 0, "column": 1},
        {"kind": "change", "id": "transformer.h.1.mlp"},
    ),
    "heads": ({"layer": 1, "head": 2},),
    "node": (
        {"kind": "weight", "id": "@node", "weight": None},
        {"kind": "off", "id": "@node"},
        {"kind": "cutting", "id": "@node", "on": True},
    ),
    "matrix": (
        {"name": PATTERN, "hover": {"row": 1, "col": 0}, "pin": None, "part": None},
        {"name": PATTERN, "hover": None, "pin": None, "part": [0, 0, 2, 2]},
    ),
    "prediction": (
        {"temperature": 0.5, "top_k": 5, "append": None},
        {"temperature": 1, "top_k": 5, "append": {"id": 2, "text": "@text", "seq": 3}},
    ),
    "lens": ({"kind": "select", "id": "transformer.h.1.resid_post"}, {"text": "@text", "position": 1}),
    "code": ({"kind": "find", "id": PATTERN},),
    "generate": (
        {"kind": "draw", "text": "@text"},
        {"kind": "undo"},
        {"kind": "set", "temperature": 0.5, "top_k": 3, "top_p": None, "seed": 4},
    ),
    "changes": (
        {"kind": "toggle", "key": "1.attn.z_h0", "on": False},
        {"kind": "remove", "key": "1.attn.z_h0"},
        {"kind": "scale", "key": "1.attn.z_h0", "factor": 0.5},
        {"kind": "clear"},
    ),
    "change_form": (CHANGE, {"kind": "close"}),
    "timeline": (
        {"source": "@source", "kind": "", "step": 40},
        {"source": "@source", "kind": "induction", "step": None, "pick": {"layer": 1, "head": 1, "seq": 2}},
    ),
    "save": ({"file": "tensor.npy"}, {"taken": 3}),
}
"""An honest report of each panel of `explore_panels`; a text with @ stands for what the page has."""

ALONE: Final[Mapping[str, tuple[dict[str, Any], ...]]] = {
    "reconnect": ({"about": "another.1", "state": "model=nano-sort&prompt=CBA", "text": "CBA"},),
    "address": ({"go": "model=nano-sort&prompt=CBA"},),
    "parity_badge": ({"text": "@text"},),
}
"""An honest event of each component that stands by itself on each page, or on Explore."""
WORDS: Final[tuple[dict[str, Any], ...]] = (
    {"kind": "place", "id": "", "cell": [], "view": "block", "layer": 1, "head": 1, "token": 1},
    {"kind": "find", "id": PATTERN, "cell": [], "view": "block", "layer": 1, "head": 1, "token": 1},
    {"kind": "cell", "id": PATTERN, "cell": [0, 1, 2, 1], "view": "block", "layer": 1, "head": 1, "token": 1},
)
SUPPOSED_SIZES: Final[tuple[dict[str, Any], ...]] = (
    {
        **{"n_layer": 3, "n_head": 4, "n_embd": 20, "block_size": 13, "vocab_size": 25, "bias": 1, "tie_weights": 1},
        **{"T": 13, "B": 1, "number": 4, "fused": 0, "measure": None},
    },
    {"n_layer": 3, "measure": {"seq": 4}},
)


CARD: Final[tuple[dict[str, Any], ...]] = (
    {"kind": "form", "layer": 1, "head": 2},
    {"kind": "off", "layer": 1, "head": 2},
    {"kind": "change_form", "report": {**CHANGE, "seq": 4}},
    {"kind": "changes", "report": {"kind": "undo", "seq": 5}},
    {"kind": "measure"},
)
LIST: Final[tuple[dict[str, Any], ...]] = (
    {"kind": "form", "layer": 1, "head": 2},
    {"kind": "off", "layer": 1, "head": 2},
    {"kind": "back"},
)


class Forged(NamedTuple):
    """A forged state of a component."""

    what: str
    json: str


def _written(value: object) -> str:
    """Return JSON of a value that may hold `Raw` parts."""
    parts: list[str] = []

    def plain(part: object) -> object:
        if isinstance(part, Raw):
            parts.append(part.text)
            return f"@raw {len(parts) - 1}@"
        if isinstance(part, dict):
            return {name: plain(each) for name, each in part.items()}
        return [plain(each) for each in part] if isinstance(part, list) else part

    text = json.dumps(plain(value))
    for number, part in enumerate(parts):
        text = text.replace(f'"@raw {number}@"', part)
    return text


def _wrong(event: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield an event with each of its fields wrong, left out, and each inner field wrong."""
    for name, honest in event.items():
        for what, wrong in WRONG.items():
            yield f"{name} is {what}", {**event, name: wrong}
        yield f"without {name}", {other: value for other, value in event.items() if other != name}
        if isinstance(honest, dict):
            for what, inner in _wrong(honest):
                yield f"{name}: {what}", {**event, name: inner}
        if isinstance(honest, list):
            for place in range(len(honest)):
                for what, wrong in WRONG.items():
                    inside = [*honest[:place], wrong, *honest[place + 1 :]]
                    yield f"{name}[{place}] is {what}", {**event, name: inside}


def events(honest: tuple[dict[str, Any], ...]) -> Iterator[tuple[str, object]]:
    """Yield forged events of one component: wrong fields, another origin, other things than events."""
    for number, event in enumerate(honest):
        for what, forged in _wrong({**event, "seq": "@seq"}):
            yield f"{number}: {what}", forged
        for origin in ("another.1", "@session.0", "@session.9", 3, ["a"]):
            yield f"{number}: of {origin}", {**event, "seq": "@seq", "origin": origin}
    for what, wrong in WRONG.items():
        yield f"the event is {what}", wrong


def of_live() -> Iterator[Forged]:
    """Yield forged states of `explore_panels`: a panel's report is forged, or the whole."""
    for panel, honest in PANELS.items():
        for what, forged in events(honest):
            yield Forged(f"{panel} {what}", _written({panel: forged}))
    for what, wrong in WRONG.items():
        yield Forged(f"kept is {what}", _written({"kept": wrong}))
        yield Forged(f"kept holds {what}", _written({"kept": [wrong, "x"]}))
        yield Forged(f"an unknown panel is {what}", _written({"shell": wrong}))
        yield Forged(f"all of it is {what}", _written(wrong))
    for text in ("", "{", "[1,", "nul", "\x00", '{"prompt": {"text": "a"', "\ufeff{}", '{"a":1}{"a":2}'):
        yield Forged(f"it is {text!r}", text)


def of_alone(honest: tuple[dict[str, Any], ...]) -> Iterator[Forged]:
    """Yield forged states of a component that stands by itself."""
    for what, forged in events(honest):
        yield Forged(what, _written({"event": forged}))
    for what, wrong in WRONG.items():
        yield Forged(f"all of it is {what}", _written(wrong))


def of_other_kinds(widget: str) -> Iterator[tuple[str, WidgetState]]:
    """Yield a state of each kind that Streamlit knows, for a widget of any kind."""
    for number in (0, -1, 3, 2**62):
        yield f"the whole number {number}", WidgetState(id=widget, int_value=number)
    for fraction in (0.5, -1e308, float("nan"), float("inf")):
        yield f"the fraction {fraction}", WidgetState(id=widget, double_value=fraction)
    for text in ("", "x", "nobody offers this", "x" * 20_000, "\x00", "../../etc/passwd", "-1", "1e999"):
        yield f"the text {text[:20]!r}", WidgetState(id=widget, string_value=text)
    for flag in (True, False):
        yield f"the yes or no {flag}", WidgetState(id=widget, bool_value=flag)
        yield f"the press {flag}", WidgetState(id=widget, trigger_value=flag)
    for raw in (b"", b"\xff\xfe", b"x" * 1000):
        yield f"the bytes {raw[:5]!r}", WidgetState(id=widget, bytes_value=raw)
    for text in ("", "{", "null", "[]", "1", '"a"', '{"a":1}', "[" * 100_000, "NaN", "9" * 5000):
        yield f"the JSON {text[:10]!r}", WidgetState(id=widget, json_value=text)
        yield f"the JSON of a trigger {text[:10]!r}", WidgetState(id=widget, json_trigger_value=text)
    for numbers in ([], [0], [99], [-1], [2**62], [0, 0], [0] * 100):
        state = WidgetState(id=widget)
        state.int_array_value.data.extend(numbers)
        state.int_array_value.SetInParent()
        yield f"the whole numbers {str(numbers)[:20]}", state
    for fractions in ([], [0.0], [99.0], [float("nan")], [-1e308, 1e308], [1.0, 2.0], [float("inf")]):
        state = WidgetState(id=widget)
        state.double_array_value.data.extend(fractions)
        state.double_array_value.SetInParent()
        yield f"the fractions {str(fractions)[:20]}", state
    for texts in ([], ["nobody offers this"], [""], ["a", "b"], ["x" * 20_000], ["\x00"]):
        state = WidgetState(id=widget)
        state.string_array_value.data.extend(texts)
        state.string_array_value.SetInParent()
        yield f"the texts {str(texts)[:20]}", state
    yield "a file that is not there", _file(widget, "nothing")
    yield "a press with a text", _set(WidgetState(id=widget), "string_trigger_value", data="x")
    yield "a chat", _set(WidgetState(id=widget), "chat_input_value", data="x")
    table = WidgetState(id=widget)
    table.arrow_value.data = b"not arrow"
    yield "a table", table
    yield "nothing at all", WidgetState(id=widget)


def _file(widget: str, name: str) -> WidgetState:
    state = WidgetState(id=widget)
    state.file_uploader_state_value.uploaded_file_info.add(file_id=name, name="a.pt", size=3)
    return state


def _set(state: WidgetState, field: str, **values: Any) -> WidgetState:
    part = getattr(state, field)
    for name, value in values.items():
        setattr(part, name, value)
    part.SetInParent()
    return state
