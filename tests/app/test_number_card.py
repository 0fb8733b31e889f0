"""The card of a number: a sentence, a picture, the steps on the way; and the card of a trained number."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("streamlit", reason="needs the extra `app`")

from app.panels import strips
from app.panels.number_words import Words
from gptcore import GPT, GPTConfig, Trace, architecture, capture
from tests.app.sent import Page
from tests.app.test_explaining import BLOCK, HEAD, LAYER, MODEL, page, pin
from tests.lopsided import LETTERS, LONG, lopsided, seen, write_folder

__all__ = ["page"]
TOKENS = seen(LONG, MODEL)
FACTOR = {"gelu": "none", "gelu_tanh": "tanh"}


def bars(page: Page) -> dict[str, np.ndarray]:
    """The numbers of each strip of the card's picture, by name."""
    sent = page.panel("explanation")
    counts = [strip["count"] for strip in sent["picture"]["strips"]]
    parts = np.split(sent["numbers"], np.cumsum(counts)) if counts else []
    return {strip["name"]: part for strip, part in zip(sent["picture"]["strips"], parts, strict=False)}


def facts(page: Page) -> dict[str, float]:
    """The steps on the way, by name."""
    return dict(page.panel("explanation")["picture"]["facts"])


def show(page: Page, name: str, row: int, col: int) -> dict[str, Any]:
    page.select(name)
    pin(page, row, col)
    return page.panel("explanation")


def test_a_score_is_drawn_as_its_products_and_their_growing_sum(page: Page, trace: Trace) -> None:
    sent = show(page, f"{BLOCK}.attn.scores", 9, 4)
    q, k = trace[f"{BLOCK}.attn.q"][0, HEAD, 9].numpy(), trace[f"{BLOCK}.attn.k"][0, HEAD, 4].numpy()
    drawn = bars(page)
    assert list(drawn) == ["Q", "Kᵀ", "product", "sum so far"]
    for name, expected in zip(drawn, (q, k, q * k, np.cumsum(q * k)), strict=True):
        assert np.allclose(drawn[name], expected, atol=2e-5), name
    assert np.isclose(drawn["sum so far"][-1], sent["value"], atol=2e-5)
    assert sent["picture"]["axis"] == "d"
    first, second = sent["picture"]["strips"][:2]
    assert (first["open"], first["cell"]) == (f"{BLOCK}.attn.q", [0, HEAD, 9, None])
    assert (second["open"], second["cell"]) == (f"{BLOCK}.attn.k_t", [0, HEAD, None, 4])


def test_a_bar_leads_to_its_own_number(page: Page, trace: Trace) -> None:
    sent = show(page, f"{BLOCK}.attn.scores", 9, 4)
    strip = sent["picture"]["strips"][1]
    page.report("explain", open=strip["open"], cell=[3 if part is None else part for part in strip["cell"]])
    found = page.panel("explanation")
    assert (found["name"], found["index"]) == (f"{BLOCK}.attn.k_t", [0, HEAD, 3, 4])
    assert np.isclose(found["value"], trace[f"{BLOCK}.attn.k"][0, HEAD, 4, 3].item(), atol=2e-5)


def test_a_linear_layer_s_bias_is_told_behind_its_products(page: Page, trace: Trace) -> None:
    show(page, f"{BLOCK}.mlp.c_fc", 31, 5)
    x = trace[f"{BLOCK}.ln_2"][0, 5]
    w, b = MODEL.get_parameter(f"{BLOCK}.mlp.c_fc.weight")[31], MODEL.get_parameter(f"{BLOCK}.mlp.c_fc.bias")[31]
    assert np.allclose(bars(page)["product"], (x * w).detach().numpy(), atol=2e-5)
    told = facts(page)
    assert math.isclose(told["sum of products"], (x @ w).item(), abs_tol=2e-5)
    assert math.isclose(told["bias"], b.item(), abs_tol=1e-6)
    assert math.isclose(told["sum + bias"], trace[f"{BLOCK}.mlp.c_fc"][0, 5, 31].item(), abs_tol=2e-5)


def test_a_weight_of_attention_is_its_share_of_the_row(page: Page, trace: Trace) -> None:
    sent = show(page, f"{BLOCK}.attn.pattern", 9, 4)
    scaled = trace[f"{BLOCK}.attn.scaled"][0, HEAD, 9, :10].double().numpy()
    powers = np.exp(scaled - scaled.max())
    drawn = bars(page)
    assert np.allclose(drawn["score"][:10], scaled, atol=2e-5) and np.isnan(drawn["score"][10:]).all()
    assert np.allclose(drawn["share"][:10], powers / powers.sum(), atol=2e-5) and not drawn["share"][10:].any()
    assert (sent["picture"]["axis"], sent["picture"]["chosen"]) == ("token", 4)
    told = facts(page)
    assert math.isclose(told["e^(score − largest)"], powers[4], abs_tol=1e-5)
    assert math.isclose(told["sum of all of these"], powers.sum(), abs_tol=1e-4)
    assert math.isclose(told["share"], trace[f"{BLOCK}.attn.pattern"][0, HEAD, 9, 4].item(), abs_tol=1e-5)


def test_of_a_vocabulary_the_likely_tokens_and_the_own_one_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lopsided()
    opened = Page(write_folder(tmp_path / "m", model), monkeypatch, LONG)
    run = capture(model, [LETTERS.index(letter) for letter in TOKENS])
    opened.select("loss")
    pin(opened, 0, 6)
    sent = opened.panel("explanation")
    target = LETTERS.index(TOKENS[7])
    places, p = sent["picture"]["places"], run["probs"][0, 6].double().numpy()
    assert places[sent["picture"]["chosen"]] == target
    assert sent["picture"]["labels"] == [opened_label(place) for place in places]
    assert places[:20] == np.argsort(-p, kind="stable")[:20].tolist()
    assert np.allclose(bars(opened)["share"], p[places], atol=2e-5)
    told = facts(opened)
    assert math.isclose(told["probability of the target"], p[target], abs_tol=1e-5)
    assert math.isclose(told["−ln of it"], run["loss"][0, 6].item(), abs_tol=1e-4)


def opened_label(token: int) -> str:
    return LETTERS[token]


def test_a_layer_norm_shows_mean_and_spread(page: Page, trace: Trace) -> None:
    sent = show(page, f"{BLOCK}.ln_1", 3, 11)
    row = trace[f"{BLOCK}.resid_pre"][0, 11].double().numpy()
    assert np.allclose(bars(page)["x"], row, atol=2e-5)
    told, marks = facts(page), dict(sent["picture"]["marks"])
    assert math.isclose(told["mean"], row.mean(), abs_tol=1e-5)
    assert math.isclose(told["variance"], row.var(), abs_tol=1e-5)
    assert math.isclose(marks["mean + std"], row.mean() + row.std(), abs_tol=1e-5)
    gain = told["times weight"] * told["(number − mean) / √(variance + ε)"] + told["plus bias"]
    assert math.isclose(gain, trace[f"{BLOCK}.ln_1"][0, 11, 3].item(), abs_tol=2e-5)
    assert sent["picture"]["chosen"] == 3


@pytest.mark.parametrize("activation", FACTOR)
def test_a_gelu_is_a_point_on_its_own_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, activation: Any) -> None:
    model = lopsided(activation=activation)
    opened = Page(write_folder(tmp_path / "m", model), monkeypatch, LONG)
    opened.select(f"{BLOCK}.mlp.gelu")
    pin(opened, 71, 5)
    points = opened.panel("explanation")["numbers"].reshape(-1, 2)
    expected = torch.nn.functional.gelu(torch.tensor(points[:, 0]), approximate=FACTOR[activation])
    assert np.allclose(points[:, 1], expected, atol=1e-5)
    run = capture(model, [LETTERS.index(letter) for letter in TOKENS])
    assert math.isclose(points[-1, 0], run[f"{BLOCK}.mlp.c_fc"][0, 5, 71].item(), abs_tol=2e-5)
    assert math.isclose(points[-1, 1], run[f"{BLOCK}.mlp.gelu"][0, 5, 71].item(), abs_tol=2e-5)


def test_an_addition_shows_both_parts_and_the_sum(page: Page, trace: Trace) -> None:
    sent = show(page, f"{BLOCK}.resid_mid", 17, 5)
    parts = [trace[f"{BLOCK}.{name}"][0, 5, 17].item() for name in ("resid_pre", "attn", "resid_mid")]
    assert np.allclose(bars(page)["sum"], parts, atol=2e-5)
    assert sent["picture"]["labels"] == ["Residual in", "Self-attention", "sum"]


def test_an_embedding_s_number_stands_in_its_row(page: Page) -> None:
    sent = show(page, "transformer.wte", 19, 2)
    token = LETTERS.index(TOKENS[2])
    row = MODEL.get_parameter("transformer.wte.weight")[token].detach().numpy()
    assert np.allclose(bars(page)[f"row {token}"], row) and sent["picture"]["chosen"] == 19


def test_the_equation_is_drawn_when_the_card_is_there_and_asks_for_it(page: Page) -> None:
    name = show(page, f"{BLOCK}.attn.scores", 9, 4)["formula_key"]
    assert name not in page.data()["kept"]
    page.report("explain", formula=name)
    lines = json.loads(page.data()["kept"][name])
    assert lines and all(line.startswith("<svg") for line in lines)
    assert page.panel("explanation")["index"] == [0, HEAD, 9, 4]
    other = show(page, f"{BLOCK}.attn.scores", 9, 5)["formula_key"]
    assert other != name and not {other, name} & set(page.data()["kept"])


def test_the_code_of_the_card_leaves_its_number(page: Page, trace: Trace) -> None:
    sent = show(page, f"{BLOCK}.attn.scores", 9, 4)
    ids = [LETTERS.index(letter) for letter in TOKENS]
    assert math.isclose(run_code(sent["code"], ids), trace[f"{BLOCK}.attn.scores"][0, HEAD, 9, 4].item(), abs_tol=2e-5)


def run_code(code: str, ids: list[int]) -> float:
    class Loaded:
        model = MODEL

    names: dict[str, Any] = {"ckpt": Loaded, "ids": ids}
    exec(code, names)
    return float(names["value"])


@pytest.mark.parametrize(
    ("name", "cell", "feeds"),
    [
        ("attn.scores", (9, 4), [("attn.q", "attn.pattern", 9, 9), ("attn.k_t", "attn.pattern", 4, 4)]),
        ("attn.z", (2, 9), [("attn.attn_dropout", "attn.pattern", 9, 9), ("attn.v", "attn.pattern", 0, 12)]),
        ("resid_mid", (17, 5), [("resid_pre", "transformer.h.1", 5, 5), ("attn", "resid_mid", 5, 5)]),
        ("mlp.c_fc", (31, 5), [("ln_2", "mlp.gelu", 5, 5)]),
        ("resid_post", (3, 8), [("resid_mid", "resid_mid", 8, 8), ("mlp", "resid_post", 8, 8)]),
    ],
)
def test_the_card_tells_the_map_where_its_operands_stand(
    page: Page, name: str, cell: tuple[int, int], feeds: list[tuple[str, str, int, int]]
) -> None:
    sent = show(page, f"{BLOCK}.{name}", *cell)
    found = [(feed["tensor"], feed["line"], feed["first"], feed["last"]) for feed in sent["feeds"]]
    lines = {line["id"] for line in page.panel("map")["lines"]}
    expected = [
        (f"{BLOCK}.{tensor}", line if line.startswith("transformer") else f"{BLOCK}.{line}", first, last)
        for tensor, line, first, last in feeds
    ]
    assert found == expected and {line for _, line, _, _ in found} <= lines


def test_every_tensor_has_a_line_of_the_map_or_none(trace: Trace) -> None:
    arch = architecture(MODEL.config)
    for opened in range(MODEL.config.n_layer):
        shown = {line.id for line in strips.lines(arch, opened)}
        for name in trace.shapes():
            line = strips.line_of(arch, opened, name)
            assert line in shown if arch.nodes[name].layer is not None else line is None or line in shown


# ---- trained numbers -----------------------------------------------------------------------------------------------


def weight_card(page: Page, node: str, key: str, row: int, col: int) -> dict[str, Any]:
    page.select(node)
    page.report("node", kind="weight", id=node, weight=key)
    pin(page, row, col)
    return page.panel("explanation")


def test_a_trained_number_says_what_it_is_and_what_it_does_here(page: Page, trace: Trace) -> None:
    C, D = MODEL.config.n_embd, MODEL.config.head_dim
    key = f"{BLOCK}.attn.c_attn.weight"
    row = C + 2 * D + 3  # number 3 of the key in head 2
    sent = weight_card(page, f"{BLOCK}.attn.c_attn", key, row, 7)
    weight = MODEL.get_parameter(key)[row, 7].item()
    assert (sent["name"], sent["index"], sent["recomputed"]) == (key, [row, 7], None)
    assert math.isclose(sent["value"], weight, abs_tol=1e-6)
    assert sent["sentence"] == f"How much channel 7 of LN 1 counts for number 3 of the key in head {LAYER}.2."
    assert [each["name"] for each in sent["operands"]] == [f"{BLOCK}.attn.c_attn"]
    came = trace[f"{BLOCK}.ln_1"][0, -1, 7].item()
    assert math.isclose(facts(page)["comes in × weight"], came * weight, abs_tol=1e-5)
    assert math.isclose(run_code(sent["code"], []), weight, abs_tol=1e-6)
    assert np.allclose(bars(page)[f"row {row}"], MODEL.get_parameter(key)[row].detach().numpy())


def test_what_a_trained_number_does_is_told_at_the_followed_token(page: Page, trace: Trace) -> None:
    key = f"{BLOCK}.mlp.c_proj.weight"
    weight_card(page, f"{BLOCK}.mlp.c_proj", key, 4, 70)
    page.report("follow", token=len(LONG) - 4, text=LONG)
    came = trace[f"{BLOCK}.mlp.gelu"][0, -4, 70].item()
    assert math.isclose(facts(page)["comes in"], came, abs_tol=1e-5)


@pytest.mark.parametrize(("tied", "users"), [(True, ["transformer.wte", "lm_head"]), (False, ["transformer.wte"])])
def test_a_tied_matrix_is_used_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tied: bool, users: list[str]
) -> None:
    opened = Page(write_folder(tmp_path / "m", lopsided(tie_weights=tied)), monkeypatch, LONG)
    sent = weight_card(opened, "transformer.wte", "transformer.wte.weight", LETTERS.index(TOKENS[2]), 5)
    assert [each["name"] for each in sent["operands"]] == users
    assert facts(opened)["times in this prompt"] == TOKENS.count(TOKENS[2])


def test_a_vector_s_number_has_a_card_too(page: Page) -> None:
    key = f"{BLOCK}.ln_2.bias"
    sent = weight_card(page, f"{BLOCK}.ln_2", key, 0, 6)
    assert sent["index"] == [6] and sent["sentence"] == "At its end LN 2 adds this number to channel 6."
    assert math.isclose(sent["value"], MODEL.get_parameter(key)[6].item(), abs_tol=1e-6)


def test_a_pin_is_not_taken_over_by_the_weight(page: Page) -> None:
    show(page, f"{BLOCK}.mlp.c_fc", 5, 3)
    page.report("node", kind="weight", id=f"{BLOCK}.mlp.c_fc", weight=f"{BLOCK}.mlp.c_fc.weight")
    assert "explanation" not in page.data()["panels"]


# ---- words ---------------------------------------------------------------------------------------------------------


def words() -> Words:
    return Words(architecture(MODEL.config), TOKENS, lambda token: LETTERS[token])


SENTENCES = {
    ("attn.pattern", (0, 3, 9, 4)): f"How much {TOKENS[9]!r} looks at {TOKENS[4]!r} in head 2.3, of 1 in all.",
    ("attn.masked", (0, 3, 4, 9)): f"{TOKENS[9]!r} comes after {TOKENS[4]!r}, so",
    ("attn.masked", (0, 3, 9, 4)): f"How well the query of {TOKENS[9]!r} fits the key of {TOKENS[4]!r}",
    ("attn.k_t", (0, 1, 2, 8)): f"Number 2 of the key of {TOKENS[8]!r} in head 2.1.",
    ("attn.c_attn", (0, 6, 2 * 20 + 1 * 5 + 4)): f"At {TOKENS[6]!r}: number 4 of the value of head 2.1.",
    ("attn.concat", (0, 6, 13)): "Number 3 of head 2.2",
    ("mlp.dropout", (0, 6, 13)): f"What the MLP of block 2 adds to channel 13 at {TOKENS[6]!r}.",
    ("attn.resid_dropout", (0, 6, 13)): f"What attention of block 2 adds to channel 13 at {TOKENS[6]!r}.",
}
"""Sentences for some numbers of block 2, written down by hand: C is 20, D is 5."""


@pytest.mark.parametrize("at", SENTENCES, ids=lambda at: at[0])
def test_a_sentence_says_what_a_number_is(at: tuple[str, tuple[int, ...]]) -> None:
    assert (MODEL.config.n_embd, MODEL.config.head_dim) == (20, 5)
    name, index = at
    assert words().of_run(f"{BLOCK}.{name}", index).startswith(SENTENCES[at])


def test_every_tensor_and_every_weight_has_a_sentence(trace: Trace) -> None:
    for name, (_, shape) in trace.shapes().items():
        said = words().of_run(name, [size - 1 for size in shape])
        assert said.endswith(".") and "{" not in said and "None" not in said, (name, said)
    for name, shape in architecture(MODEL.config).weight_shapes().items():
        said = words().of_weight(name, [size - 1 for size in shape])
        assert said.endswith(".") and "{" not in said and "None" not in said, (name, said)


def test_a_column_of_the_output_projection_is_a_number_of_a_head(trace: Trace) -> None:
    bare = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=6)).eval()
    said = Words(architecture(bare.config), ["a"], str).of_weight("transformer.h.1.attn.c_proj.weight", (4, 5))
    assert said == "How much number 2 of head 1.1 counts for channel 4."
