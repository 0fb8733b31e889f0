"""The strips of the map and the lens: what is sent, against the tensors that gptcore computes for the same prompt."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("streamlit", reason="needs the extra `app`")

from app.panels import strips
from app.panels.strips import COLUMNS, ROWS
from app.session.explorer import Explorer
from gptcore import Edit, Trace, architecture, capture, logit_lens
from tests.app.sent import Page
from tests.conftest import random_model
from tests.lopsided import FITS, LETTERS, LONG, checkpoint_of, encode, lopsided, model_at, run_of, seen, write_folder

MODEL = lopsided()
LAYER, HEAD = 2, 3
BLOCK = f"transformer.h.{LAYER}"
CROPPED = len(LONG) - 13
TOKENS = list(seen(LONG, MODEL))


@pytest.fixture
def page(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    """The screen with the cropped prompt, at head 3 of layer 2."""
    return Page(trained, monkeypatch, LONG, (LAYER, HEAD))


def pooled(trace: Trace, name: str, block: int = 1) -> np.ndarray:
    """A tensor as a strip, (rows, columns): of each block of cells the value that is farthest from 0."""
    tensor = trace[name][0] if trace[name].dim() == 3 else trace[name]
    cells = tensor.T.numpy()  # (channels, T)
    down = -(-len(cells) // 16)
    found = np.empty((-(-len(cells) // down), -(-cells.shape[1] // block)), np.float32)
    for row, column in np.ndindex(*found.shape):
        part = cells[row * down : (row + 1) * down, column * block : (column + 1) * block]
        found[row, column] = part.ravel()[np.abs(part).argmax()]
    return found


def codes(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """The codes of colours: 2 at the lower end, 255 at the upper, and between them at 0, before they are rounded."""
    share = np.where(values < 0, 0.5 - 0.5 * values / low, 0.5 + 0.5 * values / high)
    return 2 + 253 * share.clip(0, 1)


# ---- lines -------------------------------------------------------------------------------------------------------

LINES = [
    ("transformer.wte", "embedding", "transformer.wte", "embedding"),
    ("transformer.wpe", "position", "transformer.wpe", "position"),
    ("transformer.embed", "residual", "transformer.embed", "residual"),
    ("transformer.h.0", "block 0", "transformer.h.0.resid_post", "residual"),
    ("transformer.h.1", "block 1", "transformer.h.1.resid_post", "residual"),
    (f"{BLOCK}.ln_1", "LN", f"{BLOCK}.ln_1", "norm"),
    (f"{BLOCK}.attn.pattern", "attention", f"{BLOCK}.attn.pattern", None),
    (f"{BLOCK}.resid_mid", "+ attention", f"{BLOCK}.resid_mid", "residual"),
    (f"{BLOCK}.mlp.gelu", "MLP hidden", f"{BLOCK}.mlp.gelu", "mlp"),
    (f"{BLOCK}.resid_post", "+ MLP", f"{BLOCK}.resid_post", "residual"),
    ("transformer.ln_f", "final LN", "transformer.ln_f", "norm"),
    ("lm_head", "logits", "lm_head", "logits"),
]
"""Node, label, tensor and kind of each line while block 2 is open, written down by hand."""


def test_the_lines_go_from_the_embedding_to_the_logits_through_the_opened_block(page: Page) -> None:
    sent = page.panel("map")["lines"]
    assert [(line["id"], line["label"], line["tensor"], line["kind"]) for line in sent] == LINES
    assert [line["block"] for line in sent if line["block"] is not None] == [0, 1, LAYER]
    inside = ["LN", "attention", "+ attention", "MLP hidden", "+ MLP"]
    assert [line["label"] for line in sent if line["inside"]] == inside
    says = ["residual", "block 0", "block 1", "+ attention", "+ MLP", "logits"]
    assert [line["label"] for line in sent if line["says"]] == says
    page.report("map", kind="layer", id="x", layer=0)
    labels = [line["label"] for line in page.panel("map")["lines"]]
    assert labels[3:10] == ["LN", "attention", "+ attention", "MLP hidden", "+ MLP", "block 1", "block 2"]
    nodes = architecture(MODEL.config).nodes
    assert all(line["concept"] == nodes[line["id"]].concept for line in sent)


# ---- pixels ------------------------------------------------------------------------------------------------------


def test_each_pixel_is_the_value_farthest_from_0_of_its_block(page: Page, trace: Trace) -> None:
    drawn, lines = page.strips(), {line["tensor"]: line for line in page.panel("map")["lines"]}
    assert set(drawn) == {tensor for _, _, tensor, kind in LINES if kind not in (None, "logits")}
    for name, pixels in drawn.items():
        expected = codes(pooled(trace, name), lines[name]["low"], lines[name]["high"])
        assert pixels.shape == expected.shape == ((16 if name.endswith("gelu") else 10), 13), name
        assert np.abs(pixels - expected).max() <= 0.51, name
        assert len(set(pixels.ravel().tolist())) > 20, name
    sent = page.panel("map")
    assert (sent["cols"], sent["block"], sent["T"], sent["position"], sent["locked"]) == (13, 1, 13, 12, False)


def test_strips_follow_what_is_typed_and_deleted(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(trained, monkeypatch)
    lines = {line["tensor"]: line for line in page.panel("map")["lines"]}
    for text in (FITS, FITS + "a", FITS + "ah", FITS + "a", FITS[:2], "ba→a", "ba→aab", "h", LONG[:13]):
        page.type(text)
        assert page.panel("map")["cols"] == len(text)
        run = run_of(MODEL, text)
        for name, pixels in page.strips().items():
            expected = codes(pooled(run, name), lines[name]["low"], lines[name]["high"])
            assert pixels.shape == expected.shape and np.abs(pixels - expected).max() <= 0.51, (text, name)


def test_the_strips_are_those_of_the_step(page: Page) -> None:
    before = {line["tensor"]: (line["low"], line["high"]) for line in page.panel("map")["lines"]}
    for step in (40, 300, None, 40):
        page.move(step)
        run = run_of(MODEL if step is None else model_at(step), LONG)
        for name, pixels in page.strips().items():
            assert np.abs(pixels - codes(pooled(run, name), *before[name])).max() <= 0.51, (step, name)
        page.type(LONG + "a")  # grows from this step's
        page.type(LONG)


def test_a_long_prompt_has_a_column_for_each_block_of_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = lopsided(block_size=600)
    page = Page(write_folder(tmp_path / "long", model), monkeypatch)
    for count, block in ((256, 1), (257, 2), (301, 2), (512, 2), (530, 4), (300, 2), (200, 1)):
        text = ((LONG + FITS) * 22)[:count]
        page.type(text)
        sent = page.panel("map")
        assert (sent["cols"], sent["block"], sent["T"]) == (-(-count // block), block, count)
        lines, run = {line["tensor"]: line for line in sent["lines"]}, run_of(model, text)
        for name, pixels in page.strips().items():
            expected = codes(pooled(run, name, block), lines[name]["low"], lines[name]["high"])
            assert np.abs(pixels - expected).max() <= 0.51, (count, name)


@pytest.mark.parametrize("seed", range(6))
def test_strips_that_grow_are_the_tensors_pooled(seed: int) -> None:
    models = [random_model(seed=which, block_size=700, n_embd=40) for which in range(2)]
    names = ("transformer.wte", "transformer.wpe", "transformer.h.1.resid_post", "transformer.h.2.mlp.gelu")
    chooser = np.random.default_rng(seed)
    ids = chooser.integers(0, 17, int(chooser.choice([5, 250, 600]))).tolist()
    model, drawn = models[0], None
    for _ in range(12):
        keep = max(1, len(ids) - int(chooser.choice([0, 0, 1, 5, 130, 300])))
        ids = [*ids[:keep], *chooser.integers(0, 17, int(chooser.choice([0, 1, 1, 3, 200]))).tolist()][:700]
        model = models[int(chooser.integers(0, 5) == 0)]
        trace = capture(model, ids)
        drawn = strips.update(drawn, trace, model, names)
        assert drawn.block == max(1, 2 ** int(np.ceil(np.log2(trace.T / COLUMNS))))
        for name in names:
            assert drawn.pooled[name].shape[0] <= ROWS
            expected = pooled(trace, name, drawn.block)
            assert drawn.pooled[name].shape == expected.shape, (trace.T, name)
            assert np.allclose(drawn.pooled[name], expected, rtol=0, atol=2e-5), (trace.T, name)


def test_only_columns_with_new_tokens_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[int, int]] = []
    cells = strips._cells

    def counted(trace: Trace, name: str, head: int, start: int, stop: int) -> np.ndarray:
        read.append((start, stop))
        return cells(trace, name, head, start, stop)

    monkeypatch.setattr(strips, "_cells", counted)
    model, other = random_model(block_size=600), random_model(seed=1, block_size=600)
    ids = [(7 * i) % 17 for i in range(400)]
    drawn = None

    def update(count: int, weights: object = model) -> list[tuple[int, int]]:
        nonlocal drawn
        read.clear()
        trace = capture(other if weights is other else model, ids[:count])
        drawn = strips.update(drawn, trace, weights, ("transformer.h.1.resid_post",))
        return list(read)

    assert update(5) == [(0, 5)]
    assert update(6) == [(5, 6)]  # a key
    assert update(6) == []  # a click
    assert update(4) == []  # keys back
    assert update(6) == [(4, 6)]
    assert update(6, other) == [(0, 6)]  # another step of the training
    assert update(6) == [(0, 6)]
    assert update(301) == [(0, 301)]  # columns of two tokens
    assert update(302) == [(300, 302)]  # of which the last has a new one
    assert update(303) == [(302, 303)]
    assert update(299) == [(298, 299)]


def test_an_edit_of_the_run_makes_other_strips() -> None:
    names = ("transformer.h.1.resid_post",)
    plain = capture(MODEL, encode(FITS))
    drawn = strips.update(None, plain, MODEL, names)
    edited = capture(MODEL, encode(FITS), edits=[Edit("transformer.h.0.attn.z", "zero", head=1)])
    again = strips.update(drawn, edited, MODEL, names)
    assert np.array_equal(again.pooled[names[0]], pooled(edited, names[0]))
    assert not np.array_equal(again.pooled[names[0]], drawn.pooled[names[0]])


# ---- scales ------------------------------------------------------------------------------------------------------

OF_KIND = {
    "embedding": ["transformer.wte"],
    "position": ["transformer.wpe"],
    "norm": ["transformer.ln_f"],
    "residual": ["transformer.embed", *(f"transformer.h.{layer}.resid_post" for layer in range(3))],
    "mlp": [f"transformer.h.{layer}.mlp.gelu" for layer in range(3)],
}
"""The tensors that give each kind its scale, written down by hand."""


def test_the_scales_are_those_of_the_model_s_own_prompt_whatever_is_typed(page: Page) -> None:
    def scales() -> dict[str, tuple[float, float]]:
        return {line["kind"]: (line["low"], line["high"]) for line in page.panel("map")["lines"] if line["kind"]}

    def by_definition(run: Trace) -> dict[str, tuple[float, float]]:
        sizes = {kind: np.concatenate([pooled(run, name).ravel() for name in names]) for kind, names in OF_KIND.items()}
        sizes["logits"] = run.logits[0, -1].numpy()
        ends = {kind: float(f"{np.quantile(np.abs(values), 0.98):.2g}") for kind, values in sizes.items()}
        return {kind: (-end, end) for kind, end in ends.items()}

    own = by_definition(run_of(MODEL, FITS))
    assert by_definition(run_of(MODEL, LONG))["logits"] != own["logits"]
    assert by_definition(run_of(model_at(40), FITS)) != own
    assert scales() == own
    page.type("aaa")
    assert scales() == own
    page.move(40)
    assert scales() == own  # one colour means one number through the whole training


def test_the_scales_share_the_run_that_is_shown_if_it_is_of_the_first_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint, runs = checkpoint_of(MODEL, {"prompt": FITS}), list[list[int]]()
    one, other = Explorer(checkpoint), Explorer(checkpoint, "aaa")

    def counted(model: Any, ids: list[int]) -> Trace:
        runs.append(ids)
        return capture(model, ids)

    monkeypatch.setattr("app.session.first_prompt.capture", counted)
    first = one.scales
    assert runs == []
    assert other.scales == first and runs == [encode(FITS)]
    assert (one.scales, other.scales, len(runs)) == (first, first, 1)


def test_no_scale_ends_at_0() -> None:
    model = random_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    found = strips.scales_of(capture(model, [1, 2, 3]))
    assert found == dict.fromkeys(("embedding", "position", "norm", "residual", "mlp", "logits"), (-1.0, 1.0))


# ---- the value behind a pixel ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "tensor", "row", "column", "channels"),
    [
        ("transformer.wpe", "transformer.wpe", 0, 12, range(2)),
        ("transformer.h.1", "transformer.h.1.resid_post", 7, 3, range(14, 16)),
        (f"{BLOCK}.mlp.gelu", f"{BLOCK}.mlp.gelu", 13, 9, range(65, 70)),
    ],
)
def test_a_pixel_tells_its_value_when_asked(
    page: Page, trace: Trace, node: str, tensor: str, row: int, column: int, channels: range
) -> None:
    assert page.panel("map")["cell"] is None
    page.report("map", kind="cell", id=node, row=row, column=column)
    values = trace[tensor][0] if trace[tensor].dim() == 3 else trace[tensor]
    channel = max(channels, key=lambda c: abs(values[column, c].item()))
    cell = page.panel("map")["cell"]
    assert (cell["id"], cell["row"], cell["column"]) == (node, row, column)
    assert (cell["channel"], cell["position"], cell["of"]) == (channel, column, len(channels))
    assert cell["value"] == pytest.approx(values[column, channel].item(), abs=1e-5)


def test_a_pixel_of_several_tokens_tells_which_one_it_shows() -> None:
    model = random_model(block_size=600, n_embd=40)
    ids = [(7 * i) % 17 for i in range(301)]
    trace = capture(model, ids)
    name = "transformer.h.1.resid_post"
    drawn = strips.update(None, trace, model, (name,))
    cells = trace[name][0].T.numpy()  # (40, 301), 3 channels and 2 tokens a pixel
    for row, column in ((0, 0), (13, 150), (5, 77), (13, 149)):
        part = cells[3 * row : 3 * row + 3, 2 * column : 2 * column + 2]
        found = drawn.value_at(name, row, column)
        assert found is not None
        channel, position, value, count = found
        assert (value, count) == (part.ravel()[np.abs(part).argmax()], part.size)
        assert cells[channel, position] == value == drawn.pooled[name][row, column]
        assert channel // 3 == row and position // 2 == column
    for row, column in ((14, 0), (0, 151), (-1, 0), (0, -1)):
        assert drawn.value_at(name, row, column) is None
    assert drawn.value_at("transformer.wte", 0, 0) is None


@pytest.mark.parametrize(
    "event",
    [
        {"id": "nowhere", "row": 0, "column": 0},
        {"id": f"{BLOCK}.attn.pattern", "row": 0, "column": 0},  # has no pixels
        {"id": "lm_head", "row": 0, "column": 0},  # the page has its values
        {"id": "transformer.wte", "row": 10, "column": 0},
        {"id": "transformer.wte", "row": 0, "column": 13},
        {"id": "transformer.wte", "row": -1, "column": 0},
        {"id": "transformer.wte", "row": 0.5, "column": 0},
        {"id": "transformer.wte", "row": 10**30, "column": 0},
        {"id": ["transformer.wte"], "row": 0, "column": 0},
        {"row": 0, "column": 0},
    ],
)
def test_a_pixel_that_is_not_there_is_not_answered(page: Page, event: dict[str, Any]) -> None:
    page.report("map", kind="cell", **event)
    assert page.panel("map")["cell"] is None


# ---- the followed position ---------------------------------------------------------------------------------------


def test_the_arcs_are_the_row_of_the_chosen_head_at_the_followed_position(page: Page, trace: Trace) -> None:
    patterns = [trace[f"transformer.h.{layer}.attn.pattern"][0].numpy() for layer in range(3)]
    for token in (None, CROPPED + 4, CROPPED, len(LONG) - 1):
        page.follow(token)
        position = 12 if token is None else token - CROPPED
        sent = page.panel("map")
        assert (sent["position"], sent["locked"]) == (position, token is not None)
        assert np.allclose(sent["weights"], patterns[LAYER][HEAD, position], atol=1e-6), token
    page.follow(CROPPED + 7)
    page.choose_head(1)
    assert np.allclose(page.panel("map")["weights"], patterns[LAYER][1, 7], atol=1e-6)
    page.pick_head(1, 2)
    assert np.allclose(page.panel("map")["weights"], patterns[1][2, 7], atol=1e-6)
    assert page.panel("map")["head"] == "1.2"


def test_the_logits_are_those_of_the_tokens_that_are_likely_there(page: Page, trace: Trace) -> None:
    for token in (None, CROPPED + 4):
        page.follow(token)
        logits = trace.logits[0]
        best = logits[12 if token is None else 4].argsort(descending=True)[:16].tolist()
        sent = page.panel("map")
        assert sent["likely"] == [LETTERS[index] for index in best]
        assert np.allclose(sent["logits"].reshape(16, 13), logits[:, best].T, atol=2e-5)
        assert sent["lines"][-1]["rows"] == 16


def test_every_panel_follows_the_locked_token_and_keeps_it_while_one_types(page: Page) -> None:
    def followed() -> set[object]:
        map_, matrix, prediction = (page.panel(name) for name in ("map", "matrix", "prediction"))
        return {(panel["position"], panel["locked"]) for panel in (map_, matrix, prediction)} | {
            (page.panel("lens")["position"], page.panel("prompt")["lock"] is not None)
        }

    assert followed() == {(12, False)}
    page.follow(15)
    assert followed() == {(15 - CROPPED, True)}
    assert page.panel("prompt")["lock"] == 15
    page.type(LONG + "a")  # one more token is not seen: the same token has another position
    assert followed() == {(15 - CROPPED - 1, True)}
    assert page.panel("prompt")["lock"] == 15
    page.type(LONG[:16])
    assert followed() == {(12, True)}
    page.type(LONG[:15])
    assert followed() == {(12, False)}
    page.type(LONG)
    assert followed() == {(12, False)}
    page.follow(15)
    page.type(LONG[:15] + LONG[16:])  # the token is deleted, and the one behind it takes its place
    assert followed() == {(12, False)}
    page.type(LONG)
    page.follow(15)
    page.follow(None)
    assert followed() == {(12, False)}


@pytest.mark.parametrize(
    "event",
    [
        {"token": 15},
        {"token": 15, "text": LONG[:-1]},  # of the prompt before
        {"token": "15", "text": LONG},
        {"token": 15.0, "text": LONG},
        {"token": True, "text": LONG},
        {"token": [15], "text": LONG},
        {"token": CROPPED - 1, "text": LONG},  # a token that the model does not see
        {"token": len(LONG), "text": LONG},
        {"token": -1, "text": LONG},
    ],
)
def test_a_lock_that_cannot_be_leaves_what_is_followed(page: Page, event: dict[str, Any]) -> None:
    page.follow(14)
    page.report("follow", **event)
    assert (page.panel("prompt")["lock"], page.panel("map")["position"]) == (14, 14 - CROPPED)


@pytest.mark.parametrize("event", [{"name": "form"}, {"name": "form", "word": "row"}, {"name": 5, "word": "diagram"}])
def test_a_look_that_cannot_be_leaves_the_look(page: Page, event: dict[str, Any]) -> None:
    page.report("look", **event)
    sent = page.panel("map")
    assert (sent["form"], sent["svg_key"] in page.data()["kept"]) == ("tensors", False)


def test_the_diagram_travels_without_the_numbers_of_the_strips(page: Page) -> None:
    page.look("form", "diagram")
    sent = page.panel("map")
    assert (sent["form"], sent["lines"]) == ("diagram", [])
    assert not {"logits", "weights"} & set(sent)
    assert len(sent["pixels"]) == sum(picture["rows"] for picture in sent["pictures"]) * sent["cols"]
    page.look("form", "tensors")
    assert len(page.strips()) == 10


# ---- what the model would say ------------------------------------------------------------------------------------

DEPTHS = ["emb", "0", "0", "1", "1", "2", "2"]
"""The block of each row, between its attention and its MLP and behind it."""


def assert_lens(page: Page, trace: Trace, position: int) -> None:
    lens = logit_lens(trace, positions=position, mid=True)
    sent = page.panel("lens")
    opened = f"transformer.h.{page.panel('map')['layer']}.resid_mid"  # of the others only what they end with
    read = [i for i, name in enumerate(lens.names) if name == opened or not name.endswith("resid_mid")]
    assert [row["name"] for row in sent["rows"]] == [lens.names[i] for i in read]
    assert [row["label"] for row in sent["rows"]] == [DEPTHS[i] for i in read]
    assert [row["mid"] for row in sent["rows"]] == [lens.names[i] == opened for i in read]
    for row, logits in zip(sent["rows"], lens.logits[read, 0, 0], strict=True):
        p = logits.double().softmax(-1)
        best = p.argsort(descending=True)[:10].tolist()
        assert [each["id"] for each in row["top"]] == best
        assert [each["label"] for each in row["top"]] == [LETTERS[index] for index in best]
        assert np.allclose([each["probability"] for each in row["top"]], p[best], atol=1e-5)


def test_the_lens_reads_the_followed_position_at_each_depth(page: Page, trace: Trace) -> None:
    for token in (None, CROPPED + 4, CROPPED):
        page.follow(token)
        position = 12 if token is None else token - CROPPED
        sent = page.panel("lens")
        assert (sent["text"], sent["position"], sent["token"]) == (LONG, position, TOKENS[position])
        assert_lens(page, trace, position)
        last = [(each["id"], each["probability"]) for each in sent["rows"][-1]["top"]]
        rows = [(row["id"], row["probability"]) for row in page.panel("prediction")["rows"]]
        assert [index for index, _ in last] == [index for index, _ in rows]
        assert np.allclose([p for _, p in last], [p for _, p in rows], atol=1e-6)
    page.move(40)
    assert_lens(page, run_of(model_at(40), LONG), 0)


def test_a_row_of_the_lens_selects_its_tensor(page: Page) -> None:
    name = page.panel("lens")["rows"][3]["name"]
    page.report("lens", kind="select", id=name)
    assert (page.panel("map")["selected"], page.panel("matrix")["tensor"]) == (name, name)
    page.report("lens", kind="select", id="nowhere")
    assert page.panel("map")["selected"] == name


def test_the_lens_of_a_large_model_is_read_when_it_is_asked_for(
    page: Page, trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.views.explore.QUICK", 1.0)
    page.follow(CROPPED + 4)
    assert page.panel("lens")["rows"] is None
    wrong: list[dict[str, Any]] = [
        {"kind": "read", "text": LONG, "position": 5},
        {"kind": "read", "text": LONG[:-1], "position": 4},
        {"kind": "read", "position": 4},
        {"kind": "read", "text": None, "position": [4]},
    ]
    for event in wrong:
        page.report("lens", **event)
        assert page.panel("lens")["rows"] is None, event
    page.report("lens", kind="read", text=LONG, position=4)
    assert_lens(page, trace, 4)
    page.look("form", "diagram")  # what was read stays
    assert_lens(page, trace, 4)
    page.follow(CROPPED + 5)
    assert page.panel("lens")["rows"] is None
    page.type(LONG + "a")
    assert page.panel("lens")["rows"] is None


# ---- what is no number -------------------------------------------------------------------------------------------


def test_what_is_no_number_has_a_code_of_its_own_and_leaves_the_scales() -> None:
    model = copy.deepcopy(MODEL)
    with torch.no_grad():
        model.get_parameter("transformer.h.1.mlp.c_fc.weight")[3] = torch.nan
    me = Explorer(checkpoint_of(model), FITS)
    drawn = me.strips()
    pixels = strips.encoded([(drawn.pooled["transformer.h.1.resid_post"], me.scales["residual"])])
    assert set(pixels.tolist()) == {1}
    assert all(np.isfinite(ends).all() for ends in me.scales.values())
    found = drawn.value_at("transformer.h.1.resid_post", 0, 0)
    assert found is not None and np.isnan(found[2])
    assert np.isnan(me.lens()[-1]["top"][0]["probability"])


def test_a_lock_stays_at_its_token_while_the_text_before_it_changes(page: Page) -> None:
    page.type(FITS)
    page.report("follow", token=4, text=FITS)
    token = page.panel("prompt")["labels"][4]
    for text, place in (("cc" + FITS, 6), ("cc" + FITS[1:], 5), ("cc" + FITS[1:] + "a", 5)):
        page.type(text)
        sent = page.panel("prompt")
        assert (sent["lock"], sent["labels"][place]) == (place, token), text
    page.type("cc" + FITS[1:4] + "b" + FITS[5:] + "a")  # another token in its place
    assert page.panel("prompt")["lock"] is None


# ---- the number behind a pixel -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "tensor", "row", "position", "followed"),
    [
        ("transformer.wpe", "transformer.wpe", 0, 12, 12),
        ("transformer.h.1", "transformer.h.1.resid_post", 7, 3, 12),
        (f"{BLOCK}.mlp.gelu", f"{BLOCK}.mlp.gelu", 13, 9, 4),
        (f"{BLOCK}.attn.pattern", f"{BLOCK}.attn.pattern", 0, 5, 7),
        ("lm_head", "lm_head", 2, 6, 9),
    ],
)
def test_the_number_of_a_pixel_is_explained(
    page: Page, trace: Trace, line: str, tensor: str, row: int, position: int, followed: int
) -> None:
    page.follow(CROPPED + followed)
    text = page.panel("prompt")["text"]
    page.follow(CROPPED + position)  # the first of two clicks; the second is about what was on the screen before
    page.report("map", kind="why", id=line, row=row, position=position, followed=followed, text=text)
    if tensor == "lm_head":
        likely = trace.logits[0, followed].topk(16).indices.tolist()
        index = [0, position, likely[row]]
    elif tensor.endswith("pattern"):
        index = [0, HEAD, followed, position]
    else:
        values = trace[tensor][0] if trace[tensor].dim() == 3 else trace[tensor]
        down = -(-values.shape[1] // 16)
        channels = range(row * down, min((row + 1) * down, values.shape[1]))
        channel = max(channels, key=lambda c: abs(values[position, c].item()))
        index = [0, position, channel] if trace[tensor].dim() == 3 else [position, channel]
    card = page.panel("explanation")
    assert (card["name"], card["index"]) == (tensor, index)
    assert card["value"] == pytest.approx(trace[tensor][tuple(index)].item(), abs=2e-5)


@pytest.mark.parametrize(
    "event",
    [
        {"id": "nowhere"},
        {"row": 16},
        {"row": -1},
        {"position": 13},
        {"position": -1},
        {"position": 10**30},
        {"text": "another prompt"},
        {"followed": 2.5},
        {"id": f"{BLOCK}.attn.pattern", "position": 5, "followed": 4},  # no query reads what comes after it
        {"id": f"{BLOCK}.attn.pattern", "followed": 13},
        {"id": "lm_head", "followed": -1},
    ],
)
def test_a_pixel_that_is_not_there_is_not_explained(page: Page, event: dict[str, Any]) -> None:
    there = {"id": "transformer.wte", "row": 0, "position": 3, "followed": 12, "text": page.panel("prompt")["text"]}
    page.report("map", kind="why", **(there | event))
    assert "explanation" not in page.data()["panels"]
    page.report("map", kind="why", **there)
    assert page.panel("explanation")["name"] == "transformer.wte"
