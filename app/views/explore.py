"""The main screen: prompt, map, inspector, prediction and heads, all of one run, drawn again at each key."""

from __future__ import annotations

import json
from contextlib import suppress

import streamlit as st

from app import components
from app.panels import strips
from app.panels.formulas import equation_svgs, formula_svg
from app.session import comparison, events
from app.session.actions import LookBack
from app.session.changes import words
from app.session.explorer import Explorer
from app.state import names, person, reports, returning, server, waiting
from app.state.origin import origin
from app.stores.limits import TooMuch
from app.views import change_form, changes, code, explanation, files, first_look, rail, stage
from app.views.keys import key
from app.views.letters import letters
from app.views.margins import adds_of
from app.views.pictures import pictures_of
from app.views.strips import strips_of
from app.views.trouble import told
from gptcore.graph.draw import to_svg

QUICK = 3e7
"""Multiplications of a lens that a key can wait for; a slower one is read when typing pauses."""


def explore() -> None:
    """Draw the page: here what seldom changes; in a fragment, as one element, all that a key or a click changes.

    An element that stays the same still costs the browser some milliseconds a key.
    """
    me = person.explorer()
    me.apply(LookBack())
    rail.curves(me)
    person.drawn(me)
    _live()


@st.fragment
@told
def _live() -> None:
    me = person.explorer()
    me.apply(LookBack())
    for panel, report in reports.new_of_explore(events.PANELS):
        me.ask(events.actions(panel, report, me))
    turn = server.turn(me.work(me.asked), waiting=waiting.tell)
    with person.fetched(me, me.asked), turn:  # nobody else waits while a file is read
        me.carry_out()
        panels = [] if person.stale(me) else _panels(me)
    if not panels:
        st.rerun(scope="app")
    step = "final" if me.step is None else str(me.step)
    components.explore_panels(
        key="explore_panels",
        panels=panels,
        step=step,
        kept=_texts(me),
        width=me.look.width,
        plot=me.look.plot,
        origin=origin(),
        state=returning.here(),
        heard=reports.heard(),
    )


def _panels(me: Explorer) -> list[components.Panel]:
    """Return the panels of this prompt, these weights and this place.

    Generation comes first, because it asks for the next token; the prompt last: it asks for the next key.
    """
    timeline = [rail.panel(me)] if me.history.snapshots else []
    inspected = stage.panels(me)
    if found := me.explanation():
        inspected.append(explanation.panel(me, found))
    elif trained := me.weight_number():
        inspected.append(explanation.panel_of_weight(me, trained))
    inspected += first_look.panel(me)
    inspected += changes.panels(me, QUICK)
    after = [_prediction(me), _heads(me), _lens(me), _save(me)]
    return [_generate(me), _map(me), *inspected, *after, *timeline, _prompt(me)]


def _texts(me: Explorer) -> dict[str, str]:
    """Return the drawing of the map, if that is in sight, and the formula, if the page does not have them yet."""
    drawing, formula = _drawing(me), key(me.node.formula)
    texts = {}
    if (index := key("nodes", me.arch.config)) not in reports.kept():
        texts[index] = json.dumps([[node.id, node.label, node.layer] for node in me.arch.nodes])
        texts[key("pass", me.arch.config)] = json.dumps(strips.whole_pass(me.arch))
    kept = reports.kept()
    texts |= {name: text for name, text in code.texts(me).items() if name not in kept}
    if drawing not in kept and me.look.form == "diagram":
        texts[drawing] = to_svg(me.arch, me.location.view, me.location.layer)
    if formula not in kept:
        texts[formula] = formula_svg(me.node.formula)
    asked = (reports.last("explain") or {}).get("formula")  # drawing it takes as long as the card: that comes first
    if (found := me.explanation()) and (numbers := key(found.formula)) not in kept and numbers == asked:
        texts[numbers] = json.dumps(equation_svgs(found.formula))
    return texts


def _drawing(me: Explorer) -> str:
    """Return the name under which the page keeps the drawing of the view."""
    return key(me.arch.config, me.location.view, me.location.layer)


def _prompt(me: Explorer) -> components.Panel:
    return components.prompt(
        text=me.typed,
        labels=me.shown.labels,
        ids=me.shown.ids,
        rev=me.rev,
        ack=reports.seq("prompt"),
        cropped=me.shown.cropped,
        counter=me.shown.counter,
        notice=names.of_notice(me.message),
        example="" if me.typed == me.example else me.example,
        lock=me.lock,
        drawn={index: drawn.how for index, drawn in me.writing.drawn.items()},
        most=me.limits.prompt,
        dearer=me.loss_changes(changes.patience(me, QUICK)) if me.shown.without else None,
    )


def _map(me: Explorer) -> components.Panel:
    return components.map_panel(
        text=me.shown.text,
        svg_key=_drawing(me),
        shapes=me.location.shapes(me.arch, me.shown.trace.T) if me.look.form == "diagram" else {},
        selected=me.location.selected,
        breadcrumbs=[{"id": name, "label": label} for name, label in me.location.crumbs(me.arch)],
        layer=me.location.layer,
        n_layer=me.arch.config.n_layer,
        makes=strips.made_by(me.arch, me.location.selected),
        form=me.look.form,
        index_key=key("nodes", me.arch.config),
        pass_key=key("pass", me.arch.config),
        letters=letters(me.arch.config, me.shown.trace.T) if me.look.form == "diagram" else {},
        T=me.shown.trace.T,
        position=me.position,
        locked=me.lock is not None,
        changed=changes.nodes_changed(me),
        off=changes.nodes_off(me),
        fixed=change_form.fixed(me),
        margin=me.look.margin,
        adds=adds_of(me),
        **(strips_of(me) if me.look.form == "tensors" else pictures_of(me)),
    )


def _prediction(me: Explorer) -> components.Panel:
    rows = me.shown.next_tokens(me.position, me.sampling, me.top_k)
    return components.prediction(
        text=me.shown.text,
        rows=rows,
        temperature=me.temperature,
        top_k=me.top_k,
        ack=reports.seq("prediction"),
        note=(f"T {me.temperature:g} · " if me.temperature != 1 else "")
        + f"{sum(row['probability'] for row in rows):.1%} shown",
        position=me.position,
        token=me.shown.tokens[me.position],
        locked=me.lock is not None,
        facts=[*_changed_facts(me), *me.shown.facts(me.position)],
        open=me.arch.named("probabilities" if me.temperature == 1 else "logits"),  # what no temperature has changed
        before=_shares_before(me, rows),
        effect=comparison.effect(me.shown, me.position) if me.shown.without else None,
    )


def _shares_before(me: Explorer, rows: list[components.NextToken]) -> list[float] | None:
    """Return the probabilities of the rows without the changes; None where no change is on."""
    if me.shown.without is None:
        return None
    return comparison.shares_before(me.shown, me.position, me.temperature, [row["id"] for row in rows])


def _changed_facts(me: Explorer) -> list[comparison.Fact]:
    """Return what the changes do to the prediction and to the loss of the prompt, as far as a key can wait for it."""
    if me.shown.without is None:
        return []
    most = changes.patience(me, QUICK)
    without, after = me.mean_loss_without(most), me.mean_loss(most)
    losses = None if without is None or after is None or me.shown.trace.T < 2 else (without, after)
    return comparison.facts(me.shown, me.position, losses)


def _lens(me: Explorer) -> components.Panel:
    """Return what the model would say after each block; of a large model only when it is asked for."""
    asked = reports.last("lens") or {}
    wanted = (asked.get("text"), asked.get("position")) == (me.shown.text, me.position)
    config = me.arch.config
    quick = (config.n_layer + 1) * config.n_embd * config.vocab_size <= QUICK
    rows: list[components.LensRow] | None = None
    with suppress(TooMuch):
        rows = me.lens() if quick or wanted or me.has_lens else None
    return components.lens(
        text=me.shown.text,
        position=me.position,
        token=me.shown.tokens[me.position],
        rows=rows,
        ack=reports.seq("lens"),
    )


def _generate(me: Explorer) -> components.Panel:
    sampling = me.sampling
    return components.generate(
        text=me.shown.text,
        steps=me.writing.steps,
        undo=bool(me.writing.before),
        temperature=sampling.temperature,
        top_k=sampling.top_k,
        top_p=sampling.top_p,
        seed=me.seed,
        ack=reports.seq("generate"),
    )


def _save(me: Explorer) -> components.Panel:
    """Return the menu of pictures, whose caption tells what they show, and of files."""
    name = me.location.weight or me.location.selected
    head = f", head {me.location.head}" if "H" in me.node.axes and me.location.weight is None else ""
    place = f"gptscope · {files.model_name(me)} · {name}{head} · after {me.shown.tokens[me.position]!r}"
    caption = [place, me.shown.text.replace("\n", "↵")]
    if me.shown.here:
        caption.insert(1, f"changed run: {', '.join(words(wish, me.arch) for wish in me.shown.here)}")
    return components.save(caption=caption, files=files.kinds(), offer=files.offer(me))


def _heads(me: Explorer) -> components.Panel:
    film = me.look.plot != "heads"
    return components.heads(
        text=me.shown.text,
        pixels=me.shown.thumbnails.pixels(),
        selected=(me.location.layer, me.location.head),
        title="Attention of every head: choose one",
        film=film,
        shown="H" in me.node.axes and me.location.weight is None,
        changed=changes.heads_changed(me),
    )
