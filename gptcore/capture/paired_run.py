"""Two runs of one text that go on together, one without edits and one under them: each weight is read once for both.

A new token costs the reading of all weights and little else, so two runs in turn take twice as long as one; as two
rows of a batch they take about as long as one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gptcore.capture import hooks
from gptcore.capture.bound_edits import Edits
from gptcore.capture.changed_run import ChangedRun
from gptcore.capture.values import Values
from gptcore.graph.architecture import architecture
from gptcore.model import GPT, KeysValues


class PairedRun:
    """The tensors of both runs, rows `start` to T of all that is made; earlier ones are read from two other runs."""

    def __init__(
        self, model: GPT, tokens: Tensor, edits: Edits, layer: int, before: tuple[Values, Values], start: int
    ) -> None:
        """Run nothing yet.

        Args:
            model: the model.
            tokens: all ids, (B, T).
            edits: the edits of the second run.
            layer: the first block that they change; up to it both runs are the same one.
            before: the runs that the first and the second go on from, with the same edits.
            start: the first position that is run.
        """
        self._model, self._layer, self._batch = model, layer, tokens.size(0)
        plain, changed = before
        self.plain = ChangedRun(model, tokens, {}, plain, 0, start)
        self.changed = ChangedRun(model, tokens, edits, changed, 0, start)

    def run(self) -> None:
        """Run both up to the last norm."""
        for each in (self.plain, self.changed):
            each.embed()
        for i, block in enumerate(self._model.transformer.h):
            if self.changed.opens(i):
                self.plain.block(i)
                self.changed.block(i)
                continue
            x, past = self.plain.entering(i)
            if i >= self._layer:
                other_x, other_past = self.changed.entering(i)
                x, past = torch.cat([x, other_x]), [_joined(past, other_past)]
            with hooks.recording() as recorder:
                block(x, past)
            self.plain.passed(i, {name: made[: self._batch] for name, made in recorder.outputs.items()})
            self.changed.passed(i, {name: made[-self._batch :] for name, made in recorder.outputs.items()})
        for each in (self.plain, self.changed):
            each.finish()

    def last_logits(self) -> tuple[Tensor, Tensor]:
        """Return the logits of the last position of both runs, before edits of the logits, (B, 1, V) each."""
        norm = architecture(self._model.config).named("final norm")
        states = torch.cat([each.made[norm][:, -1:] for each in (self.plain, self.changed)])
        plain, changed = self._model.lm_head(states).split(self._batch)
        return plain, changed


def _joined(past: list[KeysValues], other: list[KeysValues]) -> KeysValues:
    """Return keys and values of two runs, each in pieces that follow each other, as those of one batch."""
    keys, values = (
        torch.cat([_whole([pair[which] for pair in pieces]) for pieces in (past, other)]) for which in (0, 1)
    )
    return keys, values  # (2B, H, start, D) each


def _whole(pieces: list[Tensor]) -> Tensor:
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=2)
