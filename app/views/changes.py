"""The changes of the run: the line that lists them, and what tells of them elsewhere."""

from __future__ import annotations

import math

from app import components
from app.panels.strips import line_of
from app.session import change_code, changes
from app.session.changes import Change
from app.session.changes.change import is_cut, selectors
from app.session.changes.runs import whole
from app.session.explorer import Explorer
from app.state import person, reports
from app.views import change_form
from gptcore import Edit


def panels(me: Explorer, quick: float) -> list[components.Panel]:
    """Return the line of the changes and the form that makes one, as far as they are there.

    Args:
        me: the explorer.
        quick: multiplications that a key can wait for.
    """
    late = me.shown.without is not None and me.loss_changes(patience(me, quick)) is None
    found = line(me, reports.seq("changes"), late)
    form = change_form.form(me) if me.tool == "form" else None
    return [panel for panel in (found, form) if panel is not None]


def patience(me: Explorer, quick: float) -> float:
    """Return the multiplications that the losses of this prompt may take: any number once the page has asked for them.

    It asks where they took too many for a key, when typing pauses.
    """
    asked = reports.last("changes") or {}
    return math.inf if asked.get("kind") == "read" and asked.get("text") == me.shown.text else quick


def line(me: Explorer, ack: int, late: bool = False, gone: bool = True) -> components.Panel | None:
    """Return the line that lists the changes; None where there are none, and no way back to any.

    Args:
        me: the explorer.
        ack: the number of the line's last report.
        late: True where the losses took too long for a key.
        gone: False where changes that do not fit the model are told of elsewhere.
    """
    if not (me.changes or me.undoable or me.redoable or (gone and me.gone)):
        return None
    return components.changes(
        text=me.shown.text,
        listed=[_listed(me, change) for change in me.changes],
        told=_told(me),
        code=_code(me),
        largest=changes.LARGEST,
        keeps=me.listed.keeps,
        muted=me.listed.muted,
        undo=me.undoable,
        redo=me.redoable,
        gone=me.gone if gone else "",
        late=late,
        ack=ack,
    )


def edges_cut(me: Explorer, layer: int | None, head: int) -> list[tuple[int, int]]:
    """Return the (query, key) of each edge of a head that a change keeps from being read."""
    if layer is None:
        return []
    here, scores = me.shown.here, me.arch.named("masked scores", layer)
    cut = [wish for wish in here if wish.name == scores and wish.head == head and is_cut(wish)]
    return [(wish.position, wish.key) for wish in cut if not changes.overruled(wish, here, me.shown.references)]  # type: ignore[misc]


def heads_changed(me: Explorer) -> list[tuple[int, int, bool]]:
    """Return (layer, head, off) of each head that a change is on of, as itself or with its whole attention or layer."""
    found: dict[tuple[int, int], bool] = {}
    for wish in me.shown.here:
        for edit in whole(wish, me.arch.config):
            node = me.arch.nodes[edit.name]
            if node.layer is None or not (node.role == "attention" or "H" in node.axes):
                continue
            heads = range(me.arch.config.n_head) if edit.head is None else [edit.head]
            for head in (head for head in heads if isinstance(head, int)):
                off = edit.how == "zero" and edit.position is None
                found[node.layer, head] = found.get((node.layer, head), False) or off
    return [(*place, off) for place, off in sorted(found.items())]


def head_off(me: Explorer, layer: int | None, head: int) -> str:
    """Return in words that a head is switched off; "" for one that is not."""
    return f"head {layer}.{head} is off" if (layer, head, True) in heads_changed(me) else ""


def nodes_changed(me: Explorer) -> list[str]:
    """Return the tensors that are changed; in the form of strips the lines that they are a part of."""
    names = {edit.name for wish in me.shown.here for edit in whole(wish, me.arch.config)}
    if me.look.form == "diagram":
        return sorted(names)
    found = {line_of(me.arch, me.location.layer, name) for name in names}
    return sorted(line for line in found if line is not None)


def nodes_off(me: Explorer) -> list[str]:
    """Return the tensors that are switched off as a whole; in the form of strips the lines that show them.

    The line of an attention shows one head: it is off with it.
    """
    arch, place = me.arch, me.location
    off = {wish.name for wish in me.shown.here if wish.how == "zero" and not selectors(wish)}
    parts = {edit.name for wish in me.shown.here if wish.name in off for edit in whole(wish, arch.config)}
    if me.look.form == "diagram":
        return sorted(off | parts)
    found = [name for name in off if name in {f"transformer.h.{layer}" for layer in range(arch.config.n_layer)}]
    if arch.named("mlp", place.layer) in parts:
        found.append(arch.named("mlp hidden", place.layer))
    if (place.layer, place.head, True) in heads_changed(me):
        found.append(arch.named("pattern", place.layer))
    return sorted(found)


def _listed(me: Explorer, change: Change) -> components.ListedChange:
    edit = change.edit
    return {
        "key": change.key,
        "words": changes.words(edit, me.arch) + _reach(me, change) + _without_effect(me, change),
        "title": _title(me, change),
        "on": change.on,
        "waits": change.on and not me.listed.muted and edit not in me.shown.here,
        "factor": _factor(change),
        "name": edit.name,
        "how": edit.how,
        "head": edit.head if isinstance(edit.head, int) else None,
    }


def _without_effect(me: Explorer, change: Change) -> str:
    """Tell that another change takes the place of this one."""
    return " (without effect)" if changes.overruled(change.edit, me.shown.here, me.shown.references) else ""


def _factor(change: Change) -> float | None:
    edit = change.edit
    if not isinstance(edit, Edit) or edit.how not in ("zero", "scale"):
        return None
    return 0.0 if edit.how == "zero" else float(edit.value)


def _title(me: Explorer, change: Change) -> str:
    """Tell which tokens an edge joins, or from which text a change takes its values; or why it does nothing."""
    edit = change.edit
    if changes.overruled(edit, me.shown.here, me.shown.references):
        return "it has no effect, because that row of the pattern is set behind it, and tells where its token looks"
    if edit not in me.shown.here:
        return ""
    if isinstance(edit, Edit):
        tokens = me.shown.tokens
        return f"{tokens[edit.position]!r} does not read {tokens[edit.key]!r}" if is_cut(edit) else ""  # type: ignore[index]
    text = me.shown.references.text(edit)
    if edit.at is not None:
        return f"the value of {edit.source} at position {edit.at} of {text.words}"
    beyond = f"; positions from {text.length} on stay as they are" if text.length < me.shown.trace.T else ""
    return f"the values come, position by position, from {text.words}{beyond}"


def _reach(me: Explorer, change: Change) -> str:
    """Tell on the change itself how far another text goes, where its positions are not those of the prompt."""
    edit = change.edit
    if isinstance(edit, Edit) or edit not in me.shown.here:
        return ""
    text = me.shown.references.text(edit)
    if text.left_out:
        return f", its last {text.length} tokens"
    if text.length < me.shown.trace.T and edit.position is None:
        return f", at {text.length} of {me.shown.trace.T} positions"
    return ""


def _told(me: Explorer) -> str:
    on = len(me.shown.here)
    model = "the model as it is" if me.moment.step is None else me.moment.short
    if not me.changes:
        return f"No change of the run: numbers are of {model}."
    if me.listed.muted:
        return f"All changes are off: numbers are of {model}."
    if on == 0:
        return f"No change is on: numbers are of {model}."
    return f"{on} change{' is' if on == 1 else 's are'} on: numbers are of the changed run."


def _code(me: Explorer) -> str:
    """Write Python that makes the run on the screen."""
    wanted = person.loaded()
    named = me.step is None and not wanted.digest and not wanted.options()
    return change_code.code(me.shown, me.source if named else None)
