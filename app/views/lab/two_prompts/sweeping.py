"""Sweeps over two prompts: what is patched and which way, the cells exactly and by gradients, progress and stop."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import streamlit as st

from app import components
from app.components import Grid, Mark
from app.panels import sweeps
from app.panels.logit_difference import LogitDifference
from app.panels.patches import STATE
from app.panels.prompt_pair import PromptPair
from app.panels.sweeps import PATH, WHATS, Answer, Question
from app.session import lab_costs
from app.session.actions import sentence
from app.session.explorer import Explorer
from app.session.map_actions import PickHead
from app.state import lab, reports, server
from app.state.origin import origin
from app.stores.computations import Computation
from app.views.explore import explore
from app.views.lab.code import opening
from app.views.lab.fitting import allowed
from app.views.lab.two_prompts.events import SWEEP
from app.views.lab.two_prompts.question import USUAL, question_of, receiver_of

AT_ONCE = 3e10
"""Multiplications of a sweep that runs by itself; a longer one waits for a click."""
SOON = 0.4
"""Seconds in which a short sweep is waited for, so that the page is drawn once."""
PAUSE = 0.4
"""Seconds between two looks at one that is running."""
RESTORE = "restore"
WAYS = {RESTORE: "restore: clean into corrupt", "break": "break: corrupt into clean"}
WHY_TWO_WAYS = "Restoring shows what suffices, breaking what is needed."
LOGITS = "the logits"
INPUTS = {"q": "queries", "k": "keys", "v": "values"}
MEANINGS = {
    False: "1: this part alone brings the other prompt's metric to that of this prompt; 0: it changes nothing.",
    True: "1: this part alone brings this prompt's metric to that of the other; 0: it changes nothing.",
}
LEAST = 0.005
"""The size from which a cell is worth telling: less is written as 0."""
NAMED = 3
"""Cells that are told in words."""


def sweeping(me: Explorer, pair: PromptPair, metric: LogitDifference) -> None:
    """Draw the part."""
    question = _choices(me)
    clean, corrupt = (pair.plain[side].ids[0].tolist() for side in ("this", "other"))
    if not pair.equal or metric.of(pair.plain["this"]) == metric.of(pair.plain["other"]):
        st.caption("Sweeps need two prompts of the same length, and a metric that tells them apart.")
        return
    T, config, model = len(clean), me.arch.config, me.checkpoint.model
    key = ("sweep", model, tuple(clean), tuple(corrupt), metric, question)
    cost, needs = float(me.parameters) * T, lab_costs.of_sweep(config, T)

    def start() -> Computation:
        return server.computations().start(
            key,
            lambda progress: sweeps.sweep(model, clean, corrupt, metric, question, progress, cost),
            sweeps.largest_run(me.parameters, T),
            needs.memory,
            allowed(me, needs, f"A sweep over {T:,} tokens"),
        )

    found = server.computations().get(key)
    if found is None and sweeps.whole(me.parameters, T, question, config) <= AT_ONCE:
        found = start()
    if found is None or (found.finished and (found.stopped or found.trouble)):
        cells = question.pieces(config, T)
        label = "Run it again from the start" if found else f"Run this sweep: {cells:,} cells"
        if st.button(label, icon=":material/play_arrow:", type="primary"):
            found = start()
    if found is None:
        return
    found.wait(SOON)
    if not found.finished:
        st.fragment(_progress, run_every=PAUSE)(key)
        return
    if found.trouble:
        st.warning("This sweep could not be done.", icon=":material/warning:")
        st.text(sentence(found.trouble))
        return
    if found.stopped:
        st.caption(f"Stopped after {found.done:,} of {found.of:,} cells; the others are empty.")
    _draw(me, pair, metric, question, found.result)


def _choices(me: Explorer) -> Question:
    with st.container(horizontal=True, vertical_alignment="bottom", key="lab-sweeps"):
        before = question_of(me)
        _segments("what", "Which part carries what differs?", WHATS, before.what, USUAL)
        _segments("way", "Which way?", WAYS, "break" if before.breaking else RESTORE, RESTORE, WHY_TWO_WAYS)
        if before.what == PATH:
            _receiver(me)
        question = question_of(me)
        _to_explore(me, question)
    return question


def _segments(name: str, label: str, words: Mapping[str, str], now: str, usual: str, why: str | None = None) -> None:
    """Draw a choice of few words. Its value is this person's choice, which may come from a link."""
    reports.set_widget(f"lab {name}", now)
    st.segmented_control(
        label,
        list(words),
        format_func=words.__getitem__,
        required=True,
        key=f"lab {name}",
        on_change=lambda: lab.choose(name, str(reports.widget(f"lab {name}") or usual), usual),
        help=why,
    )


def _receiver(me: Explorer) -> None:
    """Draw the choice of the head in which the paths end."""
    config, before = me.arch.config, receiver_of(me)
    heads = [f"{layer}.{head}" for layer in range(1, config.n_layer) for head in range(config.n_head)]
    reports.set_widget("lab to", LOGITS if before is None else f"{before[0]}.{before[1]}")
    reports.set_widget("lab input", "q" if before is None else before[2])
    st.selectbox("from each head to", [LOGITS, *heads], width=150, key="lab to", on_change=_receive)
    if before is not None:
        st.segmented_control(
            "its",
            list(INPUTS),
            format_func=INPUTS.__getitem__,
            required=True,
            key="lab input",
            on_change=_receive,
        )


def _receive() -> None:
    end, which = reports.widget("lab to"), reports.widget("lab input") or "q"
    lab.choose("to", "" if end == LOGITS else f"{end}.{which}")


def _progress(key: Hashable) -> None:
    """Draw how far a sweep is. A fragment that runs repeatedly."""
    found = server.computations().get(key)
    if found is None or found.finished:
        st.rerun()
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(found.done / found.of if found.of else 0.0, f"{found.done:,} of {found.of or '?'} cells")
        st.button("Stop", icon=":material/stop:", on_click=found.stop)


# ---- the pictures ----------------------------------------------------------------------------------------------------


def _draw(me: Explorer, pair: PromptPair, metric: LogitDifference, question: Question, answer: Answer) -> None:
    clean, corrupt = (pair.plain[side].ids[0].tolist() for side in ("this", "other"))
    exact, gradient = sweeps.codes(opening(me), clean, corrupt, metric, question)
    way = WAYS["break" if question.breaking else RESTORE].partition(": ")[2]
    exactly = f"{WHATS[question.what].capitalize()}, exact: {way}"
    grids = [_grid(me, pair, question, "exact", exactly, answer.exact.tolist(), exact)]
    if answer.gradient is not None:
        by = "edge attribution" if question.what == PATH else "attribution patching"
        grid = _grid(me, pair, question, "gradient", f"By gradients: {by}", answer.gradient.tolist(), gradient)
        grid["note"] = _agreement(answer)
        grids.append(grid)
    components.grids(
        grids,
        key=SWEEP,
        text=me.shown.text,
        origin=origin(),
        label="The sweep",
        told=_most(pair, me, question, answer),
        widest=110 if question.by_head else 64,
    )


def _grid(
    me: Explorer, pair: PromptPair, question: Question, name: str, title: str, values: list[list[float]], code: str
) -> Grid:
    start = 0 if question.by_head else pair.start
    label, ids = me.checkpoint.tokenizer.label, pair.plain["this"].ids[0].tolist()
    count = len(values[0])
    known = [abs(value) for row in values for value in row if value == value]
    return {
        "id": name,
        "title": title,
        "rows": [f"block {layer}" for layer in range(len(values))],
        "cols": [f"head {head}" for head in range(count)] if question.by_head else [label(i) for i in ids[start:]],
        "first": start,
        "apart": [] if question.by_head else [t - start for t in pair.differing if t >= start],
        "values": [row[start:] for row in values],
        "high": max(1.0, *known) if known else 1.0,
        "marks": _chosen(pair, question, start),
        "code": code,
    }


def _chosen(pair: PromptPair, question: Question, start: int) -> list[Mark]:
    """Return the cells whose patch is made in the lenses above."""
    kind = STATE if question.what == "resid_pre" else question.what
    into = "this" if question.breaking else "other"
    rows = pair.plain["this"].config.n_layer
    return [
        {"row": patch.layer, "col": patch.place - start, "word": "chosen"}
        for patch in pair.patches
        if (patch.into, patch.kind) == (into, kind) and patch.layer < rows and patch.place >= start
    ]


def _agreement(answer: Answer) -> str:
    found = answer.correlation
    if found is None:
        return "to first order"
    return f"to first order; correlation with the exact cells {found:.2f}".replace("-", "−")


def _most(pair: PromptPair, me: Explorer, question: Question, answer: Answer) -> str:
    """Tell the largest cells in words."""
    if answer.exact.nan_to_num().abs().max() < LEAST:
        return f"{MEANINGS[question.breaking]} No cell carries as much as {LEAST}."
    values = answer.exact.nan_to_num(-1e9)
    best = values.flatten().topk(min(NAMED, values.numel()))
    ids, label = pair.plain["this"].ids[0].tolist(), me.checkpoint.tokenizer.label
    told = []
    for value, at in zip(best.values.tolist(), best.indices.tolist(), strict=True):
        layer, place = divmod(at, values.shape[1])
        where = f"head {layer}.{place}" if question.by_head else f"block {layer} at {label(ids[place])!r} ({place})"
        told.append(f"{where} {value:.2f}")
    then = "" if question.what == PATH else " Click a cell: it is put into the run above."
    return f"{MEANINGS[question.breaking]} Most: {', '.join(told)}.{then}"


def _to_explore(me: Explorer, question: Question) -> None:
    """Offer the way to the head that was clicked."""
    layer, _, head = lab.get("head").partition(".")
    if not (question.by_head and layer.isdecimal() and head.isdecimal()):
        return
    if st.button(f"Show head {layer}.{head} on Explore", icon=":material/visibility:"):
        me.apply(PickHead(int(layer), int(head)))
        st.switch_page(st.Page(explore, default=True))
