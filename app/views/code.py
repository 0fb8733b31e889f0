"""The drawer with the source: the lines that make the selected tensor, and what lines did in this run."""

from __future__ import annotations

from app import components
from app.panels.code_facts import generation_facts, loss_facts
from app.panels.code_lines import lines_text, listing_text, rows_of, source_of
from app.session.explorer import Explorer
from app.state import reports
from app.views.keys import key
from gptcore.graph.source_lines import Source

QUICK = 1e8
"""Multiplications of the losses of a prompt that a key can wait for; more are computed when typing pauses."""


def panel(me: Explorer) -> components.Panel:
    """Return the drawer; nothing is computed or sent for it while it is closed."""
    if me.look.drawer != "code":
        return components.closed_code()
    topic, node = me.look.code, me.node
    source = source_of(node, topic)
    first, last = rows_of(source, topic)
    facts, waits = _facts(me)
    return components.code(
        text=me.shown.text,
        tab=topic,
        listing_key=key(listing_text(topic)),
        lines_key=key(lines_text(me.arch, topic)),
        first=first,
        last=last,
        title=str(source) if source else "",
        elsewhere="" if source else _elsewhere(node.source),
        label=node.label,
        summary=node.summary,
        formula=node.formula,
        formula_key=key(node.formula),
        layer=me.location.layer,
        T=me.shown.trace.T,
        facts=facts,
        waits=waits,
    )


def texts(me: Explorer) -> dict[str, str]:
    """Return the texts of the drawer that the page keeps, by their names."""
    if me.look.drawer != "code":
        return {}
    both = listing_text(me.look.code), lines_text(me.arch, me.look.code)
    return {key(text): text for text in both}


def _elsewhere(source: Source) -> str:
    """Write where a node is made, without the folder.

    >>> _elsewhere(Source("gptcore/model.py", (3, 3)))
    'made in model.py, line 3'
    """
    return "made in " + str(source).rpartition("/")[2].replace(" · ", ", ")


def _facts(me: Explorer) -> tuple[dict[str, str], bool]:
    """Return what is told at the ends of lines, and whether a part of it waits until typing pauses."""
    match me.look.code:
        case "loss":
            asked = reports.last("code") or {}
            rests = asked.get("kind") == "measure" and asked.get("text") == me.shown.text
            mean = me.mean_loss() if rests else me.mean_loss(QUICK)
            return loss_facts(me.shown.tokens, me.arch.config.vocab_size, mean), mean is None
        case "generation":
            return _generation(me), False
    return {}, False


def _generation(me: Explorer) -> dict[str, str]:
    run, drawn = me.shown, me.writing.drawn
    last, label = run.trace.T - 1, me.checkpoint.tokenizer.label
    stages = me.sampling.stages(run.logits_at(last))
    told = ""
    if drawn:
        newest = drawn[max(drawn)]
        told = f"drawn last: {label(newest.id)!r}, {newest.probability:.1%}, rank {newest.rank}"
    best = label(int(stages["top_p"].argmax()))
    return generation_facts(
        stages,
        last,
        labels=(run.tokens[last], best),
        tokens=(len(run.ids), me.arch.config.block_size),
        sampling=me.sampling,
        seed=me.seed,
        drawn=(len(drawn), told),
    )
