"""`python -m gptcore.map`: the files it writes are views of the map with the shapes of a run, and faults are told."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("pygraphviz", reason="the extra `app` is not installed")
pytest.importorskip("graphviz", reason="the extra `app` is not installed")

import pygraphviz  # type: ignore[import-untyped]

from gptcore import Architecture, GPTConfig, architecture
from gptcore.graph.mermaid import to_mermaid
from gptcore.map import config_of, main, view_named
from tests.lopsided import SIZES, lopsided, write_folder

GPT2 = architecture(GPTConfig.preset("gpt2"))
SVG = "{http://www.w3.org/2000/svg}"
ATTENTION, SDPA = "self-attention", "scaled dot-product attention"
VIEWS = {
    **{"model": "model", "block": "block", "MLP": "MLP", " mlp": "MLP", "attention": ATTENTION},
    **{"Self_Attention": ATTENTION, "dot product": SDPA, "sdpa": SDPA},
}


def drawn(svg: str) -> dict[str, list[str]]:
    """The texts of each node."""
    root = ElementTree.fromstring(svg)
    nodes = [group for group in root.iter(f"{SVG}g") if "node" in group.get("class", "").split()]
    return {str(group.get("data-node")): [str(text.text) for text in group.iter(f"{SVG}text")] for group in nodes}


def holds_the_view(arch: Architecture, svg: str, view: str, layer: int, T: int) -> None:
    graph, shapes, found = arch.graph(view, layer), arch.shapes(B=1, T=T), drawn(svg)
    assert found.keys() == {node.id for node in (*graph.nodes, *graph.entries, *graph.exits)}
    for node in graph.nodes:
        small = [node.label]
        whole = [node.label, f"({', '.join(node.axes)})", str(shapes[node.id])]
        assert found[node.id] == (small if node.is_dropout else whole)


@pytest.mark.parametrize("layer", [0, 11])
@pytest.mark.parametrize("asked", VIEWS)
def test_an_svg_holds_each_node_of_the_view_with_its_shape(asked: str, layer: int, tmp_path: Path) -> None:
    path = tmp_path / "out.svg"
    assert main(["gpt2", "--view", asked, "--layer", str(layer), "--to", str(path)]) == 0
    holds_the_view(GPT2, path.read_text(), VIEWS[asked], layer, T=1024)


def test_it_stands_by_itself(tmp_path: Path) -> None:
    assert main(["gpt2", "--view", "block", "--to", str(tmp_path / "out.svg")]) == 0
    text = (tmp_path / "out.svg").read_text()
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert root.get("viewBox") == f"0.00 0.00 {root.get('width')} {root.get('height')}"
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    assert "pictured" not in text and "·" not in text
    thick = [line for line in root.iter(f"{SVG}path") if line.get("stroke-width") == "2.2"]
    residual = [edge for edge in GPT2.graph("block", 0).edges if edge.target.endswith(("resid_mid", "resid_post"))]
    assert 0 < len(thick) <= len(residual)


def test_mermaid_and_dot_are_the_same_view(tmp_path: Path) -> None:
    for suffix in ("mmd", "dot"):
        assert main(["gpt2", "--view", "mlp", "--layer", "3", "-T", "5", "--to", str(tmp_path / f"out.{suffix}")]) == 0
    assert (tmp_path / "out.mmd").read_text() == to_mermaid(GPT2, "MLP", 3, T=5) + "\n"
    graph = pygraphviz.AGraph(string=(tmp_path / "out.dot").read_text())
    assert {*map(str, graph.nodes())} == {node.id for node in sum(GPT2.graph("MLP", 3)[::2], ())} | {
        node.id for node in GPT2.graph("MLP", 3).exits
    }
    assert graph.get_node("transformer.h.3.mlp.c_fc").attr["label"].endswith("(1, 5, 3072)")


def test_mermaid_needs_no_drawing_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("graphviz", "pygraphviz"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("gptcore.graph.draw", "gptcore.graph.standalone"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert main(["baby-gpt", "--to", str(tmp_path / "out.mmd")]) == 0
    assert "(1, 256, 384)" in (tmp_path / "out.mmd").read_text()
    assert main(["baby-gpt", "--to", str(tmp_path / "out.dot")]) == 1


class Tags(HTMLParser):
    """The tags, the attributes and the title of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.cells: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        if tag == "tr":
            self.cells.append([])

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1].append(data)


def test_a_page_is_static_and_holds_drawing_and_tables(tmp_path: Path) -> None:
    nasty = tmp_path / "<img src=x onerror=alert(1)>.json"
    nasty.write_text(json.dumps(SIZES))
    arguments = [str(nasty), "--view", "dot-product", "--layer", "2", "-T", "9", "--to", str(tmp_path / "out.html")]
    assert main(arguments) == 0
    text = (tmp_path / "out.html").read_text()
    page = Tags(text)
    assert not page.tags & {"script", "img", "link", "iframe", "object", "a"}
    assert not [name for name in page.names if name.startswith("on") or name in ("src", "href")]
    assert "default-src &#x27;none&#x27;" in text or "default-src 'none'" in text
    arch = architecture(GPTConfig(**SIZES))
    holds_the_view(arch, text[text.index("<svg") : text.index("</svg>") + 6], "scaled dot-product attention", 2, T=9)
    cells = [row[:5] for row in page.cells]  # behind the last row of a table stands the title of the next
    for view in arch.views:
        for node in map(arch.nodes.__getitem__, view.nodes_at(0)):
            axes = f"({', '.join(node.axes)})"
            assert [node.label, node.id, axes, f"{node.params:,}", f"{node.flops(9):,}"] in cells


def test_the_config_comes_from_a_preset_a_file_or_a_checkpoint(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model", lopsided())
    (tmp_path / "sizes.json").write_text(json.dumps(SIZES))
    wanted = GPTConfig(**SIZES)
    assert config_of("gpt3-175b") == GPTConfig.preset("gpt3-175b")
    assert config_of(str(tmp_path / "sizes.json")) == wanted
    assert config_of(str(folder)) == wanted
    assert config_of(str(folder / "config.json")) == wanted
    assert config_of("induction").n_layer == 2


def test_every_block_can_be_drawn(tmp_path: Path) -> None:
    assert main(["gpt2", "--unfold", "--to", str(tmp_path / "out.svg")]) == 0
    assert {f"transformer.h.{layer}" for layer in range(12)} <= drawn((tmp_path / "out.svg").read_text()).keys()


def test_faults_are_told_and_leave_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "other.json").write_text('{"n_layer": 1}')
    (tmp_path / "out.svg").write_text("mine")
    there = str(tmp_path / "out.svg")
    for arguments, sentence in (
        (["gtp2", "--to", there], "nor a shipped model of that name"),
        (["gpt2", "--view", "head", "--to", there], "the view must be one of model, block, self-attention, scaled"),
        (["gpt2", "--view", "", "--to", there], "got ''"),
        (["gpt2", "--view", "l", "--to", there], "got 'l'"),  # a part of several names
        (["gpt2", "--layer", "12", "--to", there], "layer must be from 0 to 11, got 12"),
        (["gpt2", "-T", "1025", "--to", there], "T must be from 1 to block_size = 1024, got 1025"),
        (["gpt2", "--to", str(tmp_path / "out.png")], "must end in .svg, .mmd, .dot or .html"),
        (["gpt2", "--to", "/proc/x/out.svg"], "could not be written"),
        ([str(tmp_path / "list.json"), "--to", there], "must hold the fields of a GPTConfig, got list"),
        ([str(tmp_path / "other.json"), "--to", there], "this field is missing"),
    ):
        assert main(arguments) == 1
        told = capsys.readouterr().err
        assert sentence in told
        assert "Traceback" not in told
    assert (tmp_path / "out.svg").read_text() == "mine"
    assert len([*tmp_path.iterdir()]) == 3


def test_without_the_extra_the_command_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "gptcore.graph.draw", raising=False)
    monkeypatch.setitem(sys.modules, "graphviz", None)
    assert main(["gpt2", "--to", str(tmp_path / "out.svg")]) == 1
    assert "pip install 'gptscope[app]'" in capsys.readouterr().err


def test_it_runs_as_a_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gptcore.map", "nano-sort", "--view", "attention", "--to", str(tmp_path / "a.mmd")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"written to {tmp_path / 'a.mmd'}: the self-attention view of block 0\n"
    assert view_named(GPT2, "scaled") == "scaled dot-product attention"
