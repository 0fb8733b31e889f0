"""The changes of the run: the line that lists them, and the code that makes the same run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app import components
from app.panels.strips import line_of
from app.session import changes
from app.session.changes import Change
from app.session.explorer import Explorer
from app.state import person, reports


def panel(me: Explorer) -> list[components.Panel]:
    """Return the line; without changes there is none."""
    if not me.changes:
        return []
    here = me.shown.trace.edits
    listed = [_listed(me, change, here) for change in me.changes]
    told = _told(len(here))
    code = _code(me)
    ack = reports.seq("changes")
    return [
        components.changes(text=me.shown.text, listed=listed, told=told, code=code, largest=changes.LARGEST, ack=ack)
    ]


def offer(me: Explorer) -> dict[str, Any] | None:
    """Return what can be changed at the place, for its buttons; None where nothing can."""
    node, head = me.node, me.location.head
    edit = changes.switching_off(me.arch, node, head) if me.location.weight is None else None
    if edit is None:
        return None
    what = changes.words(edit, me.arch).removesuffix(" off")
    found: dict[str, Any] = {"what": what, "off": Change(edit) in me.changes}
    return found | ({"cutting": me.cutting} if me.slice().square else {})


def heads_changed(me: Explorer) -> list[tuple[int, int]]:
    """Return the (layer, head) of each head that a change is on of, as itself or with its whole attention."""
    found: set[tuple[int, int]] = set()
    for edit in me.shown.trace.edits:
        node = me.arch.nodes[edit.name]
        if node.layer is not None and node.role != "mlp":
            heads = range(me.arch.config.n_head) if edit.head is None else [edit.head]
            found |= {(node.layer, head) for head in heads if isinstance(head, int)}
    return sorted(found)


def nodes_changed(me: Explorer) -> list[str]:
    """Return the tensors that are changed; in the form of strips the lines that they are a part of."""
    names = {edit.name for edit in me.shown.trace.edits}
    if me.look.form == "diagram":
        return sorted(names)
    found = {line_of(me.arch, me.location.layer, name) for name in names}
    return sorted(line for line in found if line is not None)


def _listed(me: Explorer, change: Change, here: Sequence[object]) -> components.ListedChange:
    edit = change.edit
    return {
        "key": change.key,
        "words": changes.words(edit, me.arch),
        "on": change.on,
        "waits": change.on and edit not in here,
        "factor": None if edit.how == "set" else 0.0 if edit.how == "zero" else float(edit.value),
        "name": edit.name,
        "how": edit.how,
        "head": edit.head if isinstance(edit.head, int) else None,
    }


def _told(on: int) -> str:
    if on == 0:
        return "No change is on: numbers are of the model as it is."
    return f"{on} change{' is' if on == 1 else 's are'} on: numbers are of the changed run."


def _code(me: Explorer) -> str:
    """Write Python that makes the run on the screen."""
    wanted, trace = person.loaded(), me.shown.trace
    if me.step is None and not wanted.digest and not wanted.options():
        first = f"ckpt = gptcore.load({me.source!r})"
    else:
        first = "# ckpt: the model on the screen, as gptcore.load gives it"
    edits = "".join(f"    gptcore.{edit!r},\n" for edit in trace.edits)
    ids = trace.ids[0].tolist()
    return (
        f"import gptcore\n\n{first}\nids = {ids}\nedits = [\n{edits}]\n"
        "trace = gptcore.capture(ckpt.model, ids, edits=edits)\n"
    )
