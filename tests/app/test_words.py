"""The page In words without a browser: what it is sent is the lesson of the screen, and its reports move the screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("streamlit", reason="needs the extra `app`")

from streamlit.testing.v1 import AppTest

from app.lessons import Lesson, Letter, Number, Part, Question, Run, Sentence, Token, lesson
from app.session.actions import Lock, Type
from app.session.change_actions import AddChange, MuteChanges
from app.session.explorer import Explorer
from app.session.map_actions import Open, PickHead, Walk
from app.views.in_words import run_of
from gptcore import Checkpoint, Edit
from gptcore.graph.node import ATTENTION, INSIDE, MLP, MODEL, SDPA, VIEWS
from gptcore.tokenizer import CharTokenizer
from tests.app.sent import Sent
from tests.lopsided import LETTERS, LONG, lopsided, seen
from tests.lopsided import run_of as plain_run

BLOCK = "transformer.h.2"


class Told(Sent):
    """The page, with the cropped prompt, at head 3 of block 2."""

    def __init__(self, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.argv", ["app/main.py", str(source)])
        self.left: list[object] = []
        monkeypatch.setattr("streamlit.switch_page", self.left.append)
        super().__init__(AppTest.from_function(_page, default_timeout=60).run())
        self.me.apply(Type(LONG))
        self.me.apply(PickHead(2, 3))
        self.app.run()
        self._seq = 0

    @property
    def me(self) -> Explorer:
        """The explorer that the page tells of."""
        explorer: Explorer = self.app.session_state["explorer"]
        return explorer

    def report(self, **event: Any) -> dict[str, Any]:
        """Report as the component would, and return what it is sent then."""
        self._seq += 1
        origin = self.data("in_words")["origin"]
        self.app.session_state["in_words"] = {"event": {"kind": "place", "origin": origin, **event, "seq": self._seq}}
        self.app.run()
        return self.data("in_words")


def _page() -> None:
    from app import components
    from app.state import opening
    from app.views.in_words import words

    components.runtime()
    if opening.ready():
        words()


@pytest.fixture
def page(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    return Told(trained, monkeypatch)


def as_sent(part: Part) -> object:
    """Return a part as it travels."""
    match part:
        case Number(value, kind, cell, name):
            return {"name": name, "value": value, "kind": kind, "cell": cell and [cell[0], list(cell[1])]}
        case Letter(letter):
            return {"letter": letter}
        case Token(label, position):
            return {"token": label, "position": position}
    return part


@pytest.mark.parametrize("view", VIEWS)
def test_what_travels_is_the_lesson_of_what_is_on_the_screen(page: Told, view: str) -> None:
    sent = page.report(view=view)
    assert (sent["view"], sent["text"]) == (view, LONG)
    run = run_of(page.me)
    assert (run.layer, run.head, run.position, run.cropped) == (2, 3, 12, len(LONG) - 13)
    told = lesson(run, view)
    said = [as_sent(part) for each in told.sentences for part in each.parts]
    parts = [part for each in sent["sentences"] for part in each["parts"]]
    assert [part for part in parts if part != " "] == [part for part in said if part != " "]  # it joins sentences
    assert [[as_sent(part) for part in each.answer] for each in told.questions] == [
        each["answer"] for each in sent["questions"]
    ]
    drawn = [f'data-node="{each["node"]}"' for each in sent["sentences"]]
    assert all(each in sent["svg"] for each in drawn)
    assert len(set(drawn)) == len(drawn) == len(run.nodes(view)) == sent["svg"].count("data-node=")


def test_each_node_has_the_name_and_the_concept_of_the_map(page: Told) -> None:
    sent = page.report(view=ATTENTION)
    for each in sent["sentences"]:
        node = page.me.arch.nodes[each["node"]]
        assert (each["label"], each["concept"]) == (node.label, node.concept)
    assert [(each["node"], each["opens"]) for each in sent["sentences"] if each["opens"]] == [
        (f"{BLOCK}.attn.sdpa", SDPA)
    ]


def test_the_page_opens_with_the_view_of_explore_and_the_choices_that_it_depends_on(page: Told) -> None:
    assert page.data("in_words")["view"] == SDPA
    sent = page.data("in_words")["choices"]
    assert sent["layer"] == {"chosen": 2, "labels": ["0", "1", "2"]}
    assert sent["head"] == {"chosen": 3, "labels": ["0", "1", "2", "3"]}
    assert sent["token"] == {"chosen": 12, "labels": list(seen(LONG, lopsided()))}
    page.me.apply(Open(f"{BLOCK}.mlp"))
    page.app.run()
    assert (page.data("in_words")["view"], set(page.data("in_words")["choices"])) == (MLP, {"layer", "token"})
    assert set(page.report(view=MODEL)["choices"]) == {"token"}
    assert page.report(view=INSIDE)["choices"]["layer"]["chosen"] == 2


def test_another_view_leaves_the_tensor_that_explore_inspects(page: Told) -> None:
    before = page.me.location
    page.report(view=MLP)
    assert page.me.location.selected == before.selected
    assert page.me.location.view == MLP


def test_another_block_head_and_token_are_those_of_the_screen(page: Told) -> None:
    sent = page.report(layer=1)
    assert (page.me.location.layer, sent["choices"]["layer"]["chosen"]) == (1, 1)
    assert sent["sentences"][0]["node"] == "transformer.h.1.attn.q"
    sent = page.report(head=0)
    assert (page.me.location.head, sent["choices"]["head"]["chosen"]) == (0, 0)
    sent = page.report(token=4)
    assert (page.me.position, page.me.lock, sent["choices"]["token"]["chosen"]) == (4, len(LONG) - 13 + 4, 4)
    assert page.left == []


def test_a_name_leads_to_its_node_with_the_same_block_and_head(page: Told) -> None:
    page.report(kind="find", id=f"{BLOCK}.attn.scaled")
    place = page.me.location
    assert (place.selected, place.view, place.layer, place.head) == (f"{BLOCK}.attn.scaled", SDPA, 2, 3)
    assert len(page.left) == 1
    page.app.run()
    assert len(page.left) == 1  # heard once


def test_a_number_leads_to_where_it_comes_from(page: Told) -> None:
    sent = page.data("in_words")["sentences"]
    (scores,) = [each for each in sent if each["node"].endswith(".scores")]
    (score,) = [part for part in scores["parts"] if isinstance(part, dict) and part.get("name") == "score"]
    name, index = score["cell"]
    page.report(kind="cell", id=name, cell=index)
    found = page.me.explanation()
    assert found is not None
    assert (found.name, list(found.index)) == (name, index)
    assert found.value == pytest.approx(score["value"])
    assert index[:3] == [0, 3, 12]
    assert len(page.left) == 1


@pytest.mark.parametrize("view", VIEWS)
def test_each_number_with_a_place_has_a_card_of_its_own(view: str) -> None:
    model = lopsided()
    me = Explorer(Checkpoint(model, CharTokenizer(LETTERS), model.config, {}), LONG)
    for action in (PickHead(2, 3), Lock(len(LONG) - 6)):
        me.apply(action)
    told = lesson(run_of(me), view)
    said: list[Sentence | Question] = [*told.sentences, *told.questions]
    every = [part for each in said for part in _parts_of(each)]
    placed = [part for part in every if isinstance(part, Number) and part.cell]
    assert len(placed) >= 3
    for number in placed:
        assert number.cell is not None
        me.apply(Walk(*number.cell))
        found = me.explanation()
        assert found is not None, number
        assert (found.name, found.index) == number.cell
        assert found.value == pytest.approx(number.value, rel=1e-6)


def _parts_of(each: Sentence | Question) -> tuple[Part, ...]:
    return each.parts if isinstance(each, Sentence) else each.question + each.answer


def test_a_report_of_another_screen_moves_nothing(page: Told) -> None:
    before = page.me.location
    page.report(layer=0, origin="elsewhere.0")
    page.report(kind="cell", id="transformer.h.9.attn.z", cell=[0])
    page.report(view="no such view")
    assert page.me.location == before


def test_a_locked_token_that_is_cropped_away_is_not_followed() -> None:
    model = lopsided()
    me = Explorer(Checkpoint(model, CharTokenizer(LETTERS), model.config, {}), LONG)
    me.apply(Lock(len(LONG) - 3))
    assert run_of(me).position == 10
    assert run_of(me).here.label == LONG[-3]


def test_it_says_that_changes_are_on_and_not_told_of(page: Told) -> None:
    assert not page.app.caption
    page.me.apply(AddChange(Edit("transformer.h.2.attn.z", "zero", head=3)))
    page.app.run()
    (said,) = page.app.caption
    assert "without them" in said.value
    name, plain = "transformer.h.2.resid_post", plain_run(page.me.final.model, LONG)
    torch.testing.assert_close(run_of(page.me).trace[name], plain[name])
    assert not torch.equal(page.me.shown.trace[name], plain[name])
    page.me.apply(MuteChanges(True))
    page.app.run()
    assert not page.app.caption  # Explore shows the model as it is, too


def test_the_sentences_are_made_within_a_turn(page: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long prompt's scores are computed while nobody else computes."""
    inside: list[bool] = []

    @contextmanager
    def turn(work: float) -> Iterator[None]:
        inside.append(True)
        yield
        inside.pop()

    monkeypatch.setattr("app.views.in_words.server.turn", turn)
    made: list[bool] = []

    def told(run: Run, view: str) -> Lesson:
        made.append(bool(inside))
        return lesson(run, view)

    monkeypatch.setattr("app.views.in_words.lesson", told)
    page.app.run()
    assert made == [True]
