"""The measurements of the section Find a head: each runs once on a thread of its own, and stays."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from torch import Tensor

from app.panels.head_axes import Measured
from app.panels.thumbnails import Thumbnails, update
from app.session import lab_costs
from app.session.explorer import Explorer
from app.state import heads, server
from app.stores.computations import Computation
from app.stores.speed import Cost
from app.stores.weights_key import weights_key
from app.views.lab.fitting import allowed
from gptcore import GPT, Checkpoint, Trace, analysis
from gptcore.analysis.patching import Progress
from gptcore.data.held_out import HeldOut, held_out, of_text
from gptcore.graph.architecture import architecture

AT_ONCE: Final = 0.5
"""Seconds that a page waits for a measurement before it tells how far it is."""
LITTLE: Final = 1e11
"""Multiplications of a measurement that is made without being asked for."""
ITSELF: Final = "the prompt itself"
"""The words for the text where no other one is there."""
WORDS: Final = {
    "facts": "scores on the probe, copying and composition of all heads",
    "losses": "the loss of the held-out text without each head",
    "missed": "the prediction without each head",
    "effects": "the effect of each head on the likely next token",
    "prefix": "prefix matching of all heads",
    "top1": "the tokens that each head copies",
    "scan": "what is remarkable on this prompt",
}


class Work(NamedTuple):
    """A measurement before it is begun."""

    key: Hashable
    run: Callable[[Progress], Any]
    piece: float
    """Multiplications of a piece."""
    whole: float
    cost: Cost
    """The memory that it takes."""


def work(me: Explorer, name: str) -> Work:
    """Return a measurement by its name."""
    model, trace = me.checkpoint.model, me.shown.unchanged
    weights, of_run, heads = weights_key(model), float(me.parameters), me.arch.config.n_layer * me.arch.config.n_head
    ids, config = tuple(trace.ids[0].tolist()), me.arch.config
    match name:
        case "facts":
            tokens = 16 * 128 + 100 * 64
            run = partial(_facts, model)
            cost = lab_costs.of_facts(config)
            return Work((name, weights), run, of_run * 512, min(of_run * tokens, LITTLE), cost)  # begun always
        case "losses":
            text = text_of(me)
            key = (name, weights, tuple(text.ids.flatten().tolist()), text.ids.shape, text.about)
            tokens = text.ids.numel()

            def losses(progress: Progress) -> analysis.HeadLosses:
                return analysis.head_losses(model, text.ids, text.counted, progress=progress)

            cost = lab_costs.of_head_losses(config, *text.ids.shape)
            return Work(key, losses, of_run * tokens, of_run * tokens * heads, cost)
        case "effects":
            token, position = likely(trace, me.position), me.position

            def effects(progress: Progress) -> analysis.HeadEffects:
                return analysis.head_effects(model, trace, token, position=position, progress=progress)

            cost, one = lab_costs.of_effects(config, len(ids)), of_run * len(ids)
            return Work((name, weights, ids, position), effects, one, one * heads, cost)
        case "missed":
            token, position = likely(trace, me.position), me.position

            def missed(progress: Progress) -> Tensor:
                return analysis.loss_without_heads(model, trace, token, position, progress=progress)

            cost, one = lab_costs.of_effects(config, len(ids)), of_run * len(ids)
            return Work((name, weights, ids, position), missed, one, one * heads, cost)
        case "prefix":
            one, cost = of_run * 1000, lab_costs.of_prefix(config)
            return Work((name, weights), lambda _: analysis.prefix_matching(model), one, one, cost)
        case "scan":
            position = me.position
            return Work(
                (name, weights, ids, position),
                lambda p: analysis.scan(me.checkpoint, trace, position=position, progress=p),
                of_run * len(ids),
                of_run * len(ids) * heads,
                lab_costs.of_scan(config, len(ids)),
            )
        case _:
            one = float(heads) * config.head_dim * config.vocab_size * (config.n_embd + 2000)
            return Work((name, weights), lambda _: analysis.ov_top1(model), one, one, lab_costs.of_top1(config))


def _facts(model: GPT, progress: Progress) -> analysis.HeadFacts | None:
    return analysis.head_facts(model, progress=progress)


def found(me: Explorer, name: str, *, asked: bool = False) -> Computation | None:
    """Return a measurement that is there or on its way; begun if it is little work or `asked` for, else None."""
    wanted = work(me, name)
    there = server.computations().get(wanted.key)
    if asked or (there is None and wanted.whole <= LITTLE):
        may = allowed(me, wanted.cost, f"Measuring {WORDS[name]}")
        there = server.computations().start(wanted.key, wanted.run, wanted.piece, wanted.cost.memory, may)
        there.wait(AT_ONCE)
    return there


def known(me: Explorer, name: str) -> Computation | None:
    """Return a measurement that is there or on its way, and begin none."""
    return server.computations().get(work(me, name).key)


def result(me: Explorer, name: str) -> Any:
    """Return what was measured by now, without beginning anything; None where nothing was."""
    there = known(me, name)
    return there.result if there is not None and there.finished else None


def measured(me: Explorer) -> Measured:
    """Return all that is measured by now of the heads on the screen."""
    text = text_of(me)
    return Measured(
        me.arch.config,
        me.shown.unchanged,
        result(me, "facts"),
        result(me, "losses"),
        text.about,
        result(me, "effects"),
        result(me, "prefix"),
        result(me, "top1"),
    )


def text_of(me: Explorer) -> HeldOut:
    """Return the text on which losses are measured: the one that was pasted, or that ships, or the prompt itself."""
    pasted = heads.pasted()
    if pasted:
        try:
            return of_text(pasted, me.checkpoint.tokenizer, me.arch.config.block_size, "the text that was pasted")
        except ValueError:
            pass  # it is told where it is pasted
    shipped = shipped_text(me.final)
    if shipped is not None:
        return shipped
    return of_prompt(me.shown.unchanged)


_TEXTS: WeakKeyDictionary[GPT, HeldOut | None] = WeakKeyDictionary()


def shipped_text(checkpoint: Checkpoint) -> HeldOut | None:
    """Return the held-out text that ships for a model; a task's examples are drawn once."""
    if checkpoint.model not in _TEXTS:
        _TEXTS[checkpoint.model] = held_out(checkpoint)
    return _TEXTS[checkpoint.model]


def of_prompt(trace: Trace) -> HeldOut:
    """Return the prompt as the text."""
    ids = trace.ids[:1]
    counted = ids[:, 1:] == ids[:, 1:]
    return HeldOut(ids, counted, f"{ids.size(1)} tokens: {ITSELF}, as no held-out text comes with this model")


def likely(trace: Trace, position: int) -> int:
    """Return the most likely next token at a position."""
    logits = trace.rows(architecture(trace.config).named("logits"), position, position + 1)
    return int(logits[0, 0].argmax())


def pictures(trace: Trace) -> Thumbnails:
    """Return the patterns in small of the run without changes."""
    return update(None, trace)
