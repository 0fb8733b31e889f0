"""The pictures in the diagram's nodes: what is sent, against the tensors that gptcore computes for the same prompt."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="needs the extra `app`")

from app.panels import node_pictures
from app.panels.node_pictures import places
from gptcore import Trace, architecture
from tests.app.sent import Page
from tests.lopsided import FITS, LONG, lopsided, run_of, write_folder

MODEL = lopsided()
LAYER, HEAD = 2, 3
BLOCK = f"transformer.h.{LAYER}"
CROPPED = len(LONG) - 13
OPENED = {
    "model": {
        "transformer.wte": "transformer.wte",
        "transformer.wpe": "transformer.wpe",
        "transformer.embed": "transformer.embed",
        "transformer.h": "transformer.h.2.resid_post",
        "transformer.ln_f": "transformer.ln_f",
        "lm_head": "lm_head",
        "probs": "probs",
        "loss": "loss",
    },
    BLOCK: {
        f"{BLOCK}.resid_pre": f"{BLOCK}.resid_pre",
        f"{BLOCK}.ln_1": f"{BLOCK}.ln_1",
        f"{BLOCK}.attn": f"{BLOCK}.attn.resid_dropout",
        f"{BLOCK}.resid_mid": f"{BLOCK}.resid_mid",
        f"{BLOCK}.ln_2": f"{BLOCK}.ln_2",
        f"{BLOCK}.mlp": f"{BLOCK}.mlp.dropout",
        f"{BLOCK}.resid_post": f"{BLOCK}.resid_post",
    },
    f"{BLOCK}.attn": {
        f"{BLOCK}.attn.c_attn": f"{BLOCK}.attn.c_attn",
        f"{BLOCK}.attn.q": f"{BLOCK}.attn.q",
        f"{BLOCK}.attn.k": f"{BLOCK}.attn.k",
        f"{BLOCK}.attn.v": f"{BLOCK}.attn.v",
        f"{BLOCK}.attn.sdpa": f"{BLOCK}.attn.z",
        f"{BLOCK}.attn.z": f"{BLOCK}.attn.z",
        f"{BLOCK}.attn.concat": f"{BLOCK}.attn.concat",
        f"{BLOCK}.attn.c_proj": f"{BLOCK}.attn.c_proj",
    },
    f"{BLOCK}.attn.sdpa": {
        f"{BLOCK}.attn.k_t": f"{BLOCK}.attn.k_t",
        f"{BLOCK}.attn.scores": f"{BLOCK}.attn.scores",
        f"{BLOCK}.attn.scaled": f"{BLOCK}.attn.scaled",
        f"{BLOCK}.attn.masked": f"{BLOCK}.attn.masked",
        f"{BLOCK}.attn.pattern": f"{BLOCK}.attn.pattern",
    },
    f"{BLOCK}.mlp": {
        f"{BLOCK}.mlp.c_fc": f"{BLOCK}.mlp.c_fc",
        f"{BLOCK}.mlp.gelu": f"{BLOCK}.mlp.gelu",
        f"{BLOCK}.mlp.c_proj": f"{BLOCK}.mlp.c_proj",
    },
}
"""Each view by what opens it, and of each of its pictures the node and the tensor, written down by hand."""


@pytest.fixture
def page(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    """The diagram with the cropped prompt, at head 3 of layer 2."""
    page = Page(trained, monkeypatch, LONG, (LAYER, HEAD))
    page.look("form", "diagram")
    return page


def show(page: Page, opens: str) -> None:
    if opens == "model":
        page.report("map", kind="up", id="model")
    else:
        page.open(opens, LAYER)


def matrix(trace: Trace, name: str, position: int) -> np.ndarray:
    """Return what the picture of a tensor shows before pooling: (channels, T), or one row."""
    tensor = trace[name]
    if name == "lm_head" or name == "probs":
        likely = trace.logits[0, position].argsort(descending=True)[:16]
        return tensor[0][:, likely].T.numpy()
    if name == "loss":
        return tensor.numpy()
    if name.endswith(".k_t"):
        return tensor[0, HEAD].numpy()
    if tensor.dim() == 4:
        of_head = tensor[0, HEAD]
        return of_head[position : position + 1].numpy() if of_head.shape == (trace.T, trace.T) else of_head.T.numpy()
    return (tensor[0] if tensor.dim() == 3 else tensor).T.numpy()


def pooled(cells: np.ndarray, block: int, sequential: bool) -> np.ndarray:
    """Return the largest value of each block of cells, or the one that is farthest from 0."""
    down = 1 if len(cells) <= 16 else -(-len(cells) // 16)
    found = np.empty((-(-len(cells) // down), -(-cells.shape[1] // block)), np.float32)
    for row, column in np.ndindex(*found.shape):
        part = cells[row * down : (row + 1) * down, column * block : (column + 1) * block].ravel()
        finite = part[np.isfinite(part)]
        if np.isnan(part).any():  # the loss at the end, where no target is known
            found[row, column] = np.nan
            continue
        found[row, column] = (part.max() if sequential else finite[np.abs(finite).argmax()]) if finite.size else part[0]
    return found


def check(page: Page, trace: Trace, position: int, block: int = 1) -> dict[str, str]:
    """Compare all pictures of the view that is drawn; return the tensor of each."""
    sent = page.panel("map")
    assert (sent["cols"], sent["block"]) == (-(-trace.T // block), block)
    start = 0
    for told in sent["pictures"]:
        sequential = told["scale"] == "sequential"
        expected = pooled(matrix(trace, told["tensor"], position), block, sequential)
        stop = start + expected.size
        codes = np.asarray(sent["pixels"][start:stop]).reshape(expected.shape)
        assert told["rows"] == expected.shape[0], told
        low, high = told["low"], told["high"]
        if sequential:
            share = (expected - low) / (high - low)
        else:
            share = np.where(expected < 0, 0.5 - 0.5 * expected / low, 0.5 + 0.5 * expected / high)
        masked, unknown = np.isneginf(expected), np.isnan(expected)
        assert (codes[masked] == 0).all() and (codes[unknown] == 1).all(), told
        assert np.abs(codes - (2 + 253 * share.clip(0, 1)))[~masked & ~unknown].max() <= 0.51, told
        start = stop
    assert start == len(sent["pixels"])
    return {told["id"]: told["tensor"] for told in sent["pictures"]}


@pytest.mark.parametrize("opens", OPENED)
def test_each_node_has_the_picture_of_its_own_tensor(page: Page, trace: Trace, opens: str) -> None:
    show(page, opens)
    assert check(page, trace, trace.T - 1) == OPENED[opens]
    page.follow(CROPPED + 4)
    assert check(page, trace, 4) == OPENED[opens]


def test_scores_behind_the_followed_token_are_masked(page: Page) -> None:
    show(page, f"{BLOCK}.attn.sdpa")
    page.follow(CROPPED + 4)
    sent = page.panel("map")
    rows = [told["rows"] for told in sent["pictures"]]
    at = [told["id"] for told in sent["pictures"]].index(f"{BLOCK}.attn.masked")
    codes = sent["pixels"][13 * sum(rows[:at]) :][:13]
    assert [code == 0 for code in codes] == [False] * 5 + [True] * 8


@pytest.mark.parametrize("opens", OPENED)
def test_pictures_follow_what_is_typed_deleted_and_picked(page: Page, opens: str) -> None:
    show(page, opens)
    for text in (FITS, FITS + "a", FITS[:2], "ba→a", LONG[:13], LONG):
        page.type(text)
        run = run_of(MODEL, text)
        check(page, run, run.T - 1)


def test_another_head_has_other_pictures(page: Page, trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    show(page, f"{BLOCK}.attn")
    monkeypatch.setattr("tests.app.test_node_pictures.HEAD", 1)
    page.select(f"{BLOCK}.attn.q")
    page.choose_head(1)
    assert check(page, trace, trace.T - 1) == OPENED[f"{BLOCK}.attn"]


def test_a_scale_is_that_of_the_strips_the_same_in_every_block_and_fixed(page: Page) -> None:
    page.look("form", "tensors")
    strips = {line["tensor"]: (line["low"], line["high"]) for line in page.panel("map")["lines"] if line["kind"]}
    page.look("form", "diagram")
    told: dict[str, set[tuple[float, float]]] = {}
    for layer in range(3):
        for opens in OPENED:
            page.report("map", kind="layer", id="x", layer=layer)
            show(page, "model") if opens == "model" else page.open(
                opens.replace(BLOCK, f"transformer.h.{layer}"), layer
            )
            for picture in page.panel("map")["pictures"]:
                if picture["tensor"] in strips:
                    assert (picture["low"], picture["high"]) == strips[picture["tensor"]]
                place = picture["tensor"].replace(f"transformer.h.{layer}", BLOCK)
                told.setdefault(place, set()).add((picture["low"], picture["high"]))
    assert len(told) == 29 and all(len(ends) == 1 for ends in told.values())
    assert told["loss"] == {(0.0, math.log(MODEL.config.vocab_size))}
    assert told["probs"] == told[f"{BLOCK}.attn.pattern"] == {(0.0, 1.0)}
    page.type("aaaa")
    page.move(40)
    assert {(each["low"], each["high"]) for each in page.panel("map")["pictures"]} <= set().union(*told.values())


def test_a_scale_is_what_98_percent_of_the_first_prompt_do_not_pass(page: Page) -> None:
    show(page, f"{BLOCK}.mlp")
    (up,) = [each for each in page.panel("map")["pictures"] if each["id"] == f"{BLOCK}.mlp.c_fc"]
    first = run_of(MODEL, FITS)
    drawn = [pooled(matrix(first, f"transformer.h.{layer}.mlp.c_fc", 0), 1, False).ravel() for layer in range(3)]
    assert up["high"] == pytest.approx(np.quantile(np.abs(np.concatenate(drawn)), 0.98), rel=0.05)
    assert up["low"] == -up["high"]


def test_the_pictures_are_those_of_the_step(page: Page) -> None:
    from tests.lopsided import model_at

    show(page, f"{BLOCK}.attn")
    for step in (40, None, 300):
        page.move(step)
        check(page, run_of(MODEL if step is None else model_at(step), LONG), 12)


def test_a_long_prompt_has_a_column_for_each_block_of_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = lopsided(block_size=600)
    page = Page(write_folder(tmp_path / "long", model), monkeypatch, None, (LAYER, HEAD))
    page.look("form", "diagram")
    for count, block in ((257, 2), (530, 4), (200, 1)):
        text = ((LONG + FITS) * 22)[:count]
        page.type(text)
        for opens in OPENED:
            show(page, opens)
            run = run_of(model, text)
            check(page, run, run.T - 1, block)


def test_what_needs_all_logits_has_no_picture_where_a_key_cannot_wait_for_them(
    page: Page, trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    show(page, "model")
    monkeypatch.setattr(node_pictures, "QUICK", 13 * MODEL.config.n_embd * MODEL.config.vocab_size - 1)
    page.type(LONG + "a")
    found = check(page, run_of(MODEL, LONG + "a"), 12)
    assert found == {name: tensor for name, tensor in OPENED["model"].items() if name not in ("probs", "loss")}


def test_ids_and_dropouts_have_none() -> None:
    arch = architecture(MODEL.config)
    drawn = {name for view in arch.views for name, _ in places(arch, view.name, LAYER)}
    nodes = {node.id for view in arch.views for node in arch.graph(view.name, LAYER).nodes}
    without = {name for name in nodes - drawn if not name.endswith(("drop", "dropout"))}
    assert without == {"idx"} and not {name for name in drawn if name.endswith(("drop", "dropout"))}
