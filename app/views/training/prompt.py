"""A prompt as training sees it: inputs over targets shifted by one, and the loss at each position."""

from __future__ import annotations

import math
from pathlib import Path

import streamlit as st

from app import components
from app.session import costs
from app.session.actions import Write
from app.session.explorer import Explorer
from app.state import names, person, reports, server
from app.stores.limits import TooMuch
from app.stores.speed import Cost
from app.training import learning_curves, plan
from app.views.training.curves import of_screen
from app.views.trouble import told
from gptcore import Trace, capture
from gptcore.analysis import token_loss
from gptcore.checkpoint.training_files import SETTINGS
from gptcore.data import DATASETS

SENTENCE = (
    "Training slides the same tokens by one: **each position's target is the next position's input.** The mask lets a "
    "position see only what stands before its target, so **one forward pass over T tokens trains on T examples at "
    "once**; their mean loss is what the optimizer lowers."
)
EXAMPLE = "training example"
"""Session key of the number of the example that is shown; 0 is the prompt."""


@st.fragment
@told
def prompt() -> None:
    """Draw the section."""
    me = person.explorer()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _typed(me)
        task = plan.task_of(me.checkpoint.tokenizer, me.checkpoint.config)
        data = task or _data()
        first_asked = plan.first_asked(task, me.checkpoint.config) if task else 0
        number = int(reports.widget(EXAMPLE) or 0) if data else 0
        if data:
            st.button(
                "An example of its training" if not number else "Another example",
                icon=":material/school:",
                on_click=lambda: reports.set_widget(EXAMPLE, number + 1),
                help=f"Drawn from what this model was trained on: {data}",
            )
            if number:
                st.button("Back to the prompt", on_click=lambda: reports.set_widget(EXAMPLE, 0))
    try:
        trace, found, text = _example(me, str(data), number) if number else _prompt(me, first_asked)
    except TooMuch as error:
        st.info("The losses are not computed here.", icon=":material/info:")
        st.text(f"{error}.")
        return
    except ValueError as error:
        st.warning("There is no example of this model's training here.", icon=":material/warning:")
        st.text(names.told(str(error)))
        number = 0
        trace, found, text = _prompt(me, first_asked)
    st.markdown(SENTENCE)
    label = me.checkpoint.tokenizer.label
    components.losses(
        key="losses view",
        text=text,
        positions=[
            {
                "token": label(guess.index),
                "target": None if guess.target is None else label(guess.target),
                "loss": guess.loss,
                "probability": guess.probability,
                "rank": guess.rank,
                "best": label(guess.best),
                "best_probability": guess.best_probability,
                "missing": _missing(guess, position >= first_asked),
            }
            for position, guess in enumerate(found.guesses)
        ],
        mean=found.mean,
        perplexity=found.perplexity,
        blind=math.log(trace.config.vocab_size) or 1.0,
    )
    _given(first_asked, found)
    if not number:
        _notes(me)


def _typed(me: Explorer) -> None:
    """Draw the prompt that all pages share; it can be changed here, too."""
    reports.set_widget("lesson prompt", me.typed)
    st.text_input(
        "Prompt", key="lesson prompt", on_change=lambda: _type(me), max_chars=me.limits.prompt, width="stretch"
    )


def _type(me: Explorer) -> None:
    written = Write(str(reports.widget("lesson prompt")))
    with server.turn(me.work([written])):
        me.apply(written)
    reports.set_widget(EXAMPLE, 0)


def _prompt(me: Explorer, first_asked: int) -> tuple[Trace, token_loss.Lesson, str]:
    trace = me.shown.unchanged
    targets = token_loss.next_tokens(trace.ids[0].tolist(), first_asked)
    _check_losses(me, trace.T, ran=True)
    with server.turn():
        return trace, person.lesson((trace,), lambda: token_loss.of_trace(trace, targets)), me.shown.text


def _example(me: Explorer, data: str, number: int) -> tuple[Trace, token_loss.Lesson, str]:
    """Return an example as the trainer draws them; positions that training never asks for have no target."""
    checkpoint = me.checkpoint
    ids, targets = plan.example(data, checkpoint.tokenizer, checkpoint.config, seed=number)
    _check_losses(me, len(ids), ran=False)
    with server.turn(me.parameters * len(ids)):
        trace = capture(checkpoint.model, ids, names=[me.arch.named("logits")])
        found = person.lesson((checkpoint, data, number), lambda: token_loss.of_trace(trace, targets))
    return trace, found, checkpoint.tokenizer.decode(ids)


def _check_losses(me: Explorer, T: int, ran: bool) -> None:
    cost = costs.of_losses(me.arch.config, T) + (Cost() if ran else costs.of_run(me.arch.config, T, T))
    me.limits.check(cost, f"The losses of {T:,} tokens")


def _data() -> str | None:
    """Return the text that this model was trained on, if it is known and at hand."""
    folder = of_screen()
    if folder is None:
        return None
    folder = folder if folder.is_dir() else folder.parent
    named = learning_curves.read_json(folder / SETTINGS).get("data") or _named_in_card(folder / "README.md")
    if not isinstance(named, str):  # whoever wrote the settings may have written anything
        return None
    known = named in plan.known_texts()
    return named if known or (named and not server.shared() and _is_file(named)) else None


def _is_file(named: str) -> bool:
    try:
        return Path(named).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _named_in_card(card: Path) -> str | None:
    """Return the data set that a model card's table names: `| data | tinyshakespeare (...) |`."""
    try:
        with card.open(encoding="utf-8", errors="replace") as file:
            text = file.read(20_000)
    except OSError:
        return None
    rows = [line.split("|")[2].split() for line in text.splitlines() if line.replace(" ", "").startswith("|data|")]
    return next((row[0] for row in rows if row and row[0] in DATASETS), None)


def _missing(guess: token_loss.Guess, asked: bool) -> str:
    """Return the reason for which a position has no target; empty if it has one."""
    if guess.target is not None:
        return ""
    return "no target yet: the next token is not known" if asked else "no target: training does not ask here"


def _given(first_asked: int, found: token_loss.Lesson) -> None:
    """Tell why positions have no target, and so no part in the mean."""
    if first_asked:
        st.caption(
            f"Training on this task asks from position {first_asked} on: all up to there is given, so the positions "
            "before have no target and no loss."
        )
    if found.losses:
        return
    if len(found.guesses) == 1 and not first_asked:
        st.info("One token has no target yet: type one more, and it is the target of this one.", icon=":material/info:")
    else:
        st.info(
            "No position of this prompt has a target, so there is no loss: type on, or look at an example of its "
            "training.",
            icon=":material/info:",
        )


def _notes(me: Explorer) -> None:
    if me.shown.cropped:
        st.caption(f"The model sees the last {me.checkpoint.config.block_size} of {len(me.shown.ids)} tokens.")
    if me.notice:
        if me.typed != me.shown.text:
            st.caption(":material/info: The prompt that could be read last is shown.")
        elif me.meant != me.typed:
            st.caption(":material/info: This model cannot read that prompt; one of its own is shown.")
        st.text(names.told(me.notice["text"]))
