"""The turns to compute: least served first, and large runs give way to small ones. No Streamlit.

One computes at a time. Who waits has a rank in seconds, and the lowest comes next: the time that the person has had
lately, and what this run will take, less the time that it has waited. So a key of one who types is before a long run,
one who takes much is behind those who take little, and nobody waits for ever.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

HALF_LIFE = 10.0
"""Seconds after which half of the time that a person has had is forgotten."""
FORGOTTEN = 1e-3
"""Seconds of a person's time below which it is not kept any more."""
BEHIND = 10.0
"""Seconds that background work lets everybody else go before."""
PIECE = 0.05
"""Seconds that a turn goes on, whatever waits: to hand it over costs more than a few milliseconds are worth."""
LITTLE = 1.0
"""Seconds of computing by all, below which nobody has had much of it."""
PATIENCE = 0.25
"""Seconds of waiting after which a person is told, and between one telling and the next."""

Clock = Callable[[], float]
Entered = Callable[[bool], None]


@dataclass(frozen=True)
class Wait:
    """The facts that a person who waits is told."""

    seconds: float
    """The time that the person has waited."""
    ahead: int
    """The number of others who come before, with the one who computes."""
    own: float
    """The share of the computing time of the last seconds that this person has had, from 0 to 1."""


@dataclass(eq=False)
class Place:
    """One place in the line. It has its turn from `granted` until it leaves or pauses."""

    person: str
    seconds: float
    """The time that is left to compute, as far as it is known."""
    since: float
    background: bool = False
    started: float = 0.0
    granted: threading.Event = field(default_factory=threading.Event)


class Line:
    """The order in which places come: a value of those who wait, and of what each person has had. No threads here."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self.waiting: list[Place] = []
        self.holder: Place | None = None
        self._had: dict[str, tuple[float, float, bool]] = {}
        self._withdrawn: dict[str, float] = {}

    def join(self, place: Place) -> None:
        """Let it wait; one who has left without a turn, to ask for something newer, has waited since then."""
        place.since = min(place.since, self._withdrawn.pop(place.person, place.since))
        self.waiting.append(place)
        self._go_on()

    def leave(self, place: Place) -> None:
        """Take it out, whether it waits, computes, or has left already; the next one has its turn."""
        if place is self.holder:
            self._charge(place)
            self.holder = None
        elif place in self.waiting:
            self.waiting.remove(place)
            self._withdrawn[place.person] = place.since
        self._go_on()

    def pause(self, place: Place) -> bool:
        """Let others go first if one has the better rank by now; tell if so."""
        now = self._clock()
        if place is not self.holder or now - place.started < PIECE:
            return False
        self._charge(place)
        place.since = now
        if not any(self.rank(other, now) < self.rank(place, now) for other in self.waiting):
            return False
        place.granted.clear()
        self.holder = None
        self.waiting.append(place)
        self._go_on()
        return True

    def had(self, person: str, now: float | None = None) -> float:
        """Return the seconds that a person has computed, the older the less of them."""
        seconds, when, _ = self._had.get(person, (0.0, 0.0, False))
        passed = (self._clock() if now is None else now) - when
        return seconds * 0.5 ** (passed / HALF_LIFE)

    def crowded(self, place: Place) -> bool:
        """Tell if others have computed much lately: what their pages need beside their turns is then not to be taken.

        Work that nobody looks at does not count: it stands still while this one computes.
        """
        now = self._clock()
        others = (name for name, (_, _, background) in self._had.items() if name != place.person and not background)
        return sum(self.had(person, now) for person in others) > LITTLE

    def rank(self, place: Place, now: float) -> float:
        """Return the rank in seconds; the lowest comes next."""
        behind = BEHIND if place.background else 0.0
        return self.had(place.person, now) + place.seconds - (now - place.since) + behind

    def wait(self, place: Place) -> Wait:
        """Return what one who waits is told."""
        now = self._clock()
        rank = self.rank(place, now)
        ahead = sum(self.rank(other, now) < rank for other in self.waiting if other is not place)
        total = sum(self.had(person, now) for person in self._had)
        own = self.had(place.person, now) / max(total, LITTLE)
        return Wait(now - place.since, ahead + (self.holder is not None), own)

    def _go_on(self) -> None:
        if self.holder is None and self.waiting:
            now = self._clock()
            self.holder = min(self.waiting, key=lambda place: self.rank(place, now))
            self.waiting.remove(self.holder)
            self._withdrawn = {person: since for person, since in self._withdrawn.items() if now - since < HALF_LIFE}
            self.holder.started = now
            self.holder.granted.set()

    def _charge(self, place: Place) -> None:
        now = self._clock()
        used = now - place.started
        place.started, place.seconds = now, max(0.0, place.seconds - used)
        kept = {
            person: (had, now, background)
            for person, (_, _, background) in self._had.items()
            if (had := self.had(person, now)) > FORGOTTEN
        }
        self._had = kept | {place.person: (self.had(place.person, now) + used, now, place.background)}


class Turn:
    """The turn that one has; long work pauses between its pieces."""

    def __init__(self, turns: Turns, place: Place, entered: Entered) -> None:
        self._turns, self._place, self._entered = turns, place, entered

    def pause(self) -> None:
        """Let those who come before have their turns; return when it is this one's again."""
        self._turns._pause(self._place, self._entered)


class Turns:
    """The turns of a process, whose threads wait for each other here."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._line = Line(clock)

    @contextmanager
    def turn(
        self,
        person: str,
        seconds: float = 0.0,
        *,
        background: bool = False,
        entered: Entered = lambda crowded: None,
        waiting: Callable[[Wait], None] | None = None,
    ) -> Iterator[Turn]:
        """Wait for a turn, and have it inside of the context; however that is left, the next one comes.

        Args:
            person: who asks.
            seconds: what it will take, as far as it is known.
            background: True for work that nobody looks at meanwhile.
            entered: is called whenever the turn begins, or goes on after a pause, with True where others
                compute much, too.
            waiting: is called every now and then while one waits; what it raises ends the waiting.

        >>> turns = Turns()
        >>> with turns.turn("ada") as turn:
        ...     turn.pause()  # nobody else waits
        """
        place = Place(person, seconds, self._clock(), background)
        try:
            with self._lock:
                self._line.join(place)
            self._wait(place, waiting)
            self._enter(place, entered)
            yield Turn(self, place, entered)
        finally:
            with self._lock:
                self._line.leave(place)

    def waiting(self) -> int:
        """Return how many wait."""
        return len(self._line.waiting)

    def _pause(self, place: Place, entered: Entered) -> None:
        if not self._line.waiting:  # read without the lock: it is asked often, and the next time is soon
            return
        with self._lock:
            paused = self._line.pause(place)
        if paused:
            place.granted.wait()
            self._enter(place, entered)

    def _enter(self, place: Place, entered: Entered) -> None:
        with self._lock:
            crowded = self._line.crowded(place)
        entered(crowded)

    def _wait(self, place: Place, waiting: Callable[[Wait], None] | None) -> None:
        while not place.granted.wait(PATIENCE if waiting else None):
            with self._lock:
                told = self._line.wait(place)
            if waiting:
                waiting(told)
