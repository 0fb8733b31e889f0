"""The order of turns: simulated persons under a clock of their own, then real threads, which lock nobody out."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from app.stores.turns import BEHIND, PIECE, Line, Place, Turns, Wait


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    """One server with simulated persons: each computes as long as they said, one after the other."""

    clock: Clock = field(default_factory=Clock)
    waits: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.line = Line(self.clock)

    def run(self, asked: list[tuple[float, str, float]], until: float, busy: dict[str, float] | None = None) -> None:
        """Let persons ask, each at a time for so many seconds; a run of more than one piece pauses between them.

        Those who are busy ask for as much again whenever they have had it. What is kept of each run is the time from
        asking to its end.
        """
        coming, asked_at, left = sorted(asked, reverse=True), dict[Place, float](), dict[Place, float]()
        coming += [(0.0, person, seconds) for person, seconds in (busy or {}).items()]
        while self.clock.now < until:
            while coming and coming[-1][0] <= self.clock.now + 1e-9:
                at, person, seconds = coming.pop()
                place = Place(person, seconds, at)
                asked_at[place], left[place] = at, seconds
                self.line.join(place)
            holder = self.line.holder
            if holder is None:
                self.clock.now = coming[-1][0] if coming else until
                continue
            step = min(left[holder], PIECE)
            self.clock.now += step
            left[holder] -= step
            if left[holder] > 1e-9:
                self.line.pause(holder)
            else:
                self.line.leave(holder)
                self.waits.setdefault(holder.person, []).append(self.clock.now - asked_at[holder])
                if busy and holder.person in busy:
                    coming.append((self.clock.now, holder.person, busy[holder.person]))


def test_the_least_served_comes_first() -> None:
    clock = Clock()
    line = Line(clock)
    first = Place("greedy", 1, 0)
    line.join(first)
    clock.now = 1.0
    line.leave(first)
    computes, again, modest = Place("other", 0.1, 1), Place("greedy", 0.1, 1), Place("modest", 0.1, 1)
    for place in (computes, again, modest):
        line.join(place)
    assert line.holder is computes
    line.leave(computes)
    assert line.holder is modest
    line.leave(modest)
    assert line.holder is again


def test_a_long_run_gives_way_to_short_ones_that_came_later() -> None:
    line = Line(Clock())
    computes, long, short = Place("a", 0, 0), Place("b", 2.0, 0), Place("c", 0.02, 0)
    for place in (computes, long, short):
        line.join(place)
    line.leave(computes)
    assert line.holder is short


def test_one_who_computes_all_the_time_slows_only_themselves_down() -> None:
    world = World()
    class_ = [(second + i / 20, f"pupil {i}", 0.02) for second in range(40) for i in range(20)]
    world.run(class_, until=40, busy={"greedy": 1.5})
    pupils = [wait for person, waits in world.waits.items() if person != "greedy" for wait in waits]
    assert max(pupils) <= 4 * PIECE  # not the 1.5 s of a whole run
    assert len(world.waits["greedy"]) >= 14  # the 24 s that the class leaves, of 1.5 s each


def test_nobody_waits_for_ever() -> None:
    world = World()
    crowd = [(step / 50, f"pupil {step % 40}", 0.02) for step in range(50 * 60)]  # all the time there is
    world.run([*crowd, (0.5, "long", 1.0)], until=60)
    assert len(world.waits["long"]) == 1


def test_what_somebody_has_had_is_forgotten() -> None:
    clock = Clock()
    line = Line(clock)
    place = Place("a", 1, 0)
    line.join(place)
    clock.now = 4.0
    line.leave(place)
    assert line.had("a") == pytest.approx(4.0)
    clock.now = 14.0
    assert line.had("a") == pytest.approx(2.0)
    clock.now = 1000.0
    after = Place("b", 0, 1000.0)
    line.join(after)
    line.leave(after)
    assert "a" not in line._had


def test_who_computes_beside_others_is_told_so() -> None:
    world = World()
    world.run([(0.0, "large", 5.0)], until=5.0)
    large = Place("large", 1.0, world.clock.now)
    assert not world.line.crowded(large)  # what one has had oneself does not count
    world.run([(5.0 + 0.1 * i, f"small {i % 5}", 0.09) for i in range(20)], until=9.0)
    assert world.line.crowded(large)
    world.clock.now += 60.0
    assert not world.line.crowded(large)


def test_work_that_nobody_looks_at_is_no_crowd() -> None:
    clock = Clock()
    line = Line(clock)
    for background in (True, False):
        other = Place("other", 5.0, clock.now, background)
        line.join(other)
        clock.now += 5.0
        line.leave(other)
        assert line.crowded(Place("large", 1.0, clock.now)) is not background


def test_background_work_lets_everybody_go_before() -> None:
    clock = Clock()
    line = Line(clock)
    work, user = Place("background sweep", 0, 0, background=True), Place("user", BEHIND / 2, 0)
    line.join(work)
    assert line.holder is work  # nobody else wants it
    line.join(user)
    clock.now = PIECE
    assert line.pause(work)
    assert line.holder is user
    clock.now += 1.0
    line.leave(user)
    assert line.holder is work
    clock.now += PIECE
    assert not line.pause(work)  # nobody waits, so it goes on


def test_one_who_asks_anew_has_not_lost_the_place() -> None:
    clock = Clock()
    line = Line(clock)
    line.join(Place("computes", 9, 0))
    old, other = Place("a", 0.1, 0), Place("b", 0.1, 1)
    line.join(old)
    clock.now = 1.0
    line.join(other)
    clock.now = 2.0
    line.leave(old)  # overtaken by a newer key
    new = Place("a", 0.1, 2)
    line.join(new)
    assert new.since == 0
    assert line.rank(new, 2.0) < line.rank(other, 2.0)
    line.leave(old)  # twice does no harm
    assert new in line.waiting


class Stop(BaseException):
    """The kind of error that Streamlit ends a run with: no Exception."""


def test_a_stop_while_waiting_leaves_the_line() -> None:
    turns = Turns()
    told: list[Wait] = []

    def stop(wait: Wait) -> None:
        told.append(wait)
        raise Stop

    def waits() -> None:
        with pytest.raises(Stop), turns.turn("b", waiting=stop):
            pytest.fail("it had no turn")

    with turns.turn("a"):
        thread = threading.Thread(target=waits)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
        assert turns.waiting() == 0
    assert told[0].ahead == 1
    with turns.turn("c"):
        pass


@pytest.mark.parametrize("error", [ValueError, Stop, KeyboardInterrupt])
def test_whatever_ends_a_turn_the_next_one_comes(error: type[BaseException]) -> None:
    turns = Turns()
    with pytest.raises(error), turns.turn("a"):
        raise error
    with pytest.raises(error), turns.turn("a", entered=lambda crowded: (_ for _ in ()).throw(error)):
        pytest.fail("it did not begin")
    with turns.turn("b"):
        pass


def test_a_pause_lets_the_one_who_waits_go_first() -> None:
    clock = Clock()
    turns, order = Turns(clock), list[str]()

    def short() -> None:
        with turns.turn("short"):
            order.append("short")

    with turns.turn("long", 2.0, entered=lambda crowded: order.append("long")) as turn:
        thread = threading.Thread(target=short)
        thread.start()
        while not turns.waiting():
            pass
        turn.pause()  # too early: handing over costs more
        assert order == ["long"]
        clock.now = 1.0
        turn.pause()
        assert order == ["long", "short", "long"]
    thread.join()


def test_many_threads_compute_one_at_a_time_and_all_come() -> None:
    turns, inside, most, done = Turns(), [0], [0], list[int]()

    def one(i: int) -> None:
        for _ in range(20):
            with turns.turn(f"person {i % 5}", i / 100, background=i % 7 == 0) as turn:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1
                turn.pause()
                done.append(i)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == 400
    assert most == [1]
