"""The model in the page's header: its name, its sizes, its parity; and the dialog in which another one is chosen."""

from __future__ import annotations

import re
from collections.abc import Sequence

import streamlit as st

from app import components
from app.guard import uploads
from app.state import lab, names, opening, person, reports, returning, server
from app.stores import models
from app.stores.limits import TooMuch
from app.stores.models import Wanted
from app.stores.upload import File, file_name
from app.views.markdown import escaped
from app.views.remedies import remedies
from app.views.trouble import told
from gptcore import CheckpointError, shipped_models
from gptcore.checkpoint import shipped_line
from gptcore.checkpoint.assumptions import sentence

MOST_NAMED = 6
_QUOTED = re.compile(r"` *([^`]*)`")
"""A text between backticks, which a button would show as such."""
KINDS = ["pt", "pth", "bin", "safetensors", "json", "txt", "pkl"]


def model_header(typed: bool) -> None:
    """Draw the name of the open model, its parity, and the button that opens another model.

    Args:
        typed: whether the page has the prompt, which says when it has come to rest.
    """
    me = person.explorer()
    with st.container(key="model", horizontal=True, vertical_alignment="center"):
        config, loss = me.arch.config, me.final.info.get("best_val_loss")
        millions = f"{me.parameters / 1e6:.1f} M" if me.parameters >= 1e6 else f"{me.parameters:,}"
        known = [f"{millions} parameters", f"context {config.block_size}"]
        st.caption(" · ".join([*known, f"best validation loss {loss:.2f}"] if loss else known))
        _badge(typed)
        components.copy_link(key="copy_link", refusal=returning.refusal())
        label = escaped(_name(person.loaded()))
        if st.button(
            label, key="choose", icon=":material/folder_open:", help="Open another model", on_click=opening.afresh
        ):
            _choose()
    if opening.news() and not person.loaded().is_shipped:  # its page alone tells of the file of a shipped one
        _tell_news()


def no_model() -> None:
    """Draw the button that opens a model on a page that has none: the first one could not be loaded."""
    if st.button("Choose another model", icon=":material/folder_open:", on_click=opening.afresh):
        _choose()


@st.fragment
@told
def _badge(typed: bool) -> None:
    """Measured whenever typing pauses: the logits on the screen against another path through the code."""
    me = person.explorer()
    rests = (reports.last("parity_badge") or {}).get(
        "text"
    ) == me.shown.text  # a run that heard it may have been stopped
    asked = reports.new("parity_badge") is not None
    trouble = ""
    if me.parity is None and (asked or rests or not typed):
        try:
            with server.turn(me.parameters * me.shown.trace.T):
                me.measure_parity()
        except TooMuch as error:
            trouble = f" Not measured here. {error}."
    found = me.parity
    components.parity_badge(
        key="parity_badge",
        text=None if found is None and not trouble else me.shown.text,
        difference="" if found is None else f"{found.difference:.1e}",
        label="parity not measured" if trouble else "parity …" if found is None else f"parity {found.difference:.1e}",
        title=(
            "The largest difference between the logits on the screen (fused attention, grown key by key) and a fresh "
            "pass through the teaching attention (each head by itself, explicit mask) on this prompt, of the model as "
            "it is: changes that are on are left out of both. It is measured "
            "when typing pauses; what remains is rounding." + trouble + _open_questions()
        ),
        moment="" if me.step is None else me.moment.name,
        typed=typed,
        kind="none" if found is None else "good" if found.is_rounding else "bad",
    )


def _open_questions() -> str:
    """Return what the badge cannot tell: the parity of a wrong assumption is as good as that of a right one."""
    known = person.explorer().final.info.get("assumptions", [])
    told = [f"{each['field']} = {each['value']!r}" for each in known if each["others"]]
    told += [f"{each['field']} was passed over" for each in known if not each["others"]]
    return f" The file does not tell: {', '.join(told)} (About this model has the others)." if told else ""


@st.dialog("Open a model", width="large", on_dismiss=uploads.drop)
@told
def _choose() -> None:
    """Shipped models, recent ones, an upload, a path or a name. What cannot be loaded leaves the present model."""
    with st.container(key="models"):
        _ways()


def _ways() -> None:
    why = st.container()
    st.caption("Shipped with gptscope")
    for name in shipped_models():
        _offer(Wanted(name), _QUOTED.sub(r"“\1”", shipped_line(name)))
    if recent := opening.recent():
        st.caption("Opened before")
        for i, wanted in enumerate(recent):
            _offer(wanted, "uploaded" if wanted.digest else names.shown(wanted.source), key=f"recent {i}")
    files = _uploaded() if uploads.allowed() else []
    if server.shared():
        st.caption("This server is shared: it opens no paths of its own.")
    else:
        with st.form("path", border=False, enter_to_submit=True):
            source = st.text_input(
                "Or a path on this machine, or a name on the Hugging Face hub", placeholder="out/ckpt.pt"
            )
            if st.form_submit_button("Open this path") and source.strip():
                _open(Wanted(models.one_spelling(source.strip())))
    with why:
        _retry(files)


def _uploaded() -> list[uploads.Upload]:
    """Draw the place for files; return those that are there."""
    st.caption("A checkpoint of your own: nanoGPT, minGPT, Hugging Face GPT-2, or a folder that gptcore.save wrote")
    files = uploads.read(
        st.file_uploader(
            f"Drop its files here, at most {uploads.largest()} MB each; a vocabulary (meta.pkl, vocab.json and "
            "merges.txt, tokenizer.json) or a config.json may come with them",
            type=KINDS,
            accept_multiple_files=True,
            key=f"files {opening.opened()}",
        )
    )
    if files and st.button(escaped(f"Open {_named(files)}"), key="open upload", type="primary"):
        _open(Wanted(file_name(_main_file(files)), digest=models.digest(files)), files)
    return files


def _offer(wanted: Wanted, line: str, key: str | None = None) -> None:
    chosen = person.has_model() and wanted == person.loaded()
    name = names.shown(wanted.source)
    label = f"**{escaped(_name(wanted))}** — {escaped(line)}" if line != name else escaped(name)
    icon = ":material/check:" if chosen else None
    if st.button(label, key=key or f"offer {wanted.source}", width="stretch", disabled=chosen, icon=icon):
        _open(wanted)


def _open(wanted: Wanted, files: Sequence[File] = ()) -> None:
    """Load it with a progress bar; then close the dialog. A failure is kept, to be told at the top."""
    bar = st.progress(0.0, "Opening …")

    def tell(share: float, what: str) -> None:
        bar.progress(share, f"{what} …")

    try:
        opening.open_model(wanted, tell, files)
    except (CheckpointError, ValueError) as error:
        opening.failed(wanted, error)
        st.rerun(scope="fragment")  # to tell it at the top
    opening.failed(None, None)
    lab.choose("head", "")  # it was one of the model before
    uploads.drop()
    st.rerun()


def _retry(files: Sequence[File]) -> None:
    """Tell why the last one could not be loaded, and offer what can be done about it."""
    failure = opening.failure()
    if failure is None:
        return
    wanted, error = failure
    stays = "; the present one stays" if person.has_model() else ""
    st.error(f"This model could not be loaded{stays}.", icon=":material/error:")
    st.text(names.told(str(error)))  # as plain text: a file's names may hold anything
    remedies(wanted, error, lambda other: _open(other, files))


def _tell_news() -> None:
    """Tell the notices of a model of one's own that was just opened; all of them stand on its page, too."""
    me, (before, after) = person.explorer(), opening.memory()
    open_ones = [sentence(assumed) for assumed in me.final.info.get("assumptions", [])]  # what changes numbers, first
    notices = [*open_ones, *(each for each in me.final.info.get("notices", []) if each not in open_ones)]
    said = [escaped(names.told(notices[0]))] if notices else [f"Opened {escaped(_name(person.loaded()))}"]
    if len(notices) > 1:
        said.append(f"{len(notices) - 1} more on the page About this model")
    said.append(f"this server's memory: {before:,.0f} MB before, {after:,.0f} MB now")
    st.toast(" · ".join(said), icon=":material/info:")


def _named(files: Sequence[File]) -> str:
    """Return the names of a few files, or how many there are."""
    return " + ".join(map(file_name, files)) if len(files) <= MOST_NAMED else f"{len(files):,} files"


def _main_file(files: Sequence[File]) -> File:
    """Return the file that holds the weights; the others come along."""
    return next((file for file in files if file.name.endswith((".pt", ".pth", ".bin", ".safetensors"))), files[0])


def _name(wanted: Wanted) -> str:
    """Return a model's name, or the end of a path."""
    name = names.shown(wanted.source)
    return name if len(name) < 40 else f"…{name[-38:]}"
