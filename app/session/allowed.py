"""The check of an action against the limits: what its run costs, and the look at it. No Streamlit."""

from __future__ import annotations

from collections.abc import Callable

from app.session import costs
from app.session.changes import changed_names
from app.session.location import Location
from app.session.screen import Model, Screen
from app.stores.limits import Limits, TooMuch
from app.stores.speed import Cost
from gptcore import Architecture


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
        config, T = model.final.config, run.trace.T
        kept = costs.kept(config, T, model.limits.memory)
        new = costs.of_run(config, T, T - run.trace.reused, names, kept)
        new = Cost() if known and not names else new
    what = after.location.weight or after.location.selected
    stage = costs.of_stage(model.arch, after.location, run.trace.T, after.look.scale)
    model.limits.check(new + stage, f"{what} of {run.trace.T:,} tokens")


def with_stage(place: Location, by: str, arch: Architecture, limits: Limits) -> Callable[[Cost, int], None]:
    """Return what refuses a run that costs too much together with the stage, before it is made: see `Shown.of`.

    Args:
        place: the place in the map that is looked at.
        by: the scale of a pattern.
        arch: the map of the model.
        limits: what both may cost.
    """

    def check(cost: Cost, T: int) -> None:
        what = place.weight or place.selected
        limits.check(cost + costs.of_stage(arch, place, T, by), f"{what} of {T:,} tokens")

    return check


def multiplications(tokens: int, screen: Screen, model: Model) -> float:
    """Return the multiplications of a run of so many new tokens, parameters times tokens; 0 if it will be refused."""
    if not tokens:
        return 0.0
    config = model.final.config
    T = min(config.block_size, screen.shown.trace.T + tokens)
    names = changed_names(screen.shown.wishes, T, config, screen.shown.keeps)
    cost = costs.of_run(config, T, min(tokens, T), names, costs.kept(config, T, model.limits.memory))
    try:
        model.limits.check(cost, "")
    except TooMuch:
        return 0.0
    return float(tokens) * model.parameters


def _look(screen: Screen) -> tuple[object, ...]:
    place = screen.location
    return screen.shown, place.weight, place.selected, place.head, screen.look.scale
