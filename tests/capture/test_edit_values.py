"""Edits as values: frozen, comparable, and refused with what was wanted and what came."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
import torch
from torch import Tensor

import gptcore
from gptcore import capture
from tests.capture.edit_cases import IDS, LONG, T
from tests.capture.reference_edits import difference, reference, run, twin

A1 = "transformer.h.1.attn"


def test_an_edit_is_frozen() -> None:
    edit = gptcore.Edit(f"{A1}.z", "scale", 2.0, head=1, position=[1, 2])
    for field, value in (("head", 2), ("value", 3.0), ("name", "lm_head"), ("position", None)):
        with pytest.raises(AttributeError):
            setattr(edit, field, value)
    chosen = [1, 2]
    edit = gptcore.Edit(f"{A1}.z", "zero", position=chosen)
    chosen.append(3)
    assert edit.position == (1, 2)


def test_edits_are_equal_by_value_and_hashable() -> None:
    def make(**fields: Any) -> gptcore.Edit:
        given: dict[str, Any] = {"name": f"{A1}.z", "how": "scale", "value": 2.0, "head": 1} | fields
        return gptcore.Edit(**given)

    variants: list[dict[str, Any]] = [
        {},
        {"head": 2},
        {"head": None},
        {"head": [1]},
        {"head": slice(1, 2)},
        {"value": 3.0},
        {"how": "add"},
        {"how": "zero", "value": None},
        {"name": f"{A1}.q"},
        {"position": 1, "head": None},
        {"channel": 1, "head": None},
        {"position": slice(1, None)},
        {"position": slice(1, None, 2)},
        {"position": (1, 2)},
        {"value": float("inf")},
    ]
    for i, fields in enumerate(variants):
        for j, others in enumerate(variants):
            assert (make(**fields) == make(**others)) == (i == j), (fields, others)
        assert hash(make(**fields)) == hash(make(**fields))
    assert len({make(**fields) for fields in variants * 2}) == len(variants)
    assert make(position=[1, 2]) == make(position=(1, 2))
    assert copy.deepcopy(make()) == make()
    assert make() != "an edit"


def test_edits_with_tensors_compare_by_their_numbers() -> None:
    one, same, other = (
        gptcore.Edit(f"{A1}.z", "set", torch.tensor(numbers), head=1)
        for numbers in ([1.0, 2.0], [1.0, 2.0], [1.0, 3.0])
    )
    assert one == same and one != other
    assert gptcore.Edit("lm_head", "set", float("nan")) == gptcore.Edit("lm_head", "set", float("nan"))
    trace = capture(twin(reference()), IDS)
    assert gptcore.Edit("lm_head", "patch", trace) == gptcore.Edit("lm_head", "patch", trace)
    assert gptcore.Edit("lm_head", "patch", trace) != gptcore.Edit("lm_head", "patch", capture(trace._model, IDS))


def test_an_edit_shows_itself_in_one_line() -> None:
    trace = capture(twin(reference()), IDS)
    for edit in (
        gptcore.Edit(f"{A1}.masked", "set", float("-inf"), head=1, position=slice(2, None), key=[0, 1]),
        gptcore.Edit("lm_head", "patch", trace, position=3),
        gptcore.Edit("lm_head", "add", torch.ones(61)),
    ):
        text = repr(edit)
        assert edit.name in text and edit.how in text
        assert "\n" not in text


REFUSED: list[tuple[dict[str, Any], list[str]]] = [
    ({"name": f"{A1}.patern"}, [r"attn\.patern", r"attn\.pattern"]),
    ({"name": "transformer.h.3.mlp"}, [r"transformer\.h\.3\.mlp"]),
    ({"name": "transformer.h.1.attn.z.z"}, [r"attn\.z"]),
    ({"name": ""}, ["''"]),
    ({"name": "idx"}, ["idx"]),
    ({"name": "probs"}, ["probs", "lm_head"]),
    ({"name": "loss"}, ["loss", "lm_head"]),
    ({"how": "halve"}, ["halve", "zero", "set", "scale", "add", "patch"]),
    ({"how": ""}, ["zero"]),
    ({"how": "set"}, ["set", "None"]),
    ({"how": "scale", "value": "much"}, ["much"]),
    ({"how": "patch", "value": 1.0}, ["patch", "Trace", r"1\.0"]),
    ({"how": "set", "value": None}, ["set", "None"]),
    ({"head": 4}, ["head", r"\b4\b", r"0 to 3"]),
    ({"head": -5}, ["head", "-5", r"0 to 3"]),
    ({"head": [0, 7]}, ["head", r"\b7\b", r"0 to 3"]),
    ({"head": slice(4, 8)}, ["head", r"\b4\b"]),
    ({"head": 1.5}, ["head", r"1\.5"]),
    ({"head": "1"}, ["head", "'1'"]),
    ({"position": T}, ["position", rf"\b{T}\b", rf"0 to {T - 1}"]),
    ({"position": [1, 12]}, ["position", r"\b12\b"]),
    ({"position": -T - 1}, ["position", str(-T - 1)]),
    ({"position": slice(20, None)}, ["position", "20"]),
    ({"channel": 8}, ["channel", r"\b8\b", "0 to 7"]),
    ({"key": 0}, ["key", r"attn\.z", "B, H, T, D"]),
    ({"name": f"{A1}.c_proj", "head": 1}, ["head", r"attn\.c_proj", "B, T, C"]),
    ({"name": f"{A1}.pattern", "channel": 1}, ["channel", r"attn\.pattern", "B, H, T, T"]),
    ({"name": f"{A1}.pattern", "key": T}, ["key", rf"\b{T}\b"]),
    ({"name": "transformer.wpe", "head": 0}, ["head", r"transformer\.wpe"]),
    ({"how": "set", "value": torch.zeros(5)}, [r"\(5,\)", r"\(2, 4, 9, 8\)"]),
    ({"how": "add", "value": torch.zeros(3, 1, 1, 1)}, [r"\(3, 1, 1, 1\)", r"\(2, 4, 9, 8\)"]),
    ({"how": "set", "value": torch.zeros(9, 8), "head": 1, "position": 6}, [r"\(9, 8\)", r"\(2, 8\)"]),
    ({"how": "scale", "value": torch.zeros(2, 2, 4, 9, 8)}, [r"\(2, 2, 4, 9, 8\)", r"\(2, 4, 9, 8\)"]),
    ({"how": "set", "value": torch.zeros(2), "position": [1, 2, 3]}, [r"\(2,\)", r"\(2, 4, 3, 8\)"]),
]


def second_of_two(model: gptcore.GPT, fields: dict[str, Any], previous: gptcore.Trace | None) -> gptcore.Trace:
    """Capture a run under an edit that can be applied and another."""
    edits = [gptcore.Edit("lm_head", "zero"), gptcore.Edit(**fields)]
    return gptcore.capture(model, IDS, edits=edits, previous=previous)


@pytest.mark.parametrize(("fields", "parts"), REFUSED, ids=lambda case: str(case)[:80])
def test_an_edit_that_cannot_be_applied_is_a_sentence(fields: dict[str, Any], parts: list[str]) -> None:
    model = twin(reference())
    plain = capture(model, IDS)
    for previous in (None, plain):
        with pytest.raises(ValueError, match=r".") as refused:
            second_of_two(model, {"name": f"{A1}.z", "how": "zero"} | fields, previous)
        for part in parts:
            assert re.search(part, str(refused.value)), f"no {part} in {refused.value}"
    again = capture(model, IDS, previous=plain)
    assert difference(again.logits, run(reference(), IDS)["lm_head"]) <= 1e-9


def two(length: int) -> Tensor:
    """Return a batch of two equal prompts."""
    return torch.tensor([LONG[:length]] * 2)


def test_a_patch_that_does_not_fit_is_a_sentence() -> None:
    model = twin(reference())
    name = "transformer.h.1.resid_post"
    fits = capture(model, two(T))
    gptcore.capture(model, IDS, edits=[gptcore.Edit(name, "patch", fits, position=6)])
    for other, parts in (
        (capture(model, two(T - 1)), [rf"\b{T - 1}\b", rf"\b{T}\b"]),
        (capture(model, two(T + 1)), [rf"\b{T + 1}\b", rf"\b{T}\b"]),
        (capture(model, LONG[:T]), [r"\b1\b", r"\b2\b"]),
        (capture(twin(reference(seed=1)), two(T)), ["model"]),
        (capture(twin(reference(n_head=2)), two(T)), ["model"]),
        (capture(model, two(T), names=["transformer.h.0.ln_1"]), [r"resid_post"]),
    ):
        for previous in (None, fits):
            with pytest.raises(ValueError, match=r".") as refused:
                gptcore.capture(model, IDS, edits=[gptcore.Edit(name, "patch", other, position=6)], previous=previous)
            for part in parts:
                assert re.search(part, str(refused.value)), f"no {part} in {refused.value}"


@pytest.mark.parametrize("edits", ["zero", [("lm_head", "zero")], [None], 3])
def test_what_is_no_list_of_edits_is_told(edits: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        gptcore.capture(twin(reference()), IDS, edits=edits)
