"""Direct logit attribution, against its definition on transformers' GPT-2; the parts add up, also under edits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import gptcore
from gptcore import GPT, Checkpoint, Edit, Trace, capture
from gptcore.analysis import LogitAttribution, logit_attribution, neuron_attribution
from tests.analysis.plain import heads, run
from tests.conftest import random_model

IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6], [60, 50, 40, 30, 20, 10, 0, 1]])


def names(found: LogitAttribution) -> list[tuple[str, int | None]]:
    return [(part.name, part.head) for part in found.parts]


@torch.no_grad()
def by_definition(
    theirs: Any, row: int, at: int, token: int, versus: int | None
) -> dict[tuple[str, int | None], float]:
    """The summand of each part: centred, divided by the state's own scale, times the norm's weight, times W_U."""
    made, trunk = run(theirs, IDS), theirs.transformer
    state = made["post", theirs.config.n_layer - 1][row, at]
    scale = ((state - state.mean()).square().mean() + trunk.ln_f.eps).sqrt()
    w_u = theirs.lm_head.weight[token] - (theirs.lm_head.weight[versus] if versus is not None else 0)

    def added(u: Tensor) -> float:
        return float(((u - u.mean()) / scale * trunk.ln_f.weight) @ w_u)

    found: dict[tuple[str, int | None], float] = {
        ("transformer.wte", None): added(trunk.wte.weight[IDS[row, at]]),
        ("transformer.wpe", None): added(trunk.wpe.weight[at]),
    }
    for layer in range(theirs.config.n_layer):
        out = heads(theirs, layer)[3]
        for head in range(theirs.config.n_head):
            z = made["z", layer][row, head, at]
            found[f"transformer.h.{layer}.attn.z", head] = added(z @ out[head])
        bias = trunk.h[layer].attn.c_proj.bias
        found[f"transformer.h.{layer}.attn.c_proj.bias", None] = added(bias)
        found[f"transformer.h.{layer}.mlp", None] = added(made["mlp", layer][row, at])
    found["transformer.ln_f.bias", None] = float(trunk.ln_f.bias @ w_u)
    return found


@pytest.mark.parametrize(("row", "at", "token", "versus"), [(0, 7, 5, None), (1, 2, 60, 3), (0, 0, 0, 1)])
def test_each_part_is_the_definition_s(
    pair: tuple[Any, Checkpoint], row: int, at: int, token: int, versus: int | None
) -> None:
    theirs, ckpt = pair
    found = logit_attribution(capture(ckpt, IDS), token, versus, at, row)
    expected = by_definition(theirs, row, at, token, versus)
    assert names(found) == [*expected]
    for part, value in zip(found.parts, expected.values(), strict=True):
        assert part.value == pytest.approx(value, abs=1e-9), part
        assert abs(value) > 1e-6  # no part is lost by being nothing
    logits = run(theirs, IDS)["logits", -1][row, at]
    assert found.total == pytest.approx((logits[token] - (0 if versus is None else logits[versus])).item(), abs=1e-9)


def adds_up(found: LogitAttribution, bound: float = 1e-9) -> None:
    assert sum(part.value for part in found.parts) == pytest.approx(found.total, abs=bound)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": False},
        {"tie_weights": False, "activation": "gelu_tanh"},
        {"layer_norm_epsilon": 0.5},
        {"n_layer": 1, "n_head": 1},
        {"bias": False, "tie_weights": False, "n_head": 4},
    ],
)
def test_the_parts_add_up_to_the_logit(options: dict[str, Any]) -> None:
    model = random_model(dtype=torch.float64, **options)
    for ids in ([3, 1, 4, 1, 5], [7]):
        trace = capture(model, ids)
        for position in range(-len(ids), len(ids)):
            adds_up(found := logit_attribution(trace, 2, position=position))
            adds_up(against := logit_attribution(trace, 2, 9, position))
            other = logit_attribution(trace, 9, position=position)
            assert against.total == pytest.approx(found.total - other.total, abs=1e-9)
    biases = {part.name for part in found.parts if part.name.endswith("bias")}
    assert bool(biases) == model.config.bias
    assert sum(found.by_block().values()) == pytest.approx(found.total, abs=1e-9)
    assert len(found.by_block()) == 2 + 2 * model.config.n_layer + model.config.bias


def test_the_parts_add_up_in_single_and_half_precision() -> None:
    for dtype, bound in ((torch.float32, 1e-4), (torch.bfloat16, 0.5)):
        adds_up(logit_attribution(capture(random_model().to(dtype), [3, 1, 4]), 2), bound)


def test_a_part_is_what_the_logit_loses_when_it_is_taken_out_behind_all_others(pair: tuple[Any, Checkpoint]) -> None:
    """Taken out of the final state, with the scale as it was: an identity with another way to compute it."""
    theirs, ckpt = pair
    trace = capture(ckpt, IDS)
    made, trunk = run(theirs, IDS), theirs.transformer
    state = made["post", 2][0, -1]
    scale = (state.var(correction=0) + trunk.ln_f.eps).sqrt()
    without = state - made["z", 1][0, 1, -1] @ heads(theirs, 1)[3][1]
    logit = (
        ((without - without.mean()) / scale * trunk.ln_f.weight + trunk.ln_f.bias) @ theirs.lm_head.weight[5]
    ).item()
    found = logit_attribution(trace, 5)
    (part,) = (part for part in found.parts if (part.layer, part.head) == (1, 1))
    assert found.total - part.value == pytest.approx(logit, abs=1e-9)


EDITS = {
    "a head": Edit("transformer.h.1.attn.z", "scale", 3.0, head=1),
    "the stream": Edit("transformer.h.0.resid_post", "add", torch.linspace(-1, 1, 16)),
    "the attention's output": Edit("transformer.h.1.attn", "scale", 2.0),
    "an MLP's output": Edit("transformer.h.2.mlp", "zero"),
    "the final norm": Edit("transformer.ln_f", "add", 1.0, channel=3),
    "a logit": Edit("lm_head", "add", 5.0, channel=2),
    "the embeddings' sum": Edit("transformer.embed", "scale", 0.5),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_an_edit_adds_is_a_part_of_its_own(edit: Edit) -> None:
    model = random_model(dtype=torch.float64)
    trace = capture(model, [3, 1, 4, 1], edits=[edit])
    found = logit_attribution(trace, 2)
    adds_up(found)
    assert found.total == pytest.approx(trace.logits[0, -1, 2].item(), abs=1e-12)
    *_, remainder = found.parts
    assert remainder.name == "remainder"
    held = edit.name.endswith((".z", ".mlp"))  # these tensors are parts themselves
    assert (abs(remainder.value) < 1e-9) == held


def test_an_added_vector_is_worth_what_the_definition_says() -> None:
    model = random_model(dtype=torch.float64)
    u = torch.linspace(-1, 1, 16, dtype=torch.float64)
    trace = capture(model, [3, 1, 4], edits=[Edit("transformer.h.2.resid_post", "add", u)])
    found = logit_attribution(trace, 2)
    expected = ((u - u.mean()) / found.scale * model.transformer.ln_f.weight) @ model.lm_head.weight[2]
    assert found.parts[-1].value == pytest.approx(expected.item(), abs=1e-9)


def test_neurons_add_up_to_their_mlp(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    trace, made = capture(ckpt, IDS), run(theirs, IDS)
    found = neuron_attribution(trace, 1, 5, 8, position=3, row=1)
    state, trunk = made["post", 2][1, 3], theirs.transformer
    scale = (state.var(correction=0) + trunk.ln_f.eps).sqrt()
    w_u = theirs.lm_head.weight[5] - theirs.lm_head.weight[8]
    for neuron in (0, 17, 95):
        u = made["hidden", 1][1, 3, neuron] * trunk.h[1].mlp.c_proj.weight[neuron]
        expected = ((u - u.mean()) / scale * trunk.ln_f.weight) @ w_u
        assert found[neuron].item() == pytest.approx(expected.item(), abs=1e-9)
    bias = trunk.h[1].mlp.c_proj.bias
    constant = (((bias - bias.mean()) / scale * trunk.ln_f.weight) @ w_u).item()
    parts = {part.name: part.value for part in logit_attribution(trace, 5, 8, 3, 1).parts}
    assert found.sum().item() + constant == pytest.approx(parts["transformer.h.1.mlp"], abs=1e-9)


def attributed(model: GPT, **options: Any) -> LogitAttribution:
    trace: Trace = capture(model, [3, 1, 4])
    return logit_attribution(trace, **{"token": 2, **options})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"token": 17}, "token must be an id from 0 to 16, got 17"),
        ({"versus": -1}, "versus must be an id from 0 to 16, got -1"),
        ({"position": 3}, "position must be from -3 to 2, got 3; take one of the run's"),
        ({"row": 1}, "row must be from 0 to 0, got 1"),
    ],
)
def test_what_is_not_there_is_told(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        attributed(random_model(), **options)


def test_a_layer_that_is_not_there_and_a_trace_without_parts() -> None:
    trace = capture(random_model(), [3, 1, 4])
    with pytest.raises(IndexError, match="there is no layer 3; choose one from 0 to 2"):
        neuron_attribution(trace, 3, 2)
    with pytest.raises(KeyError, match="no tensor"):
        logit_attribution(capture(random_model(), [3, 1, 4], names=["lm_head"]), 2)


def test_it_is_public() -> None:
    assert gptcore.logit_attribution is logit_attribution


def test_the_room_exports_what_it_says() -> None:
    assert all(hasattr(gptcore.analysis, name) for name in gptcore.analysis.__all__)
    assert sorted(gptcore.analysis.__all__, key=lambda name: (name.islower(), name)) == gptcore.analysis.__all__
