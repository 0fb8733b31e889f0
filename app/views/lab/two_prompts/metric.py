"""The metric of two prompts: which two tokens, after which position; and what it is on both."""

from __future__ import annotations

import streamlit as st

from app.panels.logit_difference import LogitDifference, signed, telling
from app.panels.prompt_pair import PromptPair
from app.panels.token_words import visible
from app.session.explorer import Explorer
from app.state import lab, reports
from app.views.markdown import escaped
from gptcore.graph.architecture import architecture
from gptcore.tokenizer import Tokenizer

OFFERED = 8
"""Most likely tokens of each prompt that are offered."""
NAMES = {"one": "the logit of", "two": "minus that of"}


def metric_of(me: Explorer, pair: PromptPair) -> LogitDifference:
    """Draw the choices, and return the metric."""
    at = lab.get("at")
    position = int(at) if pair.equal and at.isdecimal() and int(at) < pair.plain["this"].T else -1
    usual = telling(pair.plain["this"], pair.plain["other"], position)
    found = LogitDifference(_token(me, "one", usual.one), _token(me, "two", usual.other), position)
    with st.container(horizontal=True, vertical_alignment="center", key="lab-metric"):
        st.markdown("**Metric**", width="content")
        options = _offered(pair, found)
        for name, chosen in (("one", found.one), ("two", found.other)):
            _choice(me, name, options, chosen)
        if pair.equal:
            _position(me, pair, position)
        st.markdown(_told(me, pair, found, usual), width="stretch")
    if trouble := reports.taken("lab token trouble"):
        st.warning(escaped(trouble), icon=":material/warning:")
    return found


def _told(me: Explorer, pair: PromptPair, metric: LogitDifference, usual: LogitDifference) -> str:
    clean, corrupt = metric.of(pair.plain["this"]), metric.of(pair.plain["other"])
    told = f"this prompt (clean) **{signed(clean)}**, the other (corrupt) **{signed(corrupt)}**"
    if clean == corrupt:
        return f"{told}. It is the same on both, so nothing can be brought back: choose other tokens or prompts."
    label = me.checkpoint.tokenizer.label
    if metric == usual and (metric.of(pair.plain["other"]) > 0) == (clean > 0):
        return f"{told}. Both are followed by {escaped(repr(label(usual.one)))}."
    return told


def _token(me: Explorer, name: str, usual: int) -> int:
    told = lab.get(name)
    return int(told) if told.isdecimal() and len(told) < 9 and int(told) < me.arch.config.vocab_size else usual


def _offered(pair: PromptPair, metric: LogitDifference) -> list[int]:
    found = [metric.one, metric.other]
    for run in pair.plain.values():
        at = metric.position % run.T
        row = run.rows(architecture(run.config).named("logits"), at, at + 1)[0, 0]
        found += row.topk(min(OFFERED, row.numel())).indices.tolist()
    return list(dict.fromkeys(found))


def _choice(me: Explorer, name: str, options: list[int], chosen: int) -> None:
    label = me.checkpoint.tokenizer.label
    reports.set_widget(f"lab {name}", chosen)
    st.selectbox(
        NAMES[name],
        options,
        format_func=lambda token: f"{NAMES[name]} {visible(label(token))}" if isinstance(token, int) else str(token),
        key=f"lab {name}",
        accept_new_options=True,
        on_change=_chosen,
        args=(me, name),
        label_visibility="collapsed",
        width=215,
    )


def _chosen(me: Explorer, name: str) -> None:
    value = reports.widget(f"lab {name}")
    try:
        lab.choose(name, str(single_token(value, me.checkpoint.tokenizer)))
    except ValueError as error:
        reports.set_widget("lab token trouble", str(error))


def single_token(told: object, tokenizer: Tokenizer) -> int:
    """Return the id that was chosen, or that of the text that was typed, in which ␣ is a space.

    Raises:
        ValueError: the text is not one token.
    """
    if isinstance(told, int):
        return told
    ids = tokenizer.encode_marked(str(told).replace("␣", " "))
    if len(ids) != 1:
        raise ValueError(f"{told!r} is {len(ids)} tokens; type a single one")
    return ids[0]


def _position(me: Explorer, pair: PromptPair, position: int) -> None:
    trace = pair.plain["this"]
    label, ids = me.checkpoint.tokenizer.label, trace.ids[0].tolist()
    at = position % trace.T
    reports.set_widget("lab at", at)
    st.selectbox(
        "after",
        range(trace.T),
        format_func=lambda t: f"after {visible(label(ids[t]))} {t}{' (last)' if t == trace.T - 1 else ''}",
        key="lab at",
        on_change=lambda: _placed(trace.T),
        label_visibility="collapsed",
        width=200,
    )


def _placed(T: int) -> None:
    value = reports.widget("lab at")
    lab.choose("at", "" if value == T - 1 else str(value))
