"""The history of a training as curves, drawn again repeatedly while it is being written."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app import components
from app.panels import figures
from app.state import names, person, reports, server
from app.training import jobs, learning_curves
from app.views.markdown import escaped
from app.views.training.inside import look_inside, weights
from app.views.trouble import told
from gptcore.checkpoint import shipped_folder

PAUSE = 2.0
"""Seconds between two checks of a training that is being written."""
SCREEN = "the model on the screen"
"""Choice of the model on the screen, among the trainings."""


def curves() -> None:
    """Draw the section."""
    place = _chosen()
    if place is None:
        st.info("The model on the screen has no history of its training.", icon=":material/info:")
        return
    try:
        running = learning_curves.read(place).running
    except learning_curves.CurvesError:
        running = False
    st.fragment(told(_drawn), run_every=PAUSE if running else None)(str(place), running)


def of_screen() -> Path | None:
    """Return the folder with the history of the model on the screen; None without one, and for an upload."""
    wanted = person.loaded()
    if wanted.is_shipped:
        return shipped_folder() / wanted.source
    return None if wanted.digest or learning_curves.find(wanted.source) is None else Path(wanted.source)


def _chosen() -> Path | None:
    if server.shared():
        st.caption("This server is shared: it shows the history of the model on the screen and opens no folders.")
        return of_screen()
    on_screen = f"{SCREEN}: {_short()}"
    left, right = st.columns([1, 1.4], vertical_alignment="bottom")
    with right:
        typed = st.text_input(
            "or the folder of a training, by its path",
            key="run path",
            placeholder="runs/my-run",
            persist_state="session",
        ).strip()
    with left:
        chosen = st.selectbox(
            "Training",
            [SCREEN, *(str(job.folder) for job in jobs.jobs())],
            format_func=lambda folder: on_screen if folder == SCREEN else Path(folder).name,
            key="run",
            disabled=bool(typed),
            persist_state="session",
        )
    if typed:
        return Path(typed)
    return of_screen() if chosen == SCREEN else Path(chosen)


def _short() -> str:
    source = names.shown(person.loaded().source)
    return source if len(source) < 40 else f"…{source[-38:]}"


def _drawn(place: str, running: bool) -> None:
    """Draw the history's present state. A fragment that runs repeatedly."""
    try:
        history = learning_curves.read(place)
    except learning_curves.CurvesError as error:
        st.error("This training could not be read.", icon=":material/error:")
        st.text(names.told(str(error)))  # as plain text: a path may hold anything
        return
    if history.running != running:
        st.rerun()  # the page starts or ends the repeated runs
    _line(history, running)
    if not history.curves:
        st.info("No numbers yet: the first evaluation comes before the first step.", icon=":material/hourglass_top:")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        weight = st.slider(
            "Smoothing of single batches", 0.0, 0.99, 0.8, 0.01, key="smoothing", width=260, persist_state="session"
        )
        log = st.toggle("Logarithmic scale", key="log scale", persist_state="session")
        if not server.shared() and Path(place) != of_screen():
            for name, path in weights(history.file.parent).items():
                look_inside(path, name, key=f"inside {name}")
    side = figures.beside(history, dark=reports.dark())
    left, right = st.columns([1.9, 1], gap="medium") if side else (st.container(), None)
    main = figures.losses(history, weight=weight, log=log, dark=reports.dark())
    with left:
        components.plot(main, key="losses")
    if side and right is not None:
        with right:
            components.plot(side, key="beside", bar=False)
    for notice in history.notices:
        st.caption(f":material/warning: {escaped(notice)}")


def _line(history: learning_curves.LearningCurves, running: bool) -> None:
    """Draw a line with the training's step and its lowest loss."""
    of = f" of {history.steps:,}" if history.steps else ""
    best = history.best
    said = [
        f"**step {history.step:,}{of}**",
        f"lowest loss on held-out data **{best[1]:.4f} nats** at step {best[0]:,}" if best else "",
        "being written: these curves follow" if running else "",
    ]
    st.markdown(" · ".join(part for part in said if part))
