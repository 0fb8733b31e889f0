"""The page Sizes: a model of any sizes, without weights: its map, its costs by part, and what they grow with."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import streamlit as st
import torch

from app import components
from app.panels import cost_lines, cost_parts, cost_words
from app.session import costs
from app.session.explorer import Explorer
from app.session.supposed_sizes import BOUNDS, Choice, presets, problem, read, stops, to_text
from app.state import person, reports, returning, server
from app.state import supposed_sizes as supposed
from app.state.origin import origin
from app.stores.limits import TooMuch
from app.views.letters import letters
from app.views.trouble import told
from gptcore.analysis.part_times import part_times

KEY = "supposed_sizes"
PASSES = 2
"""Passes that are measured at least, with and without clocks."""
FIELDS = {
    "n_layer": ("L", "n_layer"),
    "n_head": ("H", "n_head"),
    "n_embd": ("C", "n_embd"),
    "block_size": ("block_size", "block_size"),
    "vocab_size": ("V", "vocab_size"),
    "T": ("T", "tokens"),
    "B": ("B", "texts"),
}
"""The sliders: letter and name."""
CURVES = {"flops": ("FLOPs of one forward pass", "FLOP"), "activations": ("Activation memory", "B")}


def supposed_sizes() -> None:
    """Draw the page: all of it is one fragment, which a change runs once."""
    _page()


@st.fragment
@told
def _page() -> None:
    me = person.explorer()
    if told := reports.new(KEY):
        supposed.choose(read(told, supposed.asked()))
        if told.get("measure"):
            _measure(me)
    components.supposed_sizes(key=KEY, **_asked(me), **_costs(me, supposed.drawn()), **_measured(me), **_told())


def _told() -> dict[str, Any]:
    return {"origin": origin(), "state": returning.here(), "ack": reports.seq(KEY)}


def _asked(me: Explorer) -> dict[str, Any]:
    """Return the controls: settings, the models that are known, and the way out of impossible settings."""
    asked, drawn = supposed.asked(), supposed.drawn()
    known = presets(me.arch.config)
    found = problem(asked)
    return {
        "values": asdict(asked),
        "drawn": to_text(drawn),
        "fields": [
            {
                "name": name,
                "letter": letter,
                "label": label,
                "low": BOUNDS[name][0],
                "high": BOUNDS[name][1],
                "stops": stops(asked, name),
            }
            for name, (letter, label) in FIELDS.items()
        ],
        "presets": [
            {"label": name, "values": asdict(each.with_run_of(asked)), "chosen": asked.is_model(each.config)}
            for name, each in known.items()
        ],
        "problem": found.text if found else "",
        "remedies": [
            {"label": label, "values": asdict(each), "chosen": False}
            for label, each in (found.remedies if found else ())
        ],
        "last": f"L = {drawn.n_layer}, H = {drawn.n_head}, C = {drawn.n_embd:,}, T = {drawn.T:,}" if found else "",
    }


def _costs(me: Explorer, drawn: Choice) -> dict[str, Any]:
    """Return all numbers of the supposed model, and the shares of the one on the screen."""
    config, run = drawn.config, drawn.run
    grown = cost_parts.grown(config, run)
    own = Choice.of(me.arch.config).with_run_of(drawn)
    curves = {name: cost_parts.curve(grown, name, run.T, config.block_size) for name in CURVES}
    return {
        "lines": cost_lines.cost_lines(config, run),
        "letters": letters(config, run.T) | {"B": f"B: batch, the number of texts in one run = {run.B}"},
        "sizes": {
            "B": run.B,
            "T": run.T,
            "C": config.n_embd,
            "H": config.n_head,
            "D": config.head_dim,
            "V": config.vocab_size,
            "L": config.n_layer,
        },
        "parts": cost_parts.part_costs(config, run),
        "own": cost_parts.part_costs(me.arch.config, own.run),
        "model": f"{person.loaded().source.rstrip('/').rpartition('/')[2]}, T = {own.T:,}",
        "shares": cost_parts.shares(grown),
        "curves": [
            {
                "title": title,
                "unit": unit,
                **curves[name],
                "sentence": cost_words.growth_sentence(grown, name, curves[name]),
            }
            for name, (title, unit) in CURVES.items()
        ],
        "answers": cost_words.answers(config, run),
    }


def _measure(me: Explorer) -> None:
    trace = me.shown.trace
    cost = costs.of_pass(me.arch.config, trace.T, PASSES, logits=True, scores=True)
    try:
        me.limits.check(cost, f"Measuring {PASSES} passes over {trace.T:,} tokens")
    except TooMuch as error:
        st.toast(f"{error}.", icon=":material/info:")
        return
    with server.turn(me.parameters * trace.T):
        times, threads = part_times(me.checkpoint.model, trace.ids), torch.get_num_threads()
    supposed.keep_measured(trace, times, threads)


def _measured(me: Explorer) -> dict[str, Any]:
    """Return the times of the run on the screen, if they were measured, and the run in words."""
    trace = me.shown.trace
    name = person.loaded().source.rstrip("/").rpartition("/")[2]
    words = f"{name}, the prompt's {trace.T} token{'s' * (trace.T != 1)}"
    found = supposed.measured(trace)
    if found is None:
        return {"run": words, "measured": None}
    times, threads = found
    rows = [
        {"name": part, "concept": cost_parts.CONCEPTS[part], "seconds": seconds, "flops": times.flops[part]}
        for part, seconds in times.seconds.items()
    ]
    whole = {"whole": times.whole, "rest": times.rest, "bare": times.bare}
    return {"run": words, "measured": {"rows": rows, **whole, "passes": times.passes, "threads": threads}}
