"""Sweeps of patches, attribution patching and path patching, against single patches of transformers' GPT-2."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from gptcore import Checkpoint, Edit, capture
from gptcore.analysis import attribution_patching, edge_attribution, patch_sweep, path_patching, path_sweep
from gptcore.capture.changed_run import ChangedRun
from tests.analysis.plain import Change, heads, norm, run
from tests.conftest import random_model

CLEAN = torch.tensor([[3, 1, 4, 1, 5, 9]])
CORRUPT = torch.tensor([[3, 2, 4, 1, 7, 9]])
SHORT = {"resid_pre": "pre", "attn": "attn", "mlp": "mlp", "head": "z", "pattern": "pattern", "value": "v"}
BY_HEAD = ("head", "pattern", "value")


def metric(logits: Tensor) -> Tensor:
    """Depend on two positions, so that a lost one shows."""
    return logits[0, -1, 60] - logits[0, -1, 3] + 0.5 * logits[0, 2, 8]


def put(source: dict[tuple[str, int], Tensor], name: str, layer: int, head: int | None, at: int | None) -> Change:
    """Return the change that takes a part of a tensor from another run."""

    def change(this: str, i: int, x: Tensor) -> Tensor:
        if (this, i) != (name, layer):
            return x
        x = x.clone()
        index = (slice(None), head) if head is not None else (slice(None), at)
        x[index] = source[name, layer][index]
        return x

    return change


@pytest.mark.parametrize("what", SHORT)
@torch.no_grad()
def test_a_sweep_is_single_patches(pair: tuple[Any, Checkpoint], what: Any) -> None:
    theirs, ckpt = pair
    clean, corrupt = run(theirs, CLEAN), run(theirs, CORRUPT)
    best, worst = metric(clean["logits", -1]), metric(corrupt["logits", -1])
    found = patch_sweep(ckpt, CLEAN[0].tolist(), CORRUPT, metric, what)
    by_head = what in BY_HEAD
    assert found.shape == (3, 2 if by_head else 6)
    for layer in range(3):
        for column in range(found.size(1)):
            change = put(clean, SHORT[what], layer, column if by_head else None, None if by_head else column)
            patched = metric(run(theirs, CORRUPT, change)["logits", -1])
            expected = ((patched - worst) / (best - worst)).item()
            assert found[layer, column].item() == pytest.approx(expected, abs=1e-9), (layer, column)
    assert found.std() > 1e-3


@torch.no_grad()
def test_a_cell_is_a_hook_on_transformers_own_forward_pass(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    found = patch_sweep(ckpt, CLEAN, CORRUPT, metric, "mlp")
    outputs: list[Tensor] = []
    module = theirs.transformer.h[1].mlp
    handle = module.register_forward_hook(lambda module, args, out: outputs.append(out.clone()))
    best, worst = metric(theirs(CLEAN).logits), metric(theirs(CORRUPT).logits)
    handle.remove()

    def patch(module: Any, args: Any, out: Tensor) -> Tensor:
        return torch.where(torch.arange(6)[:, None] == 4, outputs[0], out)

    handle = module.register_forward_hook(patch)
    patched = metric(theirs(CORRUPT).logits)
    handle.remove()
    assert found[1, 4].item() == pytest.approx(((patched - worst) / (best - worst)).item(), abs=1e-9)


def test_what_a_patch_cannot_reach_stays_as_bad() -> None:
    """The causal cone: with the metric at position 2, cells after it do nothing; both embeddings differ at 1 and 4."""
    model = random_model(dtype=torch.float64)
    ids, other = CLEAN[0] % 17, CORRUPT[0] % 17

    def early(logits: Tensor) -> Tensor:
        return logits[0, 2, 8]

    found = patch_sweep(model, ids, other, early, "resid_pre")
    assert found[:, 3:].abs().max() == 0
    assert found[0].tolist() == pytest.approx([0, 1, 0, 0, 0, 0], abs=1e-12)  # the tokens before 3 differ at 1 alone
    assert found[2, 2].item() != pytest.approx(1, abs=1e-3)  # what earlier positions hold counts too
    last = patch_sweep(model, ids, other, early, "mlp")
    assert last[2, [0, 1, 3, 4, 5]].abs().max() < 1e-12  # the last MLP reaches its own position alone


def test_batches_are_patched_row_by_row() -> None:
    model = random_model(dtype=torch.float64)
    clean, corrupt = torch.tensor([[3, 1, 4], [5, 9, 2]]), torch.tensor([[3, 2, 4], [5, 8, 2]])

    def of(row: int) -> Any:
        return lambda logits: logits[row % len(logits), -1, 7] - logits[row % len(logits), -1, 1]

    for row in range(2):
        both = patch_sweep(model, clean, corrupt, of(row), "head")
        alone = patch_sweep(model, clean[row], corrupt[row], of(0), "head")
        torch.testing.assert_close(both, alone, rtol=0, atol=1e-10)


def test_a_sweep_tells_how_far_it_is_and_stops() -> None:
    model, told = random_model(), list[tuple[int, int]]()

    def progress(done: int, count: int) -> bool:
        told.append((done, count))
        return done < 4

    found = patch_sweep(model, [3, 1, 4], [3, 2, 4], lambda logits: logits[0, -1, 2], "attn", progress=progress)
    assert told == [(0, 6), (2, 6), (4, 6)]
    assert found.isnan().sum(1).tolist() == [2, 0, 0]
    told.clear()
    patch_sweep(model, [3, 1], [3, 2], lambda logits: logits[0, -1, 2], "head", progress=lambda *at: told.append(at))
    assert told == [(0, 6), (2, 6), (4, 6), (6, 6)]


def test_a_sweep_is_the_same_in_batches_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(dtype=torch.float64)
    ids, other = CLEAN[0] % 17, CORRUPT[0] % 17
    for what in ("resid_pre", "mlp", "head"):
        whole = patch_sweep(model, ids, other, lambda logits: logits[0, -1, 2], what)  # type: ignore[arg-type]
        for tokens in (1, 6, 12, 24):
            monkeypatch.setattr("gptcore.analysis.patching.AT_ONCE", tokens)
            found = patch_sweep(model, ids, other, lambda logits: logits[0, -1, 2], what)  # type: ignore[arg-type]
            torch.testing.assert_close(found, whole, rtol=0, atol=1e-10)
        monkeypatch.undo()


@pytest.mark.parametrize(
    "options",
    [{"bias": False}, {"tie_weights": False, "activation": "gelu_tanh"}, {"n_layer": 1, "n_head": 1}, {"n_head": 4}],
)
def test_models_of_other_kinds(options: dict[str, Any]) -> None:
    """Against one edited run a cell, at whole contexts."""
    model = random_model(dtype=torch.float64, block_size=6, **options)
    clean, corrupt = CLEAN[0] % 17, CORRUPT[0] % 17

    def last(logits: Tensor) -> Tensor:
        return logits[0, -1, 2] - logits[0, -1, 9]

    runs = capture(model, clean), capture(model, corrupt)
    best, worst = (last(run.logits) for run in runs)
    for what, name in (("resid_pre", "resid_pre"), ("attn", "attn"), ("head", "attn.z"), ("value", "attn.v")):
        found = patch_sweep(model, clean, corrupt, last, what)  # type: ignore[arg-type]
        for layer, column in torch.cartesian_prod(*map(torch.arange, found.shape)).tolist():
            selector = {"head" if what in BY_HEAD else "position": column}
            edit = Edit(f"transformer.h.{layer}.{name}", "patch", runs[0], **selector)
            expected = (last(capture(model, corrupt, edits=[edit]).logits) - worst) / (best - worst)
            assert found[layer, column].item() == pytest.approx(expected.item(), abs=1e-9)
    assert patch_sweep(model.bfloat16(), clean, corrupt, last, "head").isfinite().all()


def test_a_single_token_and_a_metric_that_returns_a_number() -> None:
    found = patch_sweep(
        random_model(dtype=torch.float64), [3], [1], lambda logits: logits[0, -1, 2].item(), "resid_pre"
    )
    assert found[:, 0].tolist() == pytest.approx([1, 1, 1], abs=1e-9)


@pytest.mark.parametrize("function", [patch_sweep, attribution_patching])
def test_what_cannot_be_compared_is_told(function: Any) -> None:
    model = random_model()

    def last(logits: Tensor) -> Tensor:
        return logits[0, -1, 2]

    with pytest.raises(ValueError, match=r"as many tokens, got \(B, T\) = \(1, 2\) and \(1, 3\); align them"):
        function(model, [3, 1], [3, 1, 4], last, "head")
    with pytest.raises(ValueError, match="what must be one of resid_pre, attn, mlp, head, pattern, value, got 'resid'"):
        function(model, [3, 1], [3, 2], last, "resid")
    with pytest.raises(ValueError, match="for both prompts, so nothing can be brought back"):
        function(model, [3, 1], [3, 1], last, "head")
    with pytest.raises(ValueError, match=r"one number, got a tensor of the shape \(1, 17\)"):
        function(model, [3, 1], [3, 2], lambda logits: logits[:, -1], "head")
    with pytest.raises(ValueError, match="one number, got None"):
        function(model, [3, 1], [3, 2], lambda logits: None, "head")


# ---- by gradients ----


@pytest.mark.parametrize("what", SHORT)
def test_attribution_patching_is_the_change_times_the_slope(pair: tuple[Any, Checkpoint], what: Any) -> None:
    """The slope at the corrupt run, by transformers' weights and autograd."""
    theirs, ckpt = pair
    with torch.no_grad():
        clean, corrupt = run(theirs, CLEAN), run(theirs, CORRUPT)
    found = attribution_patching(ckpt, CLEAN, CORRUPT, metric, what)
    by_head = what in BY_HEAD
    leaves: dict[int, Tensor] = {}

    def change(name: str, layer: int, x: Tensor) -> Tensor:
        if name == SHORT[what]:
            leaves[layer] = x if x.requires_grad else x.requires_grad_()
        return x

    logits = run(theirs, CORRUPT, change)["logits", -1]
    slopes = torch.autograd.grad(metric(logits), [leaves[layer] for layer in range(3)])
    scale = metric(clean["logits", -1]) - metric(corrupt["logits", -1])
    for layer, slope in enumerate(slopes):
        product = (clean[SHORT[what], layer] - corrupt[SHORT[what], layer]) * slope
        expected = product.sum(dim=(0, 2, 3) if by_head else (0, 2)) / scale
        torch.testing.assert_close(found[layer], expected, rtol=0, atol=1e-9)


def test_a_small_change_is_estimated_well() -> None:
    """Both sweeps agree to first order: where prompts are almost alike, and nowhere else."""
    model = random_model(dtype=torch.float64)
    with torch.no_grad():
        wte = model.transformer.wte.weight
        wte[2] = wte[1] + 1e-5 * torch.linspace(-1, 1, 16)
    prompts = [3, 1, 4, 1, 5], [3, 2, 4, 1, 5]
    for what in ("resid_pre", "attn", "mlp", "head"):
        exact = patch_sweep(model, *prompts, lambda logits: logits[0, -1, 7], what)  # type: ignore[arg-type]
        estimated = attribution_patching(model, *prompts, lambda logits: logits[0, -1, 7], what)  # type: ignore[arg-type]
        torch.testing.assert_close(estimated, exact, rtol=0, atol=1e-3)
        assert exact.abs().max() > 0.01


@pytest.mark.parametrize("writer", [(0, 1), (1, 0), (2, 1)])
def test_each_edge_is_the_slope_through_its_reader_alone(pair: tuple[Any, Checkpoint], writer: tuple[int, int]) -> None:
    """By autograd on the judge: the reader's input is cut off from the stream, and moved by what the head writes."""
    theirs, ckpt = pair
    layer, head = writer
    with torch.no_grad():
        clean, corrupt = run(theirs, CLEAN), run(theirs, CORRUPT)
        change = (clean["z", layer] - corrupt["z", layer])[:, head] @ heads(theirs, layer)[3][head]  # (1, T, C)
        scale = metric(clean["logits", -1]) - metric(corrupt["logits", -1])
    found = edge_attribution(ckpt, CLEAN, CORRUPT, metric, writer)

    def slope(of: str, i: int) -> Tensor:
        """Return the metric's slope with one tensor of the corrupt run."""
        leaf: list[Tensor] = []

        def change(name: str, j: int, x: Tensor) -> Tensor:
            if (name, j) == (of, i):
                leaf.append(x := x.detach().requires_grad_())
            return x

        logits = run(theirs, CORRUPT, change)["logits", -1]
        return torch.autograd.grad(metric(logits), leaf)[0]

    def moved(state: str, i: int, norms: Any, then: Any = lambda x: x) -> Tensor:
        """Return how what follows a norm moves with the head's change, by a forward derivative."""
        return torch.autograd.functional.jvp(lambda x: then(norm(x, norms)), corrupt[state, i], change)[1]

    trunk, H = theirs.transformer, theirs.config.n_head
    for i in range(3):
        for part, which in enumerate(("q", "k", "v")):
            weight = heads(theirs, i)[part]  # (H, C, D)
            if i > layer:
                shift = moved("pre", i, trunk.h[i].ln_1, lambda x, weight=weight: x[:, None] @ weight)
                expected = (shift * slope(which, i)).sum(dim=(0, 2, 3)) / scale
            else:
                expected = torch.zeros(H, dtype=torch.float64)
            torch.testing.assert_close(getattr(found, which)[i], expected.detach(), rtol=0, atol=1e-9)
        up = trunk.h[i].mlp
        shift = moved("mid", i, trunk.h[i].ln_2, lambda x, up=up: up.act(x @ up.c_fc.weight + up.c_fc.bias))
        through = (shift * slope("hidden", i)).sum() / scale if i >= layer else torch.zeros(())
        assert found.mlp[i].item() == pytest.approx(through.item(), abs=1e-9)
    straight = (moved("post", 2, trunk.ln_f) * slope("final", -1)).sum() / scale
    assert found.output == pytest.approx(straight.item(), abs=1e-9)
    assert found.node == pytest.approx(
        attribution_patching(ckpt, CLEAN, CORRUPT, metric, "head")[writer].item(), abs=3e-7
    )


def test_edges_of_other_models_and_of_heads_that_are_not_there() -> None:
    for options in ({"bias": False}, {"tie_weights": False}, {"n_layer": 1}):
        model = random_model(dtype=torch.float64, **options)
        prompts = [3, 1, 4], [3, 2, 4]
        nodes = attribution_patching(model, *prompts, lambda logits: logits[0, -1, 5], "head")
        edges = edge_attribution(model, *prompts, lambda logits: logits[0, -1, 5], (0, 1))
        assert edges.node == pytest.approx(nodes[0, 1].item(), abs=1e-9)
    with pytest.raises(ValueError, match=r"there is no head 0\.2"):
        edge_attribution(model, *prompts, lambda logits: logits[0, -1, 5], (0, 2))


# ---- along a path ----


@torch.no_grad()
def by_appendix_b(theirs: Any, sender: tuple[int, int], receivers: list[tuple[int, int, str]] | None) -> float:
    """All heads but the sender are frozen as they were on the clean prompt; then the receivers' inputs are put in."""
    clean, corrupt = run(theirs, CLEAN), run(theirs, CORRUPT)

    def frozen(name: str, layer: int, x: Tensor) -> Tensor:
        if name != "z":
            return x
        x = clean["z", layer].clone()
        if layer == sender[0]:
            x[:, sender[1]] = corrupt["z", layer][:, sender[1]]
        return x

    told = run(theirs, CLEAN, frozen)
    if receivers is not None:

        def received(name: str, layer: int, x: Tensor) -> Tensor:
            x = x.clone()
            for where, head, which in receivers:
                if (name, layer) == (which, where):
                    x[:, head] = told[which, where][:, head]
            return x

        told = run(theirs, CLEAN, received)
    best, worst = metric(clean["logits", -1]), metric(corrupt["logits", -1])
    return ((metric(told["logits", -1]) - worst) / (best - worst)).item()


RECEIVERS: list[list[tuple[int, int, str]] | None] = [
    None, [(2, 1, "q")], [(2, 0, "k")], [(1, 1, "v")], [(1, 0, "q"), (2, 1, "v")],
]  # fmt: skip


@pytest.mark.parametrize("receivers", RECEIVERS, ids=str)
def test_path_patching_is_the_paper_s(pair: tuple[Any, Checkpoint], receivers: Any) -> None:
    theirs, ckpt = pair
    swept = path_sweep(ckpt, CLEAN, CORRUPT, metric, receivers)
    for layer in range(3):
        for head in range(2):
            expected = by_appendix_b(theirs, (layer, head), receivers)
            assert swept[layer, head].item() == pytest.approx(expected, abs=1e-9)
            found = path_patching(ckpt, CLEAN, CORRUPT, metric, (layer, head), receivers)
            assert found == pytest.approx(expected, abs=1e-9)
    assert (swept - 1).abs().max() > 1e-4


def test_no_path_leads_down() -> None:
    model = random_model()
    for receivers in ([(0, 0, "q")], [(1, 1, "k")]):
        found = path_sweep(model, [3, 1, 4], [3, 2, 4], lambda logits: logits[0, -1, 2], receivers)
        assert found[receivers[0][0] :].eq(1).all()


def test_a_path_that_is_not_there_is_told() -> None:
    def found(sender: tuple[int, int], receivers: Any) -> None:
        path_patching(random_model(), [3, 1], [3, 2], lambda logits: logits[0, -1, 2], sender, receivers)

    with pytest.raises(ValueError, match=r"there is no head 3\.0; choose a layer from 0 to 2, a head from 0 to 1"):
        found((3, 0), None)
    with pytest.raises(ValueError, match=r"there is no head 1\.2"):
        found((0, 0), [(1, 2, "q")])
    with pytest.raises(ValueError, match="a receiver's input is one of q, k, v, got 'z'"):
        found((0, 0), [(1, 1, "z")])


def test_a_sweep_does_not_change_the_model_or_leave_edits() -> None:
    model = random_model()
    before = capture(model, [3, 1, 4]).logits
    patch_sweep(model, [3, 1, 4], [3, 2, 4], lambda logits: logits[0, -1, 2], "pattern")
    assert torch.equal(capture(model, [3, 1, 4]).logits, before)
    assert Edit("transformer.h.0.attn.z", "zero") not in capture(model, [3, 1, 4]).edits


def test_blocks_below_a_cell_and_positions_before_it_are_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[tuple[int, int, int]] = []

    class Told(ChangedRun):
        def __init__(self, model: Any, tokens: Tensor, edits: Any, before: Any, layer: int, start: int) -> None:
            runs.append((layer, start, len(tokens)))
            super().__init__(model, tokens, edits, before, layer, start)

    monkeypatch.setattr(sys.modules["gptcore.capture.capture"], "ChangedRun", Told)
    monkeypatch.setattr("gptcore.analysis.patching.AT_ONCE", 8)
    patch_sweep(random_model(), [3, 1, 4, 1], [3, 2, 4, 1], lambda logits: logits[0, -1, 2], "resid_pre")
    assert runs == [(layer, start, copies) for layer in (2, 1, 0) for start, copies in ((1, 2), (3, 1))]
