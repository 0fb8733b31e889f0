"""From what the browser reports of changes to actions: the line that lists them, and the form that makes one."""

from __future__ import annotations

from app.session.actions import Action, Actions
from app.session.change_actions import (
    AddChange,
    CloseGone,
    ForgetChanges,
    KeepPatterns,
    MuteChanges,
    RedoChange,
    RemoveChange,
    ScaleChange,
    SetChanges,
    TakeTool,
    ToggleChange,
    UndoChange,
)
from app.session.changes import Change, Part, Wish
from app.session.explorer import Explorer

PLACES = ("head", "position", "channel", "key")


def switched(edit: Wish | None, me: Explorer) -> Actions:
    """Return the action that makes a change or takes it back, none where there is no such change."""
    return (_added_or_removed(edit, me),) if edit else ()


def _added_or_removed(edit: Wish, me: Explorer) -> Action:
    """Return the action that makes a change, or takes it back where it is made: a second click undoes the first."""
    same = Change(edit) in me.changes
    return RemoveChange(Change(edit).key) if same else AddChange(edit)


def of_list(event: object, me: Explorer) -> Actions:
    """Read what was clicked in the line of changes."""
    match event:
        case {"kind": "toggle", "key": str(key), "on": bool(on)}:
            return (ToggleChange(key, on),)
        case {"kind": "remove", "key": str(key)}:
            return (RemoveChange(key),)
        case {"kind": "scale", "key": str(key), "factor": int() | float() as factor}:
            return (ScaleChange(key, factor),)
        case {"kind": "clear"}:
            return (SetChanges(),)
        case {"kind": "mute", "on": bool(on)}:
            return (MuteChanges(on),)
        case {"kind": "keep", "on": bool(on)}:
            return (KeepPatterns(on),)
        case {"kind": "undo"}:
            return (UndoChange(),) if me.undoable else ()
        case {"kind": "redo"}:
            return (RedoChange(),) if me.redoable else ()
        case {"kind": "forget"}:
            return (ForgetChanges(),)
        case {"kind": "read-gone"}:
            return (CloseGone(),)
    return ()


def of_form(event: object, me: Explorer) -> Actions:
    """Read what was chosen in the form of changes; what does not fit the model is refused where it is checked."""
    match event:
        case {"kind": "close"}:
            return (TakeTool(""),)
        case {
            "kind": "add",
            "part": {"name": str(name), **places},
            "how": str(how),
            "number": int() | float() as number,
            "text": str(text),
            "draw": int(draw),
        } if 0 <= draw < 10**6:
            known = {key: place for key, place in places.items() if key in PLACES and type(place) is int}
            try:
                wish = Part(name, **known).wish(how, number, text, draw)
            except ValueError:
                return ()
            return (AddChange(wish),)
    return ()
