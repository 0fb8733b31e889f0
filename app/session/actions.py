"""Actions: the things that a person can do, each a frozen value. No Streamlit, and no name of an event here.

Those of the map are in map_actions.py, those of generation in generating.py.

`after` gives the screen that follows, or raises a ValueError whose text says why not: a screen never changes, so an
action that fails in the middle has changed nothing. `Explorer.apply` is the one that calls it. `tokens` says how many
tokens have to be run for it, which tells what it will cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from app.session.allowed import with_stage
from app.session.changed_screen import under
from app.session.changes import of_text
from app.session.prompt_run import Shown, common, new_tokens
from app.session.screen import Model, Screen
from app.session.state_text import State
from app.stores.limits import TooMuch
from gptcore import CheckpointError
from gptcore.analysis.head_scores import KINDS

COLDEST, HOTTEST = 0.01, 100.0
"""Temperatures that are taken: beyond, the softmax is one of zeros and ones, or flat."""
MOST_ROWS = 200
"""Next tokens that are shown at most."""


@dataclass(frozen=True)
class Action:
    """A thing that a person can do."""

    def after(self, screen: Screen, model: Model) -> Screen:
        """Return the screen that follows, or the very same one where nothing changes."""
        raise NotImplementedError

    def tokens(self, screen: Screen, model: Model) -> int:
        """Return how many tokens have to be run for it."""
        return 0


Actions = tuple[Action, ...]
"""Actions that one event asks for, in the order in which to do them."""


# The prompt


@dataclass(frozen=True)
class Type(Action):
    """A new text in the live input. One that cannot be run leaves the last numbers there, and the screen says why."""

    text: str

    def after(self, screen: Screen, model: Model) -> Screen:
        if not isinstance(self.text, str):
            raise ValueError(f"the prompt is no text but a {type(self.text).__name__}; type one")
        entered = replace(screen, typed=self.text, notice=None)
        if self.text == screen.shown.text:
            entered = replace(entered, meant=self.text)
            return entered if entered != screen else screen
        if not self.text:
            why = "Still shown: the last prompt. Type something: a model needs at least one token."
            return replace(entered, notice={"kind": "info", "text": why})
        try:
            model.limits.check_text(self.text)
        except TooMuch as error:  # such a text is not even kept: the browser has it
            raise ValueError(f"Still shown: the last prompt. {sentence(str(error))}") from None
        try:
            stage = with_stage(screen.location, screen.look.scale, model.arch, model.limits)
            shown = Shown.of(screen.shown.checkpoint, self.text, screen.shown, limits=model.limits, stage=stage)
        except ValueError as error:
            why = f"Still shown: the last prompt that could be read. {sentence(str(error))}"
            return replace(entered, notice={"kind": "error", "text": why})
        lock = _same_token(screen.lock, screen.shown.ids, shown.ids)
        marks = screen.writing.kept(common(screen.shown.ids, shown.ids))
        writing = screen.writing if marks is screen.writing.drawn else replace(screen.writing, drawn=marks)
        return replace(
            entered,
            shown=shown,
            meant=self.text,
            lock=lock if lock is not None and shown.sees(lock) else None,
            writing=writing,
        )

    def tokens(self, screen: Screen, model: Model) -> int:
        return new_tokens(screen.shown, self.text, model.limits) if isinstance(self.text, str) else 0


@dataclass(frozen=True)
class Write(Action):
    """A new text that comes from elsewhere, so that the live input has to be brought up to it."""

    text: str

    def after(self, screen: Screen, model: Model) -> Screen:
        typed = Type(self.text).after(screen, model)
        return replace(typed, rev=screen.rev + 1)

    def tokens(self, screen: Screen, model: Model) -> int:
        return Type(self.text).tokens(screen, model)


@dataclass(frozen=True)
class TakeExample(Action):
    """The model's own example in the place of what is in the input, which a step back brings back."""

    def after(self, screen: Screen, model: Model) -> Screen:
        if screen.typed == screen.shown.text == model.example:
            return screen
        writing = screen.writing.left(screen.shown.text, screen.typed)
        return replace(Write(model.example).after(screen, model), writing=writing)

    def tokens(self, screen: Screen, model: Model) -> int:
        return Write(model.example).tokens(screen, model)


# The token that is followed, and how things are drawn


@dataclass(frozen=True)
class Lock(Action):
    """A token of the prompt to follow through all panels; None follows the last one again."""

    token: int | None

    def after(self, screen: Screen, model: Model) -> Screen:
        if self.token is not None and (type(self.token) is not int or not screen.shown.sees(self.token)):
            run = screen.shown
            there = f"choose one from {run.cropped} to {len(run.ids) - 1}"
            raise ValueError(f"the model sees no token {str(self.token)[:20]} of this prompt; {there}")
        return screen if self.token == screen.lock else replace(screen, lock=self.token)


@dataclass(frozen=True)
class Pin(Action):
    """A cell on the stage whose number is to be explained; None explains none."""

    cell: tuple[int, int] | None

    def after(self, screen: Screen, model: Model) -> Screen:
        whole = self.cell is None or all(type(part) is int and part >= 0 for part in self.cell)
        if not whole:
            raise ValueError(f"a cell is a row and a column, both from 0, got {str(self.cell)[:40]}; choose one")
        return screen if self.cell == screen.pin else replace(screen, pin=self.cell, trail=())


@dataclass(frozen=True)
class ChooseLook(Action):
    """Another form of the map, scale or form of the stage."""

    name: str
    word: str

    def after(self, screen: Screen, model: Model) -> Screen:
        look = screen.look.choose(self.name, self.word)
        return screen if look == screen.look else replace(screen, look=look)


# The prediction


@dataclass(frozen=True)
class SetSampling(Action):
    """The temperature of the next token's probabilities, and how many rows of them there are."""

    temperature: float
    top_k: int

    def after(self, screen: Screen, model: Model) -> Screen:
        if type(self.temperature) not in (int, float) or not math.isfinite(self.temperature):
            raise ValueError(f"the temperature is {self.temperature!r}; choose a number above 0")
        if not COLDEST <= self.temperature <= HOTTEST:
            raise ValueError(f"the temperature is {self.temperature:g}; choose one from {COLDEST:g} to {HOTTEST:g}")
        if type(self.top_k) is not int or not 1 <= self.top_k <= MOST_ROWS:
            raise ValueError(f"no list of next tokens has {self.top_k!r} rows; choose from 1 to {MOST_ROWS}")
        return replace(screen, temperature=float(self.temperature), top_k=self.top_k)


# The training


@dataclass(frozen=True)
class LookBack(Action):
    """A look at which snapshots of the training there are by now."""

    def after(self, screen: Screen, model: Model) -> Screen:
        history = model.past.history()
        return screen if history is screen.history else replace(screen, history=history)


@dataclass(frozen=True)
class MoveInTime(Action):
    """A step of the training whose weights are to be shown, as if they had been loaded; None is the final model."""

    step: int | None

    def after(self, screen: Screen, model: Model) -> Screen:
        if self.step == screen.step:
            return screen
        if self.step is not None and type(self.step) is not int:
            raise ValueError(f"there is no step {self.step!r}; choose a snapshot's")
        try:
            checkpoint = model.weights(self.step)
        except CheckpointError as error:
            here = screen.moment(model).name
            raise ValueError(f"Still shown: {here}. Step {self.step:,} cannot be. {sentence(str(error))}") from None
        run = screen.shown
        stage = with_stage(screen.location, screen.look.scale, model.arch, model.limits)
        shown = Shown.of(checkpoint, run.text, None, run.wishes, run.keeps, model.limits, stage)
        return replace(screen, shown=shown, step=self.step)

    def tokens(self, screen: Screen, model: Model) -> int:
        return 0 if self.step == screen.step else screen.shown.trace.T


@dataclass(frozen=True)
class SetTimelineScore(Action):
    """Which score of the heads the timeline draws; "" is the most telling one."""

    kind: str

    def after(self, screen: Screen, model: Model) -> Screen:
        if not isinstance(self.kind, str) or (self.kind and self.kind not in KINDS):
            raise ValueError(f"there is no score {self.kind!r}; choose one of {', '.join(KINDS)}")
        return replace(screen, score=self.kind)


# All of it


@dataclass(frozen=True)
class Restore(Action):
    """A state that was kept, of this very model: prompt, location, look, moment, sampling and changes, all at once."""

    state: State

    def after(self, screen: Screen, model: Model) -> Screen:
        state = self.state
        if state.model != model.source:
            here = f"here is {model.source!r}; open that one first"
            raise ValueError(f"this is a state of the model {state.model!r}, and {here}")
        screen = MoveInTime(state.step).after(LookBack().after(screen, model), model)
        asks = screen.typed and screen.typed != screen.shown.text  # for another text, which was refused
        if not asks or screen.shown.text != state.prompt:  # else it stays: the way back ends no text
            screen = Write(state.prompt).after(screen, model)
        if screen.shown.text != state.prompt:
            raise ValueError(screen.notice["text"] if screen.notice else "the prompt cannot be read")
        screen = SetTimelineScore(state.score).after(screen, model)
        screen = SetSampling(state.temperature, state.top_k).after(screen, model)
        screen = replace(screen, cut_k=state.cut_k, cut_p=state.cut_p, seed=state.seed)
        screen = Pin(state.pin).after(Lock(state.lock).after(screen, model), model)
        screen = under(replace(screen, look=state.look), model, of_text(state.changes))
        return replace(screen, location=state.location.check(model.arch))

    def tokens(self, screen: Screen, model: Model) -> int:
        if self.state.step != screen.step:
            return max(screen.shown.trace.T, len(self.state.prompt))
        return Type(self.state.prompt).tokens(screen, model)


def sentence(text: str) -> str:
    """Return a message as a sentence of its own.

    >>> sentence("no such file")
    'No such file.'
    """
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _same_token(index: int | None, before: list[int], after: list[int]) -> int | None:
    """Return where a token of one text stands in the next; None if it is no longer there.

    >>> _same_token(3, [5, 6, 7, 8], [5, 9, 9, 6, 7, 8]), _same_token(3, [5, 6, 7, 8], [5, 6, 7])
    (5, None)
    """
    if index is None or index < common(before, after):
        return index
    from_end = len(before) - index
    behind = common(before[::-1], after[::-1])
    return len(after) - from_end if from_end <= behind and len(after) >= from_end else None
