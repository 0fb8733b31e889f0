"""The values behind a screen: the model that was opened, and all that an action can change. No Streamlit."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

from app.components import Notice
from app.session.changes import Change, ChangeList
from app.session.drawn import NOTHING, Writing
from app.session.first_prompt import example
from app.session.location import Location
from app.session.look import USUAL, Look
from app.session.moment import Moment
from app.session.prompt_run import Shown
from app.stores.limits import ALONE, Limits
from app.stores.snapshots import History
from gptcore import Architecture, Checkpoint, CheckpointError, architecture
from gptcore.generation.sampling import Sampling


class Past(Protocol):
    """A place where a model's training can be looked up."""

    def history(self) -> History:
        """Return the snapshots that there are now."""

    def weights(self, step: int) -> Checkpoint:
        """Return the model as it was at a step of its training.

        Raises:
            CheckpointError: there is no such snapshot, or it cannot be loaded.
        """


NO_HISTORY = History()
NO_CHANGES = ChangeList()
Tool = Literal["", "cut", "draw", "form"]
"""Nothing; a click on a cell of a pattern cuts its edge; a drag on it draws its row; the form of changes is open."""


class NoPast:
    """The past of a model that came without the snapshots of its training."""

    def history(self) -> History:
        return NO_HISTORY

    def weights(self, step: int) -> Checkpoint:
        raise CheckpointError(f"this model came without snapshots of its training, so without step {step}")


@dataclass(frozen=True)
class Model:
    """A model that was opened; another one has a screen of its own."""

    final: Checkpoint
    """The weights that were opened. Those on the screen may be a snapshot's."""
    source: str = ""
    """The text by which it was opened: a shipped model's name, a path, a name on the hub."""
    past: Past = field(default_factory=NoPast)
    limits: Limits = ALONE
    """The cost that one action may have."""

    @cached_property
    def arch(self) -> Architecture:
        """The map of the model."""
        return architecture(self.final.config)

    @cached_property
    def parameters(self) -> int:
        """The number of its parameters, counted once: that is a walk through the map."""
        return self.arch.num_params()

    @cached_property
    def square(self) -> frozenset[str]:
        """Ids of the tensors whose cells are pairs of a query and a key."""
        return frozenset(node.id for node in self.arch.nodes if node.axes[-2:] == ("T", "T"))

    @cached_property
    def example(self) -> str:
        """The prompt that the model is first shown with."""
        return example(self.final)

    def weights(self, step: int | None) -> Checkpoint:
        """Return the model at a step of its training; None is the final one."""
        return self.final if step is None else self.past.weights(step)


@dataclass(frozen=True)
class Screen:
    """The content of one person's screen. It never changes: each action gives another one."""

    shown: Shown
    """The run whose numbers are on the screen."""
    typed: str
    """The text in the input, which may be one that could not be run."""
    meant: str
    """The last text that was run; it outlives a model that cannot read it."""
    location: Location
    lock: int | None = None
    """The token of the prompt that is followed; None follows the last one."""
    look: Look = USUAL
    pin: tuple[int, int] | None = None
    """The (row, column) on the stage whose number is explained."""
    trail: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """The numbers, by tensor and place, from which one has walked to the one that is explained."""
    temperature: float = 1.0
    top_k: int = 10
    cut_k: int | None = 40
    """The number of tokens that one is drawn from; None for all."""
    cut_p: float | None = None
    """The share of the probability that a token is drawn from; None for all."""
    seed: int = 0
    writing: Writing = NOTHING
    """The tokens that were drawn, and the texts before them."""
    step: int | None = None
    """The step of the snapshot on the screen; None is the final model."""
    score: str = ""
    """The kind of the heads' scores that the timeline draws; "" is the most telling one."""
    history: History = NO_HISTORY
    listed: ChangeList = NO_CHANGES
    """The changes of the run; those that are on are in `shown`."""
    past: tuple[ChangeList, ...] = ()
    """The lists of changes before, the last one at the end."""
    ahead: tuple[ChangeList, ...] = ()
    """The lists of changes that were taken back, the next one at the end; another change ends them."""
    gone: str = ""
    """A sentence on changes of the model before: taken over, or not fitting; it stays until it is closed."""
    done: str = ""
    """A name of what was done last, where the same once more is taken back with it; "" for all else."""
    tool: Tool = ""
    """The tool that changes the run by the mouse."""
    rev: int = 0
    """The number of texts that did not come from the keyboard: each of them is written into the input."""
    notice: Notice | None = None
    """A remark on the prompt."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes of the run, on or not, in the order in which they are applied."""
        return self.listed.changes

    @property
    def sampling(self) -> Sampling:
        """The way the next token would be drawn."""
        return Sampling(self.temperature, self.cut_k, self.cut_p)

    @property
    def position(self) -> int:
        """The position in the context whose line, query row and prediction are shown."""
        run, lock = self.shown, self.lock
        return run.trace.T - 1 if lock is None or not run.sees(lock) else lock - run.cropped

    def moment(self, model: Model) -> Moment:
        """Return the moment of the training whose weights are on the screen."""
        return Moment(model.final, self.history, self.step)
