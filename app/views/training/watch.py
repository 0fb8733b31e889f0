"""A training of the app, while it runs and afterwards: its state, its loss, one head of it, and its buttons."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
import torch

from app import components
from app.panels import figures
from app.state import opening, reports, server
from app.stores.models import Wanted, one_spelling
from app.training import jobs, learning_curves, plan
from app.training.jobs import Job
from app.views.training.inside import look_inside, weights
from app.views.trouble import told
from gptcore import Checkpoint, CheckpointError, GPTConfig, architecture, capture
from gptcore.analysis.head_scores import KINDS
from gptcore.checkpoint.snapshots import snapshots
from gptcore.tokenizer import Tokenizer

PAUSE = 2.0
"""Seconds between two checks of a training that is running."""
LONG_PAUSE = 5.0
"""Seconds between two checks of a training that is not running."""
MOST_TOKENS = 48
"""Largest number of tokens of the example whose pattern is drawn."""
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
    """Draw one of the app's trainings; at first the newest."""
    found = {str(job.folder): job for job in jobs.jobs()}
    shown = reports.widget("training")
    if shown and shown not in found:
        instead = " The newest of the others is shown." if found else ""
        st.info(f"{Path(shown).name} was deleted.{instead}", icon=":material/delete:")
        reports.set_widget("training", None)
    if not found:
        st.markdown("##### No training yet")
        st.caption(
            "A training is a process at low priority, so that the pages stay fast. It continues when this window is "
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
    st.fragment(told(_watched), run_every=PAUSE if job.alive else None)(folder, job.state)
    if not job.alive:
        st.fragment(told(_looked), run_every=LONG_PAUSE)(job)


def _looked(before: Job) -> None:
    """Rerun the page if another window has resumed or deleted this training. A fragment that draws nothing."""
    job = jobs.find(before.folder)
    if job is None or (job.state, job.step) != (before.state, before.step):
        st.rerun()


def _watched(folder: str, before: str) -> None:
    """Draw the training's present state. A fragment that runs repeatedly."""
    job = jobs.find(Path(folder))
    if job is None or job.state != before:
        st.rerun()  # the page has other buttons now, and starts or ends the repeated runs
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
            f"The weights of step {step} are kept. The list of models to open has them:",
            icon=":material/bookmark_added:",
        )
        st.text(kept)
    if job.state == "failed":
        st.error("This training ended by itself. The last line of its log:", icon=":material/error:")
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
            "paused": " · saved; it uses no memory and can be resumed",
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
    return f"Export the {which} as a checkpoint folder, with curve and snapshots, for the list of models to open"


def _do(action: object, *arguments: object) -> None:
    """Do a button's work; store an error for the page, which shows it beside the buttons."""
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
        history = learning_curves.read(job.folder)
    except learning_curves.CurvesError:
        st.caption("The loss appears with the first evaluation.")
        return
    weight = 0.8 if len(history.curves.get("loss", learning_curves.Curve()).steps) > 20 else 0.0
    figure = figures.losses(history, weight=weight, log=False, dark=reports.dark(), height=400)
    components.plot(figure, key="watched loss", bar=False)


def _head(job: Job) -> None:
    """Draw the pattern of one head on an example of the task, with the newest weights of the training."""
    try:
        checkpoint = server.newest_weights(job.folder)
        ids = example(job, checkpoint.tokenizer, checkpoint.config)
    except (CheckpointError, ValueError):
        st.caption("The heads appear with the first save.")
        return
    layer, head = _chosen(checkpoint)
    name = architecture(checkpoint.config).named("pattern", layer)
    with server.turn():
        weights_of_head = capture(checkpoint.model, ids, names=[name])[name][0, head]
    step = checkpoint.info.get("snapshot", checkpoint.info.get("iter_num", 0))
    st.caption(f"After step {step:,}, on an example of its training{_scores(job, layer, head)}")
    tokens = [checkpoint.tokenizer.label(index) for index in ids]
    heatmap = components.matrix(
        text=None,
        name=f"{name}, head {head}",
        heat=components.heatmap(weights_of_head.to("cpu", torch.float32).numpy(), scale="sequential"),
        row_axis="query",
        col_axis="key",
        row_labels=tokens,
        col_labels=tokens,
        square=True,
        ack=reports.seq("watched head"),
        note="point at a cell to read its weight",
        panel="watched",
        height=356,
    )
    components.matrix_alone(heatmap, key="watched head")


def _scores(job: Job, layer: int, head: int) -> str:
    """Return the head's scores at the newest snapshot; "" if they were not measured."""
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
    """Return the ids of an example, the same one during a whole training, short enough to be drawn."""
    ids, _ = plan.example(job.data, tokenizer, config)
    return ids[:MOST_TOKENS]
