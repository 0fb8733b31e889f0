"""The form that starts a small training. It shows sizes and costs before; `watch.py` shows the training afterwards."""

from __future__ import annotations

import dataclasses

import streamlit as st

from app.state import reports, server
from app.training import jobs, plan, processes
from app.training.plan import OWN_TEXT, Plan
from app.views.training.watch import watch
from app.views.trouble import told
from gptcore import ConfigError, architecture
from gptcore.data import TASKS, DataError

SENTENCES = {
    "sort": "Letters, followed directly by the same letters sorted.",
    "induction": "Random letters, and then the same again.",
    "addition": "Two numbers and their sum, lowest digit first.",
}
"""Description of each task."""
LONG = 12 * 3600
"""Seconds of a training from which on the page warns of its duration."""


def start() -> None:
    """Draw the section."""
    if server.shared():
        st.info("This server is shared: trainings are not started from its pages.", icon=":material/lock:")
        return
    left, right = st.columns([1, 2], gap="large")
    with right:
        watch()
    with left:  # last, because it takes a moment to measure the costs
        _form()


@st.fragment
@told
def _form() -> None:
    st.markdown("##### A new training")
    if sentence := jobs.missing():
        st.warning(sentence, icon=":material/extension:")
        return
    planned = _planned()
    try:
        with st.spinner("Measuring how fast this machine trains it …"), server.turn(threads=processes.threads()):
            seconds = plan.seconds(planned)
    except (ConfigError, DataError, OSError) as error:
        st.warning(str(error), icon=":material/warning:")
        return
    problem = planned.problem or plan.too_large(planned)
    if problem:
        st.info(problem, icon=":material/info:")
    st.markdown(_costs(planned, seconds))
    if seconds > LONG:
        st.warning("This takes more than half a day; it can be paused.", icon=":material/hourglass_top:")
    if st.button("Start", type="primary", icon=":material/play_arrow:", disabled=bool(problem), width="stretch"):
        _start(planned)
    with st.expander("How these are estimated"):
        st.caption(f"Memory: {plan.MEMORY}")
        st.caption(
            "Time: the page has just trained a model of this size on random ids for a moment, on this machine, with as "
            f"many threads as a training gets ({processes.threads()}). The estimate is that speed times the steps and "
            "evaluations, if nothing else slows it down."
        )


def _planned() -> Plan:
    """Return the choices of the widgets; sliders begin at the preset's values."""
    data = st.selectbox(
        "Task or text",
        plan.choices(),
        key="plan data",
        persist_state="session",
    )
    if data in SENTENCES:
        st.caption(SENTENCES[data])
    text, pairs = "", False
    if data == OWN_TEXT:
        text = st.text_area("The text", height=140, key="plan text", persist_state="session")
        st.caption("Press Ctrl+Enter after pasting (⌘+Enter on a Mac).")
    if data not in TASKS:
        pairs = (
            st.segmented_control(
                "Tokens",
                ["characters", "byte pairs"],
                default="characters",
                required=True,
                key="plan tokens",
                persist_state="session",
            )
            == "byte pairs"
        )
    presets = plan.sizes(data)
    size = st.segmented_control(
        "Size", list(presets), default="small", required=True, key="plan size", persist_state="session"
    )
    preset = presets[size or "small"]
    with st.expander("Change the sizes"):
        chosen = _sliders(preset, f"{data} {size}")
    return dataclasses.replace(chosen, text=text, pairs=pairs)


def _sliders(preset: Plan, of: str) -> Plan:
    """Return the sliders' sizes, within limits that a small machine can train. A new preset resets the sliders."""

    def slider(label: str, low: int, high: int, value: int, step: int = 1) -> int:
        return int(st.slider(label, low, high, value, step, key=f"{label} {of}", persist_state="session"))

    def choose(label: str, options: tuple[int, ...], value: int) -> int:
        return int(
            st.select_slider(label, options, value, key=f"{label} {of}", persist_state="session")  # type: ignore[arg-type]
        )

    heads = slider("H: heads", 1, 8, preset.n_head)
    rate = st.select_slider(
        "Learning rate, at its peak",
        (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
        preset.learning_rate,
        format_func=lambda value: f"{value:g}",
        key=f"rate {of}",
        persist_state="session",
    )
    return dataclasses.replace(
        preset,
        n_layer=slider("L: layers", 1, 6, preset.n_layer),
        n_head=heads,
        head_dim=choose("D: dimensions of a head; C = H × D", plan.HEAD_DIMS, preset.head_dim),
        block_size=choose("T: context", plan.CONTEXTS.get(preset.data, plan.TEXT_CONTEXTS), preset.block_size),
        steps=slider("Steps", 100, 10_000, preset.steps, 100),
        batch_size=choose("B: sequences in a step", (4, 8, 16, 32, 64, 128), preset.batch_size),
        learning_rate=rate,
    )


def _costs(planned: Plan, seconds: float) -> str:
    config = planned.config
    parameters = architecture(config).num_params()
    layers, heads = _counted(config.n_layer, "layer"), _counted(config.n_head, "head")
    megabytes = plan.memory(planned) / 1e6
    return (
        f"**{parameters:,} parameters** ({layers} × {heads}, C = {config.n_embd}, context {config.block_size}, "
        f"V = {config.vocab_size})  \n"
        f"**{f'about {megabytes:,.0f}' if megabytes >= 1 else 'under 1'} MB** of memory  \n"
        f"**about {_duration(seconds)}** on this machine"
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return _counted(max(1, round(seconds)), "second")
    return f"{seconds / 60:,.0f} minutes" if seconds < 5400 else f"{seconds / 3600:,.1f} hours"


def _start(planned: Plan) -> None:
    title = "own text" if planned.data == OWN_TEXT else planned.data
    text = planned.text if planned.data == OWN_TEXT else None
    try:
        job = jobs.start(title, planned.data, planned.steps, planned.arguments, text)
    except jobs.JobError as error:
        st.error(str(error), icon=":material/error:")
        return
    reports.set_widget("training wanted", str(job.folder))
    st.rerun()
