"""The findings of a scan as one HTML file: sentences, the patterns of the heads, no script, no network."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence

from gptcore.analysis.scan import AT_STAKE, TITLES, Finding, rank_findings
from gptcore.capture.trace import Trace
from gptcore.export.target import Place, checked_suffix, write_target
from gptcore.graph.architecture import architecture
from gptcore.notebook.html_text import Html, element, joined
from gptcore.notebook.picture import picture, pooled
from gptcore.tokenizer import Tokenizer

SUFFIXES = (".html", ".htm")
CELLS = 64
"""Rows and columns of a pattern's picture at most."""
FIRST = 5
"""Findings that are told first, of all kinds together."""
STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 54rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .3rem; }
code { padding: 0 .2em; background: #8882; border-radius: 3px; }
li { margin: .35rem 0; } li img { display: block; image-rendering: pixelated; border: 1px solid #8886; }
footer { margin-top: 2rem; color: GrayText; font-size: .85rem; }
"""


def scan_html(
    findings: Sequence[Finding], trace: Trace, path: Place, *, tokenizer: Tokenizer | None = None, title: str = ""
) -> None:
    """Write the findings of a scan as one HTML file, whole or not at all; it opens from a disk, without a network.

    Args:
        findings: what `analysis.scan` has found.
        trace: the run that was scanned; its first sequence is shown.
        path: the file, ending in `.html`; one that is there is replaced.
        tokenizer: gives the tokens' labels; without one the page shows their ids.
        title: the name of the model; by default its sizes.

    Raises:
        ValueError: the path ends otherwise.
        OSError: the file cannot be written; what was there is unchanged.

    >>> import tempfile
    >>> import gptcore
    >>> from gptcore import analysis
    >>> ckpt = gptcore.load("nano-sort")
    >>> run = gptcore.capture(ckpt, ckpt.tokenizer.encode("CBACBA"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     scan_html(analysis.scan(ckpt, run), run, f"{folder}/scan.html", tokenizer=ckpt.tokenizer)
    """
    target = checked_suffix(path, SUFFIXES)
    made = scan_document(findings, trace, tokenizer=tokenizer, title=title)
    write_target(target, lambda file: file.write(made))


def scan_document(
    findings: Sequence[Finding], trace: Trace, *, tokenizer: Tokenizer | None = None, title: str = ""
) -> bytes:
    """Return the same page as bytes."""
    config = trace.config
    name = title or f"GPT, {config.n_layer} blocks of {config.n_head} heads, C = {config.n_embd}"
    label = tokenizer.label if tokenizer is not None else str
    prompt = joined(_spaced(element("code", _visible(label(int(index)))) for index in trace.ids[0]))
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src 'sha256-{digest}'"
    head = joined(
        [
            Html('<meta charset="utf-8">'),
            Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
            Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            element("title", f"Scan · {name}"),
            element("style", Html(STYLE)),
        ]
    )
    sections = [_section(trace, kind_title, [each for each in findings if each.kind == kind])
                for kind, kind_title in TITLES.items()]  # fmt: skip
    ranked = [each for each in rank_findings(findings) if not math.isnan(each.nats)][:FIRST]
    body = element(
        "body",
        element("h1", f"Remarkable on this prompt · {name}"),
        element("p", prompt),
        element("h2", "Most at stake, over all kinds"),
        element("ol", *(element("li", f"{each.sentence} ({each.nats:.2f} nats)") for each in ranked)),
        *sections,
        element(
            "footer",
            f"{AT_STAKE} Each kind is ranked by itself. Weights are raw. Made with gptscope.",
        ),
    )
    page = element("html", element("head", head), body, lang="en")
    return f"<!doctype html>\n{page}\n".encode()


def _section(trace: Trace, title: str, found: Sequence[Finding]) -> Html:
    if not found:
        return element("section", element("h2", title), element("p", "Nothing here."))
    return element("section", element("h2", title), element("ol", *(_line(trace, each) for each in found)))


def _line(trace: Trace, finding: Finding) -> Html:
    parts: list[str] = [finding.sentence]
    if finding.layer is not None and finding.head is not None and finding.kind == "head":
        pattern = trace[architecture(trace.config).named("pattern", finding.layer)][0, finding.head]
        cells = pooled(pattern.float().cpu().numpy(), CELLS, CELLS)
        about = f"The pattern of head {finding.layer}.{finding.head}: a row a query, a column a key, red 1"
        parts.append(_plain(picture(cells, 1.0, about, side=max(2, min(8, 160 // len(cells))))))
    return element("li", *parts)


def _plain(image: Html) -> Html:
    """Return a picture without its own style: the page lets in no style but its one sheet."""
    before, _, rest = image.partition(' style="')
    return Html(before + rest.partition('"')[2])


def _spaced(parts: object) -> list[str]:
    return [each for part in parts for each in (part, " ")]  # type: ignore[attr-defined]


def _visible(label: str) -> str:
    return label.replace(" ", "␣").replace("\n", "↵").replace("\t", "⇥")
