"""Which weights are compared with those on the screen: a step of the training, a shipped model, or what was opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from app.guard import uploads
from app.session.explorer import Explorer
from app.state import lab, names, opening, person, reports, server
from app.stores import models
from app.stores.models import Wanted
from app.stores.upload import File, file_name
from app.views.markdown import escaped
from app.views.picker import KINDS
from gptcore import Checkpoint, CheckpointError, shipped_models

NONE = ""


@dataclass(frozen=True)
class Offered:
    """Weights that can be compared."""

    label: str
    code: str
    """Python that loads them into `other`, given `ckpt`; a remark where no name or path tells them."""
    step: int | None = None
    """A step of the training of the model on the screen; None for the weights as they were opened, or another model."""
    wanted: Wanted | None = None
    """The other model; None for the training of the one on the screen."""


def offers(me: Explorer) -> dict[str, Offered]:
    """Return what can be chosen, by the words that a link carries."""
    found: dict[str, Offered] = {}
    loaded = f"gptcore.load({me.source!r})"
    if me.step is not None:
        found["final"] = Offered(f"{me.source}: as it was opened", f"other = {loaded}")
    imports = "from gptcore.checkpoint.snapshots import load_snapshot, snapshots"
    for snapshot in me.past.history().snapshots:  # also those that Explore has not seen yet
        if snapshot.step != me.step:
            chosen = f"next(each for each in snapshots({me.source!r}) if each.step == {snapshot.step})"
            code = f"{imports}; other = load_snapshot({loaded}, {chosen})"
            found[f"step:{snapshot.step}"] = Offered(
                f"step {snapshot.step:,} of this training", code, step=snapshot.step
            )
    for name in shipped_models():
        if Wanted(name) != person.loaded():
            found[f"shipped:{name}"] = Offered(name, f"other = gptcore.load({name!r})", wanted=Wanted(name))
    for wanted in opening.recent():
        if wanted != person.loaded():
            name = names.shown(wanted.source)
            code = "# other: the model that was uploaded" if wanted.digest else f"other = gptcore.load({name!r})"
            found[_opened(wanted)] = Offered(name, code, wanted=wanted)
    return found


def _opened(wanted: Wanted) -> str:
    """Return what a link calls a model that was opened here."""
    return f"opened:{wanted.digest[:12] or names.shown(wanted.source)}"


def usual(found: dict[str, Offered]) -> str:
    """Return what is compared at first: a step in the middle of the training; else nothing."""
    steps = [key for key in found if key.startswith("step:")]
    return steps[len(steps) // 2] if steps else NONE


def choose(me: Explorer) -> Offered | None:
    """Draw the choice, and return it."""
    found = offers(me)
    first = usual(found)
    chosen = lab.get("with", first)
    chosen = chosen if chosen in found else first
    with st.container(horizontal=True, vertical_alignment="bottom", key="lab-models"):
        reports.set_widget("lab with", chosen or None)
        told = st.selectbox(
            "Compare the weights on the screen with",
            list(found),
            format_func=lambda key: found[key].label,
            key="lab with",
            placeholder="choose other weights",
            on_change=lambda: _chosen(first),
            width=360,
        )
        with st.popover("Another checkpoint", icon=":material/folder_open:"):
            _another()
    if trouble := reports.taken("lab model trouble"):
        st.warning("This model could not be loaded.", icon=":material/warning:")
        st.text(trouble)
    return found.get(told or NONE)


def weights(me: Explorer, offered: Offered) -> Checkpoint | None:
    """Return the weights; None where they cannot be loaded, which is told."""
    place = st.empty()
    try:
        if offered.wanted is None:
            return me.final if offered.step is None else me.past.weights(offered.step)
        return opening.load(offered.wanted, lambda share, what: _tell(place, share, what))
    except (CheckpointError, ValueError) as error:
        st.warning("These weights could not be loaded.", icon=":material/warning:")
        st.text(names.told(str(error)))
        return None
    finally:
        place.empty()


def _tell(place: object, share: float, what: str) -> None:
    place.progress(share, f"Loading: {what} …")  # type: ignore[attr-defined]


def _chosen(first: str) -> None:
    lab.choose("with", str(reports.widget("lab with") or NONE), first)


def _another() -> None:
    """Draw what opens a checkpoint of one's own; on a shared server only an upload."""
    files: list[uploads.Upload] = []
    if uploads.allowed():
        label = f"Drop its files here, at most {uploads.largest()} MB each"
        files = uploads.read(st.file_uploader(label, type=KINDS, accept_multiple_files=True, key="lab files"))
    if files and st.button("Compare these files", key="lab upload"):
        main = next((file for file in files if file.name.endswith((".pt", ".pth", ".bin", ".safetensors"))), files[0])
        _open(Wanted(file_name(main), digest=models.digest(files)), files)
    if server.shared():
        st.caption("This server is shared: it opens no paths of its own.")
        return
    with st.form("lab path", border=False):
        source = st.text_input(
            "Or a path on this machine, or a name on the Hugging Face hub", placeholder="out/ckpt.pt"
        )
        if st.form_submit_button("Compare this path") and source.strip():
            _open(Wanted(models.one_spelling(source.strip())))


def _open(wanted: Wanted, files: Sequence[File] = ()) -> None:
    bar = st.progress(0.0, "Opening …")
    try:
        opening.load(wanted, lambda share, what: _tell(bar, share, what), files)
    except (CheckpointError, ValueError) as error:
        st.warning(escaped(names.told(str(error))))
        return
    uploads.drop()
    if wanted.source in shipped_models() and not wanted.digest:
        lab.choose("with", f"shipped:{wanted.source}")
    else:
        opening.offer(wanted)
        opening.offer(person.loaded())  # what is on the screen stays the last one
        lab.choose("with", _opened(wanted))
    st.rerun()
