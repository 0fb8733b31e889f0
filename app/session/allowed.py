"""The check of an action against the limits: what its run costs, and the look at it. No Streamlit."""

from __future__ import annotations

from app.session import costs
from app.session.actions import Action
from app.session.changes import changed_names
from app.session.screen import Model, Screen
from app.stores.limits import TooMuch
from app.stores.speed import Cost


def check_look(before: Screen, after: Screen, model: Model) -> None:
    """Refuse a screen whose stage costs too much, together with the run that it has more than the one before.

    Raises:
        TooMuch: what it would cost, the limit, what to do.
    """
    if _look(before) == _look(after):
        return
    run, new = after.shown, Cost()
    if run is not before.shown:
        known = before.shown.ids[before.shown.cropped :] == run.ids[run.cropped :]
        names = [edit.name for edit in run.trace.edits]
        new = costs.of_run(model.final.config, run.trace.T, run.trace.T - run.trace.reused, names)
        new = Cost() if known and not names else new
    what = after.location.weight or after.location.selected
    stage = costs.of_stage(model.arch, after.location, run.trace.T, after.look.scale)
    model.limits.check(new + stage, f"{what} of {run.trace.T:,} tokens")


def multiplications(action: Action, screen: Screen, model: Model) -> float:
    """Return the multiplications of an action's run, parameters times tokens; 0 if it will be refused."""
    tokens, T = action.tokens(screen, model), screen.shown.trace.T
    if not tokens:
        return 0.0
    config = model.final.config
    T = min(config.block_size, T + tokens)
    names = changed_names(screen.shown.wishes, T, config, screen.shown.keeps)
    cost = costs.of_run(config, T, min(tokens, T), names)
    try:
        model.limits.check(cost, "")
    except TooMuch:
        return 0.0
    return float(tokens) * model.parameters


def _look(screen: Screen) -> tuple[object, ...]:
    place = screen.location
    return screen.shown, place.weight, place.selected, place.head, screen.look.scale
