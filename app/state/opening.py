"""Opening a model on one person's screen, and the dialog's memory: opened before, failed, to be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import streamlit as st

from app.session.explorer import Explorer
from app.session.first_prompt import own_prompt
from app.state import names, origin, person, server
from app.state.names import DEFAULT, first
from app.stores import models
from app.stores.models import Wanted
from app.stores.upload import File
from gptcore import Checkpoint, CheckpointError, shipped_models
from gptcore.tokenizer import strangers

Remedies = Callable[[Wanted, Exception, Callable[[Wanted], None]], None]
"""Draws what can be done about a model that could not be loaded."""

RECENT = 6
SECONDS = 2.0
"""Longest time for which a vocabulary that anybody may have made is waited for."""


def ready(remedies: Remedies | None = None) -> bool:
    """Make this person's explorer of the first model, or say in a sentence why there is none, and what can be done."""
    place = st.empty()  # in each run, so that what follows keeps its place
    if "explorer" in st.session_state:
        return True
    wanted = cast(Wanted, st.session_state.get("wanted", first()))

    def tell(share: float, what: str) -> None:
        place.progress(share, f"Loading the model: {what} …")

    try:
        open_model(wanted, tell)
    except (CheckpointError, ValueError) as error:
        st.error("This model could not be loaded.", icon=":material/error:")
        st.text(names.told(str(error)))  # as plain text: a path may hold anything
        if remedies:
            remedies(wanted, error, _instead)
        if DEFAULT in shipped_models() and wanted.source != DEFAULT:
            st.button(f"Open {DEFAULT} instead", on_click=lambda: st.session_state.update(wanted=Wanted(DEFAULT)))
        return False
    finally:
        place.empty()
    return True


def _instead(wanted: Wanted) -> None:
    st.session_state["wanted"] = wanted
    st.rerun()


def load(wanted: Wanted, listener: Callable[[float, str], None], files: Sequence[File] = ()) -> Checkpoint:
    """Return a model that anybody may have made; its vocabulary is waited for no longer than a while.

    Raises:
        CheckpointError: it cannot be loaded.
    """
    with strangers.deadline(SECONDS):
        return server.models().get(wanted, listener, files)


def open_model(wanted: Wanted, listener: Callable[[float, str], None], files: Sequence[File] = ()) -> None:
    """Make it the model on this person's screen, with the prompt that was there if its tokenizer can read that.

    Raises:
        CheckpointError: it cannot be loaded; everything is as it was before.
    """
    before: Explorer | None = st.session_state.get("explorer")
    megabytes = models.memory()
    checkpoint = load(wanted, listener, files)
    text, refused = (before.own_words, before.refused) if before else (None, None)
    past = person.Training(wanted, checkpoint)
    rev = before.rev + 1 if before else 0
    limits = server.limits()
    tokens = min(len(refused or text or own_prompt(checkpoint)), limits.prompt)  # or fewer
    runs = 2 if before and before.changes else 1
    work = float(runs * tokens * sum(parameter.numel() for parameter in checkpoint.model.parameters()))
    with server.turn(work, waiting=lambda wait: listener(1.0, "waiting for others who compute")):
        source = names.shown(wanted.source)
        after = Explorer(
            checkpoint, text, refused=refused, source=source, past=past, rev=rev, limits=limits, before=before
        )
    offer(wanted)
    origin.renew()
    memory = megabytes, models.memory()
    st.session_state.update(explorer=after, loaded=wanted, memory=memory, news=before is not None)


def recent() -> list[Wanted]:
    """Return what this person has opened, the last first; not shipped models, nor what would need another upload."""
    found = cast(list[Wanted], st.session_state.get("recent", []))
    return [w for w in found if not w.is_shipped and (not w.digest or server.models().has(w))]


def offer(wanted: Wanted) -> None:
    """Let the dialog offer it, as if it had been opened before."""
    others = [other for other in st.session_state.get("recent", []) if other != wanted]
    st.session_state["recent"] = [wanted, *others][:RECENT]


def memory() -> tuple[float, float]:
    """Return the server's memory in megabytes, before and after this person's model was opened."""
    return cast(tuple[float, float], st.session_state["memory"])


def news() -> bool:
    """Return True if a model was opened since the last call."""
    return bool(st.session_state.pop("news", False))


def failed(wanted: Wanted | None, error: ValueError | None) -> None:
    """Keep the reason for which a model could not be loaded, until one can."""
    st.session_state["failure"] = None if wanted is None or error is None else (wanted, error)


def failure() -> tuple[Wanted, ValueError] | None:
    """Which model could not be loaded, and why."""
    return cast("tuple[Wanted, ValueError] | None", st.session_state.get("failure"))


def afresh() -> None:
    """Called when the dialog is about to open: without the files and the failure of the last time."""
    st.session_state["opened"] = opened() + 1
    failed(None, None)


def opened() -> int:
    """Return how often the dialog was opened."""
    return int(st.session_state.get("opened", 0))
