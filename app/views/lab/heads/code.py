"""The things on the screen that copied code names."""

from __future__ import annotations

from app.panels.head_code import Told
from app.session.explorer import Explorer
from app.state import heads, person
from app.views.lab.heads import measuring


def told(me: Explorer) -> Told:
    """Return the model's name where one brings these weights, the prompt, and the held-out text."""
    wanted, trace = person.loaded(), me.shown.unchanged
    named = me.step is None and not wanted.digest and not wanted.options()
    return Told(
        source=me.source if named else "",
        ids=tuple(trace.ids[0].tolist()),
        position=me.position,
        token=measuring.likely(trace, me.position),
        text=_text(me),
    )


def _text(me: Explorer) -> str:
    pasted = heads.pasted()
    if pasted and measuring.text_of(me).about.endswith("pasted"):
        return f"of_text({pasted!r}, ckpt.tokenizer, ckpt.config.block_size)"
    return "held_out(ckpt)" if measuring.shipped_text(me.final) is not None else ""
