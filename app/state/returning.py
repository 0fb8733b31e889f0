"""The way back to a state: of a page that outlived its session, of a link, of the browser's back and forward.

A page brings along what it showed (`ReconnectEvent`), so that a session that has never seen it can open that model,
that prompt, that place. All three come from outside: each opens only what its visitor may open.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast
from urllib.parse import urlencode

import streamlit as st

from app.components import AddressNote
from app.session.actions import MoveInTime, Restore, Write, sentence
from app.session.state_text import State, StateError, decode, encode
from app.state import lab, names, opening, person, reports, server, supposed_sizes
from app.state.origin import session, session_of
from app.stores.models import Wanted, one_spelling
from gptcore import CheckpointError, shipped_models
from gptcore.checkpoint.hub import looks_like_hub_name


@dataclass(frozen=True)
class Aim:
    """A state to go to."""

    state: State
    typed: str | None = None
    """The text in the page's box, which may be newer than the state's prompt; None where there is no box."""
    returning: bool = False
    """True for a page that comes back, False for a link."""


def follow(asked: object) -> None:
    """Go where the page was, where its address says, or where back and forward lead; or tell in a sentence why not.

    Args:
        asked: the page's last `ReconnectEvent`.
    """
    place = st.empty()  # in each run, so that what follows keeps its place
    try:
        # A run may be stopped by the next before it is there.
        aim = st.session_state["aim"] = _aim(asked) or st.session_state.get("aim")
    except StateError as error:
        _tell(f"This link could not be followed. {sentence(str(error))}")
        return
    if aim is None:
        return

    def listener(share: float, what: str) -> None:
        place.progress(share, f"Loading the model: {what} …")

    gone = _open(aim, listener)
    trouble = gone or _restore(aim)
    if trouble:
        _tell(trouble)
    # A page that opened itself anew has its text in its address alone.
    text = aim.typed if aim.typed is not None else (gone and aim.state.prompt) or None
    if text is not None:
        _keep(text, listener)
    place.empty()
    st.session_state["aim"] = None


def here() -> str:
    """Return what is on the screen as query parameters; without the prompt if that is too long for an address."""
    me, wanted = person.explorer(), person.loaded()
    state = replace(
        me.state, upload=wanted.digest, options=wanted.options(), sizes=supposed_sizes.text(), lab=lab.text()
    )
    try:
        return encode(state)
    except StateError:
        return encode(replace(state, prompt="", lock=None))


def refusal() -> str:
    """Return the sentence that says why nobody else could open a link to this model; "" where others can."""
    wanted = person.loaded()
    if wanted.digest:
        return "This model was uploaded: only this server has it, so a link to it cannot be shared."
    if (
        wanted.source not in shipped_models()
        and _is_path(wanted.source)
        and not (server.shared() and _is_open_to_all(wanted))
    ):
        return "This model lies in a folder of this machine, so a link to it cannot be shared."
    return ""


def note() -> AddressNote | None:
    """Return what is to be told on the way back."""
    return cast("AddressNote | None", st.session_state.get("note"))


def _aim(asked: object) -> Aim | None:
    """Return the state to go to in this run; None to stay."""
    first = "arrived" not in st.session_state
    st.session_state["arrived"] = True
    if reports.first_time("reconnect", asked):
        match asked:
            case {"about": str(told), "state": str(state), "text": str() | None as typed} if state:
                # A page asks again while the answer is on its way; what it then had in its box may be older than
                # what this session has read since.
                again = st.session_state.get("returned") == (told, state)
                if again or session_of(told) == session():
                    return None
                st.session_state["returned"] = told, state
                return Aim(decode(state), typed, returning=True)
    if first:
        return _linked(
            urlencode([(name, value) for name in st.query_params for value in st.query_params.get_all(name)])
        )
    match reports.new("address"):
        case {"go": str(state)}:
            return _linked(state)
    return None


def _linked(text: str) -> Aim | None:
    return Aim(decode(text)) if text else None


def _open(aim: Aim, listener: Callable[[float, str], None]) -> str:
    """Open the model, if it is another one; return why that cannot be."""
    state = aim.state
    before = person.loaded() if "explorer" in st.session_state else None
    source = one_spelling(names.meant(state.model)) if state.model and not state.upload else state.model
    try:
        wanted = Wanted.read(source, state.upload, state.options) if source else names.first()
    except ValueError as error:
        return f"This link could not be followed. {sentence(str(error))}"
    if wanted == before:
        return ""
    kept = " Your text is kept." if aim.returning else ""
    if wanted.digest and not server.models().has(wanted):
        return (
            f"{_short(source)} was uploaded, and this server no longer has it: drop its files on the page again.{kept}"
        )
    if server.shared() and not _is_open_to_all(wanted):
        return f"This server is shared: it opens no paths or names by a link. Choose a model at the top right.{kept}"
    if not aim.returning and _has_to_be_fetched(wanted):
        return f"This link wants {_short(source)} from the hub: open it at the top right, then follow the link again."
    try:
        opening.open_model(wanted, listener)
    except (CheckpointError, ValueError) as error:
        return f"{_short(state.model)} could not be opened. {sentence(names.told(str(error)))}{kept}"
    return ""


def _restore(aim: Aim) -> str:
    """Bring the screen of this model to the state; return why that cannot be."""
    me = person.explorer()
    state = replace(aim.state, model=me.source, prompt=aim.state.prompt or me.shown.text)
    plain = replace(state, upload="", options="", sizes="", lab="")
    supposed_sizes.follow(state.sizes)
    lab.follow(state.lab)
    trouble = ""
    if plain != me.state:
        back = Restore(plain)
        with person.fetched(me, [MoveInTime(plain.step)]), server.turn(me.work([back])):
            before = me.notice
            me.apply(back)
        if me.notice is not before and me.notice is not None and me.notice["kind"] == "error":
            trouble = f"This place could not be shown. {names.told(me.notice['text'])}"
    return trouble


def _keep(typed: str, listener: Callable[[float, str], None]) -> None:
    """Put the text of the page's box into the model on the screen: its own, or the first where that is gone."""
    if "explorer" not in st.session_state:
        with suppress(CheckpointError, ValueError):  # which will be told when it is opened again
            opening.open_model(names.first(), listener)
    if "explorer" in st.session_state and typed != person.explorer().typed:
        me, write = person.explorer(), Write(typed)
        with server.turn(me.work([write])):
            me.apply(write)


def _is_open_to_all(wanted: Wanted) -> bool:
    """Tell if any visitor of a shared server may open it: shipped, uploaded, or named when the server was started."""
    return bool(wanted.digest) or wanted.source in shipped_models() or wanted.source == names.first().source


def _has_to_be_fetched(wanted: Wanted) -> bool:
    """Tell if it would be downloaded: a link from elsewhere must not have this machine fetch anything."""
    here = wanted.source in shipped_models() or wanted.source == names.first().source or _is_path(wanted.source)
    return looks_like_hub_name(wanted.source) and not here and not server.models().has(wanted)


def _is_path(source: str) -> bool:
    try:
        return Path(source).exists()
    except (OSError, ValueError):
        return True


def _short(source: str) -> str:
    return source if len(source) < 80 else f"…{source[-78:]}"


def _tell(text: str) -> None:
    before = note()
    st.session_state["note"] = {"number": before["number"] + 1 if before else 1, "text": text}
