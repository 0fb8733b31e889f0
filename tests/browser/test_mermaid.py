"""The map as Mermaid text, read and drawn by the real mermaid package in Chromium, with a strict page's settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")
pytest.importorskip("mmdc", reason="needs the script of mermaid, which mmdc carries: pip install -e '.[dev]'")

import mmdc  # type: ignore[import-untyped]
from playwright.sync_api import BrowserContext, Page

from gptcore import Architecture, GPTConfig, architecture
from gptcore.graph.mermaid import to_mermaid
from tests.browser.driver import chromium

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
SCRIPT = Path(mmdc.__file__).parent / "assets" / "mermaid.js"
SMALL = architecture(GPTConfig(block_size=9, vocab_size=7, n_layer=3, n_head=2, n_embd=6, bias=False))
GPT2 = architecture(GPTConfig.preset("gpt2"))
CASES = [(arch, view, layer) for arch, layer in ((SMALL, 2), (GPT2, 11)) for view in arch.views.names()]
DRAW = """async (text) => {
    const parsed = await mermaid.parse(text);
    const { svg } = await mermaid.render("drawn", text);
    document.body.innerHTML = svg;
    const texts = (selector) => [...document.querySelectorAll(selector)].map((node) => node.textContent);
    return {
        type: parsed.diagramType,
        nodes: texts("g.node").map((text) => text.replace(/\\s+/g, "")),
        edges: document.querySelectorAll(".edgePaths path").length,
        scripts: document.querySelectorAll("svg :is(script, img, a)").length,
    };
}"""


@pytest.fixture(scope="module")
def mermaid(launched: BrowserContext) -> Iterator[Page]:
    """A page with nothing but mermaid."""
    page = launched.new_page()
    page.set_content("<!doctype html><body></body>")
    page.add_script_tag(path=SCRIPT)
    page.evaluate("mermaid.initialize({ startOnLoad: false, securityLevel: 'strict' })")
    yield page
    page.close()


def drawn(page: Page, text: str) -> dict[str, Any]:
    """The diagram that mermaid reads and draws; an error of its parser fails the test."""
    found: dict[str, Any] = page.evaluate(DRAW, text)
    return found


@pytest.mark.parametrize(("arch", "view", "layer"), CASES, ids=lambda part: str(part)[:12])
def test_mermaid_draws_every_node_and_edge(mermaid: Page, arch: Architecture, view: str, layer: int) -> None:
    graph = arch.graph(view, layer)
    found = drawn(mermaid, to_mermaid(arch, view, layer, T=5))
    assert found["type"].startswith("flowchart") and found["scripts"] == 0
    assert found["edges"] == len(graph.edges)
    nodes = (*graph.entries, *graph.nodes, *graph.exits)
    assert len(found["nodes"]) == len(nodes)
    for node in nodes:
        title = node.label.replace(" ", "")
        assert any(title in text for text in found["nodes"]), title
    for node in graph.nodes:
        shape = str(arch.shapes(T=5)[node.id]).replace(" ", "")
        assert any(node.label.replace(" ", "") in text and shape in text for text in found["nodes"]), shape


def test_mermaid_draws_a_model_block_by_block(mermaid: Page) -> None:
    found = drawn(mermaid, to_mermaid(GPT2, unfold=True))
    assert sum("TransformerBlock" in text for text in found["nodes"]) == 12


def test_a_text_that_is_no_map_is_refused(mermaid: Page) -> None:
    with pytest.raises(Exception, match=r"Parse error|Lexical error|Expecting"):
        drawn(mermaid, to_mermaid(SMALL) + "\n  a -- b -- [")
