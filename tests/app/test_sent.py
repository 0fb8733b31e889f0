"""The data that each panel of the main screen is sent, against what gptcore computes for the same prompt.

The model is lopsided (tests/lopsided.py), the prompt mostly longer than its context, the head and the layer never the
first: a swapped axis, another head, the wrong end of the prompt or stale weights then give other numbers.
"""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("streamlit", reason="needs the extra `app`")

import gptcore.model
from gptcore import Checkpoint, Trace, architecture, save
from gptcore.analysis.head_scores import KINDS
from gptcore.analysis.parity import parity
from gptcore.analysis.value_weighted import value_weighted
from gptcore.checkpoint.snapshots import FOLDER, INDEX
from gptcore.graph.node import ATTENTION, INSIDE, MLP, SDPA
from gptcore.tokenizer import IdTokenizer
from tests.app.sent import Page
from tests.lopsided import FITS, LETTERS, LONG, SIZES, STEPS, encode, lopsided, model_at, run_of, seen, write_folder

MODEL = lopsided()
LAYER, HEAD = 2, 3
BLOCK = f"transformer.h.{LAYER}"
TOKENS = list(seen(LONG, MODEL))


@pytest.fixture
def page(untrained: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    """The screen with the cropped prompt."""
    return Page(untrained, monkeypatch, LONG)


def close(one: Any, other: Any) -> bool:
    return np.shape(one) == np.shape(other) and np.allclose(one, other, rtol=0, atol=2e-5, equal_nan=True)


def test_the_model_tells_wrong_answers_apart(trace: Trace) -> None:
    """Without this, the tests below would prove nothing."""
    sizes = architecture(MODEL.config).shapes(B=1, T=13)
    assert len({13, 20, 4, 5, 3, 23, 60, 80}) == 8  # T, C, H, D, L, V, 3C, 4C
    assert sizes[f"{BLOCK}.attn.q"] == (1, 4, 13, 5)
    patterns = torch.stack([trace[f"transformer.h.{layer}.attn.pattern"][0] for layer in range(3)]).flatten(0, 1)
    for i in range(len(patterns)):
        for j in range(i):
            assert (patterns[i] - patterns[j]).abs().max() > 0.1, (i, j)
    assert LONG[:13] != LONG[-13:] and list(reversed(TOKENS)) != TOKENS
    logits = trace.logits[0, -1]
    assert (logits.softmax(-1) - (logits / 0.6).softmax(-1)).abs().max() > 0.02


# ---- prompt ------------------------------------------------------------------------------------------------------


def test_the_prompt_is_sent_whole_and_with_what_the_model_does_not_see(page: Page) -> None:
    sent = page.panel("prompt")
    assert (sent["text"], sent["labels"], sent["ids"]) == (LONG, list(LONG), encode(LONG))
    assert (sent["first"], sent["cropped"]) == (0, len(LONG) - 13)
    assert sent["counter"].startswith("19 / 13 tokens")
    assert "last 13 of 19 tokens" in sent["notice"]["text"]
    page.type(FITS)
    sent = page.panel("prompt")
    assert (sent["ids"], sent["cropped"], sent["notice"]) == (encode(FITS), 0, None)


def test_the_model_s_own_example_is_sent_where_another_text_is_in_the_input(page: Page) -> None:
    own = str(page.panel("prompt")["example"])
    page.report("prompt", example=True, text=LONG, rev=page.panel("prompt")["rev"])
    sent = page.panel("prompt")
    assert own and (sent["text"], sent["example"]) == (own, "")
    page.type(FITS + "a")
    assert page.panel("prompt")["example"] == own


# ---- map ---------------------------------------------------------------------------------------------------------


def shape_of(trace: Trace, name: str) -> str:
    """The shape of a tensor that the run has; of the folded blocks, of what the last of them makes."""
    tensor = trace["transformer.h.2.resid_post" if name == "transformer.h" else name]
    return f"({', '.join(map(str, tensor.shape))})"


def test_the_map_tells_the_shapes_of_this_run(page: Page, trace: Trace) -> None:
    assert page.panel("map")["shapes"] == {}  # strips tell none
    page.look("form", "diagram")
    inside = {INSIDE: BLOCK, ATTENTION: f"{BLOCK}.attn", SDPA: f"{BLOCK}.attn.sdpa", MLP: f"{BLOCK}.mlp"}
    seen_shapes: dict[str, str] = {}
    for view in ("model", *inside):
        if view == "model":
            page.report("map", kind="up", id="model")
        else:
            page.open(inside[view], LAYER)
        sent = page.panel("map")
        expected = {name: shape_of(trace, name) for name in sent["shapes"]}
        assert sent["shapes"] == expected, view
        assert sent["layer"] == (0 if view == "model" else LAYER)
        assert sent["breadcrumbs"][0] == {"id": "model", "label": "model"}
        drawn = set(re.findall(r'data-node="([^"]+)"', page.drawing()))
        assert drawn == set(sent["shapes"]), view
        seen_shapes |= sent["shapes"]
    assert seen_shapes[f"{BLOCK}.attn.k_t"] == "(1, 4, 5, 13)"
    assert seen_shapes[f"{BLOCK}.mlp.gelu"] == "(1, 13, 80)"
    page.type(FITS)
    assert page.panel("map")["shapes"][f"{BLOCK}.mlp.gelu"] == "(1, 6, 80)"


def test_no_two_drawings_have_one_key(page: Page) -> None:
    """The browser keeps a drawing by its key, and is not sent it again."""
    page.look("form", "diagram")
    drawings: dict[str, str] = {}
    for layer in (1, 2):
        for container in (f"transformer.h.{layer}", f"transformer.h.{layer}.attn", f"transformer.h.{layer}.mlp"):
            page.open(container, layer)
            key, drawing = page.panel("map")["svg_key"], page.drawing()
            assert drawings.setdefault(key, drawing) == drawing, container
    assert len(drawings) == 6


def test_the_path_and_the_selection_are_those_of_the_click(page: Page) -> None:
    page.open("transformer.h", LAYER)
    page.open(f"{BLOCK}.attn", LAYER)
    page.select(f"{BLOCK}.attn.k")
    sent = page.panel("map")
    assert sent["selected"] == f"{BLOCK}.attn.k"
    assert [crumb["id"] for crumb in sent["breadcrumbs"]] == ["model", BLOCK, f"{BLOCK}.attn"]
    assert [crumb["label"] for crumb in sent["breadcrumbs"]] == ["model", "block 2", "attention"]
    page.report("map", kind="layer", id=sent["selected"], layer=1)
    assert (page.panel("map")["selected"], page.panel("map")["layer"]) == ("transformer.h.1.attn.k", 1)


# ---- matrix ------------------------------------------------------------------------------------------------------

AXES = {
    "idx": ("", "token"),
    "transformer.wte": ("C", "token"),
    "transformer.wpe": ("C", "token"),
    f"{BLOCK}.resid_pre": ("C", "token"),
    f"{BLOCK}.ln_1": ("C", "token"),
    f"{BLOCK}.attn.c_attn": ("3C", "token"),
    f"{BLOCK}.attn.q": ("D", "token"),
    f"{BLOCK}.attn.k_t": ("D", "token"),
    f"{BLOCK}.attn.scores": ("query", "key"),
    f"{BLOCK}.attn.masked": ("query", "key"),
    f"{BLOCK}.attn.pattern": ("query", "key"),
    f"{BLOCK}.attn.z": ("D", "token"),
    f"{BLOCK}.attn.concat": ("C", "token"),
    f"{BLOCK}.mlp.gelu": ("4C", "token"),
    "lm_head": ("V", "token"),
    "probs": ("V", "token"),
    "loss": ("", "target"),
}
"""Rows and columns of a tensor, written down by hand: a position is a column."""
ACROSS = ("idx", "loss", f"{BLOCK}.attn.k_t", *(f"{BLOCK}.attn.{name}" for name in ("scores", "masked", "pattern")))
"""Those whose last axis is the position already."""
TARGETS = [*(f"→ {token}" for token in TOKENS[1:]), "no target yet"]
LABELS = {"V": list(LETTERS), "target": TARGETS, "": [""]}
"""Labels that travel. Those of the tokens do not: the page has them from the prompt."""


def test_the_heatmap_is_the_tensor_with_its_axes(page: Page, trace: Trace) -> None:
    page.pick_head(LAYER, HEAD)
    best = trace.logits[0, -1].argsort(descending=True).tolist()  # V is less than the 40 that are shown
    for name, (row_axis, col_axis) in AXES.items():
        page.select(name)
        sent, values = page.matrix()
        axes, shape = trace.shapes()[name]
        tensor = trace[name][0] if axes[0] == "B" else trace[name]
        headed = "H" in axes
        tensor = tensor[HEAD] if headed else tensor[:, best] if row_axis == "V" else tensor
        expected = torch.atleast_2d(tensor if name in ACROSS else tensor.T).float().numpy()
        assert close(values, expected), name
        assert sent["name"] == (f"{name}, head {HEAD}" if headed else name)
        assert (sent["tensor"], sent["layer"]) == (name, LAYER if BLOCK in name else None)
        assert sent["head"] == (HEAD if headed else None)
        assert (sent["row_axis"], sent["col_axis"]) == (row_axis, col_axis), name
        row_labels = [LETTERS[index] for index in best] if row_axis == "V" else LABELS.get(row_axis)
        assert (sent["row_labels"], sent["col_labels"]) == (row_labels, LABELS.get(col_axis)), name
        assert (sent["position"], sent["locked"], sent["plot"]) == (12, False, "grid")
        assert sent["scales"] == name.endswith(".pattern") and "line" not in sent
        positions = ("token", "query", "key", "target")
        assert (sent["row_tokens"], sent["col_tokens"]) == (row_axis in positions, col_axis in positions), name
        assert sent["square"] == (row_axis == "query")
        finite = expected[np.isfinite(expected)].astype(np.float64)
        told = f"mean {finite.mean():.4g} · std {finite.std():.4g} · min {finite.min():.4g} · max {finite.max():.4g}"
        of_head = f"head {LAYER}.{HEAD}: " if headed else ""
        others = expected.size - finite.size
        told = f"{shape} · {of_head}{told}" + (f" · {others} masked or unknown" if others else "")
        assert sent["note"] == (f"{shape} · an id is a name, not an amount" if name == "idx" else told)
        assert sent["texts"] == (encode(seen(LONG, MODEL)) if name == "idx" else None)
        most = finite.max()
        usual = np.quantile(np.abs(finite), 0.98)  # a GELU's largest few would leave the others pale
        scales = {"pattern": (0, 1), "probs": (0, 1), "idx": (0, most), "loss": (0, most), "gelu": (-usual, usual)}
        low, high = scales.get(name.rpartition(".")[2], (-np.abs(finite).max(), np.abs(finite).max()))
        assert close([sent["vmin"], sent["vmax"]], [low, high]), name


def test_logits_are_those_of_the_tokens_that_are_likely_behind_the_followed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lopsided(vocab_size=90)
    save(Checkpoint(model, IdTokenizer(90), model.config, {}), tmp_path / "many")
    page = Page(tmp_path / "many", monkeypatch)
    ids = [7, 88, 3, 50, 11, 64, 1, 1, 80]
    page.type(" ".join(map(str, ids)))
    run = gptcore.capture(model, ids)
    for node in ("lm_head", "probs"):
        page.select(node)
        for token in (3, None, 0):
            page.follow(token)
            best = run.logits[0, -1 if token is None else token].argsort(descending=True)[:40].tolist()
            sent, values = page.matrix()
            assert sent["row_labels"] == [str(index) for index in best], (node, token)
            assert close(values, run[node][0][:, best].T), (node, token)


def test_the_stage_follows_what_is_typed_and_deleted(untrained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that an earlier prompt has in common are taken over: also of another node or head they must be right."""
    page = Page(untrained, monkeypatch)
    nodes = [f"{BLOCK}.attn.pattern", f"{BLOCK}.attn.masked", f"{BLOCK}.ln_1"]
    for node in nodes:
        page.select(node)
        for text, head in ((FITS, 3), (FITS + "a", 3), (FITS + "ah", 1), (FITS + "a", 1), ("ba→a", 1), ("ba→aab", 0)):
            page.type(text)
            if "H" in architecture(MODEL.config).nodes[node].axes:
                page.choose_head(head)
            tensor = run_of(MODEL, text)[node][0]
            tensor = torch.atleast_2d(tensor[head] if tensor.dim() == 3 else tensor)
            expected = tensor if tensor.shape[0] in (1, tensor.shape[1]) else tensor.T
            assert close(page.matrix()[1], expected), (node, text)


def test_the_scales_of_a_pattern(page: Page, trace: Trace) -> None:
    """Weights stay as they are when each row has a scale of its own; times the values' lengths they are others."""
    page.pick_head(LAYER, HEAD)
    pattern = trace[f"{BLOCK}.attn.pattern"][0, HEAD]
    page.look("scale", "row")
    sent, values = page.matrix()
    assert (sent["by"], sent["by_row"], sent["vmin"], sent["vmax"]) == ("row", True, 0.0, 1.0)
    assert close(values, pattern)
    page.look("scale", "value")
    sent, values = page.matrix()
    weighted = value_weighted(trace, LAYER)[0, HEAD]
    assert (pattern - weighted).abs().max() > 0.5
    assert close(values, weighted)
    assert (sent["by"], sent["by_row"], sent["vmin"]) == ("value", False, 0.0)
    assert sent["vmax"] == pytest.approx(weighted.max().item(), abs=1e-5)
    assert sent["name"] == f"{BLOCK}.attn.pattern, head {HEAD}, times the values' lengths"
    page.select(f"{BLOCK}.attn.scores")  # no pattern: it has one scale alone
    sent, values = page.matrix()
    assert not sent["scales"] and not sent["by_row"]
    assert close(values, trace[f"{BLOCK}.attn.scores"][0, HEAD])


def test_a_head_is_chosen_by_its_thumbnail(page: Page, trace: Trace) -> None:
    expected = trace["transformer.h.1.attn.pattern"][0].numpy()
    for head in (3, 1):  # of one layer, one after the other
        page.pick_head(1, head)
        assert close(page.matrix()[1], expected[head]), head
        assert page.panel("heads")["selected"] == {"layer": 1, "head": head}
    page.choose_head(2)
    assert close(page.matrix()[1], expected[2])
    page.report("map", kind="layer", id="transformer.h.1.attn.pattern", layer=2)
    assert close(page.matrix()[1], trace["transformer.h.2.attn.pattern"][0, 2].numpy())
    page.select("transformer.h.2.attn.z")
    page.choose_head(1)  # of the same block: of the same tensor
    assert close(page.matrix()[1], trace["transformer.h.2.attn.z"][0, 1].T)
    assert (page.panel("map")["selected"], page.panel("map")["head"]) == ("transformer.h.2.attn.z", "2.1")
    page.pick_head(0, 3)
    assert close(page.matrix()[1], trace["transformer.h.0.attn.pattern"][0, 3])
    assert (page.panel("map")["layer"], page.panel("map")["head"]) == (0, "0.3")


def test_the_film_is_beside_what_has_heads_alone(page: Page) -> None:
    for node, shown in ((f"{BLOCK}.attn.q", True), (f"{BLOCK}.ln_1", False), (f"{BLOCK}.attn.pattern", True)):
        page.select(node)
        sent = page.panel("heads")
        assert (sent["film"], sent["shown"], sent["selected"]["layer"]) == (True, shown, LAYER), node
    page.look("plot", "heads")
    assert not page.panel("heads")["film"]
    assert page.data()["plot"] == "heads"


@pytest.mark.parametrize(
    ("node", "part", "row_axis", "col_axis"),
    [
        ("transformer.wte", "weight", "V", "C"),
        ("transformer.wpe", "weight", "block_size", "C"),
        ("transformer.h.1.attn.c_attn", "weight", "3C", "C"),
        ("transformer.h.1.mlp.c_fc", "weight", "4C", "C"),
        ("transformer.h.1.mlp.c_proj", "weight", "C", "4C"),
        ("transformer.h.1.mlp.c_fc", "bias", "", "4C"),
    ],
)
def test_a_weight_is_the_model_s_own(page: Page, node: str, part: str, row_axis: str, col_axis: str) -> None:
    page.select(node)
    page.choose_part(part)
    sent, values = page.matrix()
    weight = torch.atleast_2d(MODEL.state_dict()[f"{node}.{part}"])
    assert sent["name"] == f"{node}.{part}"
    assert np.array_equal(values, weight.numpy())
    assert (sent["row_axis"], sent["col_axis"]) == (row_axis, col_axis)
    assert sent["row_labels"] == LABELS.get(row_axis)
    assert not sent["row_tokens"] and not sent["col_tokens"]
    page.choose_part("output")
    assert page.matrix()[0]["name"] == node


def test_a_large_weight_travels_as_pixels_and_tells_a_cell_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lopsided(vocab_size=2100)
    save(Checkpoint(model, IdTokenizer(2100), model.config, {}), tmp_path / "large")
    page = Page(tmp_path / "large", monkeypatch)
    page.type("7 2099 3 500")
    page.select("lm_head")
    page.choose_part("weight")
    weight = model.lm_head.weight.detach().numpy()
    sent = page.panel("matrix")
    assert "values" not in sent
    assert (sent["rows"], sent["cols"], sent["p_rows"], sent["p_cols"]) == (2100, 20, 234, 20)
    assert "a pixel is the value farthest from 0 of 9 × 1" in sent["note"]
    pixels = sent["pixels"].reshape(234, 20)
    for row, col in np.ndindex(234, 20):
        block = weight[9 * row : 9 * row + 9, col]
        extreme = block[np.abs(block).argmax()]
        assert abs(pixels[row, col] - (2 + 253 * (extreme + sent["vmax"]) / (2 * sent["vmax"]))) <= 0.51
    assert (sent["row_labels"], sent["cell"]) == (None, None)
    page.report("matrix", name="lm_head.weight", hover={"row": 2001, "col": 8}, pin=None)
    sent = page.panel("matrix")
    assert sent["cell"]["value"] == weight[2001, 8].item()
    assert (sent["cell"]["row"], sent["cell"]["col"], sent["cell"]["labels"]) == (2001, 8, ["2001", None])
    page.report("matrix", name="lm_head", hover={"row": 2001, "col": 8}, pin=None)  # of what was shown before
    assert page.panel("matrix")["cell"] is None


def test_a_long_pattern_travels_as_pixels_with_the_followed_row_as_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lopsided(block_size=300)
    page = Page(write_folder(tmp_path / "long", model), monkeypatch)
    text = ((LONG + FITS) * 12)[:290]
    page.type(text)
    page.pick_head(LAYER, HEAD)
    run = run_of(model, text)
    pattern = run[f"{BLOCK}.attn.pattern"][0, HEAD].numpy()
    for scale in ("weight", "row"):
        page.look("scale", scale)
        for token in (7, 200, None):
            page.follow(token)
            sent = page.panel("matrix")
            assert (sent["rows"], sent["cols"], sent["p_rows"], sent["p_cols"]) == (290, 290, 145, 290)
            shares = pattern / pattern.max(axis=1, keepdims=True) if scale == "row" else pattern
            expected = 2 + 253 * np.maximum(shares[0::2], shares[1::2])
            assert np.abs(sent["pixels"].reshape(145, 290) - expected).max() <= 0.51
            assert close(sent["line"], pattern[289 if token is None else token])
    name = f"{BLOCK}.attn.pattern, head {HEAD}"
    assert sent["name"] == name
    page.report("matrix", name=name, hover={"row": 201, "col": 100}, pin=None)
    cell = page.panel("matrix")["cell"]
    assert cell["value"] == pytest.approx(pattern[201, 100].item(), abs=1e-6)
    assert cell["labels"] == [None, None]  # the page has the tokens


# ---- next tokens -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("temperature", "top_k", "token"), [(0.6, 20, None), (1.45, 10, None), (0.8, 10, 9)])
def test_the_next_tokens_are_the_softmax_of_the_followed_logits(
    page: Page, trace: Trace, temperature: float, top_k: int, token: int | None
) -> None:
    page.set_sampling(temperature, top_k)
    page.follow(token)
    sent = page.panel("prediction")
    position = 12 if token is None else token - (len(LONG) - 13)
    assert (sent["position"], sent["token"], sent["locked"]) == (position, TOKENS[position], token is not None)
    logits = trace.logits[0, position].double()  # (V,)
    powers = (logits / temperature).exp()
    expected = powers / powers.sum()
    order = logits.argsort(descending=True)[:top_k].tolist()
    assert (sent["temperature"], sent["top_k"]) == (temperature, top_k)
    assert [row["id"] for row in sent["rows"]] == order
    assert [row["label"] for row in sent["rows"]] == [LETTERS[index] for index in order]
    assert [row["rank"] for row in sent["rows"]] == list(range(1, top_k + 1))
    assert close([row["logit"] for row in sent["rows"]], logits[order])
    assert close([row["probability"] for row in sent["rows"]], expected[order])
    assert sent["note"] == f"T {temperature:g} · {expected[order].sum().item():.1%} shown"


def test_the_facts_are_those_of_the_loss_at_the_followed_position(page: Page, trace: Trace) -> None:
    ids = encode(seen(LONG, MODEL))
    for position in (0, 5, 12):
        page.follow(position + len(LONG) - 13)
        told = {name: value for name, value, _ in page.panel("prediction")["facts"]}
        p = trace.logits[0, position].double().softmax(-1)
        expected = {"entropy at T 1": f"{-(p * p.log()).sum().item():.3f}"}
        if position < 12:  # nothing follows the last
            target = p[ids[position + 1]]
            rank = 1 + int((p > target).sum())
            expected |= {"target": TOKENS[position + 1], "loss": f"{-target.log().item():.3f}", "rank": str(rank)}
        assert told == expected, position


def test_a_token_that_is_clicked_is_appended_once(page: Page) -> None:
    page.type(FITS)
    append = {"id": LETTERS.index("→"), "text": FITS, "seq": 1}
    page.report("prediction", temperature=0.6, top_k=10, append=append)
    assert page.panel("prompt")["text"] == FITS + "→"
    assert page.panel("prompt")["rev"] == 1
    page.report("prediction", temperature=0.8, top_k=10, append=append)  # the slider; the click is still told
    assert page.panel("prompt")["ids"] == encode(FITS + "→")
    late = {"id": 2, "text": FITS, "seq": 2}
    page.report("prediction", temperature=0.8, top_k=10, append=late)  # of a prompt that has changed since
    assert page.panel("prompt")["text"] == FITS + "→"


# ---- thumbnails --------------------------------------------------------------------------------------------------


def pictures(trace: Trace, block: int = 1) -> np.ndarray:
    """Every head's pattern, (L, H, n, n), as pixels from 0 to 254: each the largest weight of a block of cells."""
    T, config = trace.T, trace.config
    n = -(-T // block)
    found = np.zeros((config.n_layer, config.n_head, n, n))
    for layer in range(config.n_layer):
        pattern = trace[f"transformer.h.{layer}.attn.pattern"][0].numpy()
        for i, j in np.ndindex(n, n):
            cells = pattern[:, block * i : block * (i + 1), block * j : block * (j + 1)]
            found[layer, :, i, j] = cells.max(axis=(1, 2)) * 254
    return found


def test_each_thumbnail_is_its_own_head_s_pattern(page: Page, trace: Trace) -> None:
    assert np.abs(page.heads() - pictures(trace)).max() <= 0.51
    page.type(LONG + "k")
    assert np.abs(page.heads() - pictures(run_of(MODEL, LONG + "k"))).max() <= 0.51


def test_thumbnails_follow_what_is_typed_and_deleted(untrained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(untrained, monkeypatch)
    for text in (FITS, FITS + "a", FITS + "ah", FITS + "a", "ba→a", "ba→aab", "h", LONG[:13]):
        page.type(text)
        assert np.abs(page.heads() - pictures(run_of(MODEL, text))).max() <= 0.51, text


def test_thumbnails_of_a_long_prompt_show_the_largest_weight_of_each_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = lopsided(block_size=100)
    page = Page(write_folder(tmp_path / "long", model), monkeypatch)
    for count, block in ((37, 1), (45, 2), (51, 2), (83, 4), (60, 2), (57, 2)):  # grown over the edges, and shortened
        text = (LONG + FITS) * 5
        page.type(text[:count])
        assert page.panel("heads")["size"] == -(-count // block)
        assert np.abs(page.heads() - pictures(run_of(model, text[:count]), block)).max() <= 0.51, count


# ---- a training --------------------------------------------------------------------------------------------------


@pytest.fixture
def looking_back(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    return Page(trained, monkeypatch, LONG)


def index_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / FOLDER / INDEX).read_text().splitlines()]


def test_the_curves_are_those_of_the_index(looking_back: Page, trained: Path) -> None:
    sent, lines = looking_back.data("training_curves"), index_of(trained)
    assert sent["history_key"] == looking_back.panel("timeline")["history_key"]
    assert (sent["steps"], sent["n_head"], sent["heads"]) == (list(STEPS), 4, 12)
    assert sent["opened"] == {"name": "final", "step": 450, "losses": {}}
    assert [kind["name"] for kind in sent["kinds"]] == list(KINDS)
    for name in ("train_loss", "val_loss", "val_accuracy"):
        assert sent["losses"][name] == [line[name] for line in lines]
    scores = sent["scores"].reshape(len(KINDS), len(STEPS), 12)
    for (k, kind), (i, line) in itertools.product(enumerate(KINDS), enumerate(lines)):
        assert close(scores[k, i], np.ravel(line["heads"][kind])), (kind, i)


def test_the_timeline_tells_of_the_chosen_head_at_the_step(looking_back: Page, trained: Path) -> None:
    looking_back.pick_head(LAYER, HEAD)
    looking_back.move(40, "duplicate")
    sent, line = looking_back.panel("timeline"), index_of(trained)[1]
    assert (sent["at"], sent["moment"], sent["kind"]) == (40, "step 40 of 450", "duplicate")
    assert (sent["layer"], sent["head"]) == (LAYER, HEAD)
    assert sent["score"] == line["heads"]["duplicate"][LAYER][HEAD]
    assert sent["losses"] == {name: line[name] for name in ("train_loss", "val_loss", "val_accuracy")}
    assert sent["source"] == looking_back.source
    largest = np.unravel_index(np.argmax(line["heads"]["duplicate"]), (3, 4))
    assert sent["strongest"] == {"layer": int(largest[0]), "head": int(largest[1])}
    looking_back.move(None, "previous")
    assert looking_back.panel("timeline")["strongest"] is None  # no snapshot is of step 450
    sent = looking_back.panel("timeline")
    assert (sent["at"], sent["moment"], sent["score"], sent["losses"]) == (None, "final model", None, {})


def test_the_strongest_head_is_chosen_once(looking_back: Page) -> None:
    """Later messages of the strip still hold the head that was picked, under its old number."""
    event: dict[str, Any] = {
        "source": looking_back.source,
        "step": 40,
        "kind": "first",
        "pick": {"layer": 1, "head": 2, "seq": 7},
    }
    looking_back.report("timeline", **event)
    sent = looking_back.panel("timeline")
    assert (sent["layer"], sent["head"], sent["at"]) == (1, 2, 40)
    looking_back.pick_head(LAYER, HEAD)
    looking_back.report("timeline", **{**event, "step": 300})
    sent = looking_back.panel("timeline")
    assert (sent["layer"], sent["head"], sent["at"]) == (LAYER, HEAD, 300)


def test_every_panel_shows_the_weights_of_the_step(looking_back: Page) -> None:
    node = "transformer.h.1.mlp.c_fc"
    for step in (None, 40, 300, None, 0):
        model = MODEL if step is None else model_at(step)
        looking_back.move(step)
        here = run_of(model, LONG)
        assert looking_back.data()["step"] == ("final" if step is None else str(step))
        assert np.abs(looking_back.heads() - pictures(here)).max() <= 0.51, step
        rows = looking_back.panel("prediction")["rows"]
        assert close([row["logit"] for row in rows], here.logits[0, -1].topk(10).values), step
        looking_back.pick_head(LAYER, HEAD)
        assert close(looking_back.matrix()[1], here[f"{BLOCK}.attn.pattern"][0, HEAD]), step
        looking_back.select(node)
        assert close(looking_back.matrix()[1], here[node][0].T), step
        looking_back.choose_part("weight")
        assert np.array_equal(looking_back.matrix()[1], model.state_dict()[f"{node}.weight"].numpy()), step


def test_a_weight_on_the_screen_moves_with_the_step(looking_back: Page) -> None:
    name = "transformer.h.1.mlp.c_fc.weight"
    looking_back.select("transformer.h.1.mlp.c_fc")
    looking_back.choose_part("weight")
    for step in (40, 300, None):  # the selection stays all the while
        looking_back.move(step)
        model = MODEL if step is None else model_at(step)
        assert np.array_equal(looking_back.matrix()[1], model.state_dict()[name].numpy()), step


def test_a_key_at_a_step_runs_through_the_weights_of_the_step(looking_back: Page) -> None:
    looking_back.type(FITS)
    looking_back.move(300)
    for text in (FITS + "d", FITS + "dλ", FITS):
        looking_back.type(text)
        logits = run_of(model_at(300), text).logits[0, -1]
        rows = looking_back.panel("prediction")["rows"]
        assert close([row["logit"] for row in rows], logits.topk(10).values), text


# ---- badge -------------------------------------------------------------------------------------------------------


def test_the_badge_measures_the_prompt_on_the_screen(page: Page, trace: Trace) -> None:
    assert page.data("parity_badge")["label"] == "parity …"
    page.report("parity_badge", state="parity_badge", text=LONG)
    sent = page.data("parity_badge")
    assert (sent["text"], sent["kind"], sent["moment"], sent["typed"]) == (LONG, "good", "", True)
    measured = parity(MODEL, trace)
    assert 0 < measured < 1e-4
    assert sent["label"] == f"parity {measured:.1e}"


def test_the_badge_measures_though_the_run_that_heard_it_was_stopped(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Exception):
        pass

    def stop(me: object) -> None:
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr("app.session.explorer.Explorer.measure_parity", stop)
        page.app.session_state["parity_badge"] = {"event": {"text": LONG, "seq": 7}}
        page.app.run()
        assert page.app.exception
    page.app.run()
    assert (page.data("parity_badge")["text"], page.data("parity_badge")["kind"]) == (LONG, "good")


def test_the_badge_tells_when_the_screen_is_wrong(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    page.type(FITS)
    with monkeypatch.context() as patch:
        attend = gptcore.model.attend_to_past
        patch.setattr(gptcore.model, "attend_to_past", lambda q, k, v, past: attend(q * 1.01, k, v, past))
        page.type(FITS + "e")  # grown by a wrong attention
    page.report("parity_badge", state="parity_badge", text=FITS + "e")
    sent = page.data("parity_badge")
    assert (sent["text"], sent["kind"]) == (FITS + "e", "bad")
    assert float(sent["label"].removeprefix("parity ")) > 1e-4


def test_the_badge_is_of_the_weights_on_the_screen(looking_back: Page) -> None:
    looking_back.move(40)
    looking_back.report("parity_badge", state="parity_badge", text=LONG)
    sent = looking_back.data("parity_badge")
    assert (sent["kind"], sent["moment"]) == ("good", "step 40 of 450")
    assert sent["label"] == f"parity {parity(model_at(40), run_of(model_at(40), LONG)):.1e}"


# ---- source ------------------------------------------------------------------------------------------------------

MADE_BY = {
    "transformer.wte": "self.transformer.wte(",
    f"{BLOCK}.ln_2": "self.ln_2(",
    f"{BLOCK}.attn.c_attn": "self.c_attn(",
    f"{BLOCK}.mlp.c_proj": "self.c_proj(",
    "lm_head": "self.lm_head(",
}
"""A part of the line that makes a tensor, written down by hand."""


def test_the_lines_that_are_marked_made_the_tensor(page: Page) -> None:
    text = Path(gptcore.model.__file__).read_text(encoding="utf-8").splitlines()
    assert page.listed() == [("gptcore/model.py", number, line) for number, line in enumerate(text, 1)]
    for name, made_by in MADE_BY.items():
        page.select(name)
        sent = page.code()
        first, last = sent["first"], sent["last"]
        assert any(made_by in line for line in text[first - 1 : last]), (name, text[first - 1 : last])
        assert last - first < 4
        where = f"line {first}" if first == last else f"lines {first}-{last}"
        assert sent["title"] == f"gptcore/model.py · {where}"


def test_what_is_said_of_a_node_is_the_map_s(page: Page) -> None:
    name = f"{BLOCK}.attn.scores"
    page.select(name)
    node = architecture(MODEL.config).nodes[name]
    words, formula, n_head = page.about()
    assert name in words and node.label in words and node.summary in words
    assert (formula, n_head) == (node.formula, SIZES["n_head"])
    page.select("transformer.h.2.ln_1")
    assert page.about()[1:] == (architecture(MODEL.config).nodes["transformer.h.2.ln_1"].formula, 0)


def test_the_inspected_node_is_told_with_its_head_and_its_weights(page: Page) -> None:
    page.pick_head(LAYER, HEAD)
    sent = page.panel("node")
    assert (sent["layer"], sent["head"], sent["axes"]) == (LAYER, HEAD, ["B", "H", "T", "T"])
    page.select(f"{BLOCK}.mlp.c_proj")
    sent = page.panel("node")
    assert (sent["axes"], sent["weight"]) == (["B", "T", "C"], None)
    assert sent["weights"] == [f"{BLOCK}.mlp.c_proj.weight", f"{BLOCK}.mlp.c_proj.bias"]
    page.choose_part("weight")
    sent = page.panel("node")
    assert (sent["axes"], sent["weight"]) == (["C", "4C"], f"{BLOCK}.mlp.c_proj.weight")


def test_the_source_comes_with_the_tensors_of_its_lines_once_it_is_open(page: Page) -> None:
    page.pick_head(2, 1)
    before = page.data()["kept"]
    assert page.panel("code") == {"open": False}
    sent = page.code()
    assert not {sent["lines_key"], sent["listing_key"]} & set(before)
    told = {line["id"]: line for line in page.told()}
    arch = architecture(MODEL.config)
    assert set(told) == {node.id.replace("h.0", "h.{i}") for node in arch.nodes if node.layer in (None, 0)} - {
        "transformer.h"
    }
    for node in arch.nodes:
        if node.layer in (None, 2) and node.id != "transformer.h":
            line = told[node.id.replace("h.2", "h.{i}")]
            assert ((line["first"], line["last"]), tuple(line["axes"])) == (node.source.lines, node.axes)
    assert (sent["layer"], sent["T"]) == (2, 13)
    assert json.loads(page.data()["kept"][sent["lines_key"]])["sizes"] == {
        "B": 1,
        "C": 20,
        "3C": 60,
        "4C": 80,
        "H": 4,
        "D": 5,
        "V": len(LETTERS),
        "block_size": 13,
    }
    page.report("code", kind="find", id="transformer.h.1.mlp.c_fc")
    assert (page.panel("node")["id"], page.panel("map")["layer"]) == ("transformer.h.1.mlp.c_fc", 1)
    page.report("code", kind="find", id="transformer.h.9")
    assert page.panel("node")["id"] == "transformer.h.1.mlp.c_fc"


def test_the_view_follows_a_node_that_it_neither_draws_nor_contains(page: Page) -> None:
    page.pick_head(2, 1)
    page.look("form", "diagram")

    def view() -> str:
        return str(page.panel("map")["breadcrumbs"][-1]["label"])

    assert view() == "dot product"
    page.select(f"{BLOCK}.mlp.gelu")  # as a strip, the lens or the code selects it
    assert view() == "MLP"
    page.select(f"{BLOCK}.resid_post")
    assert view() == "block 2"
    page.select(f"{BLOCK}.attn.pattern")  # within the attention, which is drawn
    assert view() == "block 2"
    page.select("lm_head")
    assert view() == "model"
