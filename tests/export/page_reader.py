"""The data of an exported page, read by Python alone: no code of the exporter."""

from __future__ import annotations

import base64
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

DTYPES = {"f4": "<f4", "f8": "<f8", "i4": "<i4"}


class Tags(HTMLParser):
    """The tags and attributes of a page, and the texts inside them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        name = self.tags[-1][1].get("id") or self.tags[-1][0] if self.tags else ""
        self.texts[name] = self.texts.get(name, "") + data


def data_of(page: Path | bytes) -> dict[str, Any]:
    """The beginning of the page's script."""
    raw = page if isinstance(page, bytes) else page.read_bytes()
    found = re.search(rb'<script type="application/json" id="data">(.*?)</script>', raw, re.DOTALL)
    assert found
    told: dict[str, Any] = json.loads(found[1])
    return told


def numbers(store: dict[str, Any]) -> np.ndarray:
    """The numbers of a store, flat."""
    dtype = np.dtype(DTYPES[store["kind"]])
    planes = np.frombuffer(zlib.decompress(base64.b64decode(store["text"])), np.uint8).reshape(dtype.itemsize, -1)
    return np.ascontiguousarray(planes.T).view(dtype).ravel()


def tensor(told: dict[str, Any], name: str) -> np.ndarray:
    """A tensor of the page, without B."""
    view = told["views"][name]
    flat = numbers(told["stores"][view["store"]])
    at = np.full(view["shape"], view["offset"])
    for axis, (count, stride) in enumerate(zip(view["shape"], view["strides"], strict=True)):
        shape = [1] * len(view["shape"])
        shape[axis] = count
        at = at + np.arange(count).reshape(shape) * stride
    return flat[at]


def listed(told: dict[str, Any], part: str, what: str) -> np.ndarray:
    """The likely tokens of all positions: of `next` or `lens` their `ids`, `probabilities` or `logits`."""
    store = told[part][what]
    return numbers(store).reshape(store["shape"])
