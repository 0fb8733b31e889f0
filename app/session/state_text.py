"""A person's state as a value, and as a short text that a URL can carry: `model=fairytales&prompt=Once+upon`.

The text is made of query parameters; what is as usual is left out. Reading it trusts nobody: whoever can send a link
can send any text.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.session import changes, supposed_sizes
from app.session.location import START, Location
from app.session.look import CHOICES, USUAL, Look

VERSION = 1
"""Version of the fields' meaning; a text without a version has this one."""
MOST = 32_768
"""Characters of a text, which is about what servers take as a URL."""


class StateError(ValueError):
    """A state that cannot be written, or a text that holds none: what was wanted, what came, what to do."""


@dataclass(frozen=True)
class State:
    """All that brings a person back to what is on the screen."""

    model: str
    """The text by which the model was opened: a shipped model's name, a path, a name on the hub."""
    prompt: str
    location: Location = START
    step: int | None = None
    """The step of its training; None is the final model."""
    temperature: float = 1.0
    top_k: int = 10
    score: str = ""
    """The kind of the heads' scores that the timeline draws; "" is the most telling one."""
    cut_k: int | None = 40
    """The number of tokens that one is drawn from; None for all."""
    cut_p: float | None = None
    """The share of the probability that a token is drawn from; None for all."""
    seed: int = 0
    lock: int | None = None
    """The token of the prompt that is followed; None is the last one."""
    look: Look = USUAL
    pin: tuple[int, int] | None = None
    """The (row, column) on the stage whose number is explained."""
    upload: str = ""
    """SHA-256 of an upload, by which the server that has it in memory finds it; "" for any other model."""
    options: str = ""
    """The options with which the model was opened, as the one who opens it writes them; "" for none."""
    changes: str = ""
    """The changes of the run, as `changes.to_text` writes them; "" for none."""
    sizes: str = ""
    """The sizes that are supposed, as `supposed_sizes.to_text` writes them; "" for the model's own."""
    lab: str = ""
    """The choices on the page Lab, as query parameters; "" for the usual ones."""


_Count = Annotated[int, Field(ge=0, lt=10**9)]


class _Fields(BaseModel):
    """The query parameters. Whether a model has such a node or head only the model can tell."""

    model_config = ConfigDict(extra="forbid")

    v: int = VERSION
    model: str = ""
    prompt: str = ""
    view: str = START.view
    layer: _Count = START.layer
    head: _Count = START.head
    node: str = START.selected
    weight: str | None = None
    step: _Count | None = None
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    top_k: Annotated[int, Field(ge=1, lt=10**9)] = 10
    score: str = ""
    cut_k: Annotated[int, Field(ge=0, lt=10**9)] = 40
    cut_p: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0
    seed: _Count = 0
    lock: _Count | None = None
    row: _Count | None = None
    col: _Count | None = None
    form: str = Look.form
    scale: str = Look.scale
    plot: str = Look.plot
    width: str = Look.width
    drawer: str = Look.drawer
    code: str = Look.code
    margin: str = Look.margin
    upload: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = ""
    options: str = ""
    changes: str = ""
    sizes: str = ""
    lab: str = ""


_USUAL = {name: field.default for name, field in _Fields.model_fields.items()}


def encode(state: State) -> str:
    """Return the state as query parameters, safe in a URL.

    Raises:
        StateError: the text would be too long, or holds half of a character, as a browser may send it.

    >>> encode(State("fairytales", "Once upon a", Location(head=2)))
    'model=fairytales&prompt=Once+upon+a&head=2'
    """
    place = state.location
    fields = {
        "model": state.model,
        "prompt": state.prompt,
        "view": place.view,
        "layer": place.layer,
        "head": place.head,
        "node": place.selected,
        "weight": place.weight,
        "step": state.step,
        "temperature": state.temperature,
        "top_k": state.top_k,
        "score": state.score,
        "cut_k": state.cut_k or 0,
        "cut_p": 1.0 if state.cut_p is None else state.cut_p,
        "seed": state.seed,
        "lock": state.lock,
        "row": state.pin and state.pin[0],
        "col": state.pin and state.pin[1],
        **asdict(state.look),
        "upload": state.upload,
        "options": state.options,
        "changes": state.changes,
        "sizes": state.sizes,
        "lab": state.lab,
    }
    unusual = {name: value for name, value in fields.items() if value != _USUAL[name]}
    try:
        text = urlencode(unusual)
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise StateError(f"a state holds whole characters, got {half!r}, which is half of one; take it away") from None
    if len(text) > MOST:
        raise StateError(
            f"this state takes {len(text):,} characters, and a link has room for {MOST:,}; shorten the prompt"
        )
    return text


def decode(text: str) -> State:
    """Return the state that `encode` has written.

    Raises:
        StateError: the text holds no state of this version.

    >>> decode("model=fairytales&prompt=Once+upon+a&head=2").location.head
    2
    """
    if not isinstance(text, str):
        raise StateError(f"a state is a text, got a {type(text).__name__}; take the whole link")
    if len(text) > MOST:
        raise StateError(f"a state has at most {MOST:,} characters, got {len(text):,}; take the link as it was given")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict")
    except ValueError:  # UnicodeDecodeError is one
        raise StateError(f"a state is name=value&name=value, got {text[:80]!r}; take the whole link") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise StateError(f"each field of a state comes once, got {', '.join(name for name, _ in pairs)}; take one away")
    if fields.get("v", str(VERSION)) != str(VERSION):
        raise StateError(f"this is a state of version {fields['v'][:20]!r}, wanted {VERSION}; make the link anew")
    try:
        found = _Fields.model_validate(fields)
    except ValidationError as error:
        raise StateError(_sentence(error)) from None
    location = Location(found.view, found.layer, found.head, found.node, found.weight)
    try:
        look = USUAL
        for name in CHOICES:
            look = look.choose(name, getattr(found, name))
        changes.of_text(found.changes)
        if found.sizes:
            supposed_sizes.of_text(found.sizes)
    except ValueError as error:
        raise StateError(f"{error}; or take the link as it was given") from None
    return State(
        model=found.model,
        prompt=found.prompt,
        location=location,
        step=found.step,
        temperature=found.temperature,
        top_k=found.top_k,
        score=found.score,
        cut_k=found.cut_k or None,
        cut_p=None if found.cut_p == 1 else found.cut_p,
        seed=found.seed,
        lock=found.lock,
        look=look,
        pin=None if found.row is None or found.col is None else (found.row, found.col),
        upload=found.upload,
        options=found.options,
        changes=found.changes,
        sizes=found.sizes,
        lab=found.lab,
    )


def _sentence(error: ValidationError) -> str:
    """Return a sentence on the first wrong field: what was wanted, and what came."""
    first = error.errors(include_url=False)[0]
    name, got = str(first["loc"][0])[:40], str(first["input"])[:40]
    if first["type"] == "extra_forbidden":
        return f"a state has no field {name!r}, which holds {got!r}; its fields are {', '.join(_Fields.model_fields)}"
    wanted = first["msg"][:1].lower() + first["msg"][1:]
    return f"the field {name!r} of a state holds {got!r}: {wanted}; take the link as it was given"
