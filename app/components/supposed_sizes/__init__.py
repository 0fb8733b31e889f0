"""A model that is only supposed: its sizes as sliders, and what it would cost, on the map and by part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from app.components._assets import check_payload, register

_SUPPOSED_SIZES = register("supposed_sizes")


class SizeField(TypedDict):
    """A size that can be changed."""

    name: str
    letter: str
    """The letter that its number has on the map."""
    label: str
    low: int
    high: int
    stops: list[int]
    """The values at which the slider stops."""


class Preset(TypedDict):
    """A button that sets all sizes; also of a way out of impossible ones."""

    label: str
    values: Mapping[str, int]
    chosen: bool


class Measured(TypedDict):
    """Times of the parts of one run, in seconds."""

    rows: Sequence[Mapping[str, Any]]
    """`name`, `concept`, `seconds` and `flops` of each part."""
    whole: float
    rest: float
    bare: float
    passes: int
    threads: int


class SupposedSizesEvent(TypedDict):
    """The value of `st.session_state[key]["event"]`: all settings, by the names of `values`, and these."""

    origin: str
    seq: int
    measure: Mapping[str, int] | None
    """Its own `seq`: measure once per number. None before the button was pressed."""


def supposed_sizes(
    *,
    key: str,
    values: Mapping[str, int],
    drawn: str,
    fields: Sequence[SizeField],
    presets: Sequence[Preset],
    problem: str,
    remedies: Sequence[Preset],
    last: str,
    lines: Sequence[Mapping[str, Any]],
    letters: Mapping[str, str],
    sizes: Mapping[str, int],
    parts: Sequence[Mapping[str, Any]],
    own: Sequence[Mapping[str, Any]],
    model: str,
    shares: Mapping[str, Any],
    curves: Sequence[Mapping[str, Any]],
    answers: Sequence[Mapping[str, Any]],
    run: str,
    measured: Measured | None,
    origin: str,
    state: str,
    ack: int,
) -> None:
    """Mount the page.

    Args:
        key: `st.session_state[key]["event"]` is a `SupposedSizesEvent` after each change.
        values: the settings that were asked for, by name; a yes is 1.
        drawn: a text that names the settings that are drawn; for tests.
        fields: what the sliders change.
        presets: models whose sizes are known.
        problem: why the settings are impossible; "" where they are possible.
        remedies: the nearest possible ones.
        last: the possible settings that are still drawn, in words.
        lines: the map, as `CostLine`s.
        letters: what each letter is, and its number here.
        sizes: the number of each letter that shapes are made of.
        parts: costs by part of the supposed model.
        own: the same of the model on the screen, at its full context.
        model: its name.
        shares: quantity -> power -> part -> share of the whole that has this power.
        curves: costs against T: `title`, `unit`, the fields of `Curve`, and `sentence`.
        answers: questions and answers, in pieces.
        run: the run that can be measured, in words.
        measured: its times; None before they were measured.
        origin: the session and the model of these numbers; each report comes back with it.
        state: the state of the screen as query parameters.
        ack: `seq` of the last event that was processed.
    """
    data = {
        "values": dict(values),
        "drawn": drawn,
        "fields": list(fields),
        "presets": list(presets),
        "problem": problem,
        "remedies": list(remedies),
        "last": last,
        "lines": list(lines),
        "letters": dict(letters),
        "sizes": dict(sizes),
        "parts": list(parts),
        "own": list(own),
        "model": model,
        "shares": dict(shares),
        "curves": list(curves),
        "answers": list(answers),
        "run": run,
        "measured": measured,
        "origin": origin,
        "state": state,
        "ack": ack,
    }
    _SUPPOSED_SIZES(key=key, data=check_payload(data))
