"""The screen that a model is first shown with. No Streamlit."""

from __future__ import annotations

from app.components import Notice
from app.session.actions import sentence
from app.session.allowed import with_stage
from app.session.drawn import NOTHING
from app.session.first_prompt import own_prompt, readable
from app.session.location import START
from app.session.look import USUAL
from app.session.prompt_run import Shown
from app.session.screen import Screen
from app.stores.limits import ALONE, Limits, TooMuch
from gptcore import Checkpoint, architecture


def first_screen(
    checkpoint: Checkpoint, text: str | None, rev: int, refused: str | None, limits: Limits = ALONE
) -> Screen:
    """Return the first screen, of the first of these that the model can read within the limits.

    They are the refused text, the prompt, the model's own prompt, its first tokens, and the first of them. A text that
    it cannot read is one step back.

    Raises:
        TooMuch: not even one token can be run.
    """
    meant = own_prompt(checkpoint) if text is None else text
    arch = architecture(checkpoint.config)
    place = START.check(arch)
    stage = with_stage(place, USUAL.scale, arch, limits)
    lost = refused or text
    writing = NOTHING.left(lost, lost) if lost else NOTHING

    def run(words: str) -> Shown:
        return Shown.of(checkpoint, words, limits=limits, stage=stage)

    why: Notice | None = None
    if refused is not None:
        try:
            return Screen(run(refused), refused, refused, place, rev=rev)
        except ValueError as error:
            why = _not_kept(error, lost)
    try:
        return Screen(run(meant), meant, meant, place, rev=rev, notice=why, writing=writing if why else NOTHING)
    except ValueError as error:
        if text is not None or rev:  # of a first model nobody has seen the prompt
            why = why or _not_kept(error, lost)
    try:
        typed = own_prompt(checkpoint)
        shown = run(typed)
    except ValueError:
        try:
            typed = readable(checkpoint)
            shown = run(typed)
        except TooMuch:
            typed = readable(checkpoint, 1)
            shown = run(typed)
    return Screen(shown, typed, meant, place, rev=rev, notice=why, writing=writing)


def _not_kept(error: ValueError, lost: str | None) -> Notice:
    back = "; ↶ brings it back" if lost else ""
    return {"kind": "warning", "text": f"The prompt could not be kept{back}. {sentence(str(error))}"}
