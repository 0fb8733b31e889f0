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
SCRIPTS = ("main.js",)
"""Each stands behind those that it imports."""
IMPORT = re.compile(r'^import \{[^}]*\} from "\./[a-z_]+\.js";\n', re.MULTILINE)
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
    """Return the style sheet and the scripts, all in one scope without imports, as the page holds them."""
    parts = [IMPORT.sub("", _read(name)).replace("\nexport ", "\n") for name in SCRIPTS]
    joined = "\n".join(parts)
    return _read("page.css"), f'"use strict";\n(() => {{\n{joined}\n}})();\n'


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _allow(kind: str, text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"{kind}-src 'sha256-{digest}'"
