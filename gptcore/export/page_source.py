"""The text of an exported page: its own scripts and styles, and the data, with a policy that lets nothing in or out."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("page")
SCRIPTS = (
    *("state.js", "numbers.js", "stores.js", "colours.js", "canvas.js", "tip.js", "facts.js", "chips.js", "strips.js"),
    *("cells.js", "plot.js", "pointing.js", "after.js", "map.js", "stage.js", "heads.js", "main.js"),
)
"""Each stands behind those that it imports."""
IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./([a-z_]+)\.js";$', re.MULTILINE)
EXPORT = re.compile(r"^export ((?:async )?(?:function|const) (\w+))", re.MULTILINE)
"""The one form of each in the scripts."""
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="gptscope">
<title>{title}</title>
<style>{style}</style>
<body>
<noscript>This page draws the tensors of a language model by a script of its own: allow it to run.</noscript>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def page(title: str, data: Any) -> bytes:
    """Return the page.

    Args:
        title: any text; characters that cannot be printed are replaced.
        data: plain JSON values, with which `main.js` begins.
    """
    style, script = sources()
    # a browser runs and applies what has these digests, and nothing else, whatever the data may be
    policy = (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; {_allow('script', script)}; {_allow('style', style)}"
    )
    plain = "".join(each if each.isprintable() else "\ufffd" for each in title)
    told = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    text = _PAGE.format(policy=policy, title=html.escape(plain), style=style, data=told, script=script)
    return text.encode()


@cache
def sources() -> tuple[str, str]:
    """Return the style sheet and the one script that all modules make: a page on a disk can import none."""
    modules = "\n".join(_module(name) for name in SCRIPTS)
    return _read("page.css"), f'"use strict";\n(() => {{\n{modules}\n}})();\n'


def _module(name: str) -> str:
    """Return a module as a function that is called at once and gives what the module exports."""
    text = IMPORT.sub(r"const \1 = \2;", _read(name))
    inside = EXPORT.sub(r"\1", text)
    exported = ", ".join(found[2] for found in EXPORT.finditer(text))
    return f"const {name.removesuffix('.js')} = (() => {{\n{inside}return {{ {exported} }};\n}})();"


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _allow(kind: str, text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"{kind}-src 'sha256-{digest}'"
