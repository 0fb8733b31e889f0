"""What one person looks at: a model, a moment of its training, a prompt, its trace, a place in the map. No Streamlit.

Each action either succeeds as a whole or leaves everything as it was, with a notice: the last good view stays.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import takewhile

import torch

from app import slices, thumbnails
from app.components import NextToken, Notice
from app.snapshots import History
from gptcore import Checkpoint, Trace, architecture, capture
from gptcore.architecture import FOLDED, Node
from gptcore.nodes import ATTENTION, INSIDE, MODEL, SDPA
from gptcore.parity import parity

MUCH = 1e9
"""Parameters times new tokens from which a run takes all threads. Below, one is as fast, and on a machine where
others compute (the browser, for one) it is many times faster: threads wait for each other at every operation."""
ROUNDING = 1e-4
"""Of float32, over the layers of a GPT, as a share of the largest logit."""
FIRST_TOKENS = 8
"""Of a prompt for a model that cannot read the one that was there."""
_THREADS = torch.get_num_threads()
PROMPT = "To be, or not to b"
"""What a newcomer finds typed, where a model has no prompt of its own."""
MOST_PROMPT = 1000


@dataclass(frozen=True)
class Shown:
    """One prompt and all that the screen tells of it."""

    text: str
    ids: list[int]
    """Of the whole prompt; the model sees the last block_size."""
    cropped: int
    trace: Trace
    thumbnails: thumbnails.Thumbnails
    milliseconds: float


@dataclass(frozen=True)
class Parity:
    """How far the logits on the screen are from those of another path through the code."""

    difference: float
    is_rounding: bool


def own_prompt(checkpoint: Checkpoint) -> str:
    """What a model is first shown with: what its folder says, as the shipped ones' do."""
    told = checkpoint.info.get("prompt")
    return told if isinstance(told, str) and 0 < len(told) <= MOST_PROMPT else PROMPT


class Explorer:
    """One person's view of one model."""

    def __init__(self, checkpoint: Checkpoint, text: str | None = None) -> None:
        """Looks at a model with a prompt; without one, with the model's own."""
        text = own_prompt(checkpoint) if text is None else text
        self.final = self.checkpoint = checkpoint  # the weights that were opened, and those on the screen
        self.history = History()
        self.step: int | None = None  # of the snapshot on the screen; None is the final model
        self.kind = ""  # of the heads' scores that are drawn; "" is the most telling
        self._lost: Notice | None = None  # why a snapshot could not be shown
        self.arch = architecture(checkpoint.config)
        self._parameters = self.arch.num_params()  # a walk through the map, which each key would repeat
        self.notice: Notice | None = None
        self.typed = self.meant = text  # what was meant outlives a model that cannot read it
        self.rev = 0  # counts the texts that did not come from the keyboard
        self.temperature, self.top_k = 1.0, 10
        self.view, self.layer, self.head = MODEL, 0, 0
        self.selected = f"{FOLDED}.0.attn.pattern"
        self.weight: str | None = None  # a parameter of the selected node, inspected instead of its output
        self._slice: tuple[object, slices.Slice] | None = None
        self._parity: tuple[Shown, Parity] | None = None
        self.shown = self._first(text)

    # The prompt

    def type(self, text: str) -> None:
        """A new prompt. Text that cannot be shown leaves the last good view, and says why."""
        self.typed = self.meant = text
        self._lost = None
        if text == self.shown.text:
            self.notice = None
            return
        try:
            self.shown = self._run(text, self.shown)
            self.notice = None
        except ValueError as error:
            self.notice = {
                "kind": "error",
                "text": f"Still shown: the last prompt that could be read. {_sentence(str(error))}",
            }
        if not text:
            self.notice = {
                "kind": "info",
                "text": "Type something: a model needs at least one token to predict the next.",
            }

    def append(self, index: int) -> None:
        """The prompt with one token more, as generation would append it; not behind text that could not be read."""
        if self.typed != self.shown.text:
            return
        tokenizer = self.checkpoint.tokenizer
        text = tokenizer.decode([*self.shown.ids, index])
        try:
            faithful = tokenizer.encode(text)[-1:] == [index]
        except ValueError:
            faithful = False
        if not faithful:
            label = tokenizer.label(index)
            self.notice = {
                "kind": "warning",
                "text": f"The token {label!r} is no text by itself, so it cannot be typed.",
            }
            return
        self.rev += 1
        self.type(text)

    # The moment of the training

    def move(self, step: int | None, checkpoint: Checkpoint) -> None:
        """Shows the prompt with the weights of a snapshot, or of the final model (None), as if they were loaded."""
        shown = self._run(self.shown.text, None, checkpoint)
        self.checkpoint, self.step, self.shown, self._lost = checkpoint, step, shown, None

    def stay(self, step: int, why: str) -> None:
        """Tells why a snapshot cannot be shown; what was on the screen is still there."""
        self._lost = {
            "kind": "error",
            "text": f"Still shown: {self.moment}. Step {step:,} cannot be. {_sentence(why)}",
        }

    @property
    def moment(self) -> str:
        """Which weights are on the screen."""
        return "final model" if self.step is None else f"step {self.step:,} of {self.steps:,}"

    @property
    def losses(self) -> dict[str, float]:
        """Those of the weights on the screen, as far as they were measured."""
        if self.step is None:
            best = self.final.info.get("best_val_loss")
            return {} if best is None else {"val_loss": float(best)}
        here = self.history.at(self.step)
        return {} if here is None else here.losses

    @property
    def steps(self) -> int:
        """How many steps the training has, as far as is known."""
        settings = self.final.info.get("train_config", {})
        told = [settings.get("steps"), settings.get("max_iters"), self.final.info.get("iter_num")]
        known = [number for number in told if type(number) is int]
        return max([*known, *(each.step for each in self.history.snapshots)], default=0)

    def _first(self, text: str) -> Shown:
        """The first view: the text if this model can read it, else the first token that it has."""
        try:
            return self._run(text, None)
        except ValueError as error:
            self.notice = {"kind": "warning", "text": f"The prompt could not be kept. {_sentence(str(error))}"}
            try:
                self.typed = own_prompt(self.checkpoint)
                return self._run(self.typed, None)
            except ValueError:
                self.typed = self._readable()
                return self._run(self.typed, None)

    def _readable(self) -> str:
        """A prompt that this model can surely read: the first of its tokens that are text."""
        tokenizer, config = self.checkpoint.tokenizer, self.checkpoint.config
        ids = list(range(min(FIRST_TOKENS, tokenizer.vocab_size, config.block_size)))
        text = tokenizer.decode(ids)
        try:
            return text if tokenizer.encode(text) == ids else tokenizer.decode([0])
        except ValueError:
            return tokenizer.decode([0])

    def _run(self, text: str, before: Shown | None, checkpoint: Checkpoint | None = None) -> Shown:
        model = (checkpoint or self.checkpoint).model
        ids = self.checkpoint.tokenizer.encode(text)
        cropped = max(0, len(ids) - self.checkpoint.config.block_size)
        self._take_threads(len(ids) - cropped - (0 if cropped else _common(before.ids if before else [], ids)))
        started = time.perf_counter()
        trace = capture(model, ids[cropped:], previous=before.trace if before else None)
        milliseconds = (time.perf_counter() - started) * 1e3
        pictures = thumbnails.update(before.thumbnails if before else None, trace)
        return Shown(text, ids, cropped, trace, pictures, milliseconds)

    def _take_threads(self, new: int) -> None:
        """As many as a run of this many new tokens is worth; for the whole process, so only within one's turn."""
        torch.set_num_threads(_THREADS if new * self._parameters > MUCH else 1)

    @property
    def counter(self) -> str:
        """How much of the context is used, and what the last key cost."""
        shown, block_size = self.shown, self.checkpoint.config.block_size
        return f"{len(shown.ids)} / {block_size} tokens · {shown.milliseconds:.0f} ms"

    @property
    def message(self) -> Notice | None:
        """Why a snapshot is not shown, or the notice, or what cropping costs, or nothing."""
        found = self._lost or self.notice
        if found is None and self.history.trouble:
            found = {"kind": "warning", "text": _sentence(self.history.trouble)}
        if found is not None or not self.shown.cropped:
            return found
        block_size = self.checkpoint.config.block_size
        return {
            "kind": "warning",
            "text": f"The model sees the last {block_size} of {len(self.shown.ids)} tokens. Their positions shift "
            "with each key, so each key is a full pass.",
        }

    # The map

    @property
    def node(self) -> Node:
        """The selected node."""
        return self.arch.nodes[self.selected]

    def select(self, name: str) -> None:
        """Inspects a node; the layer follows it."""
        node = self.arch.nodes[name]
        self.selected, self.weight = name, None
        if node.layer is not None:
            self.layer = node.layer

    def open(self, name: str, layer: int | None = None) -> None:
        """Shows the inside of a container, of block `layer` where it is one of the blocks."""
        inside = self.arch.inside(name)
        if inside is None:
            self.select(name)
            return
        wanted = layer if layer is not None else self.arch.nodes[name].layer
        self.layer = self.layer if wanted is None else wanted
        self.view = inside.name
        if name == FOLDED:
            name = f"{FOLDED}.{self.layer}"
        self.select(name)

    def up(self, name: str) -> None:
        """Goes back to a breadcrumb's view: the model's, or that of a container's inside."""
        if name == MODEL:
            self.view = MODEL
        elif (inside := self.arch.inside(name)) is not None:
            self.view = inside.name

    def go_to_layer(self, layer: int) -> None:
        """The same view and node in another block."""
        here = self.arch.nodes[self.selected]
        self.layer = layer
        if here.layer is not None:
            self.selected = self.selected.replace(f"{FOLDED}.{here.layer}", f"{FOLDED}.{layer}", 1)
            self.weight = self.weight and self.weight.replace(f"{FOLDED}.{here.layer}", f"{FOLDED}.{layer}", 1)

    def pick_head(self, layer: int, head: int) -> None:
        """One head's pattern, in the map's view where it is made."""
        self.head, self.view = head, SDPA
        self.select(f"{FOLDED}.{layer}.attn.pattern")

    @property
    def crumbs(self) -> list[tuple[str, str]]:
        """(id, label) of each view from the model to this one."""
        names = [(MODEL, "model")]
        for view in self.arch.views:
            container = view.container_at(self.layer)
            if container is not None and self._contains(container):
                names.append((container, f"block {self.layer}" if view.name == INSIDE else _short(view.name)))
        return names

    def _contains(self, container: str) -> bool:
        """Whether the present view shows this container's inside, or something within."""
        here = self.arch.views[self.view].container_at(self.layer)
        return here is not None and (here == container or here.startswith(f"{container}."))

    def shapes(self) -> dict[str, str]:
        """The live shape of each node that the present view draws."""
        graph = self.arch.graph(self.view, self.layer)
        sizes = self.arch.shapes(B=1, T=self.shown.trace.T)
        return {node.id: _tuple(sizes[node.id]) for node in (*graph.nodes, *graph.entries, *graph.exits)}

    # The inspector

    @property
    def tokens(self) -> list[str]:
        """The labels of the tokens that the model sees."""
        label = self.checkpoint.tokenizer.label
        return [label(index) for index in self.shown.ids[self.shown.cropped :]]

    def slice(self) -> slices.Slice:
        """The matrix of the selected node's output, or of its weight; computed once for each view of it."""
        made_of = self.checkpoint.model if self.weight else self.shown.trace
        key = (self.weight, self.selected, self.head, made_of)
        if self._slice is None or self._slice[0] != key:
            if self.weight is not None:
                axes = self.node.weight_axes[self.node.weights.index(self.weight)]
                made = slices.of_weight(self.weight, axes, self.checkpoint.model.get_parameter(self.weight))
            else:
                made = slices.of_trace(self.shown.trace, self.selected, self.head)
            self._slice = (key, made)
        return self._slice[1]

    # Whether the numbers can be believed

    @property
    def parity(self) -> Parity | None:
        """Of the prompt on the screen; None until it is measured."""
        return self._parity[1] if self._parity and self._parity[0] is self.shown else None

    def measure_parity(self) -> None:
        """Runs the prompt once more through the teaching attention."""
        shown, logits = self.shown, self.shown.trace.rows("lm_head", self.shown.trace.T - 1, self.shown.trace.T)
        self._take_threads(shown.trace.T)
        difference = parity(self.checkpoint.model, shown.trace)
        bound = ROUNDING * max(1.0, logits.abs().max().item())
        self._parity = shown, Parity(difference, difference <= bound)

    # The prediction

    def next_tokens(self) -> list[NextToken]:
        """The most likely next tokens: softmax of the last position's logits over the temperature."""
        trace = self.shown.trace
        logits = trace.rows("lm_head", trace.T - 1, trace.T)[0, 0].double()  # (V,)
        probabilities = torch.softmax(logits / self.temperature, dim=-1)
        top = torch.topk(logits, min(self.top_k, logits.numel()))
        label = self.checkpoint.tokenizer.label
        return [
            {
                "id": index,
                "label": label(index),
                "probability": probabilities[index].item(),
                "logit": logit,
                "rank": rank,
            }
            for rank, (index, logit) in enumerate(zip(top.indices.tolist(), top.values.tolist(), strict=True), 1)
        ]


def _common(before: list[int], after: list[int]) -> int:
    """How many ids both have in common from the start."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))


def _short(view: str) -> str:
    return {ATTENTION: "attention", SDPA: "dot product"}.get(view, view)


def _tuple(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))})"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
