"""Actions of generation: draw a token, exchange one, take a step back, choose how tokens are drawn. No Streamlit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

from app.session.actions import Action, Write, sentence
from app.session.allowed import with_stage
from app.session.drawn import Drawn
from app.session.prompt_run import Shown, new_tokens
from app.session.screen import Model, Screen
from gptcore.generation.generate import next_token
from gptcore.generation.sampling import Sampling

LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class Draw(Action):
    """One token more, drawn from the model's own distribution behind the last one."""

    to: str
    """The prompt that it was meant for: it comes too late for another one."""

    def after(self, screen: Screen, model: Model) -> Screen:
        if self.to != screen.shown.text:
            return screen
        if screen.typed != screen.shown.text:
            raise ValueError("nothing is drawn behind a prompt that could not be read; correct it before")
        run = screen.shown
        step = next_token(run.trace, screen.sampling, screen.seed, position=len(run.ids))
        logits = step.stages["logits"]
        rank = int((logits > logits[step.id]).sum()) + 1
        drawn = Drawn(step.id, step.probs[step.id].item(), rank, screen.sampling, screen.seed)
        after = _with(screen, model, [*run.ids, step.id])
        writing = screen.writing
        marks = MappingProxyType({**writing.kept(len(run.ids)), len(run.ids): drawn})
        writing = replace(writing, drawn=marks, before=writing.remembered(run.text), steps=writing.steps + 1)
        return replace(after, writing=writing)

    def tokens(self, screen: Screen, model: Model) -> int:
        full = model.final.config.block_size <= screen.shown.trace.T
        return model.final.config.block_size if full else 1


@dataclass(frozen=True)
class Put(Action):
    """Another token behind the one that is followed; what followed it is dropped, and a step back brings it back."""

    token: int
    to: str | None = None
    """The prompt that it was meant for: it comes too late for another one."""

    def after(self, screen: Screen, model: Model) -> Screen:
        run = screen.shown
        if self.to not in (None, run.text):
            return screen
        if screen.typed != run.text:
            raise ValueError("nothing is appended to a prompt that could not be read; correct it before")
        if type(self.token) is not int or not 0 <= self.token < model.final.config.vocab_size:
            raise ValueError(f"there is no token {self.token!r}; the last is {model.final.config.vocab_size - 1}")
        place = run.cropped + screen.position + 1
        after = _with(screen, model, [*run.ids[:place], self.token])
        writing = screen.writing
        kept = replace(writing, drawn=writing.kept(place), before=writing.remembered(run.text))
        return replace(after, writing=kept, lock=screen.lock)

    def tokens(self, screen: Screen, model: Model) -> int:
        return Draw(screen.shown.text).tokens(screen, model)


@dataclass(frozen=True)
class Undo(Action):
    """The text before the last token that was drawn, appended or exchanged."""

    def after(self, screen: Screen, model: Model) -> Screen:
        if not screen.writing.before:
            raise ValueError("there is nothing to take back; the browser's own undo takes back what was typed")
        *before, (text, drawn) = screen.writing.before
        written = Write(text).after(screen, model)
        return replace(written, writing=replace(screen.writing, drawn=drawn, before=tuple(before)))

    def tokens(self, screen: Screen, model: Model) -> int:
        before = screen.writing.before
        return new_tokens(screen.shown, before[-1][0], model.limits) if before else 0


@dataclass(frozen=True)
class SetDrawing(Action):
    """Another choice of what is cut before a token is drawn, and another seed."""

    top_k: int | None
    top_p: float | None
    seed: int

    def after(self, screen: Screen, model: Model) -> Screen:
        if type(self.seed) is not int or not 0 <= self.seed <= LARGEST_SEED:
            raise ValueError(f"the seed is {str(self.seed)[:20]}; choose a whole number from 0 to {LARGEST_SEED:,}")
        Sampling(1.0, self.top_k, self.top_p)  # says what is wrong
        return replace(screen, cut_k=self.top_k, cut_p=self.top_p, seed=self.seed)


def _with(screen: Screen, model: Model, ids: list[int]) -> Screen:
    """Return the screen with a text that has exactly these tokens."""
    tokenizer = screen.shown.checkpoint.tokenizer
    text = tokenizer.decode_marked(ids)
    try:
        faithful = tokenizer.encode_marked(text) == ids
    except ValueError:
        faithful = False
    if not faithful:
        label = tokenizer.label(ids[-1])
        raise ValueError(sentence(f"the token {label!r} is no text behind this prompt, so it cannot be typed"))
    stage = with_stage(screen.location, screen.look.scale, model.arch, model.limits)
    run = Shown.of(screen.shown.checkpoint, text, screen.shown, limits=model.limits, stage=stage)
    return replace(screen, shown=run, typed=text, meant=text, notice=None, rev=screen.rev + 1)
