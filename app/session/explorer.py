"""What one person looks at: a model, a moment of its training, a prompt, a place in the map. No Streamlit.

Each action either succeeds as a whole or leaves everything as it was, with a notice: the last good view stays.
"""

from __future__ import annotations

from app.components import Notice
from app.panels import tensor_slice
from app.session.location import Place
from app.session.prompt_run import Parity, Shown
from app.stores.snapshots import History
from gptcore import Checkpoint, architecture

FIRST_TOKENS = 8
"""Of a prompt for a model that cannot read the one that was there."""
PROMPT = "To be, or not to b"
"""What a newcomer finds typed, where a model has no prompt of its own."""
MOST_PROMPT = 1000


def own_prompt(checkpoint: Checkpoint) -> str:
    """What a model is first shown with: what its folder says, as the shipped ones' do."""
    told = checkpoint.info.get("prompt")
    return told if isinstance(told, str) and 0 < len(told) <= MOST_PROMPT else PROMPT


class Explorer:
    """One person's view of one model."""

    def __init__(self, checkpoint: Checkpoint, text: str | None = None) -> None:
        """Looks at a model with a prompt; without one, with the model's own."""
        text = own_prompt(checkpoint) if text is None else text
        self.final = checkpoint  # the weights that were opened; those on the screen are `checkpoint`
        self.history = History()
        self.step: int | None = None  # of the snapshot on the screen; None is the final model
        self.kind = ""  # of the heads' scores that are drawn; "" is the most telling
        self._lost: Notice | None = None  # why a snapshot could not be shown
        self.arch = architecture(checkpoint.config)
        self.place = Place(self.arch)
        self.notice: Notice | None = None
        self.typed = self.meant = text  # what was meant outlives a model that cannot read it
        self.rev = 0  # counts the texts that did not come from the keyboard
        self.temperature, self.top_k = 1.0, 10
        self._slice: tuple[object, tensor_slice.Slice] | None = None
        self._parity: tuple[Shown, Parity] | None = None
        self.shown = self._first(text)

    @property
    def checkpoint(self) -> Checkpoint:
        """The weights on the screen, with what belongs to them."""
        return self.shown.checkpoint

    # The prompt

    def type(self, text: str) -> None:
        """A new prompt. Text that cannot be shown leaves the last good view, and says why."""
        self.typed = self.meant = text
        self._lost = None
        if text == self.shown.text:
            self.notice = None
            return
        try:
            self.shown = Shown.of(self.checkpoint, text, self.shown)
            self.notice = None
        except ValueError as error:
            self.notice = {
                "kind": "error",
                "text": f"Still shown: the last prompt that could be read. {_sentence(str(error))}",
            }
        if not text:
            self.notice = {
                "kind": "info",
                "text": "Still shown: the last prompt. Type something: a model needs at least one token.",
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

    def _first(self, text: str) -> Shown:
        """The first view: the text if this model can read it, else its own prompt, else its first tokens."""
        try:
            return Shown.of(self.final, text)
        except ValueError as error:
            self.notice = {"kind": "warning", "text": f"The prompt could not be kept. {_sentence(str(error))}"}
            try:
                self.typed = own_prompt(self.final)
                return Shown.of(self.final, self.typed)
            except ValueError:
                self.typed = _readable(self.final)
                return Shown.of(self.final, self.typed)

    # The moment of the training

    def move(self, step: int | None, checkpoint: Checkpoint) -> None:
        """Shows the prompt with the weights of a snapshot, or of the final model (None), as if they were loaded."""
        self.shown = Shown.of(checkpoint, self.shown.text)
        self.step, self._lost = step, None

    def stay(self, step: int, why: str) -> None:
        """Tells why a snapshot cannot be shown; what was on the screen is still there."""
        self._lost = {
            "kind": "error",
            "text": f"Still shown: {self.moment}. Step {step:,} cannot be. {_sentence(why)}",
        }

    @property
    def moment(self) -> str:
        """Which weights are on the screen."""
        if self.step is not None:
            return f"step {self.step:,} of {self.steps:,}"
        before = f", step {self.final.info['iter_num']:,} of {self.steps:,}" if self.last == "best" else ""
        return f"{self.last} model{before}"

    @property
    def last(self) -> str:
        """What the weights that were opened are to their training: its best, where they are older than its end."""
        step = self.final.info.get("iter_num")
        return "best" if type(step) is int and step < self.steps else "final"

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

    # What is told

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

    # What stands at the place

    def slice(self) -> tensor_slice.Slice:
        """The matrix of the selected node's output, or of its weight; computed once for each view of it."""
        place = self.place
        made_of = self.checkpoint.model if place.weight else self.shown.trace
        key = (place.weight, place.selected, place.head, made_of)
        if self._slice is None or self._slice[0] != key:
            if place.weight is not None:
                axes = place.node.weight_axes[place.node.weights.index(place.weight)]
                made = tensor_slice.of_weight(place.weight, axes, self.checkpoint.model.get_parameter(place.weight))
            else:
                made = tensor_slice.of_trace(self.shown.trace, place.selected, place.head)
            self._slice = (key, made)
        return self._slice[1]

    # Whether the numbers can be believed

    @property
    def parity(self) -> Parity | None:
        """Of the prompt on the screen; None until it is measured."""
        return self._parity[1] if self._parity and self._parity[0] is self.shown else None

    def measure_parity(self) -> None:
        """Runs the prompt once more through the teaching attention."""
        self._parity = self.shown, self.shown.parity()


def _readable(checkpoint: Checkpoint) -> str:
    """A prompt that this model can surely read: the first of its tokens that are text."""
    tokenizer, config = checkpoint.tokenizer, checkpoint.config
    ids = list(range(min(FIRST_TOKENS, tokenizer.vocab_size, config.block_size)))
    text = tokenizer.decode(ids)
    try:
        return text if tokenizer.encode(text) == ids else tokenizer.decode([0])
    except ValueError:
        return tokenizer.decode([0])


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
