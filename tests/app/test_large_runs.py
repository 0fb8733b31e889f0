"""Large runs on a server that limits memory: little is kept of them, the rest is derived, and all numbers are true."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch

from app.panels import growing, strips, tensor_slice, thumbnails
from app.session import costs, prompt_run
from app.session.actions import Type
from app.session.change_actions import AddChange
from app.session.explorer import Explorer
from app.session.map_actions import Select
from app.stores.limits import Limits
from app.stores.speed import Speed
from gptcore import Edit, GPTConfig, Trace, architecture, capture
from tests.lopsided import LONG, checkpoint_of, lopsided

LITTLE = Limits(memory=1e9)
LONG_CONTEXT = GPTConfig(block_size=60_000, vocab_size=27, n_layer=1, n_head=4, n_embd=4)
heatmaps = import_module("app.components.matrix.heatmap")  # a function has its name, too


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every run count as a large one."""
    monkeypatch.setattr(costs, "EVERYTHING", 0.0)
    monkeypatch.setattr(prompt_run, "LARGE", 0.0)


def test_a_large_run_keeps_what_its_other_tensors_are_computed_from() -> None:
    ckpt = checkpoint_of(lopsided())
    me, free = Explorer(ckpt, LONG, limits=LITTLE), Explorer(ckpt, LONG)
    run, whole = me.shown.trace, free.shown.trace
    assert run.nbytes() < whole.nbytes() / 2
    assert [*run] == [*whole]
    for name in whole:
        torch.testing.assert_close(run[name], whole[name], atol=1e-5, rtol=1e-5, equal_nan=True)
    assert run.nbytes() == costs.held(ckpt.config, run.T, costs.kept(ckpt.config, run.T, 1e9))
    np.testing.assert_allclose(me.shown.thumbnails.weights, free.shown.thumbnails.weights, atol=1e-5)


def test_a_run_that_grows_large_keeps_no_more_than_a_fresh_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ckpt = checkpoint_of(lopsided())
    monkeypatch.setattr(costs, "EVERYTHING", costs.held(ckpt.config, 5))
    me = Explorer(ckpt, "abcab", limits=LITTLE)
    everything = me.shown.trace.nbytes()
    me.apply(Type("abcabc"))
    assert me.shown.trace.reused == 5
    assert me.shown.trace.nbytes() < everything
    name = "transformer.h.1.mlp.gelu"
    torch.testing.assert_close(me.shown.trace[name], capture(ckpt.model, me.shown.ids)[name])


def test_changes_are_made_to_a_large_run() -> None:
    ckpt, edit = checkpoint_of(lopsided()), Edit("transformer.h.1.attn.z", "zero", head=1)
    me = Explorer(ckpt, "abcab", limits=LITTLE)
    me.apply(AddChange(edit))
    assert me.notice is None
    whole = capture(ckpt.model, me.shown.ids, edits=[edit])
    for name in ("transformer.h.1.mlp.gelu", "transformer.h.2.attn.pattern", "lm_head"):
        torch.testing.assert_close(me.shown.trace[name], whole[name], atol=1e-5, rtol=1e-5)


def test_a_run_whose_place_another_one_takes_is_freed_and_made_anew_for_whoever_reads_it() -> None:
    ckpt = checkpoint_of(lopsided())
    me = Explorer(ckpt, "abcab", limits=LITTLE)
    old, ids, held = me.shown, me.shown.ids, me.shown.trace.nbytes()
    me.apply(Type("cabab"))
    assert me.shown is not old
    assert old.trace.nbytes() < held / 10
    assert old.trace.ids.tolist() == [ids]
    assert old.trace["transformer.h.1.mlp"].allclose(capture(ckpt.model, ids)["transformer.h.1.mlp"], atol=1e-6)
    me.apply(Type("cababa"))
    assert me.shown.trace.reused == 5  # of which nothing is let go


def test_a_changed_run_is_made_anew_with_its_changes() -> None:
    ckpt, edit = checkpoint_of(lopsided()), Edit("transformer.h.1.attn.z", "zero", head=1)
    me = Explorer(ckpt, "abcab", limits=LITTLE)
    me.apply(AddChange(edit))
    old, ids = me.shown, me.shown.ids
    me.apply(Type("cabab"))
    whole = capture(ckpt.model, ids, edits=[edit])
    for name in ("transformer.h.1.mlp.gelu", "transformer.h.2.attn.pattern"):
        torch.testing.assert_close(old.trace[name], whole[name], atol=1e-5, rtol=1e-5)
    assert old.unchanged["transformer.h.1.mlp.gelu"].allclose(capture(ckpt.model, ids)["transformer.h.1.mlp.gelu"])


def test_a_token_is_run_without_and_with_the_changes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ckpt, edit = checkpoint_of(lopsided()), Edit("transformer.h.1.attn.z", "zero", head=1)
    me = Explorer(ckpt, "abcab")
    me.apply(AddChange(edit))
    with monkeypatch.context() as patch:
        patch.setattr(prompt_run, "capture", lambda *args, **more: pytest.fail("a run was made alone"))
        me.apply(Type("abcabc"))
        me.apply(Type("abcacba"))
    ids, name = me.shown.ids, "transformer.h.2.mlp.gelu"
    torch.testing.assert_close(me.shown.trace[name], capture(ckpt.model, ids, edits=[edit])[name], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(me.shown.unchanged[name], capture(ckpt.model, ids)[name], atol=1e-5, rtol=1e-5)
    assert not me.shown.trace[name].allclose(me.shown.unchanged[name], atol=1e-3)
    me.apply(AddChange(Edit("transformer.h.0.mlp", "zero")))
    me.apply(Type("abc"))
    both = [edit, Edit("transformer.h.0.mlp", "zero")]
    after = capture(ckpt.model, me.shown.ids, edits=both)
    torch.testing.assert_close(me.shown.trace[name], after[name], atol=1e-5, rtol=1e-5)


def test_a_run_is_not_made_where_the_stage_would_cost_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    ckpt = checkpoint_of(lopsided())
    me = Explorer(ckpt, "ab")
    me.apply(Select("probs"))
    arch, T = architecture(ckpt.config), 9
    run, stage = costs.of_run(ckpt.config, T, T), costs.of_stage(arch, me.location, T)
    slow = Limits(seconds=(run.cells + stage.cells / 2) / 1e6, speed=lambda: Speed(1e15, 1e6))
    object.__setattr__(me._model, "limits", slow)
    monkeypatch.setattr(prompt_run, "capture", lambda *args, **more: pytest.fail("it was run"))
    me.apply(Type("cabcabcab"))
    assert me.notice is not None
    assert "Probs of 9 tokens would compute" in me.notice["text"]


# In pieces, of which each takes little memory


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    for room, name in ((growing, "PIECE"), (growing, "WIDE"), (strips, "PIECE"), (heatmaps, "AT_ONCE")):
        monkeypatch.setattr(room, name, 24)


@pytest.mark.usefixtures("small_pieces")
def test_what_is_computed_in_pieces_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heatmaps, "MAX_VALUES", 10)
    monkeypatch.setattr(heatmaps, "MAX_PIXELS", (4, 5))
    ckpt = checkpoint_of(lopsided())
    arch, trace = architecture(ckpt.config), capture(ckpt.model, [3, 1, 4, 1, 5, 2, 6, 5, 3, 5, 2])
    names = [
        arch.named("pattern", 1),
        arch.named("masked scores", 1),
        arch.named("query", 2),
        arch.named("residual", 0),
    ]

    def drawn() -> list[object]:
        slices = [tensor_slice.of_trace(trace, name, 1, by) for name in names for by in ("weight", "row")]
        pooled = strips.update(None, trace, None, tuple(names[2:]), 1).pooled
        return [*slices, thumbnails.update(None, trace), [pooled[name] for name in names[2:]]]

    *few, small, thin = drawn()
    for room, name in ((growing, "PIECE"), (growing, "WIDE"), (strips, "PIECE"), (heatmaps, "AT_ONCE")):
        monkeypatch.setattr(room, name, 10**9)
    *whole, large, thick = drawn()
    for one, other in zip(few, whole, strict=True):
        np.testing.assert_allclose(one.matrix, other.matrix, atol=1e-6)  # type: ignore[attr-defined]
        assert one.heat.block == other.heat.block  # type: ignore[attr-defined]
        np.testing.assert_array_equal(one.heat.pixels, other.heat.pixels)  # type: ignore[attr-defined]
        told, known = one.statistics, other.statistics  # type: ignore[attr-defined]
        assert told.others == known.others
        assert (told.mean, told.std, told.low, told.high) == pytest.approx(
            (known.mean, known.std, known.low, known.high), rel=1e-5
        )
    np.testing.assert_allclose(small.weights, large.weights, atol=1e-6)  # type: ignore[attr-defined]
    for one, other in zip(thin, thick, strict=True):  # type: ignore[call-overload]
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("role", ["pattern", "masked scores", "query"])
def test_a_matrix_that_grows_is_that_of_a_fresh_run(role: str) -> None:
    model = lopsided()
    name = architecture(model.config).named(role, 1)  # type: ignore[arg-type]
    before = None
    for ids in ([3, 1, 4, 1], [3, 1, 4, 1, 5, 2], [3, 1, 2], [3, 1, 2, 6, 6, 5, 3]):
        trace = capture(model, ids)
        before = growing.rows_of(trace, model, name, 1, before)
        fresh = growing.rows_of(trace, model, name, 1, None)
        # a row of its own is rounded otherwise than one of many, by a last digit or two of float32
        np.testing.assert_allclose(before.rows, fresh.rows, rtol=1e-5, atol=1e-6)


def test_a_long_run_is_made_in_parts_where_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    ckpt, made = checkpoint_of(lopsided()), list[int]()
    config = ckpt.config
    monkeypatch.setattr(costs, "LONG", config.n_head * 9.0 * 9)
    monkeypatch.setattr(costs, "PART", config.n_head * 10 * 4.0)

    def counted(model: Any, ids: list[int], **more: Any) -> Trace:
        made.append(len(ids))
        return capture(model, ids, **more)

    monkeypatch.setattr(prompt_run, "capture", counted)
    fair = Limits(seconds=1e9, speed=lambda: Speed(1e9, 1e9))
    me = Explorer(ckpt, "abcabcabc", limits=fair)
    assert made == [9]
    me.apply(Type("cabcabcabb"))
    assert made == [9, 4, 8, 10]
    whole = Explorer(ckpt, "cabcabcabb")
    assert made == [9, 4, 8, 10, 10]
    for name in whole.shown.trace:
        torch.testing.assert_close(me.shown.trace[name], whole.shown.trace[name], atol=1e-5, rtol=1e-5, equal_nan=True)
    np.testing.assert_allclose(me.shown.thumbnails.weights, whole.shown.thumbnails.weights, atol=1e-5)


def test_a_run_in_parts_costs_its_scores_twice_and_the_memory_of_a_part() -> None:
    short, long = (costs.of_run(LONG_CONTEXT, T, T) for T in (1900, 2100))
    assert long.cells > 1.7 * short.cells
    assert long.memory < short.memory + 6 * 4 * costs.PART
