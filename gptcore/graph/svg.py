"""Turn Graphviz's SVG of a view into one that a page can style and fill in. Text in, text out; no layout."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

LINES = ("title", "axes", "shape")
"""The classes of a node's texts, from the top."""
RADIUS = 4
BELOW_EDGE = 2.5
"""Points by which texts that stand at the top of a box are moved down, off its edge."""
STACK_STEP = 2.5
"""Points by which the cards behind the folded blocks stand out."""


def dress(drawn: str, summaries: Mapping[str, str]) -> str:
    """Return Graphviz's SVG without its sizes, fonts and colours, with classes and data attributes instead.

    Args:
        drawn: what `dot -Tsvg` gives for `to_dot`'s graph, in which ids and classes are set.
        summaries: a sentence for each node's id, for the browser's tooltip.
    """
    root = ElementTree.fromstring(drawn)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]  # the one namespace is given back to the root, as Graphviz had it
        for name in ("font-family", "font-size", "{http://www.w3.org/XML/1998/namespace}space"):
            element.attrib.pop(name, None)
    for name in ("width", "height"):
        root.attrib.pop(name, None)
    root.attrib |= {"xmlns": "http://www.w3.org/2000/svg", "class": "diagram", "font-family": "system-ui, sans-serif"}
    root.set("font-size", "13")
    graph = root[0]
    for child in list(graph):
        if child.tag != "g":
            graph.remove(child)  # the graph's own title and background
        elif child.get("class", "").startswith("edge"):
            _edge(child)
        else:
            _node(child, summaries[child.get("id", "")])
    graph.attrib.pop("id", None)
    return ElementTree.tostring(root, encoding="unicode")


def _edge(group: Element) -> None:
    """Turn `id="a->b"` into two data attributes; the line and its head take the text's colour until CSS says more."""
    source, _, target = group.attrib.pop("id").partition("->")
    group.attrib |= {"data-source": source, "data-target": target}
    for child in list(group):
        if child.tag == "title":
            group.remove(child)
        elif child.tag == "path":
            child.attrib |= {"fill": "none", "stroke": "currentColor", "class": "line"}
        else:
            child.attrib |= {"fill": "currentColor", "stroke": "none", "class": "head"}


def _node(group: Element, summary: str) -> None:
    group.set("data-node", group.get("id", ""))
    classes = group.get("class", "").split()
    outline = group.find("polygon")
    assert outline is not None, "every node of to_dot has a box, or a square cell for its circle"
    points = [tuple(map(float, point.split(","))) for point in outline.attrib.pop("points").split()]
    left, top = (min(point[axis] for point in points) for axis in (0, 1))
    right, bottom = (max(point[axis] for point in points) for axis in (0, 1))
    outline.attrib |= {"fill": "none", "stroke": "currentColor", "class": "box"}
    texts = group.findall("text")
    for text, line in zip(texts, LINES, strict=False):
        text.attrib |= {"class": line, "fill": "currentColor"}
    title = group.find("title")
    if title is not None:
        title.text = summary
    if "add" in classes:
        x, y, r = (left + right) / 2, (top + bottom) / 2, (right - left) / 2
        outline.tag = "circle"
        outline.attrib |= {"cx": f"{x:.2f}", "cy": f"{y:.2f}", "r": f"{r:.2f}"}
        _line(group, "plus", f"M{x - r / 2:.2f},{y:.2f}h{r:.2f}M{x:.2f},{y - r / 2:.2f}v{r:.2f}")
        for text in texts:
            text.attrib |= {"x": f"{right + 6:.2f}", "text-anchor": "start"}
        return
    for text in texts if "pictured" in classes else ():
        text.set("y", f"{float(text.get('y', '0')) + BELOW_EDGE:.2f}")
    outline.tag = "rect"
    outline.attrib |= _rect(left, top, right, bottom, radius=(bottom - top) / 2 if "port" in classes else RADIUS)
    if "container" in classes:  # a chevron: there is more inside; beside the name, for a shape may need the whole width
        middle = float(texts[0].get("y", "0")) - 4
        _line(group, "open", f"M{right - 10:.2f},{middle - 4:.2f}l4,4l-4,4")
    if "stack" in classes:  # two more cards behind the box: there are several
        for step in (STACK_STEP, 2 * STACK_STEP):  # the farther one is drawn first
            card = {"class": "box card", "fill": "none", "stroke": "currentColor"}
            card |= _rect(left + step, top - step, right + step, bottom - step, RADIUS)
            group.insert(1, Element("rect", card))


def _rect(left: float, top: float, right: float, bottom: float, radius: float) -> dict[str, str]:
    numbers = {"x": left, "y": top, "width": right - left, "height": bottom - top, "rx": radius}
    return {name: f"{number:.2f}" for name, number in numbers.items()}


def _line(group: Element, name: str, path: str) -> None:
    SubElement(group, "path", {"class": name, "d": path, "fill": "none", "stroke": "currentColor"})
