"""Delivery of the JavaScript and CSS of all components to the page, once; no other message repeats them."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from app import theme
from app.components._assets import MODULES, check_payload
from app.components._bundle import bundle

_COMPONENTS = Path(__file__).parent.parent


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


_RUNTIME = st.components.v2.component(
    "gptscope_runtime", js=_read(_COMPONENTS / "runtime" / "runtime.js"), isolate_styles=False
)


@cache
def _sources() -> dict[str, Any]:
    """Return all scripts as one, `styles` by component, and `shared` styles that precede each."""
    folders = [_COMPONENTS / name for name in sorted(MODULES)]
    sheets = {folder.name: folder / f"{folder.name}.css" for folder in folders}
    files = sorted(file for folder in (_COMPONENTS / "shared", *folders) for file in folder.glob("*.js"))
    data = {
        "script": bundle({file.relative_to(_COMPONENTS).as_posix(): _read(file) for file in files}),
        "shared": [theme.css(), *(_read(sheet) for sheet in sorted((_COMPONENTS / "shared").glob("*.css")))],
        "styles": {name: _read(sheet) if sheet.exists() else None for name, sheet in sheets.items()},
    }
    version = hashlib.sha256(json.dumps(data).encode()).hexdigest()
    return check_payload({"version": version, **data})


def runtime(*, key: str = "runtime", drop: str = "") -> None:
    """Mount the delivery once per page run, outside any fragment. Invisible. Panels mounted before it wait for it.

    Args:
        key: key of the component.
        drop: CSS selector of the button that opens the file dialog; a file dragged onto the page clicks it.
    """
    _RUNTIME(key=key, data={**_sources(), "drop": drop})
