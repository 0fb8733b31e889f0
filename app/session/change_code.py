"""The changed run as Python that makes it again. No Streamlit."""

from __future__ import annotations

from app.session.changes import Other
from app.session.changes.runs import whole
from app.session.prompt_run import Shown
from gptcore import Edit, architecture


def code(run: Shown, source: str | None) -> str:
    """Write Python that leaves the run in `trace`.

    Args:
        run: a run with changes, or without.
        source: the name or path that the model is loaded by; None where its weights have none.
    """
    unknown = "# ckpt: the model on the screen, as gptcore.load gives it"
    first = f"ckpt = gptcore.load({source!r})" if source else unknown
    others: list[str] = []
    lines: list[str] = []
    for wish in run.here:
        for each in whole(wish, run.trace.config):
            lines.append(f"gptcore.{each!r}" if isinstance(each, Edit) else _taken(each, run, others))
    clean = [edit for edit in run.trace.edits if edit.how == "patch"]
    lines += [f"gptcore.{edit.code('clean')}" for edit in clean]
    if clean:
        others.append("clean = gptcore.capture(ckpt.model, ids)")
    imports = ["import gptcore", *(["import torch"] if any("torch." in line for line in lines) else [])]
    edits = ["edits = [", *(f"    {line}," for line in lines), "]"]
    ids = f"ids = {run.trace.ids[0].tolist()}"
    last = "trace = gptcore.capture(ckpt.model, ids, edits=edits)"
    return "\n".join([*imports, "", first, ids, *others, *edits, last, ""])


def _taken(wish: Other, run: Shown, others: list[str]) -> str:
    """Return the line of an edit that takes its values from another run, and add the line of that run if it is new."""
    text = run.references.text(wish)
    line = f"gptcore.capture(ckpt.model, {text.ids})"
    numbers = [i for i, other in enumerate(others) if other.endswith(line)]
    number = numbers[0] if numbers else len(others)
    if not numbers:
        others.append(f"other_{number} = {line}")
    if wish.at is not None:
        rows = f"other_{number}.rows({wish.source!r}, {wish.at}, {wish.at + 1})[0, 0]"
        return f"gptcore.Edit({wish.name!r}, 'set', {rows}, position={wish.position})"
    length = min(run.trace.T, text.length)
    axes = architecture(run.trace.config).nodes[wish.name].axes[1:]
    taken = "mean(dim=0)" if wish.how == "mean" else f"select(0, {wish.draw % len(text.ids)})"
    places = {"H": wish.head, "T": wish.position} | ({axes[-1]: wish.channel} if wish.channel is not None else {})
    square = axes[-2:] == ("T", "T")
    index = ", ".join(":" if places.get(axis) is None else str(places[axis]) for axis in axes)
    if square:
        index = index.removesuffix(":") + f":{length}"
    position: int | slice = slice(0, length) if wish.position is None else wish.position
    chosen = {"head": wish.head, "position": position, "key": position if square else None, "channel": wish.channel}
    told = ", ".join(f"{name}={place!r}" for name, place in chosen.items() if place is not None)
    rows = f"other_{number}.rows({wish.name!r}, 0, {length}).{taken}[{index}]"
    return f"gptcore.Edit({wish.name!r}, 'set', {rows}, {told})"
