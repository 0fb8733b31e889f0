"""The pages of words: each node has its sentence, and each number is the run's, computed here from whole tensors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import pytest
import torch

from app.lessons import Lesson, Letter, Number, Run, Token, lesson
from app.lessons.sentences import parts, plain
from gptcore import GPT, Trace, architecture, capture
from gptcore.graph.node import ATTENTION, INSIDE, MLP, MODEL, SDPA, VIEWS
from tests.lopsided import FITS, LETTERS, LONG, encode, lopsided, run_of, seen

Numbers = dict[str, float]

DIAGRAMS: Final = {
    MODEL: {
        "input tokens": "idx",
        "token embedding": "transformer.wte",
        "position embedding": "transformer.wpe",
        "add": "transformer.embed",
        "dropout": "transformer.drop",
        "block x N": "transformer.h",
        "final norm": "transformer.ln_f",
        "head": "lm_head",
        "logits": "lm_head",
    },
    INSIDE: {
        "LN 1": "transformer.h.{i}.ln_1",
        "attention": "transformer.h.{i}.attn",
        "add, after attention": "transformer.h.{i}.resid_mid",
        "LN 2": "transformer.h.{i}.ln_2",
        "MLP": "transformer.h.{i}.mlp",
        "add, after the MLP": "transformer.h.{i}.resid_post",
    },
    ATTENTION: {
        "projection (B, T, 3C)": "transformer.h.{i}.attn.c_attn",
        "split: Q (B, H, T, D)": "transformer.h.{i}.attn.q",
        "split: K (B, H, T, D)": "transformer.h.{i}.attn.k",
        "split: V (B, H, T, D)": "transformer.h.{i}.attn.v",
        "attention": "transformer.h.{i}.attn.sdpa",
        "concatenate": "transformer.h.{i}.attn.concat",
        "projection": "transformer.h.{i}.attn.c_proj",
        "dropout": "transformer.h.{i}.attn.resid_dropout",
    },
    SDPA: {
        "transpose": "transformer.h.{i}.attn.k_t",
        "Q x Kᵀ": "transformer.h.{i}.attn.scores",
        "scale": "transformer.h.{i}.attn.scaled",
        "mask": "transformer.h.{i}.attn.masked",
        "softmax": "transformer.h.{i}.attn.pattern",
        "dropout": "transformer.h.{i}.attn.attn_dropout",
        "weighted sum": "transformer.h.{i}.attn.z",
    },
    MLP: {
        "linear 4C": "transformer.h.{i}.mlp.c_fc",
        "GELU": "transformer.h.{i}.mlp.gelu",
        "projection": "transformer.h.{i}.mlp.c_proj",
        "dropout": "transformer.h.{i}.mlp.dropout",
    },
}
"""Every box of the five diagrams that readers of nanoGPT know, and its node here."""
SKIPS: Final = (("resid_pre", "resid_mid"), ("resid_mid", "resid_post"))
LAYER, HEAD, AT = 1, 2, 7
"""A block, a head and a token that are neither the first nor the last."""


def run_at(model: GPT, text: str, position: int = -1, layer: int = 0, head: int = 0) -> Run:
    """Return a run as the page makes it."""
    trace = run_of(model, text)
    cropped = len(text) - trace.T
    return Run(trace, architecture(model.config), LETTERS.__getitem__, position % trace.T, layer, head, cropped)


def numbers(told: Lesson) -> dict[str, Numbers]:
    """Return every number of a page: by the node, or by the question, and by its name."""
    found: dict[str, Numbers] = {}
    for sentence in told.sentences:
        of_node = found.setdefault(sentence.node, {})
        for part in sentence.parts:
            if isinstance(part, Number):
                while part.name in of_node and of_node[part.name] != part.value:
                    part = Number(part.value, part.kind, part.cell, part.name + "'")
                of_node[part.name] = part.value
    for question in told.questions:
        asked = found.setdefault(plain(question.question), {})
        asked |= {part.name: part.value for part in question.question + question.answer if isinstance(part, Number)}
    return found


def words(told: Lesson) -> str:
    """Return all that a page says."""
    said = [each.parts for each in told.sentences]
    said += [part for each in told.questions for part in (each.question, each.answer)]
    return "\n".join(plain(part) for part in said)


# ---- nothing of the diagrams is missing --------------------------------------------------------------------------


@pytest.mark.parametrize("view", DIAGRAMS)
@pytest.mark.parametrize("layer", [0, LAYER, 2])
def test_each_node_of_the_published_diagrams_has_a_sentence(view: str, layer: int) -> None:
    run = run_at(lopsided(), LONG, AT, layer, HEAD)
    told = {sentence.node for sentence in lesson(run, view).sentences}
    for name, node in DIAGRAMS[view].items():
        assert node.replace("{i}", str(layer)) in told, name


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("layer", [0, LAYER, 2])
def test_each_node_that_is_drawn_has_a_sentence_and_no_sentence_is_of_another(view: str, layer: int) -> None:
    run = run_at(lopsided(), LONG, AT, layer, HEAD)
    told = lesson(run, view)
    assert {sentence.node for sentence in told.sentences} == set(run.nodes(view))
    assert len(told.questions) >= 4


def test_both_skips_are_drawn_and_told() -> None:
    run = run_at(lopsided(), LONG, AT, LAYER)
    edges = run.arch.graph(INSIDE, LAYER).edges
    for source, target in SKIPS:
        assert (f"transformer.h.{LAYER}.{source}", f"transformer.h.{LAYER}.{target}") in edges
    said = {sentence.node.rpartition(".")[2]: plain(sentence.parts) for sentence in lesson(run, INSIDE).sentences}
    assert "round the attention" in said["resid_pre"]
    assert "round the MLP" in said["resid_mid"]


# ---- each number is the run's ------------------------------------------------------------------------------------


class Whole:
    """The tensors of a run as a whole, and what the pages tell of them, computed in another way."""

    def __init__(self, trace: Trace, model: GPT, at: int, layer: int, head: int) -> None:
        self.trace, self.model, self.at, self.layer, self.head = trace, model, at, layer, head
        self.weights = {name: value.double() for name, value in model.state_dict().items()}
        self.T = trace.T

    def __getitem__(self, name: str) -> Any:
        """The tensor of a name in the model, or in the block: without the batch, of the head alone, in float64."""
        full = name if name in self.trace else f"transformer.h.{self.layer}.{name}"
        axes, _ = self.trace.shapes()[full]
        found = self.trace[full].double()
        for axis in ("B", "H"):
            if axis in axes:
                found = found[self.head if axis == "H" else 0]
        return found

    def size(self, *names: str) -> int:
        """Return how many trained numbers there are below these names, tied ones once."""
        tied = "lm_head.weight" if self.model.config.tie_weights else ""
        return sum(
            value.numel()
            for key, value in self.weights.items()
            if key != tied and any(key == name or key.startswith(f"{name}.") for name in names or [key])
        )

    def length(self, name: str) -> float:
        return float((self[name][self.at] ** 2).sum() ** 0.5)

    def spread(self, row: Any) -> tuple[float, float]:
        mean = row.sum() / row.numel()
        return float(mean), float((((row - mean) ** 2).sum() / row.numel()) ** 0.5)

    def norm(self, source: str, node: str) -> Numbers:
        mean, deviation = self.spread(self[source][self.at])
        return {"mean": mean, "deviation": deviation, "after": self.spread(self[node][self.at])[1]}

    def sum(self, one: str, other: str, both: str) -> Numbers:
        a, b, c = (float(self[name][self.at, 0]) for name in (one, other, both))
        assert a + b == pytest.approx(c, abs=1e-5)
        return {"a": a, "b": b, "sum": c}


def expected_model(w: Whole) -> dict[str, Numbers]:
    config, at, T = w.model.config, w.at, w.T
    C, V, L = config.n_embd, config.vocab_size, config.n_layer
    logits = w.weights["lm_head.weight"] @ w["transformer.ln_f"][at]
    chances = torch.exp(logits) / torch.exp(logits).sum()
    best, second = logits.sort(descending=True).indices[:2].tolist()
    ids = w.trace.ids[0].tolist()
    step = at if at + 1 < T else at - 1
    step_logits = w.weights["lm_head.weight"] @ w["transformer.ln_f"][step]
    chance = float((torch.exp(step_logits) / torch.exp(step_logits).sum())[ids[step + 1]])
    table = w.weights["transformer.wpe.weight"]
    all_params, blocks = w.size(), w.size("transformer.h")
    per_token = 2 * (12 * L * C * C + V * C)  # a multiplication and an addition for each weight of a matrix product
    return {
        "idx": {"count": T, "last": V - 1, "limit": config.block_size, "cropped": len(LONG) - T, "id": ids[at]},
        "transformer.wte": {"rows": V, "width": C, "first": float(w.weights["transformer.wte.weight"][ids[at], 0])},
        "transformer.wpe": {"rows": config.block_size, "width": C, "place": at, "first": float(table[at, 0])},
        "transformer.embed": {
            **w.sum("transformer.wte", "transformer.wpe", "transformer.embed"),
            "width": C,
            "one": 1,
            "count": T,
        },
        "transformer.drop": {"rate": config.dropout, "difference": 0},
        "transformer.h": {
            "count": L,
            "params": blocks,
            "all": all_params,
            "before": w.length("transformer.embed"),
            "after": w.length(f"transformer.h.{L - 1}.resid_post"),
        },
        "transformer.ln_f": w.norm(f"transformer.h.{L - 1}.resid_post", "transformer.ln_f"),
        "lm_head": {"count": V, "logit": float(logits[best])},
        "probs": {"total": 1, "most": float(chances[best]), "less": float(chances[second])},
        "loss": {"chance": chance, "loss": -math.log(chance)},
        "Is it one run of the model for all T tokens, or one for each token?": {
            "count": T,
            "flops": T * per_token + 2 * 2 * L * T * T * C,
            "single": per_token + 2 * 2 * L * C,
        },
        "Why is the output (B, T, V), if only the last row is used?": {"known": T - 1, "size": T * V, "row": V},
        "Where does the order of the tokens come in?": {
            "place": at,
            "other": at - 1,
            "distance": float(((table[at] - table[at - 1]) ** 2).sum() ** 0.5),
        },
        "Are the token embedding and the head the same matrix here?": {
            "size": V * C,
            "part": V * C / all_params,
            "more": all_params + V * C,
        },
        "Where are the parameters?": {
            "all": all_params,
            "blocks": L,
            "in_blocks": blocks,
            "of_blocks": blocks / all_params,
            "tokens": V * C,
            "of_tokens": V * C / all_params,
            "places": config.block_size * C,
            "of_places": config.block_size * C / all_params,
        },
    }


def expected_block(w: Whole) -> dict[str, Numbers]:
    config, at, T, layer = w.model.config, w.at, w.T, w.layer
    C, L, here = config.n_embd, config.n_layer, f"transformer.h.{layer}"
    mlp, attention = w.size(f"{here}.mlp"), w.size(f"{here}.attn")
    came, left = w["resid_pre"][at], w["resid_post"][at]
    mean, deviation = w.spread(came)
    other_mean, other_deviation = w.spread(w["resid_pre"][at - 1])
    return {
        f"transformer.h.{layer - 1}": {"width": C, "count": T, "block": layer, "blocks": L},
        f"{here}.resid_pre": {"length": w.length(f"transformer.h.{layer - 1}.resid_post")},
        f"{here}.ln_1": w.norm("resid_pre", "ln_1"),
        f"{here}.attn": {"heads": config.n_head, "seen": at + 1, "length": w.length("attn.c_proj")},
        f"{here}.resid_mid": {
            **w.sum("resid_pre", "attn.c_proj", "resid_mid"),
            "before": w.length("resid_pre"),
            "after": w.length("resid_mid"),
        },
        f"{here}.ln_2": w.norm("resid_mid", "ln_2"),
        f"{here}.mlp": {"hidden": 4 * C, "length": w.length("mlp.c_proj")},
        f"{here}.resid_post": {
            **w.sum("resid_mid", "mlp.c_proj", "resid_post"),
            "after": w.length("resid_post"),
            "one": 1,
            "count": T,
            "width": C,
        },
        f"transformer.h.{layer + 1}": {"left": L - layer - 1},
        "Why are there two additions?": {
            "first": w.length("attn.c_proj") / w.length("resid_pre"),
            "second": w.length("mlp.c_proj") / w.length("resid_mid"),
            "cosine": float((came * left).sum()) / w.length("resid_pre") / w.length("resid_post"),
        },
        "What does layer norm do, and over which axis?": {
            "width": C,
            "mean": mean,
            "deviation": deviation,
            "other_mean": other_mean,
            "other_deviation": other_deviation,
            "params": w.size(f"{here}.ln_1"),
            "epsilon": 1e-5,
        },
        "Does a token see other tokens anywhere else than in attention?": {"blocks": L, "seen": at + 1, "count": T},
        "Which part of a block has most of the parameters?": {
            "mlp": mlp,
            "block": w.size(here),
            "of_mlp": mlp / w.size(here),
            "attention": attention,
            "of_attention": attention / w.size(here),
            "norms": w.size(f"{here}.ln_1", f"{here}.ln_2"),
        },
        "Why do the norms stand before attention and MLP, and not behind the additions?": {
            "start": w.length("transformer.embed"),
            "end": w.length("resid_post"),
        },
    }


def expected_attention(w: Whole) -> dict[str, Numbers]:
    config, at, T, head = w.model.config, w.at, w.T, w.head
    C, H = config.n_embd, config.n_head
    D, here = C // H, f"transformer.h.{w.layer}.attn"
    joint = w["attn.c_attn"][at]
    first, last = head * D, head * D + D - 1
    rows = w.trace[f"{here}.pattern"][0, :, at].double()  # (H, T)
    z = w.trace[f"{here}.z"][0, :, at].double().flatten()  # the heads side by side
    projection = w.weights[f"{here}.c_proj.weight"]
    piece = {"head": head, "one": 1, "count": T, "heads": H, "depth": D}
    told = [{f"head{h}": h, f"weight{h}": float(rows[h].max())} for h in range(H)]
    return {
        f"transformer.h.{w.layer}.ln_1": {"width": C, "count": T},
        f"{here}.c_attn": {"rows": 3 * C, "width": C, "one": 1, "count": T},
        f"{here}.q": {**piece, "from": first, "to": last, "first": float(joint[first])},
        f"{here}.k": {"head": head, "from": C + first, "to": C + last, "first": float(joint[C + first])},
        f"{here}.v": {"head": head, "from": 2 * C + first, "to": 2 * C + last, "first": float(joint[2 * C + first])},
        f"{here}.sdpa": {"seen": at + 1, "head": head, "weight": float(rows[head].max())},
        f"{here}.z": {**piece, "first": float(z[first])},
        f"{here}.concat": {
            "heads": H,
            "depth": D,
            "width": C,
            "head": head,
            "from": first,
            "to": last,
            "first": float(z[first]),
        },
        f"{here}.c_proj": {
            "size": C * C,
            "first": float((projection @ z)[0] + w.weights[f"{here}.c_proj.bias"][0]),
            "length": w.length("attn.c_proj"),
        },
        f"{here}.resid_dropout": {"rate": config.dropout, "difference": 0},
        f"transformer.h.{w.layer}.resid_mid": w.sum("resid_pre", "attn.c_proj", "resid_mid"),
        f"{C} = {H} × {D}: is {D} the width of a head, or a number of tokens?": {
            "width": C,
            "heads": H,
            "depth": D,
            "count": T,
        },
        "Where are W_q, W_k and W_v?": {
            **{"rows": 3 * C, "width": C, "q": C - 1, "k_from": C, "k": 2 * C - 1, "v_from": 2 * C, "v": 3 * C - 1},
            **{"head": head, "from": first, "to": last, "depth": D},
        },
        "Why are the heads concatenated, and what is c_proj for?": {
            **{"head": head, "from": first, "to": last},
            "part": float(((projection[:, first : last + 1] @ z[first : last + 1]) ** 2).sum() ** 0.5),
            "length": w.length("attn.c_proj"),
        },
        "Do the heads see different tokens?": {
            "seen": at + 1,
            "block": w.layer,
            **{name: value for each in told for name, value in each.items()},
        },
        "Do more heads mean more parameters?": {
            "joint": w.size(f"{here}.c_attn"),
            "projection": w.size(f"{here}.c_proj"),
            "all": w.size(here),
            **{"width": C, "heads": H, "depth": D},
        },
    }


def expected_dot_product(w: Whole) -> dict[str, Numbers]:
    config, at, T, head = w.model.config, w.at, w.T, w.head
    H, L, D = config.n_head, config.n_layer, config.n_embd // config.n_head
    here = f"transformer.h.{w.layer}.attn"
    q, k, v = w["attn.q"], w["attn.k"], w["attn.v"]
    scores = q @ k.T  # (T, T)
    weights = torch.exp(scores / D**0.5).tril()
    weights = weights / weights.sum(dim=1, keepdim=True)
    row = weights[at]
    best, second = row.sort(descending=True).indices[:2].tolist()
    seen_scores = torch.cat([scores[i, : i + 1] for i in range(T)])
    sharp = torch.exp(scores[at, : at + 1] - scores[at, : at + 1].max())
    hidden = at if at + 1 < T else 0
    flat = torch.exp(torch.cat([scores[hidden, : hidden + 1] / D**0.5, torch.zeros(T - hidden - 1)]))
    other = (head + 1) % H
    return {
        f"{here}.q": {"head": head, "block": w.layer, "depth": D, "first": float(q[at, 0])},
        f"{here}.k": {"first": float(k[best, 0])},
        f"{here}.k_t": {"one": 1, "heads": H, "depth": D, "count": T},
        f"{here}.scores": {"depth": D, "score": float(scores[at, best]), "cells": T * T},
        f"{here}.scaled": {"depth": D, "root": D**0.5, "scaled": float(scores[at, best] / D**0.5)},
        f"{here}.masked": {
            "place": at,
            **({"later": T - at - 1} if at + 1 < T else {}),
            "hidden": sum(1 for i in range(T) for j in range(T) if j > i),
            "cells": T * T,
        },
        f"{here}.pattern": {"weight": float(row[best]), "less": float(row[second]), "seen": at + 1, "total": 1},
        f"{here}.attn_dropout": {"rate": config.dropout, "difference": 0},
        f"{here}.v": {"first": float(v[best, 0])},
        f"{here}.z": {
            "weight": float(row[best]),
            "value": float(v[best, 0]),
            "product": float(row[best] * v[best, 0]),
            "seen": at + 1,
            "sum": float((row @ v)[0]),
        },
        "Why divide by √D?": {
            "head": head,
            "before": w.spread(seen_scores)[1],
            "depth": D,
            "root": D**0.5,
            "after": w.spread(seen_scores / D**0.5)[1],
            "sharp": float((sharp / sharp.sum()).max()),
            "weight": float(row[best]),
        },
        "Why is what is hidden −∞, and not 0?": {
            "later": T - hidden - 1,
            "leaked": float(flat[hidden + 1 :].sum() / flat.sum()),
        },
        "Do the rows add up to 1, or the columns?": {"row": 1, "column": float(weights[:, best].sum()), "count": T},
        "Is the same pattern used for every channel?": {
            "depth": D,
            "weight": float(row[best]),
            "apart": 0,
            "other": other,
            "others": float(w.trace[f"{here}.pattern"][0, other, at, best]),
        },
        "Why does the cost grow with the square of the length?": {
            "now": L * H * T * T,
            "limit": config.block_size,
            "most": L * H * config.block_size**2,
        },
    }


def expected_mlp(w: Whole) -> dict[str, Numbers]:
    config, at, T = w.model.config, w.at, w.T
    C, L, here = config.n_embd, config.n_layer, f"transformer.h.{w.layer}"
    before, after = w["mlp.c_fc"], w["mlp.gelu"]
    order = before[at].sort().indices.tolist()
    low, high = order[0], order[-1]
    mlp, attention, total = w.size(f"{here}.mlp"), w.size(f"{here}.attn"), w.size()
    every = L * mlp
    up = {"hidden": 4 * C, "width": C, "value": float(before[at, high]), "unit": high}
    return {
        f"{here}.ln_2": {"width": C},
        f"{here}.mlp.c_fc": {**up, "positive": int((before[at] > 0).sum())},
        f"{here}.mlp.gelu": {
            "value": float(before[at, high]),
            "passed": float(after[at, high]),
            "value'": float(before[at, low]),
            "unit": low,
            "flat": float(after[at, low]),
        },
        f"{here}.mlp.c_proj": {
            "size": 4 * C * C,
            "hidden": 4 * C,
            "unit": high,
            "length": float(((w.weights[f"{here}.mlp.c_proj.weight"][:, high] * after[at, high]) ** 2).sum() ** 0.5),
            "all": w.length("mlp.c_proj"),
        },
        f"{here}.mlp.dropout": {"rate": config.dropout, "difference": 0},
        f"{here}.resid_post": w.sum("resid_mid", "mlp.c_proj", "resid_post"),
        "Why 4C?": {"width": C, "hidden": 4 * C, "mlp": mlp, "attention": attention},
        "Does the MLP mix tokens?": {"count": T, "one": 1, "hidden": 4 * C, "place": at},
        "How many parameters sit in the MLPs?": {
            **{"one": mlp, "blocks": L, "all": every, "total": total, "part": every / total}
        },
        "How many of the hidden numbers are active?": {
            "here_share": int((after[at] > 0).sum()) / (4 * C),
            "all_share": int((after > 0).sum()) / (T * 4 * C),
            "count": T,
            "never": sum(1 for unit in range(4 * C) if (after[:, unit] <= 0).all()),
            "hidden": 4 * C,
        },
        "What would the MLP be without the GELU?": {"size": 8 * C * C, "square": C * C},
    }


EXPECTED: Final[dict[str, Callable[[Whole], dict[str, Numbers]]]] = {
    MODEL: expected_model,
    INSIDE: expected_block,
    ATTENTION: expected_attention,
    SDPA: expected_dot_product,
    MLP: expected_mlp,
}


@pytest.mark.parametrize("view", EXPECTED)
@pytest.mark.parametrize("position", [AT, 12])
def test_each_number_is_computed_from_the_run(view: str, position: int) -> None:
    """Compare every number of a page, in its sentences and its answers, on a prompt of which the start is not seen."""
    model = lopsided(dropout=0.125)
    run = run_at(model, LONG, position, LAYER, HEAD)
    assert run.cropped > 0
    found = numbers(lesson(run, view))
    wanted = EXPECTED[view](Whole(run.trace, model, position, LAYER, HEAD))
    assert set(found) == set(wanted)
    for name, values in wanted.items():
        assert found[name] == pytest.approx(values, rel=1e-4, abs=1e-5), name


@pytest.mark.parametrize("view", VIEWS)
def test_a_number_with_a_place_is_the_one_that_stands_there(view: str) -> None:
    run = run_at(lopsided(), LONG, AT, LAYER, HEAD)
    told = lesson(run, view)
    all_parts = [part for sentence in told.sentences for part in sentence.parts]
    placed = [part for part in all_parts if isinstance(part, Number) and part.cell]
    assert len(placed) >= 3
    for part in placed:
        assert part.cell is not None
        name, index = part.cell
        assert run.trace[name][index].item() == pytest.approx(part.value, rel=1e-6), name


def test_tokens_are_those_that_the_model_sees() -> None:
    run = run_at(lopsided(), LONG, AT, LAYER, HEAD)
    pattern = run.trace[f"transformer.h.{LAYER}.attn.pattern"][0, HEAD, AT]
    best = int(pattern.argmax())
    visible = seen(LONG, lopsided())
    told = lesson(run, SDPA)
    (softmax,) = [each.parts for each in told.sentences if each.node.endswith(".pattern")]
    tokens = [part for part in softmax if isinstance(part, Token)]
    assert tokens[:2] == [Token(visible[AT], AT), Token(visible[best], best)]
    assert best != AT


# ---- truthful for other models and prompts -----------------------------------------------------------------------


def page(view: str, text: str = FITS, position: int = -1, **sizes: Any) -> str:
    """Return what the page of a view says of a model with other options."""
    return words(lesson(run_at(lopsided(**sizes), text, position), view))


def test_biases_are_told_where_there_are_some() -> None:
    assert "learned biases are added" in page(ATTENTION)
    assert "no biases" not in page(ATTENTION) + page(INSIDE) + page(MLP) + page(MODEL)
    for view in (ATTENTION, INSIDE, MLP, MODEL):
        said = page(view, bias=False)
        assert "no biases" in said
        assert "learned bias" not in said.replace("no biases", "")


def test_tied_and_untied_are_told_apart() -> None:
    assert "Yes, they are tied" in page(MODEL)
    model = lopsided(tie_weights=False)
    run = run_at(model, FITS)
    said = words(lesson(run, MODEL))
    assert "a matrix of its own" in said
    apart = (model.transformer.wte.weight - model.lm_head.weight).abs().max().item()
    told = numbers(lesson(run, MODEL))["Are the token embedding and the head the same matrix here?"]
    assert told["apart"] == pytest.approx(apart)
    total = sum(parameter.numel() for parameter in model.parameters())
    assert told["part"] == pytest.approx(2 * model.lm_head.weight.numel() / total)


def test_the_form_of_the_gelu_is_told() -> None:
    assert "in its exact form" in page(MLP)
    assert "in the form with tanh" in page(MLP, activation="gelu_tanh")


def test_a_rate_of_dropout_is_told_where_there_is_one() -> None:
    assert "sets 0.25 of the numbers to 0" in page(SDPA, dropout=0.25)
    assert "if its rate were not 0" in page(SDPA)


def test_a_prompt_that_fits_is_not_said_to_be_cut() -> None:
    assert "does not see the first" in page(MODEL, LONG)
    assert "does not see the first" not in page(MODEL, FITS)


def test_the_first_token_sees_itself_alone() -> None:
    said = page(SDPA, FITS, position=0)
    assert "The softmax of one number alone is 1" in said
    assert "looks most at" not in said
    assert "itself alone, because nothing stands before it" in page(INSIDE, FITS, position=0)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("sizes", [{}, {"n_layer": 1, "n_head": 1}, {"bias": False, "tie_weights": False}])
def test_a_prompt_of_one_token_can_be_told(view: str, sizes: dict[str, Any]) -> None:
    run = run_at(lopsided(**sizes), "k")
    told = lesson(run, view)
    assert {sentence.node for sentence in told.sentences} == set(run.nodes(view))
    assert all(math.isfinite(value) for each in numbers(told).values() for value in each.values())
    said = words(told)
    assert "1 tokens" not in said
    assert "1 rows" not in said
    assert "1 blocks" not in said
    assert "1 heads" not in said
    if view == SDPA:
        assert numbers(told)["transformer.h.0.attn.pattern"]["weight"] == 1


@pytest.mark.parametrize("view", VIEWS)
def test_a_model_of_zeros_can_be_told(view: str) -> None:
    """Divide nothing by the length of a row that is 0."""
    model = lopsided()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert words(lesson(run_at(model, FITS), view))


def test_a_context_of_one_token_can_be_told() -> None:
    model = lopsided(block_size=1)
    trace = capture(model, encode("k"))
    run = Run(trace, architecture(model.config), LETTERS.__getitem__, 0)
    assert all(words(lesson(run, view)) for view in VIEWS)


# ---- the templates -----------------------------------------------------------------------------------------------


def test_a_field_that_nobody_gave_is_refused() -> None:
    with pytest.raises(KeyError, match="neither given nor a letter"):
        parts("{nothing}")


def test_tokens_stay_tokens_whatever_they_hold() -> None:
    hostile = Token("{C} <b>{0}</b>", 3)
    assert parts("{token} is {C}", token=hostile) == (hostile, " is ", Letter("C"))
