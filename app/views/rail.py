"""The rail of the training on the main screen: its curves and its place. A model without snapshots has none."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from app import components
from app.session.explorer import Explorer
from app.state import reports
from gptcore.analysis.head_scores import KINDS


def curves(me: Explorer) -> None:
    """Mount the curves behind the slider, which do not change with its place; outside the fragment."""
    past = me.history
    if past.snapshots:
        components.training_curves(
            key="training_curves",
            history_key=_key(me),
            steps=[each.step for each in past.snapshots],
            losses=past.losses,
            kinds={kind: KINDS[kind] for kind in past.kinds},
            scores=past.scores,
            n_head=past.shape[1],
            opened=_opened(me),
        )


def panel(me: Explorer) -> components.Panel:
    """Return the rail at the step on the screen."""
    past, place, moment = me.history, me.location, me.moment
    strongest, story = past.strongest(moment.measured, me.score), past.passing(me.score)
    return components.timeline(
        text=me.shown.text,
        source=me.source,
        history_key=_key(me),
        step=me.step,
        moment=moment.name,
        short=moment.short,
        losses=moment.losses,
        kind=me.score,
        score=past.score(moment.measured, me.score, place.layer, place.head),
        head=(place.layer, place.head),
        strongest=None if strongest is None else {"layer": strongest[0], "head": strongest[1]},
        story=None if story is None else {"layer": story[0], "head": story[1], "step": story[2]},
        growing=past.growing,
        ack=reports.seq("timeline"),
    )


def _opened(me: Explorer) -> components.Opened:
    """Return the place of the opened weights among the snapshots."""
    moment = replace(me.moment, step=None)
    return components.Opened(moment.last, moment.opened_step, moment.losses)


def _key(me: Explorer) -> str:
    """Return the name of the curves: the best and the last weights of one training share its snapshots only."""
    return hashlib.blake2b(f"{me.history.key} {_opened(me)}".encode(), digest_size=8).hexdigest()
