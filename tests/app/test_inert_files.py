"""Hostile fields of files: whatever they hold, there is a sentence or a page, and it is drawn as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest

from app.session.moment import Moment
from app.stores.snapshots import Snapshots
from app.training import learning_curves, pace
from app.views.markdown import JOINER, escaped
from gptcore import Checkpoint, CheckpointError, load
from gptcore.checkpoint.info import WANTED
from tests.app.every_page import opened
from tests.hostile_fields import KINDS, MARKUP, TEXTS, VALUES, Fields, run_folder
from tests.lopsided import checkpoint_of, lopsided, write_folder

DRAWN = {
    *("markdown", "caption", "button", "toast", "error", "warning", "info", "success", "metric", "title", "header"),
    *("arrow_table", "table", "expander", "subheader", "checkbox", "button_group", "radio", "alert", "dialog", "tab"),
    *("heading", "popover", "tooltip", "badge", "progress", "spinner", "chat_message", "toggle", "slider"),
}
"""Elements of Streamlit in which text is Markdown: not st.text, inputs, choices of a list, and components."""


RAW = re.compile(r"(?<!\\)(?:!\[m\]|<img|<script|<style|\[l\]|:material/home|\$\\+frac|:streamlit:)")
"""The marks of hostile texts that were not escaped."""


def markdown_of(at: AppTest) -> Iterator[str]:
    """Yield each text that Streamlit draws as Markdown."""
    from tests.app.every_page import _text

    for node in at._tree:
        if node.type in DRAWN:
            yield _text(node)


def no_markup(at: AppTest) -> None:
    """Fail if a page ended in an error, or drew a hostile text as Markdown."""
    assert not at.exception, [each.message for each in at.exception]
    for text in markdown_of(at):
        assert not RAW.search(text), text[:500]


FIELDS = [(kind, field) for kind, (_, fields) in KINDS.items() for field in fields]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_each_field_may_hold_anything(tmp_path: Path, kind: str, field: str) -> None:
    hold(tmp_path, kind, field, VALUES)


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_each_field_may_hold_some_of_what_is_hostile(tmp_path: Path, kind: str, field: str) -> None:
    """Each kind of file gets all of it, each field a part."""
    first = FIELDS.index((kind, field)) % 5
    hold(tmp_path, kind, field, dict(list(VALUES.items())[first::5]))


def hold(tmp_path: Path, kind: str, field: str, values: Fields) -> None:
    """Fail unless it is refused in a sentence, or all that is told of it can be printed, counted and sent."""
    write, _ = KINDS[kind]
    for i, (name, value) in enumerate(values.items()):
        folder = tmp_path / str(i)
        folder.mkdir()
        checkpoint = loaded(write(folder, {field: value}))
        if isinstance(checkpoint, CheckpointError):
            assert str(checkpoint).isprintable()
            assert len(str(checkpoint)) <= CheckpointError.MOST, name
            continue
        known = (key for key in (*WANTED, "notices", "format") if key in checkpoint.info)
        told = json.dumps({key: checkpoint.info[key] for key in known})
        assert "\\ud8" not in told.replace("\\\\", "")  # half of a character, not its code
        assert len(told) < 100_000, name
        assert all(notice.isprintable() for notice in checkpoint.info["notices"]), name
        with_history(folder, checkpoint)


def loaded(path: Path) -> Checkpoint | CheckpointError:
    try:
        return load(path)
    except CheckpointError as error:
        return error


def with_history(folder: Path, checkpoint: Any) -> None:
    """Compute what the page tells of the training."""
    config = checkpoint.config
    history = Snapshots(patience=0).history(str(folder), config)
    for step in [None, *(each.step for each in history.snapshots)]:
        moment = Moment(checkpoint, history, step)
        json.dumps([moment.name, moment.losses, history.losses, history.key], allow_nan=False)
        assert moment.steps < 2**53
    assert history.scores.shape[1] == len(history.snapshots)
    if learning_curves.find(folder) is not None:
        try:
            curves = learning_curves.read(folder)
        except learning_curves.CurvesError:
            return
        assert f"{curves.step:,} of {curves.steps or 0:,}"
        assert pace.seconds_left(curves, 100, 0, 5.0) is None or True
        learning_curves.as_table(curves)


SHIFTS = range(0, len(VALUES), 4)
PAGES = [
    pytest.param(kind, shift, marks=() if i % len(SHIFTS) == j else pytest.mark.slow)
    for i, kind in enumerate(KINDS)
    for j, shift in enumerate(SHIFTS)
]
"""Usually each kind of file once, and each shift."""


@pytest.mark.parametrize(("kind", "shift"), [*((kind, None) for kind in KINDS), *PAGES])
def test_all_pages_are_drawn_with_hostile_fields(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, shift: int | None
) -> None:
    """Each field holds another value, or each one markup; those that a file cannot be read with are left out."""
    write, fields = KINDS[kind]
    values = [MARKUP] if shift is None else list(VALUES.values())
    chosen: dict[str, Any] = {}
    for i, field in enumerate(fields):
        (tmp_path / f"{i}").mkdir()
        value = values[(i + (shift or 0)) % len(values)]
        with_it = {**chosen, field: value}
        inside = any(other.startswith(f"{field}.") or field.startswith(f"{other}.") for other in chosen)
        if inside:
            continue
        if isinstance(loaded(write(tmp_path / f"{i}", with_it)), Checkpoint):
            chosen = with_it
    (tmp_path / "whole").mkdir()
    at = opened(monkeypatch, write(tmp_path / "whole", chosen))
    no_markup(at)
    assert "explorer" in at.session_state


@pytest.mark.parametrize("kind", KINDS)
def test_the_sentence_about_a_hostile_file_is_drawn_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    write, fields = KINDS[kind]
    for i, field in enumerate(fields):
        (tmp_path / f"{i}").mkdir()
        path = write(tmp_path / f"{i}", {field: MARKUP})
        if isinstance(loaded(path), CheckpointError):
            no_markup(opened(monkeypatch, path))
            return


@pytest.mark.parametrize("weight", ["transformer.wte.weight", "transformer.h.1.attn.c_attn.weight"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e38])
def test_weights_that_are_no_numbers_draw_every_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weight: str, value: float
) -> None:
    model = lopsided()
    model.state_dict()[weight][:2] = value
    state = {name: tensor for name, tensor in model.state_dict().items() if name != "lm_head.weight"}
    tokenizer = checkpoint_of(model).tokenizer.to_json()
    content = {"model": state, "model_args": model.config.to_dict(), "tokenizer": tokenizer}
    torch.save(content, tmp_path / "ckpt.pt")
    no_markup(opened(monkeypatch, tmp_path / "ckpt.pt"))


def test_a_name_that_is_markup_is_drawn_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i, name in enumerate(("![m](x) :material/home: $\\frac", "<img src=x> www.evil.example `c`")):
        folder = write_folder(tmp_path / f"{i}" / name, lopsided())
        no_markup(opened(monkeypatch, folder))


@pytest.mark.parametrize("text", [*TEXTS.values(), "a" * 400, "    code", "1. a", "-> <- -- >=", "a@b.example"])
def test_an_escaped_text_is_one_short_line_without_what_streamlit_makes_something_of(text: str) -> None:
    found = escaped(text)
    plain = found.replace("\\", "").replace(JOINER, "")
    assert found.replace(JOINER, "").isprintable()
    assert len(plain) <= 320
    assert not found.startswith(" ")
    read = found.replace("\\", "")  # as after the escapes were read
    for piece in ("http://", ":material", ":streamlit", "www.", "->", "<-", "--", ">=", "@b"):
        assert piece not in read


def test_curves_of_a_hostile_training_are_counted(tmp_path: Path) -> None:
    """A step of 400 digits was once divided by."""
    fields: list[Fields] = [{"batch_size": 10**400}, {"eval_interval": 1, "steps": 2**52}, {"snapshots": [10**400] * 9}]
    for i, each in enumerate(fields):
        (tmp_path / str(i)).mkdir()
        curves = learning_curves.read(run_folder(tmp_path / str(i), each))
        for steps in (100, 2**52):
            pace.seconds_left(curves, steps, 0, 5.0)
