"""The first line of the Python that makes a picture of the page Lab: the model on the screen."""

from __future__ import annotations

from app.session.explorer import Explorer
from app.state import person


def opening(me: Explorer) -> str:
    """Return a line that has the weights on the screen in `ckpt`, or says that it must, where nothing names them."""
    wanted = person.loaded()
    if wanted.digest or wanted.options():
        return "# ckpt: the model on the screen, as gptcore.load gives it"
    loaded = f"gptcore.load({me.source!r})"
    if me.step is None:
        return f"ckpt = {loaded}"
    found = f"next(each for each in snapshots({me.source!r}) if each.step == {me.step})"
    names = "from gptcore.checkpoint.snapshots import load_snapshot, snapshots"
    return f"{names}; ckpt = load_snapshot({loaded}, {found})"
