"""Edited runs, number by number against GPT-2 with the same change made by hand (`reference_edits`), float64."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import gptcore
from gptcore import Trace, capture
from tests.capture.edit_cases import CUT, HOWS, IDS, LONG, NODES, T, cases, change, changes, edited
from tests.capture.reference_edits import (
    FIXED,
    Change,
    axis_of,
    difference,
    differing,
    names,
    reference,
    run,
    twin,
)

pytestmark = pytest.mark.usefixtures("shapes_by_hand")
BOUND = 1e-9
A1 = "transformer.h.1.attn"


def assert_as_by_hand(trace: Trace, ids: Tensor, made: Sequence[Change], bound: float = BOUND, **options: Any) -> None:
    with torch.no_grad():
        expected = run(reference(**options), ids, made)
    assert not any(tensor[..., :-1].isnan().any() for tensor in expected.values()), "a test of NaN proves nothing"
    off = differing(trace, expected, bound, only=trace)
    assert not off, f"{made}: {off}"


# Every node, every how, every selector


@pytest.mark.parametrize("name", NODES)
def test_each_kind_of_node(name: str) -> None:
    """One prompt and two, in turn."""
    model = twin(reference())
    plain = [run(reference(), IDS[:B]) for B in (1, 2)]
    for i, (one, both) in enumerate(zip(cases(name, 1), cases(name, 2), strict=True)):
        made, ids = (one, IDS[:1]) if i % 2 else (both, IDS)
        trace = edited(model, ids, [made])
        assert_as_by_hand(trace, ids, [made])
        if (name, made.how) != ("transformer.wpe", "patch"):  # all prompts share it
            assert difference(trace[name], plain[len(ids) - 1][name]) > 1e-4, f"{made} changes nothing"


@pytest.mark.parametrize(
    "options",
    [
        {"activation_function": "gelu"},
        {"bias": False, "tie_word_embeddings": False},
        {"n_layer": 1, "n_head": 1, "layer_norm_epsilon": 1e-2, "embedding": 0.01},
    ],
    ids=str,
)
def test_each_kind_of_node_of_other_models(options: dict[str, Any]) -> None:
    model = twin(reference(**options), bias=options.get("bias", True))
    last = model.config.n_layer - 1
    for name in names(model.config.n_layer):
        if name in FIXED or (".h." in name and f".h.{last}" not in name):
            continue
        made = [Change(name, "add", 0.7, position=slice(2, 5)), Change(name, "scale", 1.5)]
        assert_as_by_hand(edited(model, IDS, made), IDS, made, **options)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_tensor_that_passes_through_shows_its_change_from_its_name_on(layer: int) -> None:
    """`resid_post`, the block and the next block's `resid_pre` are one tensor under three names; and so on."""
    model, block = twin(reference()), f"transformer.h.{layer}"
    after = f"transformer.h.{layer + 1}.resid_pre" if layer < 2 else "transformer.h"
    for chain in (
        [f"{block}.resid_post", block, after],
        [f"{block}.attn.z", f"{block}.attn.sdpa"],
        [f"{block}.attn.c_proj", f"{block}.attn.resid_dropout", f"{block}.attn"],
        [f"{block}.attn.pattern", f"{block}.attn.attn_dropout"],
        [f"{block}.mlp.c_proj", f"{block}.mlp.dropout", f"{block}.mlp"],
        ["transformer.embed", "transformer.drop", "transformer.h.0.resid_pre"],
    ):
        plain = capture(model, IDS)
        for i, name in enumerate(chain):
            trace = gptcore.capture(model, IDS, edits=[gptcore.Edit(name, "add", 1.0, position=3)])
            for j, other in enumerate(chain):
                moved = (trace[other] - plain[other]).abs().max().item()
                assert abs(moved - (1.0 if j >= i else 0.0)) < BOUND, f"an edit at {name} moves {other} by {moved}"


# Several at once


@settings(max_examples=40)
@given(st.lists(changes(), min_size=1, max_size=4))
def test_several_at_once(made: list[Change]) -> None:
    assert_as_by_hand(edited(twin(reference()), IDS[:1], made), IDS[:1], made)


@pytest.mark.parametrize("name", [f"{A1}.k", f"{A1}.pattern", "transformer.h.1.mlp.gelu", "transformer.h.1", "lm_head"])
def test_the_order_counts_at_one_tensor(name: str) -> None:
    model, first, second = twin(reference()), Change(name, "add", 1.0, position=4), Change(name, "scale", 3.0)
    results = [edited(model, IDS, made) for made in ([first, second], [second, first])]
    assert_as_by_hand(results[0], IDS, [first, second])
    assert_as_by_hand(results[1], IDS, [second, first])
    assert difference(results[0][name], results[1][name]) == pytest.approx(2)


def test_no_edits_are_none() -> None:
    model = twin(reference())
    assert_as_by_hand(gptcore.capture(model, IDS, edits=[]), IDS, [])
    assert_as_by_hand(gptcore.capture(model, IDS, edits=()), IDS, [])


# Edges


def test_an_edge_that_is_cut() -> None:
    model = twin(reference())
    cut = Change(f"{A1}.masked", "set", CUT, head=2, position=7, key=3)
    trace = edited(model, IDS, [cut])
    assert_as_by_hand(trace, IDS, [cut])
    pattern = trace[f"{A1}.pattern"]
    assert (pattern[:, 2, 7, 3] == 0).all()
    assert torch.allclose(pattern.sum(-1), torch.ones_like(pattern.sum(-1)), atol=1e-12)
    assert (capture(model, IDS)[f"{A1}.pattern"][:, 2, 7, 3] > 0).all()


def test_edges_that_are_cut() -> None:
    cuts = [
        Change(f"{A1}.masked", "set", CUT, head=[0, 3], position=slice(4, None), key=[0, 2]),
        Change(f"{A1}.masked", "set", CUT, position=8, key=slice(5, 8)),
        Change("transformer.h.2.attn.masked", "set", CUT, head=1, position=[3, 5], key=3),
        Change("transformer.h.0.attn.masked", "set", CUT, position=slice(1, None), key=0),
    ]
    for n in range(1, 5):
        assert_as_by_hand(edited(twin(reference()), IDS, cuts[:n]), IDS, cuts[:n])


def test_a_window_opened_into_the_future_is_open() -> None:
    """A masked score that is set to a number lets a query see a later key: it is what was asked for."""
    opened = Change(f"{A1}.masked", "set", 1.0, head=1, position=2, key=6)
    trace = edited(twin(reference()), IDS, [opened])
    assert_as_by_hand(trace, IDS, [opened])
    assert (trace[f"{A1}.pattern"][:, 1, 2, 6] > 0).all()


# Values


def test_values_for_the_selected_part() -> None:
    """Numbers spread over the part as PyTorch does; an axis that an int picks is absent."""
    model, z = twin(reference()), f"{A1}.z"
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    for how in ("set", "scale", "add"):
        for made in (
            Change(z, how, draw(8), head=1, position=6),
            Change(z, how, draw(2, 8), head=1, position=6),
            Change(z, how, draw(8), head=[0, 2]),
            Change(z, how, draw(2, 4, T, 8)),
            Change(z, how, draw(2, 1, 3, 8), head=[1, 3], position=slice(2, 5)),
            Change(z, how, draw(2, 3), position=slice(4, 7), head=2, channel=0),
            Change(z, how, torch.tensor(0.7)),
            Change("transformer.wpe", how, draw(3, 32), position=[1, 2, 6]),
            Change(f"{A1}.scores", how, draw(T), head=0, position=5),
            Change(f"{A1}.k_t", how, draw(4, 8, 1), position=[5]),
            Change("lm_head", how, draw(61), position=-1),
        ):
            assert_as_by_hand(edited(model, IDS, [made]), IDS, [made])


def test_a_value_of_another_precision_is_taken_as_a_number() -> None:
    model, whole = twin(reference()), torch.arange(8)
    for value in (whole, whole.float(), whole.half()):
        made = Change(f"{A1}.q", "set", value, head=1)
        assert_as_by_hand(edited(model, IDS, [made]), IDS, [made])


# Patches


def test_a_patch_takes_the_other_traces_numbers() -> None:
    model = twin(reference())
    other = capture(model, torch.tensor([LONG[:T]]))
    for name in NODES:
        trace = gptcore.capture(model, IDS[:1], edits=[gptcore.Edit(name, "patch", other, position=6)])
        axis = axis_of(name, "position")
        assert torch.equal(trace[name].select(axis, 6), other[name].select(axis, 6)), name


def test_a_patch_of_everything_is_the_other_run_from_there_on() -> None:
    model = twin(reference())
    other = capture(model, torch.tensor([LONG[:T]]))
    for name in ("transformer.h.1.resid_post", "transformer.h.2.resid_pre", "transformer.ln_f", "lm_head"):
        trace = gptcore.capture(model, IDS[:1], edits=[gptcore.Edit(name, "patch", other)])
        assert difference(trace.logits, other.logits) <= BOUND
        assert not torch.equal(trace["transformer.embed"], other["transformer.embed"])


def test_a_patch_from_an_edited_trace_takes_what_was_edited() -> None:
    model, name = twin(reference()), "transformer.h.1.attn.z"
    source = [Change(name, "scale", 3.0, head=2), Change("transformer.h.0.mlp", "zero")]
    numbers = run(reference(), IDS, source)[name].detach()
    other = edited(model, IDS, source)
    trace = gptcore.capture(model, IDS, edits=[gptcore.Edit(name, "patch", other, head=2)])
    assert_as_by_hand(trace, IDS, [Change(name, "set", numbers[:, 2], head=2)])


def test_a_patch_from_oneself_changes_nothing() -> None:
    model = twin(reference())
    plain = capture(model, IDS)
    for name in NODES:
        trace = gptcore.capture(model, IDS, edits=[gptcore.Edit(name, "patch", plain)])
        assert not differing(trace, {other: plain[other] for other in plain}, BOUND), name


# Reading


@pytest.mark.parametrize("name", NODES)
def test_rows_are_rows_of_the_whole(name: str) -> None:
    trace = edited(
        twin(reference()), IDS, [change(name, "add", position=5), change(name, "scale", position=slice(2, 4))]
    )
    for other in trace:
        axis, whole = axis_of(other, "position"), trace[other]
        for start, stop in ((0, 2), (3, 6), (5, 6), (6, T), (T - 1, T)):
            assert difference(trace.rows(other, start, stop), whole.narrow(axis, start, stop - start)) <= 1e-12, other


def test_what_is_read_is_a_copy() -> None:
    trace = edited(twin(reference()), IDS, [Change(f"{A1}.pattern", "add", 0.5, position=3)])
    for name in trace:
        before = trace[name]
        trace[name].zero_()
        assert difference(trace[name], before) == 0, name


def test_only_what_is_named_is_held() -> None:
    model, made = (
        twin(reference()),
        [Change(f"{A1}.z", "zero", head=1), Change("transformer.h.2.attn.scaled", "add", 2.0)],
    )
    for wanted in (["transformer.h.2.attn.pattern"], ["transformer.h.1.attn.z", "lm_head"], ["probs"], ["idx"]):
        trace = edited(model, IDS, made, names=wanted)
        assert set(wanted) <= set(trace)
        assert_as_by_hand(trace, IDS, made)
    assert trace.nbytes() < 0.5 * edited(model, IDS, made).nbytes()


def test_one_token() -> None:
    model, positions = twin(reference()), (None, 0, -1, slice(-3, 1))
    for i, name in enumerate(NODES):
        made = change(name, ("add", "scale", "set")[i % 3], position=positions[i % 4])
        assert_as_by_hand(edited(model, IDS[:, :1], [made]), IDS[:, :1], [made])


# Precisions


@pytest.mark.parametrize("name", NODES)
def test_in_float32(name: str) -> None:
    model = twin(reference(), torch.float32)
    for made in list(cases(name, 1))[::6]:
        trace = edited(model, IDS[:1], [made])
        assert_as_by_hand(trace, IDS[:1], [made], bound=2e-3)
        assert all(trace[other].dtype == torch.float32 for other in trace if other != "idx")


@pytest.mark.parametrize("name", NODES)
def test_under_autocast(name: str) -> None:
    """The numbers are those of a bfloat16 run, as near as without the edit; tensors keep the types that they have."""
    model = twin(reference(), torch.float32)
    made = Change(name, "add", 0.5, position=slice(3, 6))
    expected, exact = run(reference(), IDS, [made]), run(reference(), IDS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        plain, trace = capture(model, IDS), edited(model, IDS, [made])
        grown = edited(model, IDS, [made], previous=edited(model, IDS[:, :7], [made]))
        again = gptcore.capture(model, IDS, previous=trace)
    for other in plain:
        assert trace[other].dtype == plain[other].dtype, other
        finite = expected[other].isfinite()
        size = expected[other][finite].abs().max().item()
        unedited = difference(plain[other], exact[other])
        assert difference(trace[other], expected[other]) <= 3 * unedited + 0.03 * size, other
        assert difference(grown[other], expected[other]) <= 3 * unedited + 0.03 * size, other
        assert difference(again[other], exact[other]) <= 3 * unedited + 0.03 * size, other
    assert edited(model, IDS, [made], previous=trace).reused == 0  # of another precision


# The model, and others who use it


def hook_counts(model: gptcore.GPT) -> list[tuple[int, int]]:
    return [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()]


def test_the_model_stays_as_it_was() -> None:
    model = twin(reference())
    plain = capture(model, IDS)
    hooks = hook_counts(model)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random_state = torch.random.get_rng_state()
    forwards = [vars(module).get("forward") for module in model.modules()]
    with torch.no_grad():
        before = model(IDS, targets=IDS)[0]
    for name in NODES:
        edited(model, IDS[:1], [change(name, HOWS[len(name) % 5])])
    assert hook_counts(model) == hooks
    assert [vars(module).get("forward") for module in model.modules()] == forwards
    assert torch.equal(torch.random.get_rng_state(), random_state)
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in state.items())
    with torch.no_grad():
        assert torch.equal(model(IDS, targets=IDS)[0], before)
    again = capture(model, IDS)
    assert all(difference(again[name], plain[name]) == 0 for name in plain)
    assert not edited(model, IDS, [change("lm_head", "add")]).logits.requires_grad


def test_the_first_capture_of_a_model_may_be_an_edited_one() -> None:
    model, made = twin(reference()), [Change(f"{A1}.q", "zero", head=1)]
    assert_as_by_hand(edited(model, IDS, made), IDS, made)
    assert_as_by_hand(capture(model, IDS), IDS, [])


class Stop(BaseException):
    """As a Ctrl-C, or Streamlit's, would come."""


@pytest.mark.parametrize("where", ["transformer.h.1.ln_1", "transformer.h.2.mlp", "transformer.ln_f"])
def test_an_edited_run_that_is_stopped_leaves_nothing(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, made = twin(reference()), [Change(f"{A1}.pattern", "add", 0.5), Change("transformer.h.0.mlp", "zero")]
    plain = capture(model, IDS[:, :5])

    def stop(*_: object) -> None:
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(model.get_submodule(where), "forward", stop)
        for previous in (None, plain):
            with pytest.raises(Stop):
                edited(model, IDS, made, previous=previous)
    assert_as_by_hand(capture(model, IDS, previous=plain), IDS, [])
    assert_as_by_hand(edited(model, IDS, made, previous=plain), IDS, made)


def test_third_party_hooks_and_edits_do_not_go_together() -> None:
    """An edited run may pass by a module that carries a hook, so it says which ones to remove."""
    model, made = twin(reference()), [Change(f"{A1}.z", "zero")]
    handle = model.get_submodule(f"{A1}.c_proj").register_forward_hook(lambda _module, _args, _output: None)
    with pytest.raises(ValueError, match=r"hooks on transformer\.h\.1\.attn\.c_proj; remove"):
        edited(model, IDS, made)
    handle.remove()
    assert_as_by_hand(edited(model, IDS, made), IDS, made)


def test_threads_on_one_model_do_not_see_each_others_edits() -> None:
    model = twin(reference())
    lists: list[list[Change]] = [
        [],
        [Change(f"{A1}.z", "zero", head=1)],
        [Change(f"{A1}.pattern", "add", 0.5, position=4)],
        [Change("transformer.h.0.resid_post", "scale", 2.0)],
        [],
        [Change("lm_head", "add", 1.0, position=2)],
    ]
    expected = [run(reference(), IDS, made) for made in lists]
    wrong: list[str] = []
    barrier = threading.Barrier(len(lists))

    def work(which: int) -> None:
        try:
            barrier.wait()
            trace = None
            for i in range(15):
                trace = edited(model, IDS[:, : 5 + i % 5], lists[which], previous=trace if i % 3 else None)
                if trace.T == T:
                    off = differing(trace, expected[which], BOUND)
                    wrong.extend(f"{which}: {name}" for name in off)
        except Exception as error:
            wrong.append(f"{which}: {error!r}")

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(lists))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# Which edits a trace was made with


def test_a_trace_tells_its_edits() -> None:
    model = twin(reference())
    first, second = gptcore.Edit(f"{A1}.z", "zero", head=1), gptcore.Edit("lm_head", "add", 2.0, position=3)
    assert capture(model, IDS).edits == ()
    trace = gptcore.capture(model, IDS, edits=[first, second])
    assert trace.edits == (first, second)
    assert gptcore.capture(model, IDS, edits=[second], previous=trace).edits == (second,)
    assert gptcore.capture(model, IDS, previous=trace).edits == ()
    assert trace.edits == (first, second)
    for value in (trace["lm_head"][0, 0], trace):  # a tensor, a trace
        one = gptcore.Edit("lm_head", "set" if isinstance(value, Tensor) else "patch", value)
        assert gptcore.capture(model, IDS, edits=[one]).edits[0] is one


def test_minus_infinity_of_a_whole_row_is_told_by_nan() -> None:
    """A query that sees nothing has no pattern: the softmax of nothing is NaN, here as in PyTorch."""
    made = Change(f"{A1}.masked", "set", CUT, head=2, position=7)
    trace = edited(twin(reference()), IDS, [made])
    pattern = trace[f"{A1}.pattern"]
    assert pattern[:, 2, 7].isnan().all()
    assert not pattern[:, [0, 1, 3]].isnan().any()
    assert not math.isnan(trace["transformer.h.0"].sum().item())
