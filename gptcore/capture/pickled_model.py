"""A model as a pickle holds it: its config and its weights, without hooks, and once for all traces of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from gptcore.config import GPTConfig
from gptcore.model import GPT
from gptcore.skip_init import twin


@dataclass(frozen=True, eq=False)
class Pickled:
    """The config and the weights of a GPT in eval mode."""

    config: GPTConfig
    state: dict[str, Tensor]

    @classmethod
    def of(cls, model: GPT) -> Pickled:
        """Return the same object as before, so that a pickle of several traces holds the weights once."""
        found = _made.get(model)
        if found is None:
            found = _made[model] = cls(model.config, model.state_dict())
        return found

    @cached_property
    def model(self) -> GPT:
        """The model, made once for all traces of the pickle."""
        return twin(GPT, self.config, self.state)

    def __getstate__(self) -> dict[str, object]:
        return {"config": self.config, "state": self.state}


_made: WeakKeyDictionary[nn.Module, Pickled] = WeakKeyDictionary()
