"""Edited runs that take over from earlier traces: as a fresh run would be, whatever was edited before, and cheaper."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import gptcore
from gptcore import GPT, Trace, capture
from tests.capture.edit_cases import CUT, IDS, LONG, NODES, at_length, changes, edit_of, edited
from tests.capture.reference_edits import Change, difference, differing, reference, run, twin

pytestmark = pytest.mark.usefixtures("shapes_by_hand")
BOUND = 1e-9
A1 = "transformer.h.1.attn"
PROMPT = [3, 1, 4, 1, 5, 9, 2, 6, 53, 58, 9, 7]


def assert_as_by_hand(trace: Trace, made: Sequence[Change], bound: float = BOUND) -> None:
    with torch.no_grad():
        expected = run(reference(), trace.ids, made)
    off = differing(trace, expected, bound, only=trace)
    assert not off, f"{made}: {off}"


GROWN = [
    [Change(f"{A1}.z", "zero", head=1)],
    [Change(f"{A1}.z", "zero", head=1, position=2)],
    [Change(f"{A1}.masked", "set", CUT, head=2, position=3, key=1)],
    [Change(f"{A1}.masked", "set", CUT, position=slice(1, None), key=0)],
    [Change(f"{A1}.pattern", "set", 0.5, position=slice(4, 9), key=[0, 3])],
    [Change(f"{A1}.k", "scale", 3.0, position=1)],
    [Change(f"{A1}.k_t", "add", 1.0, channel=2)],
    [Change("transformer.h.0.resid_post", "scale", 1.5, position=slice(6, None), channel=[3, 8])],
    [Change("transformer.h.2", "add", 1.0, channel=5), Change("transformer.wpe", "zero", position=slice(0, 2))],
    [Change("transformer.h", "add", 1.0, channel=5), Change("lm_head", "scale", 2.0, position=3)],
    # what a position counted from the end means changes with each token
    [Change("transformer.h.1.mlp", "zero", position=-1)],
    [Change("transformer.h.0.resid_pre", "add", 1.0, position=slice(-3, -1), channel=0)],
    [Change(f"{A1}.masked", "set", CUT, position=-1, key=-2)],
    # queries that see keys behind them: each new token changes what stood before it
    [Change(f"{A1}.masked", "zero")],
    [Change(f"{A1}.pattern", "add", 0.1, head=3)],
    [Change("transformer.h.0.attn.attn_dropout", "set", 0.2, position=1)],
    [Change(f"{A1}.masked", "set", 0.5, head=0, position=slice(0, 3), key=slice(3, None))],
    [Change(f"{A1}.masked", "set", 0.5, position=2, key=[0, 6])],
    [Change(f"{A1}.scores", "add", 2.0, head=0, position=2)],  # before the mask, so the future stays hidden
]


@pytest.mark.parametrize("made", GROWN, ids=lambda made: " ".join(f"{c.name}-{c.how}" for c in made))
def test_growing_token_by_token(made: list[Change]) -> None:
    model = twin(reference())
    trace = edited(model, torch.tensor([PROMPT[:7]]), made)
    for T in range(8, len(PROMPT) + 1):
        older, before = trace, trace.logits
        trace = edited(model, torch.tensor([PROMPT[:T]]), made, previous=older)
        assert_as_by_hand(trace, made)
        assert torch.equal(older.logits, before)
    for ids in (PROMPT[:9], [*PROMPT[:5], 60, 59, 58], PROMPT[:7], [*PROMPT[:7], 1, 2, 3], PROMPT):  # delete, retype
        trace = edited(model, torch.tensor([ids]), made, previous=trace)
        assert_as_by_hand(trace, made)


def test_growing_with_patches_of_each_length() -> None:
    model = twin(reference())
    trace = None
    for T in range(3, 12):
        made = [
            Change("transformer.h.1.resid_pre", "patch", (LONG[:T],), position=2),
            Change(f"{A1}.pattern", "patch", (LONG[:T],), head=2, position=slice(1, None)),
        ]
        trace = edited(model, torch.tensor([PROMPT[:T]]), made, previous=trace)
        assert_as_by_hand(trace, made)


@pytest.mark.parametrize("name", NODES)
def test_an_edit_that_moves_leaves_nothing_behind(name: str) -> None:
    """A slider over the value, then over the place, then no edit, then the first one again."""
    model, ids = twin(reference()), IDS
    trace = capture(model, ids)
    sliders = [
        *([Change(name, "scale", value, position=3)] for value in (0.5, 1.0, 2.0)),
        *([Change(name, "add", 1.0, position=position)] for position in (0, 5, 8)),
        [],
        [Change(name, "scale", 0.5, position=3)],
        [Change(name, "scale", 0.5, position=3), Change("transformer.h.0.mlp", "add", 0.2, channel=1)],
        [Change("transformer.h.2.ln_2", "add", 0.2, channel=1)],
    ]
    for made in sliders:
        trace = edited(model, ids, made, previous=trace)
        assert_as_by_hand(trace, made)


@pytest.mark.parametrize("opened", ["masked", "pattern", "attn_dropout"])
def test_a_late_edit_reaches_earlier_queries_that_see_it(opened: str) -> None:
    """Query 2 sees key 6, so what is changed at position 6 changes position 2 in all layers above."""
    model, ids = twin(reference()), torch.tensor([PROMPT])
    window = Change(f"{A1}.{opened}", "set", 0.4, position=2, key=6)
    late = [Change("transformer.h.0.mlp", "add", value, position=6, channel=3) for value in (1.0, 2.0)]
    above = Change("transformer.h.2.mlp", "add", 1.0, position=9, channel=3)
    trace = capture(model, ids)
    for made in (
        [window],
        [window, late[0]],
        [window, late[1]],
        [late[1]],
        [late[0], window],
        [window, above],
        [above],
    ):
        trace = edited(model, ids, made, previous=trace)
        assert_as_by_hand(trace, made)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[int, list[int], list[Change], int, bool]]:
    """Draw steps: tokens kept and typed, edits, the number of the earlier trace to take over from, all names or few."""
    step = st.tuples(
        st.integers(0, 14),
        st.lists(st.integers(0, 60), max_size=5),
        st.lists(changes(T=12, least=6), max_size=2),
        st.integers(0, 9),
        st.sampled_from([True, True, True, False]),
    )
    return draw(st.lists(step, min_size=2, max_size=7))


@settings(max_examples=40)
@given(histories())
def test_whatever_was_edited_before(history: list[tuple[int, list[int], list[Change], int, bool]]) -> None:
    """Edits come, change and go while the prompt grows and shrinks, from any earlier trace."""
    model = twin(reference())
    ids, traces, lists = PROMPT[:6], [capture(model, PROMPT[:6])], [[Change("", "")]]
    for keep, typed, made, which, everything in history:
        ids = [*PROMPT[:6], *ids[6 : max(6, keep)], *typed][:20]
        # each list of edits returns now and then, so that traces of equal edits meet
        made = [at_length(change, len(ids)) for change in (made or lists[which % len(lists)]) if change.name]
        trace = edited(
            model,
            torch.tensor([ids]),
            made,
            previous=traces[which % len(traces)],
            names=None if everything else ["transformer.h.1.attn.pattern", "lm_head"],
        )
        assert trace.edits == () or len(trace.edits) == len(made)
        assert_as_by_hand(trace, made)
        traces.append(trace)
        lists.append(made)
    assert_as_by_hand(traces[0], [])


def test_numbers_of_an_edit_that_change_in_place_are_not_reused() -> None:
    """An edit is a value: what is done to the tensor it was made from reaches neither it nor a trace."""
    model, numbers = twin(reference()), torch.full((8,), 2.0, dtype=torch.float64)
    edit = gptcore.Edit(f"{A1}.z", "set", numbers, head=1)
    trace = gptcore.capture(model, IDS, edits=[edit])
    numbers.mul_(5)
    again = gptcore.capture(model, IDS, edits=[edit], previous=trace)
    fresh = gptcore.capture(model, IDS, edits=[edit])
    assert_as_by_hand(again, [Change(f"{A1}.z", "set", 2.0, head=1)])
    assert not differing(again, dict(fresh), BOUND)
    other = gptcore.capture(model, IDS, edits=[gptcore.Edit(f"{A1}.z", "set", numbers, head=1)], previous=trace)
    assert_as_by_hand(other, [Change(f"{A1}.z", "set", 10.0, head=1)])


@pytest.mark.parametrize("edit_first", [True, False])
def test_changed_weights_are_noticed_under_edits(edit_first: bool) -> None:
    model, made = twin(reference()), [Change("transformer.h.2.mlp", "scale", 2.0)]
    trace = edited(model, IDS, made if edit_first else [])
    with torch.no_grad():
        model.transformer.h[0].mlp.c_fc.weight.mul_(1.5)
    now = [] if edit_first else made
    again = edited(model, IDS, now, previous=trace)
    assert not differing(again, dict(edited(model, IDS, now)), BOUND)
    assert again.reused == 0


def test_another_model_and_batch_reuse_nothing() -> None:
    model, made = twin(reference()), [Change(f"{A1}.z", "zero", head=1)]
    trace = edited(model, IDS[:1], made)
    assert edited(twin(reference()), IDS[:1], made, previous=trace).reused == 0
    both = edited(model, IDS, made, previous=trace)
    assert both.reused == 0
    assert_as_by_hand(both, made)


# What is saved


@contextmanager
def counted(model: GPT) -> Iterator[Counter[int]]:
    """Count the rows that pass each layer's MLP."""
    rows: Counter[int] = Counter()

    def count(layer: int, forward: Any) -> Any:
        def counting(x: Tensor) -> Tensor:
            rows[layer] += x.size(1)
            return forward(x)

        return counting

    layers = [block.mlp.c_fc for block in model.transformer.h]
    for i, layer in enumerate(layers):
        layer.forward = count(i, layer.forward)
    try:
        yield rows
    finally:
        for layer in layers:
            del layer.forward


def test_layers_below_an_edit_are_not_run_again() -> None:
    model = twin(reference())
    made, later = ([Change("transformer.h.2.attn.pattern", "scale", by, head=1)] for by in (0.5, 0.7))
    plain = capture(model, PROMPT)
    T = len(PROMPT)
    with counted(model) as rows:
        capture(model, PROMPT)
        assert rows == {0: T, 1: T, 2: T}
    with counted(model) as rows:
        first = edited(model, plain.ids, made, previous=plain)
        second = edited(model, plain.ids, later, previous=first)
        back = capture(model, plain.ids, previous=second)
    assert rows[0] == rows[1] == 0
    assert rows[2] <= 3 * T
    assert_as_by_hand(first, made)
    assert_as_by_hand(back, [])


def test_positions_before_an_edit_are_not_run_again() -> None:
    model = twin(reference())
    plain = capture(model, PROMPT)
    made = [Change("transformer.h.0.resid_mid", "add", 1.0, position=9, channel=3)]
    with counted(model) as rows:
        trace = edited(model, plain.ids, made, previous=plain)
    assert max(rows.values()) <= len(PROMPT) - 9
    assert_as_by_hand(trace, made)


def test_one_more_token_under_edits_is_one_row() -> None:
    model = twin(reference())
    made = [Change(f"{A1}.z", "zero", head=1), Change("transformer.h.0.mlp.gelu", "add", 0.5, position=3)]
    trace = edited(model, torch.tensor([PROMPT[:8]]), made)
    with counted(model) as rows:
        longer = edited(model, torch.tensor([PROMPT[:9]]), made, previous=trace)  # edits that are equal, not the same
    assert rows == {0: 1, 1: 1, 2: 1}
    assert longer.reused == 8
    assert_as_by_hand(longer, made)


def test_names_that_are_few_grow_too() -> None:
    model, wanted = twin(reference()), ["transformer.h.1.attn.pattern", "probs"]
    trace = capture(model, PROMPT[:8], names=wanted)
    with counted(model) as rows:
        for T in range(9, len(PROMPT) + 1):
            trace = gptcore.capture(model, PROMPT[:T], names=wanted, previous=trace)
            assert trace.reused == T - 1
    assert all(rows[layer] == len(PROMPT) - 8 for layer in range(3))
    assert_as_by_hand(trace, [])
    assert "transformer.h.0.mlp.gelu" not in trace
    fresh = capture(model, PROMPT, names=wanted)
    assert list(trace) == list(fresh)
    for more in (None, ["transformer.h.0.mlp.gelu"]):
        wider = capture(model, PROMPT, names=more, previous=trace)
        assert set(wider) >= set(capture(model, PROMPT, names=more))
        assert_as_by_hand(wider, [])
    from_all = capture(model, [*PROMPT, 1], names=wanted, previous=capture(model, PROMPT))
    assert from_all.reused == len(PROMPT)


# Memory


def test_a_slider_keeps_no_history() -> None:
    model = twin(reference())
    trace = capture(model, PROMPT)
    fresh = trace.nbytes()
    seen = []
    for i in range(60):
        edit = gptcore.Edit("transformer.h.1.attn.z", "scale", i / 10, head=2)
        trace = gptcore.capture(model, trace.ids, edits=[edit], previous=trace)
        assert trace.nbytes() <= 2 * fresh
        seen.append(weakref.ref(trace))
    gc.collect()
    assert sum(ref() is not None for ref in seen) <= 2


def test_a_patch_keeps_its_numbers_when_the_other_trace_is_gone() -> None:
    model, made = twin(reference()), Change("transformer.h.1.resid_post", "patch", (LONG[:9],), position=6)
    edit = edit_of(model, made)
    gc.collect()
    trace = gptcore.capture(model, IDS[:1], edits=[edit])
    assert_as_by_hand(trace, [made])
    assert difference(trace.rows("lm_head", 8, 9), trace.logits[:, 8:]) <= 1e-12
