"""Parts that the component wrappers share: registration, source texts, and the check of data for the browser.

This file knows numpy, but no other tensor library, and no models.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

MODULES: Final[set[str]] = set()
"""Names of the components whose sources `runtime` delivers; `deliver` adds to it."""

_STUB = """
const NAME = "@name";
const shelf = (window.gptscopeModules ??= new Map());

export default function (component) {
  const mount = shelf.get(NAME);
  if (mount) return mount(component);
  return new Promise((resolve) => {
    window.addEventListener("gptscope:ready", () => resolve(shelf.get(NAME)(component)), { once: true });
  });
}
"""

_SIMPLE: Final = frozenset({str, int, bool, type(None)})
_ARRAY_TYPES: Final = frozenset({"uint8", "int32", "float32"})


def deliver(name: str) -> None:
    """Let `runtime` deliver the scripts and styles in `<name>/`; a panel of `explore_panels` needs nothing more."""
    MODULES.add(name)


def register(name: str, *, isolate_styles: bool = True) -> ComponentRenderer:
    """Register the component whose sources are in `<name>/`, as a stub that waits for its script from `runtime`.

    Streamlit sends a component's JavaScript again with each changed message, so that JavaScript is only a short stub.
    Without `isolate_styles` the component stands in the page itself, and has no styles of its own.
    """
    deliver(name)
    stub = _STUB.replace("@name", name)
    return st.components.v2.component(f"gptscope_{name}", js=stub, isolate_styles=isolate_styles)


def length(value: int | str) -> str:
    """Return a CSS length: pixels for an int, any CSS length for a str.

    >>> length(600), length("60vh")
    ('600px', '60vh')
    """
    return f"{value}px" if isinstance(value, int) else value


def number(value: float | np.floating[Any]) -> float | str:
    """Return a float as JSON can hold it: infinities and NaN become words.

    >>> number(0.5), number(float("-inf"))
    (0.5, '-inf')
    """
    value = float(value)
    return value if math.isfinite(value) else str(value)


def numbers(value: Any) -> Any:
    """Return lists, dicts and tuples with each float in them as JSON can hold it.

    >>> numbers({"loss": float("nan"), "heads": [(0, 1, 0.5)]})
    {'loss': 'nan', 'heads': [[0, 1, 0.5]]}
    """
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):
        return {name: numbers(each) for name, each in value.items()}
    return [numbers(each) for each in value] if isinstance(value, list | tuple) else value


def check_payload(data: dict[str, Any]) -> dict[str, Any]:
    """Return `data` ready to be sent. Raise for values that Streamlit cannot send: it would silently send their repr.

    Allowed: plain JSON values, and 1-D arrays of uint8, int32 or float32 at the top level. Arrays become Arrow tables
    of one column; Streamlit would make the same of them through pandas, at many times the cost.

    Raises:
        TypeError: the sentence names the place and the type of the first value that cannot be sent.

    >>> check_payload({"a": [1, "x", None], "b": np.zeros(3, np.float32)}).keys()
    dict_keys(['a', 'b'])
    >>> check_payload({"a": [np.int64(1)]})
    Traceback (most recent call last):
    TypeError: data['a'][0] is a numpy.int64; only plain JSON values go to the browser: convert it with .item()
    """
    passed = dict(data)
    for name, value in data.items():
        if isinstance(value, np.ndarray):
            if value.ndim != 1 or value.dtype.name not in _ARRAY_TYPES:
                raise TypeError(
                    f"data[{name!r}] is a {value.dtype.name} array of shape {value.shape}; "
                    "only 1-D arrays of uint8, int32 or float32 go to the browser: convert and .ravel() it"
                )
            passed[name] = pa.table({"0": value})
        elif not _plain(value):
            _check_json(value, f"data[{name!r}]")
    return passed


def _plain(value: object) -> bool:
    """Tell whether a value is plain JSON: the check of each key, which names no place and so costs little."""
    kind = type(value)
    if kind is dict:
        return all(type(name) is str and _plain(item) for name, item in value.items())  # type: ignore[attr-defined]
    if kind is list or kind is tuple:
        return all(type(item) in _SIMPLE or _plain(item) for item in value)  # type: ignore[attr-defined]
    return kind in _SIMPLE or (kind is float and math.isfinite(value))  # type: ignore[arg-type]


def _check_json(value: object, where: str) -> None:
    kind = type(value)
    if value is None or kind in (str, bool, int):
        return
    if isinstance(value, float) and kind is float:
        if not math.isfinite(value):
            raise TypeError(f"{where} is {value}; JSON has no such number: pass it through number()")
    elif isinstance(value, list | tuple) and kind in (list, tuple):
        for i, item in enumerate(value):
            _check_json(item, f"{where}[{i}]")
    elif isinstance(value, dict):
        for name, item in value.items():
            if type(name) is not str:
                raise TypeError(f"{where} has the key {name!r}; only strings can be keys")
            _check_json(item, f"{where}[{name!r}]")
    else:
        if isinstance(value, np.generic):
            remedy = "convert it with .item()"
        elif isinstance(value, np.ndarray):
            remedy = "arrays go to the top level, 1-D"
        else:
            remedy = "make it a list, a dict, a str or a number"
        full = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        raise TypeError(f"{where} is a {full}; only plain JSON values go to the browser: {remedy}")
