"""Actions of a person: each as a whole or not at all, reports of the browser as actions, one way to change."""

from __future__ import annotations

import ast
import math
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from typing import Any

import pytest
import streamlit
from hypothesis import given
from hypothesis import strategies as some

from app.session import events
from app.session.actions import (
    Action,
    ChooseLook,
    Lock,
    LookBack,
    MoveInTime,
    Restore,
    SetSampling,
    SetTimelineScore,
    TakeExample,
    Type,
    Write,
)
from app.session.explorer import Explorer
from app.session.generating import Put
from app.session.location import Location
from app.session.look import CHOICES, Look
from app.session.map_actions import Find, GoToLayer, Open, PickHead, PickWeight, Select, ShowHead, Up, Walk
from app.session.prompt_run import Shown
from app.session.state_text import State
from app.state import reports
from app.stores.snapshots import History
from gptcore import Checkpoint, CheckpointError
from gptcore.checkpoint.snapshots import Snapshot
from gptcore.generation.sampling import Sampling
from gptcore.graph.node import MODEL
from gptcore.tokenizer import CharTokenizer
from tests.browser.driver import ROOT
from tests.conftest import random_model

PROMPT = "abacad"
PLAIN = Sampling(1.0, None, None)


class Recorded:
    """A training of which one snapshot, step 10, can be loaded, and one, step 20, cannot."""

    def history(self) -> History:
        return HISTORY

    def weights(self, step: int) -> Checkpoint:
        if step != 10:
            raise CheckpointError("its file is missing")
        return checkpoint(seed=10)


HISTORY = History(
    "folder", (Snapshot(10, Path(), "a", {}, {"first": [[0.1, 0.2]] * 3}), Snapshot(20, Path(), "b")), (3, 2)
)


def checkpoint(seed: int = 0) -> Checkpoint:
    model = random_model(seed=seed)
    return Checkpoint(model, CharTokenizer("abcdefghijklmnopq"), model.config, {})


@pytest.fixture
def me() -> Explorer:
    """Somewhere that is nobody's start, so that a state which was reset shows."""
    explorer = Explorer(checkpoint(), PROMPT, source="letters", past=Recorded())
    chosen: tuple[Action, ...] = (LookBack(), MoveInTime(10), PickHead(2, 1), Select("transformer.h.1.mlp.c_fc"))
    for action in chosen:
        explorer.apply(action)
    chosen = (PickWeight("transformer.h.1.mlp.c_fc.bias"), SetSampling(0.7, 3), SetTimelineScore("first"))
    for action in (*chosen, Lock(3), ChooseLook("form", "diagram")):
        explorer.apply(action)
    assert explorer.notice is None
    return explorer


def screen(me: Explorer) -> tuple[object, ...]:
    """All that a person sees but the notice; the run by its identity."""
    return me.state, me.typed, me.meant, me.rev, me.history, id(me.shown)


# ---- refused as a whole ------------------------------------------------------------------------------------------

GOOD = State(
    *("letters", "ab", Location(MODEL, 1, 1, "transformer.h.1.mlp"), 10, 2.0, 5, "first"),
    lock=1,
    look=Look(scale="row"),
)
BAD: dict[str, Action] = {
    "no text": Type(None),  # type: ignore[arg-type]
    "a list as text": Write(["a"]),  # type: ignore[arg-type]
    "no such token": Put(17),
    "a negative token": Put(-1),
    "a token that is true": Put(True),
    "no such node": Select("transformer.h.3.attn"),
    "no name": Select(None),  # type: ignore[arg-type]
    "a name that cannot be hashed": Select(["lm_head"]),  # type: ignore[arg-type]
    "no container": Open("nowhere"),
    "a container of no block": Open("transformer.h", 3),
    "a crumb without an inside": Up("lm_head"),
    "no crumb": Up("nowhere"),
    "a layer before the first": GoToLayer(-1),
    "a layer behind the last": GoToLayer(3),
    "half a layer": GoToLayer(1.5),  # type: ignore[arg-type]
    "a head of no layer": PickHead(3, 0),
    "no such head": PickHead(0, 99),
    "a negative head": ShowHead(-1),
    "a token behind the last": Lock(len(PROMPT)),
    "a token before the first": Lock(-1),
    "a token that is no number": Lock("1"),  # type: ignore[arg-type]
    "a lock that is true": Lock(True),
    "no such look": ChooseLook("colour", "red"),
    "a look of another choice": ChooseLook("form", "row"),
    "a look that cannot be hashed": ChooseLook("form", ["diagram"]),  # type: ignore[arg-type]
    "another node's weight": PickWeight("lm_head.weight"),
    "no temperature": SetSampling(math.nan, 10),
    "an endless temperature": SetSampling(math.inf, 10),
    "a temperature of nothing": SetSampling(0.0, 10),
    "a temperature below nothing": SetSampling(-1.0, 10),
    "a temperature as text": SetSampling("1", 10),  # type: ignore[arg-type]
    "no rows": SetSampling(1.0, 0),
    "a million rows": SetSampling(1.0, 1_000_000),
    "no such snapshot": MoveInTime(11),
    "a snapshot that cannot be loaded": MoveInTime(20),
    "a step as text": MoveInTime("10"),  # type: ignore[arg-type]
    "no such score": SetTimelineScore("best"),
    "a score that cannot be hashed": SetTimelineScore([]),  # type: ignore[arg-type]
    "another model's state": Restore(State("elsewhere", "ab")),
    "a state of an unreadable prompt": Restore(State("letters", "XYZ", step=10)),
    "a state without a prompt": Restore(State("letters", "")),
    "a state of no snapshot": Restore(State("letters", "ab", step=11)),
    "a state of no head": Restore(State("letters", "ab", Location(head=2))),
    "a state of no view": Restore(State("letters", "ab", Location(view="elsewhere"))),
    "a state of no node": Restore(State("letters", "ab", Location(selected="nowhere"))),
    "a state of no weight": Restore(State("letters", "ab", Location(weight="nowhere"))),
    "a state of no temperature": Restore(State("letters", "ab", temperature=math.nan)),
    "a state of no token": Restore(State("letters", "ab", lock=2)),
    "a state of no score": Restore(State("letters", "ab", score="best")),
}


@pytest.mark.parametrize("action", BAD.values(), ids=BAD)
def test_an_action_that_cannot_be_leaves_everything_and_says_why(me: Explorer, action: Action) -> None:
    before, work = screen(me), me.work([action])
    me.apply(action)
    assert screen(me) == before
    assert me.message is not None
    assert me.message["kind"] == "error"
    assert me.message["text"][0].isupper() and me.message["text"].endswith(".")
    assert work >= 0
    me.apply(ShowHead(0))
    assert me.notice is None  # another action has succeeded


def test_a_refusal_stays_until_something_changes(me: Explorer) -> None:
    me.apply(MoveInTime(20))
    why = me.notice
    assert why is not None and why["text"] == "Still shown: step 10 of 20. Step 20 cannot be. Its file is missing."
    for nothing in (LookBack(), MoveInTime(10), Put(0, to="another prompt")):
        me.apply(nothing)
        assert me.notice == why
    me.apply(MoveInTime(None))
    assert (me.notice, me.step) == (None, None)


def test_what_fails_in_the_middle_has_changed_nothing(me: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("out of numbers")

    before = screen(me)
    monkeypatch.setattr(Shown, "of", broken)
    me.apply(Restore(GOOD))
    me.apply(MoveInTime(None))
    assert screen(me) == before


def test_a_late_append_is_passed_over(me: Explorer) -> None:
    me.apply(Lock(None))
    me.apply(Put(3, to="aba"))
    assert (me.typed, me.notice) == (PROMPT, None)
    me.apply(Put(3, to=PROMPT))
    assert (me.typed, me.rev) == (PROMPT + "d", 1)


def test_a_token_is_put_behind_the_one_that_is_locked(me: Explorer) -> None:
    me.apply(Put(3, to=PROMPT))
    assert (me.shown.text, me.rev) == (PROMPT[:4] + "d", 1)
    assert (me.lock, me.position) == (3, 3)  # what the model expects there stays in sight


def test_what_is_written_elsewhere_is_brought_to_the_input(me: Explorer) -> None:
    me.apply(Type("abc"))
    assert (me.typed, me.rev) == ("abc", 0)
    me.apply(Write("abd"))
    assert (me.typed, me.shown.text, me.rev) == ("abd", "abd", 1)


# ---- a prompt that was refused -----------------------------------------------------------------------------------


def other(letters: str, before: Explorer) -> Explorer:
    """The next model on the screen, as the page opens it."""
    model = random_model()
    ckpt = Checkpoint(model, CharTokenizer(letters), model.config, {"prompt": letters[:3]})
    return Explorer(ckpt, before.own_words, refused=before.refused, rev=before.rev + 1)


LOWER, UPPER, BOTH = "abcdefghijklmnopq", "ABCDEFGHIJKLMNOPQ", "abcdefgABCDEFGHIZ"


def test_a_text_that_was_refused_and_corrected_does_not_come_back(me: Explorer) -> None:
    me.apply(Type("abZ"))
    assert (me.typed, me.shown.text, me.meant) == ("abZ", PROMPT, PROMPT)
    me.apply(Type("abc"))
    for action in (MoveInTime(None), MoveInTime(10), LookBack()):
        me.apply(action)
        assert (me.typed, me.meant, me.refused) == ("abc", "abc", None)
    assert other(BOTH, me).typed == "abc"
    assert other(BOTH, other(UPPER, me)).typed == "abc"  # it was run: it outlives a model that cannot read it


def test_a_text_that_was_refused_is_offered_to_the_next_model_alone(me: Explorer) -> None:
    me.apply(Type("abZ"))
    able = other(BOTH, me)  # which can read it
    assert (able.typed, able.shown.text, able.meant, able.message) == ("abZ", "abZ", "abZ", None)
    unable = other(LOWER, me)  # which cannot either: what was on the screen stays
    assert (unable.typed, unable.shown.text, unable.refused) == (PROMPT, PROMPT, None)
    assert unable.message is not None and "'Z'" in unable.message["text"]
    assert other(BOTH, unable).typed == PROMPT  # and it does not come back now
    lost = other(UPPER, me)  # which reads neither
    assert (lost.typed, lost.meant) == ("ABC", PROMPT)
    assert other(BOTH, lost).typed == PROMPT
    lost.apply(Type("AZ"))
    lost.apply(Put(3))  # refused, too
    lost.apply(Type("AB"))
    assert other(BOTH, lost).typed == "AB"


def test_a_text_that_was_refused_stays_on_the_way_back_to_another_place_of_its_prompt(me: Explorer) -> None:
    me.apply(Select("lm_head"))
    place = me.state
    me.apply(Select("transformer.h.0"))
    me.apply(Type("abZ"))
    told = me.notice
    me.apply(Restore(place))
    assert (me.state, me.typed, me.notice) == (place, "abZ", told)
    me.apply(Restore(replace(place, prompt=PROMPT + "e")))  # another prompt is asked for
    assert (me.typed, me.shown.text, me.notice) == (PROMPT + "e", PROMPT + "e", None)


def test_an_input_that_was_emptied_is_no_prompt_for_the_next_model(me: Explorer) -> None:
    me.apply(Type(""))
    assert other(BOTH, me).typed == PROMPT
    assert other(BOTH, me).message is None


# ---- values ------------------------------------------------------------------------------------------------------


def test_actions_and_locations_never_change() -> None:
    for value in (Select("lm_head"), GOOD, Location()):
        with pytest.raises(FrozenInstanceError):
            setattr(value, fields(value)[0].name, "x")
    assert Select("lm_head") == Select("lm_head")
    assert len({PickHead(0, 1), PickHead(0, 1), PickHead(1, 0)}) == 2


def test_a_run_before_stays_as_it_was(me: Explorer) -> None:
    shown, last = me.shown, len(PROMPT) - 1
    logits = shown.next_tokens(last, PLAIN, 5)
    me.apply(Type(PROMPT + "efgh"))
    me.apply(MoveInTime(None))
    assert shown.text == PROMPT
    assert shown.next_tokens(last, PLAIN, 5) == logits
    assert me.shown.next_tokens(last, PLAIN, 5) != logits  # other weights


# ---- the token that is followed ----------------------------------------------------------------------------------


def followed(me: Explorer) -> tuple[int | None, int]:
    """The locked token, and the position in the context that is followed."""
    return me.lock, me.position


def test_the_last_token_is_followed_until_another_is_locked(me: Explorer) -> None:
    me.apply(Lock(None))
    assert followed(me) == (None, len(PROMPT) - 1)
    me.apply(Type(PROMPT + "e"))
    assert followed(me) == (None, len(PROMPT))
    me.apply(Lock(2))
    assert (followed(me), me.notice) == ((2, 2), None)


def test_a_lock_stays_until_its_token_is_deleted(me: Explorer) -> None:
    for text in (PROMPT + "e", PROMPT + "ef", PROMPT, PROMPT[:4]):
        me.apply(Type(text))
        assert followed(me) == (3, 3), text
    me.apply(MoveInTime(None))
    assert me.lock == 3  # of the prompt, whatever the weights
    me.apply(Type(PROMPT[:3]))
    assert followed(me) == (None, 2)
    me.apply(Type(PROMPT))
    assert followed(me) == (None, len(PROMPT) - 1)  # what is let go does not come back


def test_a_text_that_cannot_be_run_leaves_the_lock(me: Explorer) -> None:
    for text in ("", "XYZ"):
        me.apply(Type(text))
        assert (followed(me), me.shown.text) == ((3, 3), PROMPT)


def test_a_lock_is_counted_in_the_prompt_and_its_position_in_the_context(me: Explorer) -> None:
    me.apply(Type("abcd" * 9))  # 36 tokens, of which the model sees the last 32
    assert me.shown.cropped == 4
    assert followed(me) == (None, 31)  # token 3 is no longer seen
    me.apply(Lock(3))
    assert "choose one from 4 to 35" in str(me.notice)
    me.apply(Lock(10))
    assert (followed(me), me.notice) == ((10, 6), None)
    me.apply(Type("abcd" * 9 + "abc"))
    assert followed(me) == (10, 3)
    me.apply(Type("abcd" * 11))  # 12 of 44 are not seen
    assert followed(me) == (None, 31)


@pytest.mark.parametrize(("name", "word"), [(name, word) for name, words in CHOICES.items() for word in words])
def test_each_look_is_chosen_by_its_name_and_word(me: Explorer, name: str, word: str) -> None:
    before = me.look
    me.apply(ChooseLook(name, word))
    assert me.notice is None
    expected = {field.name: getattr(before, field.name) for field in fields(before)} | {name: word}
    assert {field.name: getattr(me.look, field.name) for field in fields(me.look)} == expected


# ---- what it costs -----------------------------------------------------------------------------------------------


def test_the_work_is_that_of_the_tokens_to_run(me: Explorer) -> None:
    size = me.parameters
    assert size == sum(parameter.numel() for parameter in me.final.model.parameters())
    expected = {
        Type(PROMPT + "ef"): 2,
        Type("ab" + PROMPT): 5,  # "ab|acad" grows from "ab" and then an "a" that both have
        Type("a" * 40): 32,  # cropped: a full pass
        Type("Z"): 0,
        Put(1): 1,
        Select("lm_head"): 0,
        MoveInTime(None): len(PROMPT),
        MoveInTime(10): 0,
        Restore(GOOD): 0,
    }
    assert {action: me.work([action]) / size for action in expected} == expected
    assert me.work([Put(1), Type("a" * 40), Select("lm_head")]) == 32 * size
    assert me.work([]) == 0


# ---- from reports to actions -------------------------------------------------------------------------------------

Asked = tuple[Action, ...]
REPORTED: list[tuple[str, dict[str, Any], Asked]] = [
    ("prompt", {"text": "ab", "rev": 0}, (Type("ab"),)),
    ("prompt", {"text": "ab", "rev": 1}, ()),  # typed before another text was written there
    ("prompt", {"example": True, "text": "ab", "rev": 0}, (Type("ab"), TakeExample())),
    ("prompt", {"example": True, "text": "ab", "rev": 1}, ()),
    ("map", {"kind": "select", "id": "lm_head", "layer": 1}, (Select("lm_head"),)),
    ("map", {"kind": "open", "id": "transformer.h", "layer": 2}, (Open("transformer.h", 2),)),
    ("map", {"kind": "open", "id": "transformer.h.1.mlp"}, (Open("transformer.h.1.mlp"),)),
    ("map", {"kind": "up", "id": "model"}, (Up("model"),)),
    ("map", {"kind": "layer", "id": "lm_head", "layer": 2}, (GoToLayer(2),)),
    ("heads", {"layer": 2, "head": 1}, (PickHead(2, 1),)),
    ("follow", {"token": 2, "text": PROMPT}, (Lock(2),)),
    ("follow", {"token": None, "text": PROMPT}, (Lock(None),)),
    ("follow", {"token": 2, "text": "ab"}, ()),  # of the prompt before
    ("look", {"name": "scale", "word": "row"}, (ChooseLook("scale", "row"),)),
    ("lens", {"kind": "select", "id": "lm_head"}, (Select("lm_head"),)),
    ("lens", {"kind": "read", "text": PROMPT, "position": 2}, ()),  # a question, not an action
    ("map", {"kind": "cell", "id": "lm_head", "row": 1, "column": 2}, ()),  # likewise
    ("node", {"kind": "weight", "id": "transformer.h.1.mlp.c_fc", "weight": None}, (PickWeight(None),)),
    (
        "node",
        {"kind": "weight", "id": "transformer.h.1.mlp.c_fc", "weight": "transformer.h.1.mlp.c_fc.weight"},
        (PickWeight("transformer.h.1.mlp.c_fc.weight"),),
    ),
    ("node", {"kind": "weight", "id": "transformer.h.1.attn.c_attn", "weight": None}, ()),  # of the node before
    ("prediction", {"temperature": 1, "top_k": 20, "append": None}, (SetSampling(1, 20),)),
    (
        "prediction",
        {"temperature": 0.5, "top_k": 20, "append": {"id": 3, "text": "ab", "seq": 1}},
        (SetSampling(0.5, 20), Put(3, "ab")),
    ),
    ("in_words", {"kind": "place", "view": "block", "layer": 1, "head": None, "token": 3}, (Up("transformer.h.1"),)),
    ("in_words", {"kind": "place", "layer": 2, "head": 0, "token": 4}, (GoToLayer(2), ShowHead(0), Lock(4))),
    ("in_words", {"kind": "find", "id": "lm_head", "layer": 2}, (GoToLayer(2), Find("lm_head"))),
    ("in_words", {"kind": "cell", "id": "lm_head", "cell": [0, 1, 2]}, (Walk("lm_head", (0, 1, 2)),)),
    ("timeline", {"source": "letters", "kind": "first", "step": 10}, (SetTimelineScore("first"), MoveInTime(10))),
    ("timeline", {"source": "letters", "kind": "", "step": None}, (SetTimelineScore(""), MoveInTime(None))),
    (
        "timeline",
        {"source": "letters", "kind": "first", "step": 10, "pick": {"layer": 2, "head": 1, "seq": 4}},
        (SetTimelineScore("first"), MoveInTime(10), PickHead(2, 1)),
    ),
    ("timeline", {"source": "another", "kind": "first", "step": 10, "pick": {"layer": 2, "head": 1}}, ()),
    ("timeline", {"source": "another", "kind": "first", "step": 10}, ()),  # of the model before
]


@pytest.mark.parametrize(("panel", "event", "expected"), REPORTED, ids=lambda value: str(value)[:40])
def test_each_report_is_its_action(
    me: Explorer, panel: str, event: dict[str, Any], expected: tuple[Action, ...]
) -> None:
    assert events.actions(panel, {**event, "seq": 5}, me) == expected


def test_a_head_of_the_film_is_another_head_of_the_same_tensor(me: Explorer) -> None:
    """A head of another block has no place beside what is inspected: its pattern is shown."""
    assert me.location.layer == 1
    for node in ("transformer.h.1.attn.q", "transformer.h.1.attn.scores"):
        me.apply(Select(node))
        assert events.actions("heads", {"layer": 1, "head": 0, "seq": 5}, me) == (ShowHead(0),)
        assert events.actions("heads", {"layer": 2, "head": 0, "seq": 5}, me) == (PickHead(2, 0),)
    me.apply(Select("transformer.h.1.attn.concat"))  # all heads side by side
    assert events.actions("heads", {"layer": 1, "head": 0, "seq": 5}, me) == (PickHead(1, 0),)


NAMES = some.sampled_from(["id", "text", "row"])
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=3),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(("panel", "event"), [(panel, event) for panel, event, expected in REPORTED if expected])
def test_a_report_that_lacks_a_field_or_holds_a_wrong_one_raises_nothing(
    me: Explorer, panel: str, event: dict[str, Any]
) -> None:
    whole = events.actions(panel, event, me)
    for name in event:
        less = events.actions(panel, {key: value for key, value in event.items() if key != name}, me)
        assert set(less) <= {*whole, Open(event.get("id", ""))}
        for wrong in ([], {}, object(), 1.5j, b"x"):
            found = events.actions(panel, {**event, name: wrong}, me)
            assert set(found) <= {*whole, Open(event.get("id", ""))}
            for action in found:
                me.apply(action)


@given(
    panel=some.sampled_from([*events.PANELS, "matrix", "nowhere"]),
    event=JSON,
    field=some.sampled_from(range(30)),
    value=JSON,
)
def test_any_report_at_all_raises_nothing(panel: str, event: object, field: int, value: object) -> None:
    known = [(panel_, {**event_, "seq": 1}) for panel_, event_, _ in REPORTED]
    panel_, like_one = known[field % len(known)]
    name = list(like_one)[field % len(like_one)]
    for each, reported in ((panel, event), (panel_, {**like_one, name: value})):
        for action in events.actions(each, reported, ONE):
            ONE.apply(action)
        events.cell(reported, "x")
        events.strip_cell(reported)


ONE = Explorer(checkpoint(), PROMPT, source="letters", past=Recorded())


@pytest.mark.parametrize(
    ("hover", "cell"),
    [
        ({"row": 1, "col": 2}, (1, 2)),
        ({"row": -1, "col": 2}, None),
        ({"row": 1.5, "col": 2}, None),
        (None, None),
        ([], None),
    ],
)
def test_the_cell_that_is_asked_for(hover: object, cell: object) -> None:
    assert events.cell({"name": "x", "hover": hover}, "x") == cell
    assert events.cell({"name": "y", "hover": hover}, "x") is None


@pytest.mark.parametrize(
    ("event", "cell"),
    [
        ({"kind": "cell", "id": "x", "row": 1, "column": 2}, ("x", 1, 2)),
        ({"kind": "select", "id": "x", "row": 1, "column": 2}, None),
        ({"kind": "cell", "id": None, "row": 1, "column": 2}, None),
        ({"kind": "cell", "id": "x", "row": "1", "column": 2}, None),
        ({"kind": "cell", "id": "x", "row": 1}, None),
        (None, None),
    ],
)
def test_the_pixel_of_a_strip_that_is_asked_for(event: object, cell: object) -> None:
    assert events.strip_cell(event) == cell


@pytest.mark.parametrize("live", [None, 5, [], {"map": 5}, {"map": {}}, {"map": {"seq": "1"}}, {"map": {"seq": True}}])
def test_a_report_without_a_number_is_none(live: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamlit, "session_state", {"explore_panels": live})
    assert reports.new("map") is None
    assert reports.seq("map") == 0


def test_a_report_is_handed_out_once_and_so_is_one_inside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    append = {"id": 3, "text": "ab", "seq": 7}
    state: dict[str, Any] = {"explore_panels": {"prediction": {"top_k": 10, "append": append, "seq": 8}}}
    monkeypatch.setattr(streamlit, "session_state", state)
    assert reports.new("prediction") == {"top_k": 10, "append": append, "seq": 8}
    assert reports.new("prediction") is None
    state["explore_panels"] = {"prediction": {"top_k": 20, "append": append, "seq": 9}}
    assert reports.new("prediction") == {"top_k": 20, "seq": 9}  # the slider has moved, and nothing is appended again
    state["explore_panels"] = {"prediction": {"top_k": 20, "append": {**append, "seq": 10}, "seq": 11}}
    assert reports.new("prediction") == {"top_k": 20, "append": {**append, "seq": 10}, "seq": 11}


# ---- one way to change -------------------------------------------------------------------------------------------


def writes(source: str) -> list[str]:
    """Each write to an attribute of something that is not `self`, and each way around that."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            if not (isinstance(node.value, ast.Name) and node.value.id == "self"):
                found.append(f"line {node.lineno}: {ast.unparse(node)}")
            continue
        called = node.func if isinstance(node, ast.Call) else None
        name = called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
        if name in ("setattr", "delattr", "__setattr__", "vars"):
            found.append(f"line {getattr(node, 'lineno', 0)}: {name}")
        if isinstance(node, ast.Attribute) and (node.attr in ("__dict__", "_screen", "_model", "_refusal")):
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


def test_nothing_writes_an_explorer_from_outside() -> None:
    files = [file for room in ("views", "state") for file in sorted((ROOT / "app" / room).rglob("*.py"))]
    assert len(files) > 12
    assert {str(file.relative_to(ROOT)): found for file in files if (found := writes(file.read_text()))} == {}


@pytest.mark.parametrize(
    "line",
    [
        "me.kind = 'first'",
        "me.rev += 1",
        "me.location.head: int = 3",
        "del me.notice",
        "person.explorer().step = 3",
        "me._screen",
        "setattr(me, 'step', 3)",
        "object.__setattr__(me.location, 'head', 3)",
        "me.__dict__['step'] = 3",
        "(me.step, other) = 1, 2",
    ],
)
def test_this_check_finds_such_a_write(line: str) -> None:
    assert writes(f"def view(me):\n    {line}\n")
    assert not writes("def view(me):\n    me.apply(action)\n    step = me.step\n")
