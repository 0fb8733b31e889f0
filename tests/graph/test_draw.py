"""The drawings of the map: complete, well-formed, free of sizes, colours and made-up numbers."""

from __future__ import annotations

import dataclasses
import re
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

pytest.importorskip("pygraphviz", reason="the extra `app` is not installed")
pytest.importorskip("graphviz", reason="the extra `app` is not installed")

import pygraphviz  # type: ignore[import-untyped]

from gptcore.config import GPTConfig
from gptcore.graph.architecture import Architecture, Named, architecture
from gptcore.graph.draw import PLACEHOLDER, to_dot, to_svg
from gptcore.graph.mermaid import to_mermaid

SMALL = architecture(GPTConfig(block_size=7, vocab_size=11, n_layer=3, n_head=2, n_embd=8))
GPT3 = architecture(GPTConfig.preset("gpt3-175b"))
SVG = "{http://www.w3.org/2000/svg}"
VIEWS = [(arch, view.name, layer) for arch, layer in ((SMALL, 1), (GPT3, 95)) for view in SMALL.views]
each_view = pytest.mark.parametrize(
    ("arch", "view", "layer"), VIEWS, ids=[f"{'gpt3' if arch is GPT3 else 'small'}-{view}" for arch, view, _ in VIEWS]
)


def groups(svg: str, kind: str) -> list[Element]:
    """The `<g>`s of that class."""
    return [group for group in ElementTree.fromstring(svg).iter(f"{SVG}g") if kind in group.get("class", "").split()]


def by_id(svg: str) -> dict[str, set[str]]:
    """Each node's classes."""
    return {group.get("data-node", ""): set(group.get("class", "").split()) for group in groups(svg, "node")}


@each_view
def test_svg_holds_every_node_and_edge_of_the_view(arch: Architecture, view: str, layer: int) -> None:
    svg, graph = to_svg(arch, view, layer), arch.graph(view, layer)
    ports = {node.id for node in (*graph.entries, *graph.exits)}
    drawn = by_id(svg)
    assert drawn.keys() == ports | {node.id for node in graph.nodes}
    for name, classes in drawn.items():
        node = arch.nodes[name]
        assert {f"kind-{node.kind}", f"concept-{node.concept}"} <= classes
        assert ("port" in classes) == (name in ports)
        assert ("container" in classes) == (arch.inside(name) is not None and name not in ports)
    assert [group.get("id") for group in groups(svg, "node")] == [*drawn], "the id is the name too"
    edges = {(group.get("data-source"), group.get("data-target")) for group in groups(svg, "edge")}
    assert edges == {*graph.edges}


@each_view
def test_each_node_says_its_name_axes_and_no_number(arch: Architecture, view: str, layer: int) -> None:
    for group in groups(to_svg(arch, view, layer), "node"):
        node = arch.nodes[group.get("data-node", "")]
        texts = [(text.get("class"), text.text) for text in group.iter(f"{SVG}text")]
        title, axes = ("title", node.label), ("axes", f"({', '.join(node.axes)})")
        small = "port" in group.get("class", "") or node.label == "Dropout"  # which changes nothing in eval mode
        assert texts == ([title] if small else [title, axes, ("shape", PLACEHOLDER)])
        assert group.findtext(f"{SVG}title") == node.summary
    assert not any(letter.isdigit() for letter in PLACEHOLDER)


@each_view
def test_svg_leaves_size_and_colour_to_css(arch: Architecture, view: str, layer: int) -> None:
    root = ElementTree.fromstring(to_svg(arch, view, layer))
    assert "width" not in root.attrib and "height" not in root.attrib
    for element in root.iter():
        assert {element.get("fill"), element.get("stroke")} <= {None, "none", "currentColor"}
        assert "style" not in element.attrib
        assert "font-family" not in element.attrib or element is root


@each_view
def test_a_view_fits_a_narrow_panel(arch: Architecture, view: str, layer: int) -> None:
    _, _, width, height = map(float, ElementTree.fromstring(to_svg(arch, view, layer)).get("viewBox", "").split())
    assert width <= 415 and height <= 640  # GPT-3's shapes are the widest; smaller letters could not be read


@each_view
def test_boxes_have_room_for_the_largest_shape_and_do_not_overlap(arch: Architecture, view: str, layer: int) -> None:
    shapes = arch.shapes(T=arch.config.block_size)
    boxes = []
    for group in groups(to_svg(arch, view, layer), "node"):
        rects = [rect for rect in group.iter(f"{SVG}rect") if rect.get("class") == "box"]
        for x, y, width, height in [[float(r.get(k, "")) for k in ("x", "y", "width", "height")] for r in rects]:
            boxes.append((x, y, x + width, y + height))
            if len(list(group.iter(f"{SVG}text"))) > 1:  # a port and a dropout have their title alone
                assert width >= 5 * len(str(shapes[group.get("data-node", "")]))
    for number, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[:number]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top


def test_the_residual_stream_is_a_straight_spine() -> None:
    svg = to_svg(SMALL, "block", 1)
    spine = [group for group in groups(svg, "edge") if "residual" in group.get("class", "").split()]
    names = {(edge.get("data-source", "")[16:], edge.get("data-target", "")[16:]) for edge in spine}
    assert {("resid_pre", "resid_mid"), ("resid_mid", "resid_post")} <= names
    for edge in spine:
        path = next(edge.iter(f"{SVG}path")).get("d", "")
        xs = [float(x) for x in re.findall(r"(-?[\d.]+),-?[\d.]+", path)]
        assert max(xs) - min(xs) < 2
    circles = [group for group in groups(svg, "add") if next(group.iter(f"{SVG}circle"), None) is not None]
    assert [group.get("data-node", "")[16:] for group in circles] == ["resid_mid", "resid_post"]


def test_unfolded_model_draws_every_block() -> None:
    assert {f"transformer.h.{i}" for i in range(96)} <= by_id(to_svg(GPT3, unfold=True)).keys()
    assert "stack" in by_id(to_svg(GPT3))["transformer.h"]


@each_view
def test_dot_is_the_graph(arch: Architecture, view: str, layer: int) -> None:
    dot, graph = to_dot(arch, view, layer), arch.graph(view, layer)
    read = pygraphviz.AGraph(string=dot.source)
    assert {*read.nodes()} == {node.id for node in (*graph.nodes, *graph.entries, *graph.exits)}
    assert {*read.edges()} == {tuple(edge) for edge in graph.edges}
    assert read.graph_attr["rankdir"] == "TB"


@each_view
def test_mermaid_is_the_graph(arch: Architecture, view: str, layer: int) -> None:
    first, *lines = to_mermaid(arch, view, layer).splitlines()
    graph = arch.graph(view, layer)
    assert first == "flowchart TD"
    arrows = [match for line in lines if (match := re.fullmatch(r"  (\w+) (?:-->|==>|-\.->) (\w+)", line))]
    nodes = [
        match
        for line in lines
        if (match := re.fullmatch(r'  (\w+)(?:\(\[|\(\(|\[\[|\[)"[^"<>]*(?:<br/>[^"<>]*)*"\S+', line))
    ]
    assert len(arrows) + len(nodes) == len(lines), "each line is a node or an edge"
    assert {match.groups() for match in arrows} == {tuple(name.replace(".", "_") for name in e) for e in graph.edges}
    assert len({match[1] for match in nodes}) == len(graph.nodes) + len(graph.entries) + len(graph.exits)


def test_mermaid_tells_the_shapes_of_a_run() -> None:
    lines = to_mermaid(SMALL, "MLP", 1, T=5).splitlines()
    for name in ("transformer.h.1.mlp.c_fc", "transformer.h.1.mlp.dropout"):
        (line,) = [line for line in lines if line.startswith(f"  {name.replace('.', '_')}[")]
        assert line.endswith(f'<br/>{SMALL.shapes(T=5)[name]}"]')
    with pytest.raises(ValueError, match="T must be"):
        to_mermaid(SMALL, "MLP", 1, T=10**6)


NASTY = 'a <b>"bold"</b> & \\n {x|y} é'


@pytest.mark.parametrize("name", ["transformer.h.1.mlp.gelu", "transformer.h.1.ln_2", "transformer.h.1.resid_post"])
@pytest.mark.parametrize("view", ["MLP", "block"])
def test_labels_are_escaped(name: str, view: str) -> None:
    nodes = {node.id: dataclasses.replace(node, label=NASTY) if node.id == name else node for node in SMALL.nodes}
    arch = dataclasses.replace(SMALL, nodes=Named(nodes))
    drawn = by_id(to_svg(arch, view, 1))
    if name not in drawn:
        return
    titles = [text.text for group in groups(to_svg(arch, view, 1), "node") for text in group.iter(f"{SVG}text")]
    assert NASTY in titles
    mermaid = to_mermaid(arch, view, 1)
    assert "#lt;b#gt;#quot;bold#quot;" in mermaid and "<b>" not in mermaid


def test_the_same_view_gives_the_same_text_from_any_thread() -> None:
    wanted = [to_svg(arch, view, layer) for arch, view, layer in VIEWS]
    to_svg.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        again = list(pool.map(lambda arguments: to_svg(*arguments), VIEWS * 4))
    assert again == wanted * 4


def test_an_unknown_view_or_layer_is_told() -> None:
    with pytest.raises(KeyError, match="did you mean MLP"):
        to_svg(SMALL, "MPL")
    with pytest.raises(IndexError, match="from 0 to 2, got 3"):
        to_mermaid(SMALL, "block", 3)
