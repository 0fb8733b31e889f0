"""Safe HTML is what a notebook shows; its numbers and pixels are those of the tensors."""

from __future__ import annotations

import base64
import io
import math
import sys
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import gptcore
from gptcore import Checkpoint, Edit, GPTConfig, Trace, architecture, capture, explain
from gptcore.notebook.picture import NOT_FINITE, picture, pooled
from gptcore.tokenizer import CharTokenizer
from tests.conftest import random_model
from tests.lopsided import FITS, LETTERS, LONG, checkpoint_of, encode, lopsided, run_of

VOID = ("br", "img")
ALLOWED = {
    *("div", "b", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "details", "summary"),
    *VOID,
}
DRAWN = {"svg", "g", "title", "rect", "circle", "path", "polygon", "text"}
"""Tags of a drawing."""
NASTY = '<script src="http://evil.test/x.js"></script>"><img src=http://evil.test onerror=alert(1)>'


class Page(HTMLParser):
    """A page, checked for balanced and harmless tags while it is read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.images: dict[str, NDArray[np.uint8]] = {}
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in (DRAWN if tag == "svg" or "svg" in self.open else ALLOWED)
        for name, value in attrs:
            assert name in ("style", "title", "alt", "src", "width", "height") or "svg" in (tag, *self.open)
            assert not name.startswith("on") and "href" not in name
            assert "url(" not in str(value) or name in ("title", "alt")
        if tag == "img":
            told = dict(attrs)
            head, _, data = str(told["src"]).partition(",")
            assert head == "data:image/png;base64"
            image = Image.open(io.BytesIO(base64.b64decode(data)))
            self.images[str(told["title"])] = np.asarray(image.convert("RGB"))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.rows and ("td" in self.open or "th" in self.open):
            self.rows[-1][-1] += data


def shown(value: Any) -> Page:
    """Return what a notebook shows of a value: by IPython's own formatter, where it is installed."""
    try:
        from IPython.core.formatters import HTMLFormatter  # type: ignore[import-not-found]
    except ImportError:
        text = value._repr_html_()
    else:
        text = HTMLFormatter()(value)
    assert len(text) < 200_000
    return Page(text)


def expected(values: torch.Tensor, scale: float) -> NDArray[np.uint8]:
    """The colours of a matrix, worked out cell by cell."""
    rows = []
    for row in values.double().tolist():
        parts = [max(-1.0, min(1.0, value / scale)) for value in row]
        strong = [(255, 255 * (1 - p), 255 * (1 - p)) if p >= 0 else (255 * (1 + p), 255 * (1 + p), 255) for p in parts]
        rows.append([[round(channel) for channel in colour] for colour in strong])
    return np.array(rows, np.uint8)


def test_each_pixel_of_a_trace_is_a_cell_of_its_tensor() -> None:
    run = run_of(lopsided(), LONG)
    page = shown(run)
    drawn = {title.partition(",")[0] for title in page.images}
    arch = architecture(run.config)
    assert drawn == {arch.named(role, i) for i in range(3) for role in ("pattern", "residual")}  # type: ignore[arg-type]
    for layer in range(3):
        name = arch.named("pattern", layer)
        for head in range(4):
            found = page.images[f"{name}, head {head}"]
            assert np.abs(found.astype(int) - expected(run[name][0, head], 1.0)).max() <= 1
        name = arch.named("residual", layer)
        scale = run[name].abs().max().item()
        found = page.images[f"{name}, from {-scale:.4g} to {scale:.4g}"]
        assert np.abs(found.astype(int) - expected(run[name][0], scale)).max() <= 1
        assert f"±{scale:.4g}" in page.texts


def test_a_long_trace_is_cropped_and_pooled_and_says_so() -> None:
    model = random_model(block_size=60, n_embd=100, n_layer=30, n_head=10)
    ids = torch.randint(17, (2, 57), generator=torch.Generator().manual_seed(1))
    run = capture(model, ids)
    page = shown(run)
    (said,) = (text for text in page.texts if text.startswith("rows: "))
    assert said == (
        "rows: positions 33 to 56 (T); a column of a pattern is the largest of 3 keys; a column of the residual stream "
        "is the number farthest from 0 of 3 channels; the first of 2 sequences (B); 9 of 30 layers"
    )
    for layer, head in ((0, 0), (29, 9), (11, 4)):
        pattern = run[f"transformer.h.{layer}.attn.pattern"][0, head, 33:]
        wanted = torch.stack([pattern[:, start : start + 3].amax(-1) for start in range(0, 57, 3)], dim=-1)
        found = page.images[f"transformer.h.{layer}.attn.pattern, head {head}"]
        assert np.abs(found.astype(int) - expected(wanted, 1.0)).max() <= 1
    name = architecture(run.config).named("residual", 29)
    (found,) = (image for title, image in page.images.items() if title.startswith(f"{name}, from"))
    residual, scale = run[name][0, 33:], run[name][0, 33:].abs().max().item()
    far = [max(cells, key=abs) for row in residual.tolist() for cells in (row[i : i + 3] for i in range(0, 100, 3))]
    assert np.abs(found.astype(int) - expected(torch.tensor(far).view(24, 34), scale)).max() <= 1
    assert " ".join(map(str, ids[0, -48:].tolist())) in page.texts


def test_all_names_are_listed_with_their_axes_and_shapes() -> None:
    run = run_of(lopsided(), FITS)
    listed = {row[0]: row[1:] for row in shown(run).rows if len(row) == 3}
    for name, (axes, shape) in run.shapes().items():
        layer = name.split(".")[2] if name.startswith("transformer.h.") else ""
        general = name.replace(f".h.{layer}", ".h.{i}", 1) if layer else name
        assert listed[general] == [f"({', '.join(axes)})", str(shape)]


def test_no_tensor_of_the_vocabulary_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    run, read = run_of(lopsided(), FITS), set()
    rows = Trace.rows

    def counted(self: Trace, name: str, start: int, stop: int) -> torch.Tensor:
        read.add(name)
        return rows(self, name, start, stop)

    monkeypatch.setattr(Trace, "rows", counted)
    shown(run)
    assert "transformer.h.2.attn.pattern" in read
    assert not [name for name in read if "V" in run.shapes()[name][0]]


def test_a_trace_of_some_names_under_edits_of_strange_numbers() -> None:
    edit = Edit("transformer.h.0.resid_post", "set", math.nan, channel=3)
    run = capture(lopsided(), encode(FITS), edits=[edit])
    page = shown(run)
    assert repr(edit) in page.texts
    (image,) = (image for title, image in page.images.items() if title.startswith("transformer.h.0.resid_post"))
    assert (image[:, 3] == NOT_FINITE).all()
    assert not (image[:, 4] == NOT_FINITE).all(-1).any()
    some = capture(lopsided(), encode(FITS), names=["transformer.h.1.mlp.gelu"])
    assert "not captured" in shown(some).texts


def test_an_explanation_shows_its_numbers() -> None:
    run = run_of(lopsided(), FITS)
    why = explain(run, "transformer.h.1.attn.scores", (0, 2, 5, 3))
    page = shown(why)
    assert page.texts[0] == "transformer.h.1.attn.scores[0, 2, 5, 3]"
    assert f"value {why.value!r}, recomputed {why.recomputed!r}" in page.texts
    assert f"${why.formula}$" in page.texts
    assert why.code in page.texts
    q, k = run["transformer.h.1.attn.q"][0, 2, 5], run["transformer.h.1.attn.k"][0, 2, 3]
    for line, name, index, values in zip(
        page.rows[1:], ("transformer.h.1.attn.q", "transformer.h.1.attn.k_t"), ("0, 2, 5, :", "0, 2, :, 3"), (q, k),
        strict=True,
    ):  # fmt: skip
        assert line == [name, f"[{index}]", ", ".join(f"{value:.6g}" for value in values.tolist())]
        scale = values.abs().max().item()
        found = page.images[f"{name}[{index}], from {-scale:.4g} to {scale:.4g}"]
        assert np.abs(found.astype(int) - expected(values[None].expand(3, -1), scale)).max() <= 1


def test_a_long_operand_shows_its_first_numbers_and_a_pooled_picture() -> None:
    model = random_model(n_embd=150, vocab_size=len(LETTERS))
    page = shown(explain(run_of(model, FITS), "lm_head", (0, 1, 2)))
    weight = model.lm_head.weight[2].detach()
    first = ", ".join(f"{value:.6g}" for value in weight[:8].tolist())
    assert page.rows[2][2] == f"{first}, … (150 numbers)a column is the number farthest from 0 of 2"
    scale = weight.abs().max().item()
    far = [max(cells, key=abs) for cells in weight.view(75, 2).tolist()]
    found = page.images[f"lm_head.weight[2, :], from {-scale:.4g} to {scale:.4g}"]
    assert np.abs(found.astype(int) - expected(torch.tensor([far] * 3), scale)).max() <= 1


def test_the_map_shows_each_node_of_each_view() -> None:
    for name in ("gpt3-175b", "nano-sort"):
        arch = architecture(GPTConfig.preset(name))
        page = shown(arch)
        told = {row[1]: row for row in page.rows if len(row) == 5}
        nodes = [arch.nodes[each] for view in arch.views for each in view.nodes_at(0)]
        assert told.keys() == {"name", *(node.id for node in nodes)}
        for node in nodes:
            axes, flops = f"({', '.join(node.axes)})", node.flops(arch.config.block_size)
            assert told[node.id] == [node.label, node.id, axes, f"{node.params:,}", f"{flops:,}"]
        assert any(f"{arch.num_params():,} parameters" in text for text in page.texts)


def test_the_map_is_drawn_where_graphviz_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pygraphviz", reason="the extra `app` is not installed")
    arch = architecture(GPTConfig.preset("gpt2"))
    assert str(arch.shapes(T=1024)["transformer.h"]) in shown(arch).texts
    for name in ("draw", "standalone"):
        monkeypatch.delitem(sys.modules, f"gptcore.graph.{name}", raising=False)
        monkeypatch.delattr(f"gptcore.graph.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    without = arch._repr_html_()
    assert "<svg" not in without and "transformer.h" in without


def test_a_checkpoint_shows_what_is_known_of_it() -> None:
    ckpt = gptcore.load("nano-sort")
    rows = {row[0]: row[1] for row in shown(ckpt).rows}
    assert rows["format"] == "gptscope"
    assert rows["n_head"] == "3"
    assert rows["parameters"] == f"{sum(weight.numel() for weight in ckpt.model.parameters()):,}"
    assert rows["iter_num"] == str(ckpt.info["iter_num"])


def test_a_text_of_a_stranger_stays_text() -> None:
    model = lopsided()
    info = {"source": NASTY, "format": NASTY, "notices": [NASTY, NASTY * 1000] * 3000, "iter_num": NASTY}
    page = shown(Checkpoint(model, CharTokenizer(LETTERS), model.config, info))
    assert NASTY in page.texts
    assert checkpoint_of(model)._repr_html_().count("<details>") == 1
    assert Page(picture(np.ones((1, 1)), 1.0, NASTY)).images.keys() == {NASTY}


def test_pooling_keeps_the_number_farthest_from_zero() -> None:
    values = np.array([[1.0, -5.0, 2.0], [3.0, 4.0, -2.5]])
    assert pooled(values, 2, 2).tolist() == [[-5.0, 2.0], [4.0, -2.5]]
    assert pooled(values, 1, 1).tolist() == [[-5.0]]
    assert pooled(values, 9, 9).tolist() == values.tolist()
