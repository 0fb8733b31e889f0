"""A training of the app while it runs and afterwards: its state, its loss, one head of it, and what can be done."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
import torch

from app import components
from app.panels import figures
from app.state import opening, reports, server
from app.stores.models import Wanted, one_spelling
from app.training import jobs, plan, runs
from app.training.jobs import Job
from app.views.training.inside import look_inside, weights
from gptcore import Checkpoint, CheckpointError, GPTConfig, capture
from gptcore.analysis.head_scores import KINDS
from gptcore.checkpoint.snapshots import snapshots
from gptcore.tokenizer import Tokenizer

PAUSE = 2.0
"""Seconds between two looks at a training that runs."""
LONG_PAUSE = 5.0
"""The same, of one that does not."""
MOST_TOKENS = 48
"""Of the example whose pattern is drawn."""
COLOURS = {
    "starting": "blue",
    "running": "green",
    "pausing": "orange",
    "paused": "orange",
    "stopping": "gray",
    "stopped": "gray",
    "finished": "violet",
    "failed": "red",
}


def watch() -> None:
    """One of the app's trainings, the newest at first."""
    found = {str(job.folder): job for job in jobs.jobs()}
    shown = reports.widget("training")
    if shown and shown not in found:
        instead = " The newest of the others is shown." if found else ""
        st.info(f"{Path(shown).name} was deleted.{instead}", icon=":material/delete:")
        reports.set_widget("training", None)
    if not found:
        st.markdown("##### No training yet")
        st.caption(
            "A training runs as a process of its own, which gives way to the pages and goes on when this window is "
            "closed."
        )
        return
    if wanted := reports.taken("training wanted"):
        reports.set_widget("training", wanted)
    if reports.widget("training") not in found:
        reports.set_widget("training", next(iter(found)))
    folder = st.selectbox(
        "Training",
        list(found),
        format_func=lambda path: Path(path).name,
        key="training",
        persist_state="session",
    )
    job = found[folder]
    st.fragment(_watched, run_every=PAUSE if job.alive else None)(folder, job.state)
    if not job.alive:
        st.fragment(_looked, run_every=LONG_PAUSE)(job)


def _looked(before: Job) -> None:
    """A fragment that draws nothing: another window may have gone on with this training, or deleted it."""
    job = jobs.find(before.folder)
    if job is None or (job.state, job.step) != (before.state, before.step):
        st.rerun()


def _watched(folder: str, before: str) -> None:
    """A fragment: looks at the training again and draws what is there now."""
    job = jobs.find(Path(folder))
    if job is None or job.state != before:
        st.rerun()  # other buttons, and to look again and again, or no more
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(job.state, color=COLOURS[job.state])  # type: ignore[arg-type]
        st.markdown(f"**step {job.step:,} of {job.steps:,}**{_left(job)}", width="content")
        _buttons(job)
    st.progress(min(1.0, job.step / job.steps))
    if trouble := reports.taken("training trouble"):
        st.error("That could not be done.", icon=":material/error:")
        st.text(trouble)
    if kept := reports.taken("training kept"):
        step = reports.taken("training kept step")
        st.success(
            f"The weights of step {step} are kept, and offered where models are opened:",
            icon=":material/bookmark_added:",
        )
        st.text(kept)
    if job.state == "failed":
        st.error("This training ended by itself. The last that it said:", icon=":material/error:")
        st.text(job.problem or "nothing")
    with st.container(key="watched plots"):
        left, right = st.columns([1.25, 1], gap="medium")
    with left:
        _loss(job)
    with right:
        _head(job)


def _left(job: Job) -> str:
    seconds = job.seconds_left
    if seconds is None:
        return {
            "starting": " · Python and PyTorch are loading",
            "pausing": " · it saves after this step",
            "stopping": " · it saves after this step",
            "paused": " · saved; it holds no memory and waits to go on",
        }.get(job.state, "")
    return f" · about {seconds / 60:.0f} min left" if seconds >= 90 else f" · about {max(1, round(seconds))} s left"


def _buttons(job: Job) -> None:
    if job.state in ("starting", "running"):
        st.button("Pause", icon=":material/pause:", on_click=_do, args=(jobs.ask, job, "pause"))
        st.button("Stop", icon=":material/stop:", on_click=_do, args=(jobs.ask, job, "stop"))
    if job.state in ("paused", "stopped", "failed"):
        label = {"paused": "Resume", "stopped": "Go on", "failed": "Try again"}[job.state]
        st.button(label, icon=":material/play_arrow:", type="primary", on_click=_do, args=(jobs.resume, job))
    there = weights(job.folder)
    if not job.alive:
        if there:
            st.button("Keep", icon=":material/bookmark:", on_click=_keep, args=(job,), help=_what_is_kept(job))
        with st.popover("Delete", icon=":material/delete:"):
            st.write("Its folder is removed, with its weights and curves. What was kept stays.")
            st.button("Delete it", type="primary", on_click=_do, args=(jobs.delete, job))
    differ = len(there) > 1 and job.best_step != job.step
    for name, path in there.items() if differ else list(there.items())[:1]:
        step = job.best_step if differ and name == "best" else None
        look_inside(path, name, key=f"look inside {name}", step=step)


def _what_is_kept(job: Job) -> str:
    which = f"best weights, of step {job.best_step:,},"
    if not job.best_step:
        which = "last weights (none are known to be better than those before the first step)"
    return f"Export the {which} as a checkpoint folder, with curve and snapshots; it is offered where models are opened"


def _do(action: object, *arguments: object) -> None:
    """A button's work; what cannot be done is told beside the buttons."""
    try:
        action(*arguments)  # type: ignore[operator]
    except (ValueError, OSError) as error:
        reports.set_widget("training trouble", str(error))


def _keep(job: Job) -> None:
    def work() -> None:
        target, step = jobs.keep(job)
        opening.offer(Wanted(one_spelling(str(target))))
        reports.set_widget("training kept", str(target))
        reports.set_widget("training kept step", f"{step:,}")

    _do(work)


def _loss(job: Job) -> None:
    try:
        history = runs.read(job.folder)
    except runs.HistoryError:
        st.caption("The loss appears with the first evaluation.")
        return
    weight = 0.8 if len(history.curves.get("loss", runs.Curve()).steps) > 20 else 0.0
    figure = figures.losses(history, weight=weight, log=False, dark=reports.dark(), height=400)
    components.plot(figure, key="watched loss", bar=False)


def _head(job: Job) -> None:
    """The pattern of one head on an example of the task, from the newest weights that the training has written."""
    try:
        checkpoint = server.newest_weights(job.folder)
        ids = example(job, checkpoint.tokenizer, checkpoint.config)
    except (CheckpointError, ValueError):
        st.caption("The heads appear with the first save.")
        return
    layer, head = _chosen(checkpoint)
    name = f"transformer.h.{layer}.attn.pattern"
    with server.turn():
        weights_of_head = capture(checkpoint.model, ids, names=[name])[name][0, head]
    step = checkpoint.info.get("snapshot", checkpoint.info.get("iter_num", 0))
    st.caption(f"After step {step:,}, on an example of its training{_scores(job, layer, head)}")
    tokens = [checkpoint.tokenizer.label(index) for index in ids]
    figure = figures.pattern(weights_of_head.to(torch.float32).tolist(), tokens, dark=reports.dark(), height=330)
    components.plot(figure, key="watched head", bar=False)


def _scores(job: Job, layer: int, head: int) -> str:
    """What kind of head it was at the newest snapshot, where that was measured."""
    try:
        newest = snapshots(job.folder)[-1]
        found = {kind: newest.heads[kind][layer][head] for kind in KINDS if kind in newest.heads}
    except (CheckpointError, IndexError, OSError):
        return ""
    told = ", ".join(f"{kind} {score:.2f}" for kind, score in found.items())
    return f". Its scores at step {newest.step:,}: {told}"


def _chosen(checkpoint: Checkpoint) -> tuple[int, int]:
    config = checkpoint.config
    heads = [(layer, head) for layer in range(config.n_layer) for head in range(config.n_head)]
    if reports.widget("watched") not in heads:
        reports.set_widget("watched", heads[-1])
    return st.selectbox(
        "Head",
        heads,
        format_func=lambda place: f"head {place[0]}.{place[1]}",
        key="watched",
        label_visibility="collapsed",
        width=130,
        persist_state="session",
    )


def example(job: Job, tokenizer: Tokenizer, config: GPTConfig) -> list[int]:
    """The ids of an example, the same one all through a training, short enough to be drawn."""
    ids, _ = plan.example(job.data, tokenizer, config)
    return ids[:MOST_TOKENS]
