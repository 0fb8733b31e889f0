"""One person's view: a model, a moment of its training, a prompt, a place in the map. No Streamlit.

It is changed by `apply(action)` alone: an action succeeds as a whole, or everything stays as it was, with a notice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.session.actions import Action, Type, sentence
from app.session.allowed import check_look, multiplications
from app.session.carried_changes import carried
from app.session.carried_prompt import told
from app.session.changes import to_text
from app.session.first_prompt import own_prompt
from app.session.first_screen import first_screen
from app.session.looking import Looking
from app.session.screen import Model, NoPast, Past
from app.session.state_text import State
from app.stores.limits import ALONE, Limits
from gptcore import Checkpoint


class Explorer(Looking):
    """One person's view of one model, and the one way to change it."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        text: str | None = None,
        *,
        refused: str | None = None,
        source: str = "",
        past: Past | None = None,
        rev: int = 0,
        limits: Limits = ALONE,
        before: Explorer | None = None,
    ) -> None:
        """Look at a model.

        Args:
            checkpoint: the model.
            text: the prompt; by default the model's own.
            refused: a text that another model could not read; it takes the place of the prompt if this one can.
            source: what the model was opened by.
            past: where the snapshots of its training are found.
            rev: one more than that of the explorer before, so that its text is written into the input.
            limits: what each action may cost.
            before: the explorer of the model before; its changes of the run are kept, as far as they fit this one.

        Raises:
            TooMuch: this model costs too much, whatever its prompt.
        """
        model = Model(checkpoint, source, past or NoPast(), limits)
        screen = first_screen(checkpoint, text, rev, refused, limits)
        if before is not None:
            screen = told(screen, model, refused or text)
            screen = carried(screen, model, before._screen, before._model)
        super().__init__(model, screen)
        self._untouched = before is None
        self._asked: tuple[Action, ...] = ()

    def apply(self, action: Action) -> None:
        """Carry out an action; or leave all as it was, with a notice that says why until another action succeeds."""
        before = kept = self._screen
        try:
            after = action.after(before, self._model)
            if isinstance(action, Type) and after.typed != before.typed:
                kept = replace(before, typed=after.typed)  # it stays in the input, whatever becomes of it
            check_look(before, after, self._model)
        except ValueError as error:
            self._screen = kept
            self._refusal = {"kind": "error", "text": sentence(str(error))}
            return
        if after is not self._screen:
            looked = replace(self._screen, history=after.history) == after  # back at what there is by now
            self._untouched = self._untouched and looked
            self._screen, self._refusal = after, None

    def ask(self, actions: Sequence[Action]) -> None:
        """Keep actions until they are carried out, whatever ends the waiting; of several texts the newest counts."""
        found = (*self._asked, *actions)
        typed = [at for at, action in enumerate(found) if isinstance(action, Type)]
        self._asked = tuple(action for at, action in enumerate(found) if at not in typed[:-1])

    @property
    def asked(self) -> tuple[Action, ...]:
        """The actions that were asked for and not carried out yet, in their order."""
        return self._asked

    def carry_out(self) -> None:
        """Carry out what was asked for."""
        while self._asked:
            first, *rest = self._asked
            self._asked = tuple(rest)
            self.apply(first)

    def work(self, actions: Sequence[Action]) -> float:
        """Return the multiplications of the largest run among these actions, as far as they are known before."""
        seen = self._screen, self._model
        return max((multiplications(action.tokens(*seen), *seen) for action in actions), default=0.0)

    @property
    def untouched(self) -> bool:
        """True until something on the screen is changed, of the first model that a person has opened."""
        return self._untouched

    @property
    def example(self) -> str:
        """The prompt that the model is first shown with."""
        return self._model.example

    @property
    def own_words(self) -> str | None:
        """The prompt that a person has asked for; None as long as it is the model's own."""
        return None if self.meant in (own_prompt(self.final), self.example) else self.meant

    @property
    def refused(self) -> str | None:
        """The text in the input if this model cannot run it. Another model may; if it does not, the text is gone."""
        return self.typed if self.typed and self.typed != self.shown.text else None

    @property
    def state(self) -> State:
        """All that brings a person back to this screen; `Restore` does."""
        now = self._screen
        return State(
            model=self.source,
            prompt=now.shown.text,
            location=now.location,
            step=now.step,
            temperature=now.temperature,
            top_k=now.top_k,
            score=now.score,
            cut_k=now.cut_k,
            cut_p=now.cut_p,
            seed=now.seed,
            lock=self.lock,
            look=now.look,
            pin=now.pin,
            changes=to_text(now.listed),
        )
