"""Explanations: every number of a run from its operands alone, recomputed here by formulas of the test's own."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import math
import random
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import gptcore
from gptcore import Checkpoint, Trace, capture
from gptcore.tokenizer import IdTokenizer
from tests.capture.edit_cases import CUT, IDS, LONG, NODES, T, change, edit_of, edited
from tests.capture.reference_edits import AXES, AXES_IN_BLOCK, Change, axes_of, names, reference, run, split, twin

pytestmark = pytest.mark.usefixtures("shapes_by_hand")
FLOAT64, FLOAT32 = 1e-11, 1e-5
A1 = "transformer.h.1.attn"
KINDS = [*AXES, *(f"transformer.h.1.{rest}".rstrip(".") for rest in AXES_IN_BLOCK)]
"""Every kind of node; of the blocks the middle one."""
Index = tuple[int, ...]


def checkpoint(dtype: torch.dtype = torch.float64, **options: Any) -> Checkpoint:
    model = twin(reference(**options), dtype, bias=options.get("bias", True))
    return Checkpoint(model, IdTokenizer(model.config.vocab_size), model.config, {})


def sampled(shape: Sequence[int], count: int, seed: int = 0) -> list[Index]:
    """Return cells spread over a tensor, its corners among them; all of them if they are few."""
    if math.prod(shape) <= count:
        return list(itertools.product(*(range(length) for length in shape)))
    chooser = random.Random(f"{seed} {tuple(shape)}")
    corners = [tuple(length - 1 for length in shape), tuple(0 for _ in shape)]
    return corners + [tuple(chooser.randrange(length) for length in shape) for _ in range(count - 2)]


# ---- the numbers, once more ----------------------------------------------------------------------------------------


class Operands:
    """The operands that an explanation names, by the name's last part: `values("q")`; and nothing else."""

    def __init__(self, found: Any) -> None:
        self._found = {operand.name: operand for operand in found.operands}
        self.used: set[str] = set()

    def named(self, end: str) -> str:
        (name,) = [name for name in self._found if name == end or name.endswith(f".{end}")]
        return name

    def values(self, end: str) -> list[float]:
        name = self.named(end)
        self.used.add(name)
        return [float(value) for value in self._found[name].values.reshape(-1).double()]

    def one(self, end: str) -> float:
        (value,) = self.values(end)
        return value

    def has(self, end: str) -> bool:
        return any(name == end or name.endswith(f".{end}") for name in self._found)

    def all_used(self) -> bool:
        return self.used == set(self._found)


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def softmax_at(row: Sequence[float], place: int) -> float:
    top = max(row)
    return math.exp(row[place] - top) / math.fsum(math.exp(value - top) for value in row)


def linear(x: str, name: str) -> Callable[[Operands, Index, Any], float]:
    def computed(given: Operands, index: Index, config: Any) -> float:
        bias = given.one(f"{name}.bias") if given.has(f"{name}.bias") else 0.0
        return dot(given.values(x), given.values(f"{name}.weight")) + bias

    return computed


def norm(x: str, name: str) -> Callable[[Operands, Index, Any], float]:
    def computed(given: Operands, index: Index, config: Any) -> float:
        row = given.values(x)
        mean = math.fsum(row) / len(row)
        variance = math.fsum((value - mean) ** 2 for value in row) / len(row)
        beta = given.one(f"{name}.bias") if given.has(f"{name}.bias") else 0.0
        return (row[index[-1]] - mean) / math.sqrt(variance + config.layer_norm_epsilon) * given.one(
            f"{name}.weight"
        ) + beta

    return computed


def same(x: str) -> Callable[[Operands, Index, Any], float]:
    return lambda given, index, config: given.one(x)


def total(x: str, y: str) -> Callable[[Operands, Index, Any], float]:
    return lambda given, index, config: given.one(x) + given.one(y)


def gelu(given: Operands, index: Index, config: Any) -> float:
    x = given.one("mlp.c_fc")
    if config.activation == "gelu":
        return x * 0.5 * (1 + math.erf(x / math.sqrt(2)))
    return x * 0.5 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def masked(given: Operands, index: Index, config: Any) -> float:
    if index[3] > index[2]:
        if given.has("attn.scaled"):
            given.values("attn.scaled")
        return -math.inf
    return given.one("attn.scaled")


def loss(given: Operands, index: Index, config: Any) -> float:
    row = given.values("lm_head")
    if not given.has("idx"):  # the last position, whose next token nobody knows
        return math.nan
    target = int(given.one("idx"))
    top = max(row)
    return top + math.log(math.fsum(math.exp(value - top) for value in row)) - row[target]


RECOMPUTED: dict[str, Callable[[Operands, Index, Any], float]] = {
    "transformer.wte": lambda given, index, config: given.one("transformer.wte.weight"),
    "transformer.wpe": lambda given, index, config: given.one("transformer.wpe.weight"),
    "transformer.embed": total("transformer.wte", "transformer.wpe"),
    "transformer.drop": same("transformer.embed"),
    "transformer.ln_f": norm("x", "transformer.ln_f"),
    "lm_head": linear("transformer.ln_f", "lm_head"),
    "probs": lambda given, index, config: softmax_at(given.values("lm_head"), index[-1]),
    "loss": loss,
    "ln_1": norm("resid_pre", "ln_1"),
    "attn": same("attn.resid_dropout"),
    "attn.c_attn": linear("ln_1", "attn.c_attn"),
    "attn.q": same("attn.c_attn"),
    "attn.k": same("attn.c_attn"),
    "attn.v": same("attn.c_attn"),
    "attn.sdpa": same("attn.z"),
    "attn.k_t": same("attn.k"),
    "attn.scores": lambda given, index, config: dot(given.values("attn.q"), given.values("attn.k_t")),
    "attn.scaled": lambda given, index, config: given.one("attn.scores") / math.sqrt(config.n_embd // config.n_head),
    "attn.masked": masked,
    "attn.pattern": lambda given, index, config: softmax_at(given.values("attn.masked"), index[3]),
    "attn.attn_dropout": same("attn.pattern"),
    "attn.z": lambda given, index, config: dot(given.values("attn.attn_dropout"), given.values("attn.v")),
    "attn.concat": same("attn.z"),
    "attn.c_proj": linear("attn.concat", "attn.c_proj"),
    "attn.resid_dropout": same("attn.c_proj"),
    "resid_mid": total("resid_pre", "attn"),
    "ln_2": norm("resid_mid", "ln_2"),
    "mlp": same("mlp.dropout"),
    "mlp.c_fc": linear("ln_2", "mlp.c_fc"),
    "mlp.gelu": gelu,
    "mlp.c_proj": linear("mlp.gelu", "mlp.c_proj"),
    "mlp.dropout": same("mlp.c_proj"),
    "resid_post": total("resid_mid", "mlp"),
}
"""The formula of each kind, as the map tells it."""


def recomputed(found: Any, config: Any) -> float:
    """Return the number from the operands alone, by this file's formula; every operand must be of use."""
    name, index = found.name, tuple(found.index)
    block, rest = split(name)
    given = Operands(found)
    if name == "idx":
        assert not found.operands
        return float(found.value)
    if name in ("transformer.h", "transformer.ln_f") or rest == "resid_pre" or (not rest and block) or _is_block(name):
        (stream,) = [operand.name for operand in found.operands if not operand.name.endswith((".weight", ".bias"))]
        assert stream.endswith("resid_post") or _is_block(stream) or stream in ("transformer.drop", "transformer.h")
        formula = norm(stream, name) if name == "transformer.ln_f" else same(stream)
    else:
        formula = RECOMPUTED[rest]
    value = formula(given, index, config)
    if name == "transformer.wte" and given.has("idx"):
        given.values("idx")
    assert given.all_used(), f"{name}: of {list(given._found)} only {given.used} are of use"
    return value


def _is_block(name: str) -> bool:
    parts = name.split(".")
    return len(parts) == 3 and parts[:2] == ["transformer", "h"]


def close(a: float, b: float, bound: float) -> bool:
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or abs(a - b) <= bound * max(1.0, abs(b))


def read(trace: Trace, name: str, index: Sequence[int | slice]) -> Tensor:
    """Return a part of a tensor, bit by bit as the trace gives it: of one position, as `rows` of that position does.

    The whole tensor, computed in one product of another size, may differ in the last bit.
    """
    axis = axes_of(name).index("T")
    position = index[axis]
    if isinstance(position, slice):
        return trace[name][tuple(index)]
    there = trace.rows(name, position, position + 1)[(*index[:axis], 0, *index[axis + 1 :])]
    assert nearly(there, trace[name][tuple(index)])
    return there


def nearly(a: Tensor, b: Tensor) -> bool:
    """Equal but for the rounding of the last bits."""
    bits = 1e-12 if b.dtype == torch.float64 else 1e-5
    return a.shape == b.shape and bool(torch.isclose(a, b, rtol=bits, atol=bits, equal_nan=True).all())


def check(trace: Trace, state: dict[str, Tensor], name: str, index: Index, bound: float) -> Any:
    """Everything that holds for any unedited cell; returns the explanation."""
    found = gptcore.explain(trace, name, index)
    expected = read(trace, name, index).item()
    assert (found.name, tuple(found.index)) == (name, index)
    assert close(float(found.value), expected, 0), f"{name}{index}: {found.value}, and the trace has {expected}"
    assert close(float(found.recomputed), expected, bound), f"{name}{index}: {found.recomputed}, not {expected}"
    for operand in found.operands:
        place = tuple(operand.index)
        there = state[operand.name][place] if operand.name in state else read(trace, operand.name, place)
        assert operand.values.shape == there.shape and _equal(operand.values, there), f"{name}{index}: {operand.name}"
    mine = recomputed(found, trace.config)
    assert close(mine, expected, bound), f"{name}{index}: its operands give {mine}, and the trace has {expected}"
    assert found.formula.strip() and any(letter.isdigit() for letter in found.formula)
    assert found.formula.count("{") == found.formula.count("}")
    steps = found.formula.split(" = ")
    assert all(step != before for before, step in pairwise(steps)), "a step that says again what stands before it"
    return found


def _equal(a: Tensor, b: Tensor) -> bool:
    return torch.equal(a, b) if not a.is_floating_point() else torch.equal(a.nan_to_num(7.0), b.nan_to_num(7.0))


@functools.cache
def opened(name: str) -> tuple[Checkpoint, Trace, dict[str, Tensor]]:
    """Return a shipped model and a run of it over a prompt that fills half of its context."""
    ckpt = gptcore.load(name)
    count = min(24, max(4, ckpt.config.block_size // 2))
    ids = [(7 * i * i + 3 * i + 1) % ckpt.config.vocab_size for i in range(count)]
    return ckpt, capture(ckpt.model, ids), ckpt.model.state_dict()


# ---- every node ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", names(3))
def test_every_node_of_a_random_gpt2(name: str) -> None:
    ckpt = checkpoint()
    trace, state = capture(ckpt.model, IDS), ckpt.model.state_dict()
    for index in sampled(trace[name].shape, 24):
        check(trace, state, name, index, FLOAT64)


@pytest.mark.parametrize(
    "options",
    [{"activation_function": "gelu", "layer_norm_epsilon": 1e-2}, {"bias": False, "tie_word_embeddings": False}],
    ids=str,
)
def test_every_kind_of_other_models(options: dict[str, Any]) -> None:
    ckpt = checkpoint(torch.float32, **options)
    trace, state = capture(ckpt.model, IDS), ckpt.model.state_dict()
    for name in KINDS:
        for index in sampled(trace[name].shape, 8):
            check(trace, state, name, index, FLOAT32)


@pytest.mark.parametrize("model", gptcore.shipped_models())
def test_every_node_of_the_shipped_models(model: str) -> None:
    ckpt, trace, state = opened(model)
    few = 12 if ckpt.config.n_embd <= 64 else 4
    for name in trace:
        for index in sampled(trace.shapes()[name][1], few, seed=1):
            check(trace, state, name, index, FLOAT32)


def test_the_small_shipped_model_to_the_last_cell() -> None:
    ckpt = gptcore.load("nano-sort")
    trace, state = capture(ckpt.model, [2, 0, 1]), ckpt.model.state_dict()
    for name in ("idx", "loss", "probs", "lm_head", "transformer.h.0.attn.pattern", "transformer.h.2.attn.masked"):
        for index in sampled(trace[name].shape, 10_000):
            check(trace, state, name, index, FLOAT32)


# ---- cells of their own kind ---------------------------------------------------------------------------------------


def test_a_masked_cell_is_minus_infinity_and_says_so() -> None:
    ckpt = checkpoint()
    trace = capture(ckpt.model, IDS)
    found = check(trace, ckpt.model.state_dict(), f"{A1}.masked", (1, 2, 3, 7), FLOAT64)
    assert found.value == found.recomputed == -math.inf
    assert r"\infty" in found.formula
    hidden = check(trace, ckpt.model.state_dict(), f"{A1}.pattern", (1, 2, 3, 7), FLOAT64)
    assert hidden.value == hidden.recomputed == 0


def test_a_loss_says_its_target() -> None:
    ckpt = checkpoint()
    trace = capture(ckpt.model, IDS)
    for t in range(T - 1):
        found = check(trace, ckpt.model.state_dict(), "loss", (1, t), FLOAT64)
        target = next(operand for operand in found.operands if operand.name == "idx")
        assert int(target.values.reshape(-1)[0]) == int(IDS[1, t + 1])
        assert tuple(target.index) == (1, t + 1)
    last = gptcore.explain(trace, "loss", (1, T - 1))
    assert math.isnan(last.value) and math.isnan(last.recomputed)
    assert last.formula.strip()


def test_an_embedding_names_the_token_and_the_row() -> None:
    ckpt = checkpoint()
    found = gptcore.explain(capture(ckpt.model, IDS), "transformer.wte", (1, 4, 9))
    weight = next(operand for operand in found.operands if operand.name == "transformer.wte.weight")
    assert tuple(weight.index) == (int(IDS[1, 4]), 9)
    found = gptcore.explain(capture(ckpt.model, IDS), "transformer.wpe", (4, 9))
    (weight,) = found.operands
    assert (weight.name, tuple(weight.index)) == ("transformer.wpe.weight", (4, 9))


def test_grown_and_cropped_prompts() -> None:
    ckpt = checkpoint()
    state = ckpt.model.state_dict()
    trace = capture(ckpt.model, IDS[:, :4])
    for count in (5, 7, T):
        trace = capture(ckpt.model, IDS[:, :count], previous=trace)
    full = capture(ckpt.model, [60, *LONG][-32:])  # as long as the context
    for name in KINDS:
        for grown in (trace, full):
            for index in sampled(grown[name].shape, 6, seed=2):
                check(grown, state, name, index, FLOAT64)


def test_an_placefrom_the_end_is_the_same_cell() -> None:
    ckpt = checkpoint()
    trace = capture(ckpt.model, IDS)
    found = gptcore.explain(trace, f"{A1}.scores", (-1, -2, -3, -4))
    assert tuple(found.index) == (1, 2, 6, 5)
    assert found.value == trace[f"{A1}.scores"][1, 2, 6, 5].item()


def test_under_autocast_the_numbers_are_those_of_the_run() -> None:
    ckpt = checkpoint(torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        trace = capture(ckpt.model, IDS)
    for name in KINDS:
        for index in sampled(trace[name].shape, 5, seed=3):
            found = gptcore.explain(trace, name, index)
            expected = read(trace, name, index).item()
            assert close(found.value, expected, 0), name
            assert close(found.recomputed, expected, 0.05), f"{name}{index}: {found.recomputed}, not {expected}"


# ---- source, code, formula -----------------------------------------------------------------------------------------


def test_every_kind_names_its_lines() -> None:
    ckpt = checkpoint()
    trace, arch = capture(ckpt.model, IDS), gptcore.architecture(ckpt.config)
    for name in KINDS:
        source = gptcore.explain(trace, name, (0,) * len(axes_of(name))).source
        assert source == arch.nodes[name].source
        assert Path(source.file).name == "model.py"


def executed(found: Any, ckpt: Checkpoint, ids: Any) -> tuple[float, str]:
    """Run the printed code; return what it leaves in `value`, and what it prints."""
    namespace: dict[str, Any] = {"ckpt": ckpt, "ids": ids}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(found.code, "explained", "exec"), namespace)
    return float(namespace["value"]), printed.getvalue()


@pytest.mark.parametrize("name", KINDS)
def test_the_code_runs_and_gives_the_number(name: str) -> None:
    for dtype, bound in ((torch.float64, FLOAT64), (torch.float32, FLOAT32)):
        ckpt = checkpoint(dtype)
        for ids in (IDS, IDS[1].tolist()):
            trace = capture(ckpt.model, ids)
            for index in sampled(trace[name].shape, 3, seed=4):
                found = gptcore.explain(trace, name, index)
                value, printed = executed(found, ckpt, ids)
                assert close(value, found.value, bound), f"{name}{index}:\n{found.code}"
                assert close(float(printed.strip().splitlines()[-1].removeprefix("tensor(").split(")")[0]), value, 1e-3)


@pytest.mark.parametrize("options", [{"activation_function": "gelu"}, {"bias": False, "tie_word_embeddings": False}])
def test_the_code_runs_on_other_models(options: dict[str, Any]) -> None:
    ckpt = checkpoint(**options)
    trace = capture(ckpt.model, IDS)
    for name in KINDS:
        (_, _, index) = sampled(trace[name].shape, 3, seed=5)[:3]
        found = gptcore.explain(trace, name, index)
        assert close(executed(found, ckpt, IDS)[0], found.value, FLOAT64), f"{name}{index}:\n{found.code}"


@pytest.mark.parametrize("model", gptcore.shipped_models())
def test_the_code_runs_on_the_shipped_models(model: str) -> None:
    ckpt, trace, _ = opened(model)
    for name in KINDS:
        if name not in trace:
            continue
        index = sampled(trace.shapes()[name][1], 3, seed=6)[-1]
        found = gptcore.explain(trace, name, index)
        value, _ = executed(found, ckpt, trace.ids[0].tolist())
        assert close(value, found.value, FLOAT32), f"{name}{index}:\n{found.code}"


def test_the_formula_holds_the_numbers() -> None:
    ckpt = checkpoint()
    trace = capture(ckpt.model, IDS)
    for name in KINDS:
        index = tuple(length // 2 for length in trace[name].shape)
        formulas = {gptcore.explain(trace, name, index).formula}
        other = gptcore.explain(capture(ckpt.model, IDS.flip(1)), name, index)
        if other.value != trace[name][index].item():
            assert other.formula not in formulas, name
        numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", other.formula)]
        if math.isfinite(other.value) and 0.01 < abs(other.value) < 1000:
            assert any(close(number, other.value, 2e-3) for number in numbers), f"{other.value}: {other.formula}"


# ---- down to a weight ----------------------------------------------------------------------------------------------


def full_index(operand: Any, shape: Sequence[int], place: int) -> Index:
    """Return the cell of the whole tensor that the operand's `place`-th number is."""
    axes = [
        [chosen] if isinstance(chosen, int) else list(range(length))[chosen]
        for chosen, length in zip(operand.index, shape, strict=True)
    ]
    return next(itertools.islice(itertools.product(*axes), place, None))


def walk(trace: Trace, state: dict[str, Tensor], start: tuple[str, Index], breadth: int, most: int) -> list[str]:
    """Explain a cell, then the largest few of each operand, and so on; the names on the way, each step checked."""
    queue, seen = [start], {start}
    reached: list[str] = []
    while queue and len(reached) < most:
        name, index = queue.pop()  # the last first, so that it gets down
        found = check(trace, state, name, index, FLOAT32)
        reached.append(name)
        for operand in found.operands:
            if operand.name in state:
                reached.append(f"{operand.name}{list(operand.index)}")
                continue
            numbers = operand.values.reshape(-1).double().nan_to_num(0.0, 0.0, 0.0).abs()
            for place in numbers.topk(min(breadth, numbers.numel())).indices.tolist():
                step = (operand.name, full_index(operand, trace.shapes()[operand.name][1], place))
                if step not in seen:
                    seen.add(step)
                    queue.append(step)
    return reached


@pytest.mark.parametrize("model", ["fairytales", "shakespeare-char", "nano-sort"])
def test_a_walk_from_the_best_next_token_down_to_a_weight(model: str) -> None:
    ckpt = gptcore.load(model)
    ids = (
        ckpt.tokenizer.encode("There was once a fox and a wolf. The fox said to the") if model == "fairytales" else None
    )
    trace = capture(ckpt.model, ids) if ids else opened(model)[1]
    last = trace.T - 1
    best = int(trace.rows("lm_head", last, last + 1)[0, 0].argmax())
    if model == "fairytales":
        assert ckpt.tokenizer.decode([best]) == " wolf"
    reached = walk(trace, ckpt.model.state_dict(), ("lm_head", (0, last, best)), breadth=2, most=150)
    ids_seen = set(trace.ids[0].tolist())
    embeddings = [step for step in reached if step.startswith("transformer.wte.weight[")]
    assert embeddings, reached
    assert all(int(step.split("[")[1].split(",")[0]) in ids_seen for step in embeddings)
    assert any(f"h.{ckpt.config.n_layer - 1}." in step for step in reached)
    assert any("attn.scores" in step or "attn.z" in step for step in reached)


# ---- edited runs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NODES)
@pytest.mark.parametrize("how", ["zero", "set", "scale", "add", "patch"])
def test_an_edited_cell_says_that_it_was_edited(name: str, how: str) -> None:
    ckpt = checkpoint()
    made = change(name, how, B=2, position=5)
    edit = edit_of(ckpt.model, made)
    trace = gptcore.capture(ckpt.model, IDS, edits=[edit])
    expected = run(reference(), IDS, [made])[name]
    position = axes_of(name).index("T")
    for index in sampled(trace[name].shape, 6, seed=7):
        for place in (5, 4):
            cell = (*index[:position], place, *index[position + 1 :])
            found = gptcore.explain(trace, name, cell)
            assert found.edits == ((edit,) if place == 5 else ())
            assert close(found.value, expected[cell].item(), 1e-9)
            assert close(found.recomputed, found.value, FLOAT64), f"{cell}: {found.recomputed} for {found.value}"
            assert close(executed(found, ckpt, IDS)[0], found.value, FLOAT64), f"{name}{cell}:\n{found.code}"
            for operand in found.operands:  # what the op read, in this edited run
                if operand.name in trace:
                    assert _equal(operand.values, read(trace, operand.name, operand.index))
            if place == 4:
                assert close(recomputed(found, trace.config), found.value, FLOAT64)


def test_every_cell_behind_an_edit_is_explained_from_what_was_edited() -> None:
    ckpt = checkpoint()
    state = ckpt.model.state_dict()
    made = [
        Change("transformer.h.0.attn.pattern", "scale", 0.3, head=1, position=slice(2, 6)),
        Change(f"{A1}.masked", "set", CUT, head=2, position=7, key=3),
        Change("transformer.h.1.mlp.gelu", "add", 0.5, position=4),
    ]
    trace = edited(ckpt.model, IDS, made)
    for name in names(3):
        for index in sampled(trace[name].shape, 6, seed=8):
            if gptcore.explain(trace, name, index).edits:
                continue
            check(trace, state, name, index, FLOAT64)
    cut = gptcore.explain(trace, f"{A1}.masked", (0, 2, 7, 3))
    assert len(cut.edits) == 1
    assert cut.value == cut.recomputed == -math.inf


def test_several_edits_of_one_cell_are_told_in_their_order() -> None:
    ckpt, name = checkpoint(), "transformer.h.1.resid_mid"
    add, scale = (gptcore.Edit(name, how, 3.0, channel=5) for how in ("add", "scale"))
    elsewhere = gptcore.Edit(name, "zero", channel=6)
    found = gptcore.explain(gptcore.capture(ckpt.model, IDS, edits=[add, elsewhere, scale]), name, (0, 2, 5))
    plain = capture(ckpt.model, IDS)[name][0, 2, 5].item()
    assert found.edits == (add, scale)
    assert close(found.value, (plain + 3) * 3, FLOAT64)
    assert close(found.recomputed, found.value, FLOAT64)
    assert close(executed(found, ckpt, IDS)[0], found.value, FLOAT64)


def test_values_of_a_part_and_patches_of_several_traces() -> None:
    ckpt, name = checkpoint(), "transformer.h.1.attn.z"
    numbers = torch.arange(24, dtype=torch.float64).view(3, 8) / 7
    patches = [capture(ckpt.model, torch.tensor([LONG[i : i + T], LONG[i + 3 : i + 3 + T]])) for i in (0, 9)]
    edits = [
        gptcore.Edit(name, "set", numbers, head=1, position=slice(2, 5)),
        gptcore.Edit(name, "patch", patches[0], head=2, position=4),
        gptcore.Edit("transformer.h.0.mlp", "patch", patches[1], position=[3, 6]),
        gptcore.Edit(name, "scale", numbers[0], head=2, position=[3, 4]),
    ]
    trace = gptcore.capture(ckpt.model, IDS, edits=edits)
    for index, count in (((0, 1, 3, 5), 1), ((1, 1, 4, 7), 1), ((1, 2, 4, 3), 2), ((0, 2, 3, 3), 1), ((0, 3, 3, 3), 0)):
        found = gptcore.explain(trace, name, index)
        assert len(found.edits) == count
        assert found.value == read(trace, name, index).item()
        assert close(found.recomputed, found.value, FLOAT64)
        assert close(executed(found, ckpt, IDS)[0], found.value, FLOAT64), found.code
    found = gptcore.explain(trace, "transformer.h.0.mlp", (1, 6, 2))
    assert found.value == patches[1]["transformer.h.0.mlp"][1, 6, 2].item()
    assert close(executed(found, ckpt, IDS)[0], found.value, FLOAT64), found.code


# ---- errors --------------------------------------------------------------------------------------------------------


NO_CELLS: list[tuple[Any, str]] = [
    ((0, 2, 7), "3"),
    ((0, 2, 7, 5, 0), "5"),
    ((), "0"),
    ((0, 2, 7, T), f"{T}"),
    ((0, 4, 7, 5), "4"),
    ((2, 0, 0, 0), "2"),
    ((0, 0, -T - 1, 0), f"{-T - 1}"),
    ((0, 2, 7, 1.5), r"1\.5"),
    ((0, 2, 7, slice(0, 2)), "slice"),
]


@pytest.mark.parametrize(("index", "got"), NO_CELLS, ids=str)
def test_an_placethat_is_no_cell_is_told(index: Any, got: str) -> None:
    trace = capture(checkpoint().model, IDS)
    with pytest.raises((IndexError, ValueError), match=rf"(?s)attn\.scores.*{got}"):
        gptcore.explain(trace, f"{A1}.scores", index)


def test_a_wrong_name_lists_near_ones() -> None:
    trace = capture(checkpoint().model, IDS)
    with pytest.raises(KeyError, match=r"attn\.pattern"):
        gptcore.explain(trace, f"{A1}.patern", (0, 0, 0, 0))
    with pytest.raises(KeyError):
        gptcore.explain(capture(checkpoint().model, IDS, names=["idx"]), f"{A1}.pattern", (0, 0, 0, 0))


def test_operands_that_are_not_there_are_told() -> None:
    trace = capture(checkpoint().model, IDS, names=["transformer.h.1.mlp.c_fc"])
    with pytest.raises(ValueError, match=r"transformer\.h\.1\.ln_2"):
        gptcore.explain(trace, "transformer.h.1.mlp.c_fc", (0, 0, 0))


def test_changed_weights_are_told() -> None:
    ckpt = checkpoint()
    trace = capture(ckpt.model, IDS)
    with torch.no_grad():
        ckpt.model.transformer.h[1].mlp.c_fc.weight.mul_(1.5)
    with pytest.raises(RuntimeError, match="weights have changed"):
        gptcore.explain(trace, "transformer.h.1.mlp.c_fc", (0, 0, 0))


def test_an_explanation_does_not_change_and_changes_nothing() -> None:
    ckpt = checkpoint()
    trace = capture(ckpt.model, IDS)
    found = gptcore.explain(trace, f"{A1}.scores", (0, 2, 7, 5))
    with pytest.raises(AttributeError):
        found.value = 1.0  # type: ignore[misc]
    for operand in found.operands:
        operand.values.zero_()
    for operand in gptcore.explain(trace, "transformer.h.1.mlp.c_fc", (0, 2, 7)).operands:
        operand.values.zero_()
    check(trace, ckpt.model.state_dict(), f"{A1}.scores", (0, 2, 7, 5), FLOAT64)
    again = capture(checkpoint().model, IDS)
    assert all(_equal(trace[name], again[name]) for name in trace)
