"""A moment of a model's training: its name, its losses, how far the training went. No run, no Streamlit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.stores.snapshots import History
from gptcore import Checkpoint
from gptcore.checkpoint.training_files import LAST


@dataclass(frozen=True)
class Moment:
    """A snapshot of a training, or the model that came of it."""

    final: Checkpoint
    """The weights that were opened."""
    history: History
    step: int | None
    """The step of the snapshot; None is the final model."""

    @property
    def name(self) -> str:
        """Which weights these are, such as "step 600 of 2,000" or "final model"."""
        if self.step is not None:
            return f"{self.short} of {self.steps:,}"
        before = f", step {self.final.info['iter_num']:,} of {self.steps:,}" if self.last != "final" else ""
        return f"{self.short}{before}"

    @property
    def short(self) -> str:
        """The beginning of its name, for which there is always room, such as "step 600" or "final model"."""
        return f"{self.last} model" if self.step is None else f"step {self.step:,}"

    @property
    def last(self) -> str:
        """The part of the opened weights in their training: its best, where they are older than its end.

        The last of a training that has not come to its end are its last.
        """
        step = self.final.info.get("iter_num")
        if type(step) is not int or step >= self.steps:
            return "final"
        return "last" if self._is_last else "best"

    @property
    def _is_last(self) -> bool:
        """True for a training's last weights, whose file tells the loss of its best ones, too."""
        return Path(str(self.final.info.get("source", ""))).name == LAST

    @property
    def opened_step(self) -> int | None:
        """The step of the weights that were opened; None if it is not known."""
        step = self.final.info.get("iter_num")
        return step if type(step) is int else None

    @property
    def measured(self) -> int | None:
        """The step of the snapshot that tells the scores of these weights; None if there is none."""
        step = self.opened_step if self.step is None else self.step
        return None if self.history.at(step) is None else step

    @property
    def losses(self) -> dict[str, float]:
        """The losses of these weights, as far as they were measured."""
        if self.step is None and self._is_last:
            here = self.history.at(self.final.info.get("iter_num"))
            return {} if here is None else here.losses
        if self.step is None:
            best = self.final.info.get("best_val_loss")
            return {} if best is None else {"val_loss": float(best)}
        here = self.history.at(self.step)
        return {} if here is None else here.losses

    @property
    def steps(self) -> int:
        """The number of steps of the training, as far as it is known."""
        settings = self.final.info.get("train_config", {})
        told = [settings.get("steps"), settings.get("max_iters"), self.final.info.get("iter_num")]
        known = [number for number in told if type(number) is int]
        return max([*known, *(each.step for each in self.history.snapshots)], default=0)
