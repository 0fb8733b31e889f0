"""The page In words: a view of the map told in sentences, with the numbers of the prompt on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import streamlit as st

from app import components
from app.components.in_words import Choice, NodeWords, WordsPart
from app.lessons import Letter, Number, Part, Run, Sentence, Token, lesson
from app.session import costs, events
from app.session.explorer import Explorer
from app.state import person, reports, server
from app.state.origin import origin
from app.stores.limits import TooMuch
from app.views.explore import explore
from app.views.letters import letters
from gptcore.graph.draw import to_svg
from gptcore.graph.node import ATTENTION, INSIDE, MODEL, SDPA

KEY = "in_words"
NAMES = {MODEL: "Model", INSIDE: "Block", ATTENTION: "Self-attention", SDPA: "Dot product"}
"""Short names of the views; the others are called as in the map."""
OUTWARDS = ("find", "cell")
"""Kinds of events that lead to what stands on Explore."""


def words() -> None:
    """Draw the page: the view that Explore shows, until another is chosen."""
    me = person.explorer()
    event = reports.new(KEY)
    for action in events.actions(KEY, event, me):
        me.apply(action)
    if event and event.get("kind") in OUTWARDS:
        st.switch_page(st.Page(explore, default=True))
    view, run = me.location.view, run_of(me)
    if me.shown.without is not None:
        st.caption("Changes are on, on Explore. This page tells of the model as it is, without them.")
    try:
        me.limits.check(costs.of_sentences(me.arch.config, run.T), f"The sentences of {run.T:,} tokens")
    except TooMuch as error:
        st.info("This prompt is not told in words here.", icon=":material/info:")
        st.text(f"{error}.")
        return
    with server.turn(me.parameters):
        told = lesson(run, view)
    components.in_words(
        key=KEY,
        text=me.shown.text,
        origin=origin(),
        svg=to_svg(me.arch, view, me.location.layer, T=run.T),
        letters=letters(me.arch.config, run.T),
        views=[(name, NAMES.get(name, name)) for name in me.arch.views.names()],
        view=view,
        ack=reports.seq(KEY),
        choices=_choices(me),
        sentences=_sentences(me, told.sentences),
        questions=[{"question": _sent(each.question), "answer": _sent(each.answer)} for each in told.questions],
    )


def run_of(me: Explorer) -> Run:
    """Return the run on the screen, from the token that is followed, in the block and head of the place in the map."""
    shown, place = me.shown, me.location
    label = shown.checkpoint.tokenizer.label
    return Run(shown.unchanged, me.arch, label, me.position, place.layer, place.head, shown.cropped)


def _choices(me: Explorer) -> dict[str, Choice]:
    """Return what can be chosen: in a view that does not depend on a block or a head, none of them."""
    config, place = me.arch.config, me.location
    found: dict[str, Choice] = {}
    if place.view != MODEL:
        found["layer"] = {"chosen": place.layer, "labels": [str(layer) for layer in range(config.n_layer)]}
    if place.view in (ATTENTION, SDPA):
        found["head"] = {"chosen": place.head, "labels": [str(head) for head in range(config.n_head)]}
    return found | {"token": {"chosen": me.position, "labels": me.shown.tokens}}


def _sentences(me: Explorer, sentences: Sequence[Sentence]) -> list[NodeWords]:
    """Return the sentences of each node as one text."""
    found: list[NodeWords] = []
    for name, group in groupby(sentences, key=lambda sentence: sentence.node):
        node = me.arch.nodes[name]
        parts = [part for i, sentence in enumerate(group) for part in ((" ",) if i else ()) + sentence.parts]
        inside = me.arch.inside(name) if node.view == me.location.view else None
        opens = inside.name if inside else None
        found.append(
            {"node": name, "label": node.label, "concept": node.concept, "opens": opens, "parts": _sent(parts)}
        )
    return found


def _sent(parts: Sequence[Part]) -> list[WordsPart]:
    return [_part(part) for part in parts]


def _part(part: Part) -> WordsPart:
    match part:
        case Number():
            return {"name": part.name, "value": part.value, "kind": part.kind, "cell": part.cell}
        case Letter():
            return {"letter": part.letter}
        case Token():
            return {"token": part.label, "position": part.position}
        case _:
            return part
