"""A model as a pickle holds it: its config and its weights, without hooks, and once for all traces of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

from torch import Tensor

from gptcore.capture.weight_fingerprint import WeightsSeen
from gptcore.config import GPTConfig
from gptcore.model import GPT
from gptcore.skip_init import twin


@dataclass(frozen=True, eq=False)
class Pickled:
    """The config and the weights of a GPT in eval mode."""

    config: GPTConfig
    state: dict[str, Tensor]

    @classmethod
    def of(cls, model: GPT, weights: WeightsSeen) -> Pickled:
        """Return the same object for the same weights, so that a pickle of several traces holds them once."""
        found = _made.get(weights)
        if found is None:
            found = _made[weights] = cls(model.config, model.state_dict())
        return found

    @cached_property
    def model(self) -> GPT:
        """The model, made once for all traces of the pickle."""
        return twin(GPT, self.config, self.state)

    def __getstate__(self) -> dict[str, object]:
        return {"config": self.config, "state": self.state}


_made: WeakKeyDictionary[WeightsSeen, Pickled] = WeakKeyDictionary()
