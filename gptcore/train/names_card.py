"""The part of a model card that tells which heads know whose name comes: measured, head by head, on held-out text."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gptcore.analysis.ablation import switch_off
from gptcore.analysis.attribution import logit_attribution
from gptcore.capture.capture import capture
from gptcore.capture.edits import Edit
from gptcore.capture.trace import Trace
from gptcore.data.two_names import NAMES, TwoNames
from gptcore.graph.architecture import architecture
from gptcore.model import GPT

SENTENCES = 256
"""Held-out sentences with two names that are measured."""
ATTRIBUTED = 32
"""Those of them whose logits are split into parts."""
MATTERS = 0.02
"""Share of the answers that are lost without a head from which the card tells of it."""
LOOKS = 0.25
"""Share of the last token's attention from which a head is said to look at a name."""


@dataclass(frozen=True)
class Sentences:
    """Sentences with two names, and where their names stand."""

    ids: Tensor
    """(B, T)"""
    last: Tensor
    """(B,) the position that the last name is predicted from."""
    gets: Tensor
    """(B,) the id of the right name, which has come once."""
    gives: Tensor
    """(B,) the id of the other one, which has come twice."""
    places: Tensor
    """(B, 3) the positions of the right name, of the giver's first and of the giver's second."""


def rows(model: GPT, task: TwoNames) -> dict[str, str]:
    """Return the rows of the card, by their names."""
    device = model.lm_head.weight.device
    sentences = held_out(task, SENTENCES)
    trace = capture(model, sentences.ids.to(device))
    lead, right = _answers(trace, sentences)
    added = _added(trace, sentences)
    heads = [_Head(model, trace, sentences, place, added[place]) for place in added]
    matter = sorted((head for head in heads if right - head.right >= MATTERS), key=lambda head: head.right)
    found = {
        "the right name against the giver's": f"{100 * right:.1f} % predicted in {len(sentences.ids)} held-out "
        f"sentences of two names; its logit leads by {lead:.2f} on average"
    }
    for head in matter:
        found[f"head {head.name}"] = head.told()
    others = len(heads) - len(matter)
    if others:
        worst = min((head.right for head in heads if head not in matter), default=right)
        found[f"each of the other {others} heads"] = f"switched off, at least {100 * worst:.1f} % stay right"
    if matter:
        edits = [head.off for head in heads if head not in matter]
        _, alone = _answers(capture(model, sentences.ids.to(device), edits=edits), sentences)
        names = ", ".join(sorted(head.name for head in matter))
        found[f"heads {names} alone"] = f"all other heads switched off, {100 * alone:.1f} % stay right"
    return found


class _Head:
    """One head: what is lost without it, where it looks, and what it adds."""

    def __init__(
        self, model: GPT, trace: Trace, sentences: Sentences, place: tuple[int, int], adds: tuple[float, float]
    ) -> None:
        layer, head = place
        self.adds = adds
        """To the logits of the right name and of the giver's, on average."""
        self.name = f"{layer}.{head}"
        self.off: Edit = switch_off(model.config, layer, head)
        self.lead, self.right = _answers(capture(model, trace.ids, edits=[self.off], previous=trace), sentences)
        pattern = trace[architecture(model.config).named("pattern", layer)][:, head]  # (B, T, T)
        each = torch.arange(len(sentences.ids))
        self.looks = [pattern[each, sentences.last, places].mean().item() for places in sentences.places.T]

    def told(self) -> str:
        """Tell it in a sentence."""
        names = ("the right name", "the giver's first", "the giver's second")
        seen = [f"{name} {share:.2f}" for name, share in zip(names, self.looks, strict=True) if share >= LOOKS]
        looks = f"looks, from the last token, at {' and '.join(seen)}" if seen else "looks at no name much"
        gets, gives = self.adds
        return (
            f"{looks}; adds {gets:+.2f} to the right name's logit and {gives:+.2f} to the giver's; switched off, "
            f"{100 * self.right:.1f} % stay right, and the lead is {self.lead:+.2f}"
        )


def held_out(task: TwoNames, count: int) -> Sentences:
    """Return sentences of two names that no training has seen, the same ones each time.

    >>> found = held_out(TwoNames(24, TwoNames.size()), 3)
    >>> label = TwoNames(24, TwoNames.size()).tokenizer.label
    >>> label(found.gets[0]) == label(found.ids[0, found.places[0, 0]])
    True
    """
    names = {task.tokenizer.encode(f"to {name}")[-1] for name in NAMES}
    ids: list[Tensor] = []
    told: list[list[int]] = []  # last, gets, gives, and the three places
    for x, y in task.held_out(64):
        for row, at in zip(x, task.answers(y), strict=True):
            last = int(at.nonzero()[0, 0])
            said = [(place, int(index)) for place, index in enumerate(row[: last + 1]) if int(index) in names]
            named = [index for _, index in said]
            if len(set(named)) != 2 or len(ids) == count:
                continue
            gets, gives = sorted(set(named), key=named.count)
            places = [place for name in (gets, gives) for place, index in said if index == name]
            ids.append(row)
            told.append([last, gets, gives, *places])
    last_, gets_, gives_, *places_ = torch.tensor(told).T
    return Sentences(torch.stack(ids), last_, gets_, gives_, torch.stack(places_, dim=1))


def _answers(trace: Trace, sentences: Sentences) -> tuple[float, float]:
    """Return the right name's mean lead over the giver's, and the share of sentences in which it is the likeliest."""
    each = torch.arange(len(sentences.ids))
    logits = trace.logits.cpu()[each, sentences.last]  # (B, V)
    lead = logits[each, sentences.gets] - logits[each, sentences.gives]
    return lead.mean().item(), (logits.argmax(-1) == sentences.gets).float().mean().item()


def _added(trace: Trace, sentences: Sentences) -> dict[tuple[int, int], tuple[float, float]]:
    """Return what each head adds to the logits of both names, on average, by direct attribution."""
    count = min(ATTRIBUTED, len(sentences.ids))
    sums: dict[tuple[int, int], list[float]] = {}
    for which, names in enumerate((sentences.gets, sentences.gives)):
        for row in range(count):
            found = logit_attribution(trace, int(names[row]), position=int(sentences.last[row]), row=row)
            for part in found.parts:
                if part.layer is not None and part.head is not None:
                    sums.setdefault((part.layer, part.head), [0.0, 0.0])[which] += part.value / count
    return {place: (gets, gives) for place, (gets, gives) in sums.items()}
