"""The reading of one person's screen, for panels: nothing here changes it. No Streamlit."""

from __future__ import annotations

import math

from app.components import LensRow, Notice
from app.panels import node_pictures, strip_numbers, strips, tensor_slice
from app.panels.weight_number import WeightNumber
from app.session import costs
from app.session.actions import sentence
from app.session.changes import Change, ChangeList
from app.session.drawn import Writing
from app.session.location import Location
from app.session.look import Look
from app.session.moment import Moment
from app.session.prompt_run import Parity, Shown
from app.session.readings import Readings
from app.session.screen import Model, Past, Screen, Tool
from app.stores.limits import Limits, TooMuch
from app.stores.snapshots import History
from gptcore import Architecture, Checkpoint, Explanation, LogitAttribution
from gptcore.generation.sampling import Sampling
from gptcore.graph.node import Node


class Looking:
    """One person's view of one model, as the panels read it; `Explorer` is what changes it."""

    def __init__(self, model: Model, screen: Screen) -> None:
        self._model = model
        self._screen = screen
        self._refusal: Notice | None = None
        self._readings = Readings(model)

    # The model

    @property
    def final(self) -> Checkpoint:
        """The weights that were opened; those on the screen are `checkpoint`."""
        return self._model.final

    @property
    def source(self) -> str:
        """The name or path by which the model was opened."""
        return self._model.source

    @property
    def past(self) -> Past:
        """The place where the training of the model is looked up."""
        return self._model.past

    @property
    def limits(self) -> Limits:
        """The cost that an action may have."""
        return self._model.limits

    @property
    def arch(self) -> Architecture:
        """The map of the model."""
        return self._model.arch

    @property
    def parameters(self) -> int:
        """The number of parameters of the model."""
        return self._model.parameters

    # The screen

    @property
    def shown(self) -> Shown:
        """The run whose numbers are on the screen."""
        return self._screen.shown

    @property
    def checkpoint(self) -> Checkpoint:
        """The weights on the screen, with what belongs to them."""
        return self.shown.checkpoint

    @property
    def typed(self) -> str:
        """The text in the input, which may be one that could not be run."""
        return self._screen.typed

    @property
    def meant(self) -> str:
        """The last text that was run; it outlives a model that cannot read it."""
        return self._screen.meant

    @property
    def rev(self) -> int:
        """The number of texts that did not come from the keyboard: each of them is written into the input."""
        return self._screen.rev

    @property
    def location(self) -> Location:
        """The place in the map."""
        return self._screen.location

    @property
    def node(self) -> Node:
        """The selected node."""
        return self.arch.nodes[self.location.selected]

    @property
    def position(self) -> int:
        """The position in the context that is followed: the locked token's, or the last."""
        return self._screen.position

    @property
    def lock(self) -> int | None:
        """The locked token of the prompt, as far as the model sees it."""
        lock = self._screen.lock
        return lock if lock is not None and self.shown.sees(lock) else None

    @property
    def look(self) -> Look:
        """The look of the map and the stage."""
        return self._screen.look

    @property
    def scales(self) -> strips.Scales:
        """The scales of the map's strips."""
        return self._readings.scales(self._screen)

    @property
    def temperature(self) -> float:
        """The divisor of the logits."""
        return self._screen.temperature

    @property
    def sampling(self) -> Sampling:
        """The way the next token would be drawn."""
        return self._screen.sampling

    @property
    def seed(self) -> int:
        """The seed of the draws."""
        return self._screen.seed

    @property
    def writing(self) -> Writing:
        """The tokens that were drawn, and the texts before them."""
        return self._screen.writing

    @property
    def top_k(self) -> int:
        """The number of next tokens that are shown."""
        return self._screen.top_k

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes of the run, on or not."""
        return self._screen.changes

    @property
    def listed(self) -> ChangeList:
        """The changes, with what holds for all of them."""
        return self._screen.listed

    @property
    def undoable(self) -> bool:
        """True where the last change of the list can be taken back."""
        return bool(self._screen.past)

    @property
    def redoable(self) -> bool:
        """True where a change that was taken back can be brought back."""
        return bool(self._screen.ahead)

    @property
    def gone(self) -> str:
        """A sentence on changes of the model before: those taken over, those that do not fit; "" once it was closed."""
        return self._screen.gone

    @property
    def tool(self) -> Tool:
        """The tool that changes the run by the mouse; "" for none."""
        return self._screen.tool

    # The moment of the training

    @property
    def history(self) -> History:
        """The snapshots of the training."""
        return self._screen.history

    @property
    def step(self) -> int | None:
        """The step of the snapshot on the screen; None is the final model."""
        return self._screen.step

    @property
    def score(self) -> str:
        """The kind of the heads' scores that is drawn; "" where there are none."""
        chosen = self._screen.score
        return chosen if chosen in self.history.kinds else self.history.telling

    @property
    def moment(self) -> Moment:
        """The moment of the training whose weights are on the screen."""
        return self._screen.moment(self._model)

    # What is told

    @property
    def notice(self) -> Notice | None:
        """The reason for which the last action was refused, or a remark on the prompt."""
        return self._refusal or self._screen.notice

    @property
    def message(self) -> Notice | None:
        """The notice, or what is wrong with the history, or what cropping costs, or nothing."""
        found = self.notice
        if found is None and self.history.trouble:
            found = {"kind": "warning", "text": sentence(self.history.trouble)}
        if found is not None or not self.shown.cropped:
            return found
        block_size = self.checkpoint.config.block_size
        return {
            "kind": "warning",
            "text": f"The model sees the last {block_size} of {len(self.shown.ids)} tokens. "
            "Each key shifts them all: a full pass.",
        }

    # What stands at the place

    def slice(self) -> tensor_slice.Slice:
        """Return the matrix of the selected node's output, or of its weight; computed once for each view of it."""
        return self._readings.slice(self._screen)

    def explanation(self) -> Explanation | None:
        """Return where the pinned number comes from; None without one, or where the stage shows none of the run's."""
        return self._readings.explanation(self._screen)

    def weight_number(self) -> WeightNumber | None:
        """Return what the pinned number of a weight is; None without one, or where the stage shows a tensor."""
        return self._readings.weight_number(self._screen)

    @property
    def trail(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """The numbers from which one has walked to the one that is explained."""
        return self._screen.trail

    @property
    def pin(self) -> tuple[int, int] | None:
        """The (row, column) on the stage that is pinned."""
        return self._screen.pin

    def strips(self) -> strips.Strips:
        """Return the strips of the map; what the last ones have in common with them is taken over."""
        return self._readings.strips(self._screen)

    def number_at(self, line: str, row: int, position: int, followed: int) -> strip_numbers.Place | None:
        """Return the tensor and the index of the number that a line of the map shows at a pixel; None without one."""
        found = next((each for each in strips.lines(self.arch, self.location.layer) if each.id == line), None)
        if found is None or not 0 <= followed < self.shown.trace.T:
            return None
        arcs, likely = (self.location.head, followed), self.shown.likely(followed, strips.LIKELY)
        return strip_numbers.number_at(self.strips(), found, row, position, arcs, likely)

    def pictures(self) -> node_pictures.Pictures:
        """Return the pictures of the diagram's nodes."""
        return self._readings.pictures(self._screen)

    def lens(self) -> list[LensRow]:
        """Return what the model would say after each block at the followed position.

        Raises:
            TooMuch: it would cost too much.
        """
        if not self.has_lens:
            self.limits.check(costs.of_lens(self.arch.config), "The lens")
        return self._readings.lens(self._screen)

    @property
    def has_lens(self) -> bool:
        """True where the lens of this prompt and position was read."""
        return self._readings.has_lens(self._screen)

    def attribution(self, token: int, versus: int | None) -> LogitAttribution:
        """Return what each part of the run on the screen adds to a logit at the followed position.

        Args:
            token: the token whose logit it is.
            versus: the token over which its lead is told; None for the logit itself.

        Raises:
            TooMuch: it would cost too much.
        """
        if not self._readings.has_attribution(self._screen, token, versus):
            self.limits.check(costs.of_attribution(self.arch.config), "What each part adds to a logit")
        return self._readings.attribution(self._screen, token, versus)

    def mean_loss(self, most: float = math.inf) -> float | None:
        """Return the mean loss of the prompt; None where it takes more multiplications than `most`, or than one may."""
        return self._readings.mean_loss(self._screen, self._allowed(most))

    def mean_loss_without(self, most: float = math.inf) -> float | None:
        """Return the mean loss of the prompt without the changes, as `mean_loss` does."""
        return self._readings.mean_loss_without(self._screen, self._allowed(most))

    def loss_changes(self, most: float = math.inf) -> list[float] | None:
        """Return what the changes add to the loss at each position that has a target, as `mean_loss` does."""
        return self._readings.loss_changes(self._screen, self._allowed(most))

    def _allowed(self, most: float) -> float:
        """Return the multiplications that losses may take: none where all of them are asked for and cost too much."""
        if most < math.inf:
            return most
        try:
            self.limits.check(costs.of_losses(self.arch.config, self.shown.trace.T), "The losses")
        except TooMuch:
            return 0.0
        return most

    # Whether the numbers can be believed

    @property
    def parity(self) -> Parity | None:
        """The parity of the prompt on the screen; None until it is measured."""
        return self._readings.parity(self._screen)

    def measure_parity(self) -> None:
        """Run the prompt once more through the teaching attention.

        Raises:
            TooMuch: it would cost too much.
        """
        T = self.shown.trace.T
        self.limits.check(costs.of_pass(self.arch.config, T, scores=True), f"The parity of {T:,} tokens")
        self._readings.measure_parity(self._screen)
