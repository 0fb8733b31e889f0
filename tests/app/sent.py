"""The app without a browser: reports go in as the browser sends them, and what it would draw comes out."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from tests.browser.driver import ROOT

ARROW = "__streamlit_arrow_ref__"
"""The key by which Streamlit's JSON names an array that travels beside it."""


def decoded(proto: Any) -> dict[str, Any]:
    """A component's data as the browser gets it; arrays as numpy's."""
    kind = proto.WhichOneof("data")
    if kind != "mixed":
        whole: dict[str, Any] = json.loads(proto.json)
        return whole

    def array(found: dict[str, Any]) -> Any:
        if ARROW not in found:
            return found
        raw = proto.mixed.arrow_blobs[found[ARROW]].data
        (column,) = pa.ipc.open_stream(io.BytesIO(raw)).read_all().columns
        return column.to_numpy()

    sent: dict[str, Any] = json.loads(proto.mixed.json, object_hook=array)
    return sent


class Sent:
    """Return what a page without a browser would draw."""

    def __init__(self, app: AppTest) -> None:
        self.app = app

    def names(self) -> set[str]:
        """The components on the page."""
        return {element.proto.component_name.removeprefix("gptscope_") for element in self.app.get("bidi_component")}

    def data(self, name: str = "explore_panels") -> dict[str, Any]:
        """Return what a component was sent."""
        assert not self.app.exception
        protos = [element.proto for element in self.app.get("bidi_component")]
        (proto,) = [proto for proto in protos if proto.component_name == f"gptscope_{name}"]
        return decoded(proto)


class Page(Sent):
    """The main screen, opened with a checkpoint, and brought to a prompt and to a head of a layer."""

    def __init__(
        self,
        source: Path,
        monkeypatch: pytest.MonkeyPatch,
        text: str | None = None,
        layer_and_head: tuple[int, int] | None = None,
    ) -> None:
        monkeypatch.setattr("sys.argv", ["app/main.py", str(source)])
        self.source = str(source.resolve())
        super().__init__(AppTest.from_file(ROOT / "app" / "main.py", default_timeout=60).run())
        self._reported: dict[str, dict[str, Any]] = {}
        self._seq = 0
        if text is not None:
            self.type(text)
        if layer_and_head is not None:
            self.pick_head(*layer_and_head)

    # What comes out

    def panel(self, name: str) -> dict[str, Any]:
        """Return the data that a panel of the fragment was sent, its arrays among it."""
        sent = self.data()
        arrays = {key.partition(".")[2]: value for key, value in sent.items() if key.startswith(f"{name}.")}
        return {**sent["panels"][name], **arrays}

    def matrix(self) -> tuple[dict[str, Any], np.ndarray]:
        """The heatmap, and its values as a matrix."""
        sent = self.panel("matrix")
        return sent, sent["values"].reshape(sent["rows"], sent["cols"])

    def heads(self) -> np.ndarray:
        """The thumbnails, (L, H, n, n), from what travels: their lower triangles."""
        sent = self.panel("heads")
        n_layer, n_head, size = sent["n_layer"], sent["n_head"], sent["size"]
        assert sent["packed"]
        whole = np.zeros((n_layer, n_head, size, size), np.uint8)
        rows, cols = np.tril_indices(size)
        whole[:, :, rows, cols] = sent["pixels"].reshape(n_layer, n_head, -1)
        return whole

    def drawing(self) -> str:
        """The map's drawing, as text; it travels only in the form of a diagram."""
        svg: str = self.data()["kept"][self.panel("map")["svg_key"]]
        return svg

    def strips(self) -> dict[str, np.ndarray]:
        """The codes of the map's strips, (rows, columns), by the tensor; without the logits, which travel as values."""
        sent = self.panel("map")
        drawn = [line for line in sent["lines"] if line["rows"] and line["kind"] != "logits"]
        ends = np.cumsum([line["rows"] * sent["cols"] for line in drawn])
        assert len(sent["pixels"]) == ends[-1]
        parts = np.split(sent["pixels"], ends[:-1])
        return {line["tensor"]: part.reshape(line["rows"], -1) for line, part in zip(drawn, parts, strict=True)}

    def code(self) -> dict[str, Any]:
        """The payload of the drawer with the source; it is opened for it, at the tab that it was left at."""
        if not self.panel("code")["open"]:
            self.look("drawer", "code")
        return self.panel("code")

    def listed(self) -> list[tuple[str, int, str]]:
        """The source that the drawer shows: the file, number and text of each line."""
        key = self.code()["listing_key"]
        listing = json.loads(self.data()["kept"][key])
        return [
            (part["file"], number, "".join(word for _, word in words))
            for part in listing["parts"]
            for number, words in enumerate(part["lines"], part["first"])
        ]

    def told(self) -> list[dict[str, Any]]:
        """The lines of which something is told."""
        key = self.code()["lines_key"]
        lines: list[dict[str, Any]] = json.loads(self.data()["kept"][key])["lines"]
        return lines

    def about(self) -> tuple[str, str, int]:
        """Return what is said of the inspected node: all that can be read, its formula, and the number of heads."""
        sent = self.panel("node")
        return "\n".join([sent["label"], sent["id"], sent["summary"]]), sent["formula"], sent["n_head"]

    # What goes in

    def report(self, name: str, /, *, state: str = "explore_panels", **event: Any) -> None:
        """As the panel of that name would; the browser repeats what the others last said."""
        self._seq += 1
        self._reported[name] = {**event, "seq": self._seq}
        if state == "explore_panels":
            live = {key: value for key, value in self._reported.items() if key != "parity_badge"}
            self.app.session_state["explore_panels"] = live
        else:
            self.app.session_state[state] = {"event": self._reported[name]}
        self.app.run()
        assert not self.app.exception

    def type(self, text: str) -> None:
        """At the keyboard."""
        self.report("prompt", text=text, rev=self.panel("prompt")["rev"])

    def select(self, node: str) -> None:
        """A click on a node of the map."""
        self.report("map", kind="select", id=node, layer=self.panel("map")["layer"])

    def open(self, node: str, layer: int) -> None:
        """A click on what opens a container."""
        self.report("map", kind="open", id=node, layer=layer)

    def pick_head(self, layer: int, head: int) -> None:
        """A click on a thumbnail of all heads."""
        self.report("heads", layer=layer, head=head)

    def move(self, step: int | None, kind: str = "") -> None:
        """The slider of the timeline."""
        self.report("timeline", source=self.source, step=step, kind=kind)

    def set_sampling(self, temperature: float, top_k: int) -> None:
        """The slider and the choice below the next tokens."""
        self.report("prediction", temperature=temperature, top_k=top_k, append=None)

    def choose_head(self, head: int) -> None:
        """A click on the film: another head of the block on the screen."""
        self.report("heads", layer=self.panel("map")["layer"], head=head)

    def follow(self, token: int | None) -> None:
        """A lock on a token of the prompt, in whatever panel; None lets go."""
        self.report("follow", token=token, text=self.panel("prompt")["text"])

    def look(self, name: str, word: str) -> None:
        """A choice of how things are drawn, such as the map's form."""
        self.report("look", name=name, word=word)

    def choose_part(self, part: str) -> None:
        """The output, the weight or the bias of the inspected node."""
        sent = self.panel("node")
        weight = next((key for key in sent["weights"] if key.endswith(f".{part}")), None)
        self.report("node", kind="weight", id=sent["id"], weight=weight)
