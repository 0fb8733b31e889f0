"""The card of one number, the largest channels beside the plot, and the cells of what one has zoomed to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="needs the extra `app`")

from app.components.matrix.heatmap import MAX_VALUES
from gptcore import Trace, explain
from tests.app.sent import Page
from tests.lopsided import FITS, LETTERS, LONG, lopsided, run_of, write_folder

MODEL = lopsided()
LAYER, HEAD = 2, 3
BLOCK = f"transformer.h.{LAYER}"


@pytest.fixture
def page(untrained: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    return Page(untrained, monkeypatch, LONG, (LAYER, HEAD))


def pin(page: Page, row: int, col: int) -> None:
    page.report("explain", name=page.panel("matrix")["name"], row=row, col=col)


PLACES = {
    f"{BLOCK}.attn.pattern": ((7, 4), (0, HEAD, 7, 4)),
    f"{BLOCK}.attn.scores": ((2, 9), (0, HEAD, 2, 9)),
    f"{BLOCK}.attn.q": ((3, 11), (0, HEAD, 11, 3)),
    f"{BLOCK}.attn.k_t": ((3, 11), (0, HEAD, 3, 11)),
    f"{BLOCK}.resid_mid": ((17, 5), (0, 5, 17)),
    f"{BLOCK}.mlp.gelu": ((71, 12), (0, 12, 71)),
    "transformer.wpe": ((19, 2), (2, 19)),
    "loss": ((0, 6), (0, 6)),
}
"""A cell on the stage, (row, column), and its place in the tensor, written down by hand."""


@pytest.mark.parametrize("name", PLACES)
def test_the_card_explains_the_cell_that_was_clicked(page: Page, trace: Trace, name: str) -> None:
    (row, col), index = PLACES[name]
    page.select(name)
    pin(page, row, col)
    sent, found = page.panel("explanation"), explain(trace, name, index)
    assert (sent["name"], tuple(sent["index"])) == (name, index)
    assert np.isclose(sent["value"], trace[name][index].item(), atol=2e-5)
    assert np.isclose(sent["recomputed"], found.recomputed, atol=2e-5)
    assert [operand["name"] for operand in sent["operands"]] == [operand.name for operand in found.operands]
    assert [operand["count"] for operand in sent["operands"]] == [operand.values.numel() for operand in found.operands]
    assert sent["formula"].split("=")[0] == found.formula.split("=")[0]
    assert page.panel("matrix")["pinned"] == {"row": row, "col": col}
    first, last = found.source.lines
    assert sent["source"].endswith(f"line {first}" if first == last else f"lines {first}-{last}")


def test_of_logits_the_token_of_the_row_is_explained(page: Page, trace: Trace) -> None:
    page.select("lm_head")
    label = page.panel("matrix")["row_labels"][2]
    pin(page, 2, 8)
    token = LETTERS.index(label)
    assert tuple(page.panel("explanation")["index"]) == (0, 8, token)
    assert np.isclose(page.panel("explanation")["value"], trace.logits[0, 8, token].item(), atol=2e-5)


def test_the_cell_stays_pinned_from_scores_to_the_pattern(page: Page, trace: Trace) -> None:
    for name in ("scores", "scaled", "masked", "pattern"):
        page.select(f"{BLOCK}.attn.{name}")
        if name == "scores":
            pin(page, 9, 6)
        sent = page.panel("explanation")
        assert tuple(sent["index"]) == (0, HEAD, 9, 6)
        assert np.isclose(sent["value"], trace[f"{BLOCK}.attn.{name}"][0, HEAD, 9, 6].item(), atol=2e-5)


def test_an_operand_is_a_click_away_and_the_cross_closes(page: Page) -> None:
    pin(page, 9, 6)
    page.report("explain", open=page.panel("explanation")["operands"][0]["name"])
    assert page.panel("node")["id"] == f"{BLOCK}.attn.masked"
    page.report("explain", open="transformer.h.1.mlp.c_fc.weight")
    assert page.panel("node")["weight"] == "transformer.h.1.mlp.c_fc.weight"
    assert "explanation" not in page.data()["panels"]  # none of its numbers was chosen
    page.select(f"{BLOCK}.attn.pattern")
    assert "explanation" not in page.data()["panels"]  # the cell of a pattern is none of a projection's
    pin(page, 9, 6)
    assert "explanation" in page.data()["panels"]
    page.report("explain", row=None)
    assert "explanation" not in page.data()["panels"]


def walk(page: Page, place: int) -> None:
    """Click an operand of the card."""
    operand = page.panel("explanation")["operands"][place]
    page.report("explain", open=operand["name"], cell=operand["cell"])


def check(page: Page, trace: Trace) -> tuple[str, tuple[int, ...]]:
    """The number that is explained is the run's; it is pinned on the stage, under its own head."""
    sent = page.panel("explanation")
    name, index = sent["name"], tuple(sent["index"])
    weights = dict(MODEL.named_parameters(remove_duplicate=False))
    expected = weights[name] if name in weights else trace[name]
    assert np.isclose(sent["value"], expected[index].item(), atol=2e-5)
    matrix, values = page.matrix()
    pinned = matrix["pinned"]
    assert np.isclose(values[pinned["row"], pinned["col"]], sent["value"], atol=2e-5)
    assert matrix["tensor"] == name
    return name, index


OPERANDS: dict[tuple[str, tuple[int, int]], list[tuple[str, tuple[int, ...]]]] = {
    (f"{BLOCK}.attn.pattern", (7, 4)): [(f"{BLOCK}.attn.masked", (0, HEAD, 7, 4))],
    (f"{BLOCK}.attn.masked", (7, 4)): [(f"{BLOCK}.attn.scaled", (0, HEAD, 7, 4))],
    (f"{BLOCK}.resid_mid", (17, 5)): [(f"{BLOCK}.resid_pre", (0, 5, 17)), (f"{BLOCK}.attn", (0, 5, 17))],
    (f"{BLOCK}.ln_1", (3, 12)): [(f"{BLOCK}.resid_pre", (0, 12, 3))],
    (f"{BLOCK}.mlp.gelu", (71, 12)): [(f"{BLOCK}.mlp.c_fc", (0, 12, 71))],
    (f"{BLOCK}.attn.q", (3, 11)): [(f"{BLOCK}.attn.c_attn", (0, 11, HEAD * 5 + 3))],
    ("transformer.embed", (19, 2)): [("transformer.wte", (0, 2, 19)), ("transformer.wpe", (2, 19))],
}
"""A cell on the stage, and of the operands that are tensors those that its card leads to, written down by hand."""


@pytest.mark.parametrize("at", OPERANDS, ids=lambda at: at[0])
def test_each_operand_leads_to_its_own_card_and_back(page: Page, trace: Trace, at: tuple[str, tuple[int, int]]) -> None:
    name, cell = at
    page.select(name)
    pin(page, *cell)
    start = check(page, trace)
    for place, expected in enumerate(OPERANDS[at]):
        assert page.panel("explanation")["trail"] == []
        walk(page, place)
        assert check(page, trace) == expected
        assert page.panel("explanation")["trail"] == [f"{start[0]}[{', '.join(map(str, start[1]))}]"]
        page.report("explain", back=0)
        assert check(page, trace) == start


def test_of_a_sum_of_products_the_largest_product_is_gone_to(page: Page, trace: Trace) -> None:
    page.select(f"{BLOCK}.attn.z")
    pin(page, 2, 9)
    walk(page, 0)
    products = trace[f"{BLOCK}.attn.pattern"][0, HEAD, 9] * trace[f"{BLOCK}.attn.v"][0, HEAD, :, 2]
    assert check(page, trace) == (f"{BLOCK}.attn.attn_dropout", (0, HEAD, 9, int(products.abs().argmax())))
    page.report("explain", back=0)
    walk(page, 1)
    assert check(page, trace) == (f"{BLOCK}.attn.v", (0, HEAD, int(products.abs().argmax()), 2))


def test_a_weight_is_gone_to_where_its_product_is_largest(page: Page, trace: Trace) -> None:
    page.select(f"{BLOCK}.mlp.c_fc")
    pin(page, 31, 5)
    walk(page, 1)
    key = f"{BLOCK}.mlp.c_fc.weight"
    products = trace[f"{BLOCK}.ln_2"][0, 5] * MODEL.get_parameter(key)[31]
    assert check(page, trace) == (key, (31, int(products.abs().argmax())))


def ways(page: Page) -> list[int]:
    """The operands of the card that lead to another card."""
    return [i for i, each in enumerate(page.panel("explanation")["operands"]) if each["cell"]]


def test_one_walks_from_a_logit_to_an_embedding_s_weight_and_all_the_way_back(page: Page, trace: Trace) -> None:
    page.select("lm_head")
    pin(page, 1, 8)
    way = [check(page, trace)]
    while found := ways(page):
        at_embedding = way[-1][0] == "transformer.wte"
        walk(page, found[1] if at_embedding else found[0])
        way.append(check(page, trace))
        assert len(way) < 60
    token = trace["idx"][0, way[-2][1][1]].item()
    assert way[-1] == ("transformer.wte.weight", (token, way[-2][1][2])) and len(way) > 6
    assert len(set(way)) == len(way)
    for step in reversed(range(len(way) - 1)):
        page.report("explain", back=step)
        assert check(page, trace) == way[step]
    assert page.panel("explanation")["trail"] == []


def test_a_number_on_the_way_is_one_click_away(page: Page, trace: Trace) -> None:
    pin(page, 7, 4)
    way = [check(page, trace)]
    for _ in range(4):
        walk(page, 0)
        way.append(check(page, trace))
    page.report("explain", back=1)
    assert check(page, trace) == way[1]
    assert len(page.panel("explanation")["trail"]) == 1


def test_from_a_loss_one_comes_to_logits_that_are_drawn(page: Page, trace: Trace) -> None:
    page.select("loss")
    pin(page, 0, 6)
    walk(page, 0)
    name, index = check(page, trace)
    assert (name, index[:2]) == ("lm_head", (0, 6))


def test_a_number_asked_for_in_the_prediction_begins_another_way(page: Page, trace: Trace) -> None:
    pin(page, 7, 4)
    walk(page, 0)
    token = trace["probs"][0, 12].argmax().item()
    page.report("explain", open="probs", cell=[0, 12, token], anew=True)
    assert check(page, trace) == ("probs", (0, 12, token))
    assert page.panel("explanation")["trail"] == []
    walk(page, 0)
    assert page.panel("explanation")["trail"] == [f"probs[0, 12, {token}]"]


def test_another_cell_or_tensor_forgets_the_way(page: Page) -> None:
    pin(page, 7, 4)
    walk(page, 0)
    assert page.panel("explanation")["trail"]
    pin(page, 3, 2)
    assert page.panel("explanation")["trail"] == []
    page.report("explain", back=0)  # leads nowhere
    assert page.panel("explanation")["index"][2:] == [3, 2]


@pytest.mark.parametrize(
    "event",
    [
        {"open": "lm_head", "cell": [0, 99, 0]},
        {"open": "lm_head", "cell": [0, 1]},
        {"open": "nothing", "cell": [0]},
        {"open": "lm_head", "cell": ["0", 1, 2]},
        {"open": f"{BLOCK}.attn.q", "cell": [0, -1, 2, 2]},
        {"open": "lm_head", "cell": [0, True, 1]},
        {"open": f"{BLOCK}.mlp.c_fc.weight", "cell": [31, 99]},
        {"open": f"{BLOCK}.mlp.c_fc.bias", "cell": [3, 0]},
    ],
)
def test_a_walk_to_nowhere_leaves_the_screen(page: Page, trace: Trace, event: dict[str, Any]) -> None:
    pin(page, 7, 4)
    before = check(page, trace)
    page.report("explain", **event)
    assert check(page, trace) == before


def test_a_cell_of_a_matrix_that_is_gone_is_not_explained(page: Page) -> None:
    page.report("explain", name="transformer.h.0.attn.pattern, head 0", row=1, col=1)
    assert "explanation" not in page.data()["panels"]
    pin(page, 12, 12)
    page.type(FITS)  # where there is no such row
    assert "explanation" not in page.data()["panels"]


def test_weighted_cells_are_no_numbers_of_the_run(page: Page) -> None:
    page.report("look", name="scale", word="value")
    assert not page.panel("matrix")["explains"]


@pytest.mark.parametrize("token", [8, 14])
def test_the_largest_channels_are_those_of_the_followed_token(page: Page, trace: Trace, token: int) -> None:
    page.report("follow", token=token, text=LONG)
    position = token - (len(LONG) - 13)
    name = f"{BLOCK}.mlp.gelu"
    page.select(name)
    sent = page.panel("matrix")
    column = trace[name][0, position].numpy()
    order = np.argsort(-np.abs(column), kind="stable")[:14]
    assert [each["channel"] for each in sent["largest"]] == order.tolist()
    assert np.allclose([each["value"] for each in sent["largest"]], column[order], atol=2e-5)
    assert np.allclose(sent["norms"], [np.linalg.norm(column)], atol=1e-4)


def test_of_an_addition_both_parts_stand_beside_the_sum(page: Page, trace: Trace) -> None:
    page.select(f"{BLOCK}.resid_post")
    sent = page.panel("matrix")
    came, added = trace[f"{BLOCK}.resid_mid"][0, -1].numpy(), trace[f"{BLOCK}.mlp"][0, -1].numpy()
    for each in sent["largest"]:
        at = each["channel"]
        assert np.allclose([*each["parts"], each["value"]], [came[at], added[at], came[at] + added[at]], atol=2e-5)
    expected = [np.linalg.norm(part) for part in (came, added, came + added)]
    assert np.allclose(sent["norms"], expected, atol=1e-4)


def test_ids_are_text(page: Page) -> None:
    page.select("idx")
    sent = page.panel("matrix")
    assert sent["texts"] == page.panel("prompt")["ids"][-13:]
    assert "not an amount" in sent["note"] and not sent["largest"]


def test_what_one_has_zoomed_to_comes_as_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = lopsided(block_size=160, n_layer=1, n_head=2, n_embd=16)
    opened = Page(write_folder(tmp_path / "wide", wide), monkeypatch)
    text = (LONG * 9)[:150]
    opened.type(text)
    opened.pick_head(0, 1)
    sent = opened.panel("matrix")
    assert sent["rows"] * sent["cols"] > MAX_VALUES and "values" not in sent and "cells" not in sent
    ask = {"name": sent["name"], "hover": None, "pin": None}
    opened.report("matrix", **ask, part=[90, 40, 12, 30])
    sent = opened.panel("matrix")
    expected = run_of(wide, text)["transformer.h.0.attn.pattern"][0, 1, 90:102, 40:70].numpy()
    assert sent["cells_at"] == [90, 40, 12, 30]
    assert np.allclose(sent["cells"].reshape(12, 30), expected, atol=2e-5)
    for wrong in ([90, 40, 99, 30], [-1, 0, 5, 5], [0, 0, 0, 5], "all", [1, 2, 3]):
        opened.report("matrix", **ask, part=wrong)
        assert opened.panel("matrix")["cells_at"] is None, wrong


def test_a_pin_is_not_taken_for_a_cell_of_another_kind_of_tensor(page: Page) -> None:
    page.select(f"{BLOCK}.attn.scores")
    pin(page, 12, 8)
    page.report("explain", open=f"{BLOCK}.attn.q")  # whose rows are channels
    assert "explanation" not in page.data()["panels"]
    assert page.panel("matrix")["pinned"] is None
