"""A view of the map as a file of its own, with the shapes of a run in it: an SVG, or a page around one. No network."""

from __future__ import annotations

from xml.etree import ElementTree

from gptcore.graph.architecture import Architecture
from gptcore.graph.architecture_html import costs, sizes, views
from gptcore.graph.draw import to_svg
from gptcore.notebook.html_text import Html, element, joined

SVG = "http://www.w3.org/2000/svg"
INK, PAPER = "#1f2328", "#ffffff"
LOOKS: dict[str, dict[str, str]] = {
    "title": {"font-weight": "600"},
    "axes": {"fill-opacity": "0.7"},
    "shape": {"font-size": "12"},
}
"""Attributes of a node's texts, by their classes."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Content Security Policy of the page: it loads nothing and runs nothing."""
STYLE = (
    "body{font-family:system-ui,sans-serif;margin:2em;color:#1f2328;background:#fff}"
    "svg{max-width:100%;height:auto;display:block;margin:1em 0}"
    "td,th{padding:.2em .8em .2em 0}summary{cursor:pointer}"
)


def standalone_svg(
    arch: Architecture, view: str = "model", layer: int = 0, unfold: bool = False, T: int | None = None
) -> str:
    """Return the view as an SVG with a size, ink and paper of its own, and each node's shape in a run of B = 1.

    Args:
        arch: the map.
        view: a name in `arch.views`.
        layer: the block, from 0.
        unfold: in the model's view, every block instead of the folded one.
        T: the length of that run, by default block_size.

    Raises:
        KeyError: there is no such view.
        IndexError: there is no such layer.
        ValueError: T is not in 1 to block_size.
    """
    length = arch.config.block_size if T is None else T
    root = ElementTree.fromstring(to_svg(arch, view, layer, unfold, length))
    for each in root.iter():
        each.tag = each.tag.rpartition("}")[2]  # the one namespace is given back to the root
        if each.tag == "text":
            each.attrib |= LOOKS.get(each.get("class", ""), {})
    _, _, width, height = root.get("viewBox", "").split()
    root.attrib |= {"xmlns": SVG, "width": width, "height": height, "color": INK, "style": f"background:{PAPER}"}
    for line in root.iterfind(".//g[@class='edge concept-residual residual']/path"):
        line.set("stroke-width", "2.2")
    return ElementTree.tostring(root, encoding="unicode")


def page(
    arch: Architecture, title: str, view: str = "model", layer: int = 0, unfold: bool = False, T: int | None = None
) -> str:
    """Return a static page: the view, the sizes of the model, and every view as a table.

    Args and errors: those of `standalone_svg`; `title` is any text.
    """
    length = arch.config.block_size if T is None else T
    drawn = Html(standalone_svg(arch, view, layer, unfold, length))
    told = [element("div", sizes(arch)), element("div", costs(arch, length))]
    policy = Html(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><meta charset="utf-8">')
    head = element("head", policy, element("title", title), element("style", Html(STYLE)))
    said = element("p", f"Shapes are those of B = 1, T = {length:,}.")
    body = element("body", element("h1", title), *told, drawn, said, *views(arch, length))
    return joined([Html("<!doctype html>"), element("html", head, body, lang="en")])
