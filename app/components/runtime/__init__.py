"""Delivers the JavaScript and CSS of all components to the page, once; nothing else in the page repeats them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import streamlit as st

from app import theme
from app.components._assets import MODULES, check_payload, source

_HERE = Path(__file__).parent
_RUNTIME = st.components.v2.component("gptscope_runtime", js=source(_HERE / "runtime.js"), isolate_styles=False)


def runtime(*, key: str = "runtime") -> None:
    """Mount once per page run, outside any fragment. Invisible. Panels mounted before it wait for it."""
    components = _HERE.parent
    modules = {
        name: {"js": source(components / name / f"{name}.js"), "css": source(components / name / f"{name}.css")}
        for name in sorted(MODULES)
    }
    shared = source(components / "shared.js")
    css = [theme.css(), source(components / "shared.css")]
    data = {"shared": shared, "css": css, "modules": modules}
    version = hashlib.sha256(json.dumps(data).encode()).hexdigest()
    _RUNTIME(key=key, data=check_payload({"version": version, **data}))
