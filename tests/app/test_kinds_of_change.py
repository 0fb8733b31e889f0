"""Each kind of change of each part: the run on the screen is the one that gptcore's own builders make."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

import gptcore
from app.session.actions import Restore, Type
from app.session.change_actions import (
    AddChange,
    KeepPatterns,
    MuteChanges,
    RedoChange,
    ScaleChange,
    SetChanges,
    TakeTool,
    ToggleChange,
    UndoChange,
)
from app.session.changes import Change, Other, Wish, row_drawn
from app.session.changes import references as texts
from app.session.changes.change import thousandths
from app.session.explorer import Explorer
from app.session.state_text import decode, encode
from gptcore import Edit, Trace, capture
from gptcore.analysis.ablation import mean_ablation, pattern_preserving
from gptcore.data.source import task_source
from tests.app.sent import Page
from tests.lopsided import FITS, STEPS, checkpoint_of, lopsided, write_folder
from tests.lopsided import encode as ids_of

MODEL = lopsided()
Z, MLP, GELU, POST = (f"transformer.h.1.{name}" for name in ("attn.z", "mlp", "mlp.gelu", "resid_post"))
PATTERN, V = "transformer.h.1.attn.pattern", "transformer.h.1.attn.v"
TEXT = "cab deß木jaf hij λ"
"""A reference text: of its 18 tokens the first 13, a context, are one sequence."""
PROMPT = "fij→ba"
HEAD = Edit(Z, "zero", head=2)


@pytest.fixture
def me() -> Explorer:
    return Explorer(checkpoint_of(lopsided()), FITS, source="lopsided")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    return Page(write_folder(tmp_path / "lopsided", lopsided()), monkeypatch, FITS)


def run(*edits: Edit, text: str = FITS) -> Trace:
    """A run of its own, by gptcore alone."""
    return capture(MODEL, ids_of(text), edits=edits)


def agree(me: Explorer, wanted: Trace) -> None:
    """Hold the run on the screen against another one, which is not that of the model as it is."""
    assert me.notice is None
    torch.testing.assert_close(me.shown.trace.logits, wanted.logits, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(wanted.logits, run(text=me.shown.text).logits, atol=1e-3)


def references() -> Trace:
    return capture(MODEL, [ids_of(TEXT)[:13]])


def other(name: str, length: int = len(PROMPT)) -> Any:
    return capture(MODEL, ids_of(PROMPT)).rows(name, 0, length)[0]


KINDS: dict[str, tuple[Wish, Any]] = {
    "a layer off": (
        Edit("transformer.h.1", "zero"),
        lambda: [Edit("transformer.h.1.attn", "zero"), Edit(MLP, "zero")],
    ),
    "a layer scaled": (
        Edit("transformer.h.1", "scale", 0.5),
        lambda: [Edit("transformer.h.1.attn", "scale", 0.5), Edit(MLP, "scale", 0.5)],
    ),
    "a head's mean": (Other(Z, "mean", TEXT, head=2), lambda: [mean_ablation(references(), Z, head=2, T=6)]),
    "an MLP's mean": (Other(MLP, "mean", TEXT), lambda: [mean_ablation(references(), MLP, T=6)]),
    "a neuron off": (Edit(GELU, "zero", channel=17), lambda: [Edit(GELU, "zero", channel=17)]),
    "a neuron patched": (
        Other(GELU, "patch", PROMPT, channel=17),
        lambda: [Edit(GELU, "set", other(GELU)[:, 17], channel=17)],
    ),
    "a head patched": (Other(Z, "patch", PROMPT, head=2), lambda: [Edit(Z, "set", other(Z)[2], head=2)]),
    "a pattern patched": (
        Other(PATTERN, "patch", PROMPT, head=2),
        lambda: [Edit(PATTERN, "patch", capture(MODEL, ids_of(PROMPT)), head=2)],
    ),
    "a pattern's mean": (
        Other(PATTERN, "mean", TEXT + TEXT, head=2),
        lambda: [
            Edit(
                PATTERN,
                "set",
                capture(MODEL, [ids_of(TEXT + TEXT)[at : at + 13] for at in (0, 13)])[PATTERN][:, 2, :6, :6].mean(0),
                head=2,
            )
        ],
    ),
    "the values of a head patched": (Other(V, "patch", PROMPT, head=2), lambda: [Edit(V, "set", other(V)[2], head=2)]),
    "a position patched": (
        Other(POST, "patch", PROMPT, position=4),
        lambda: [Edit(POST, "set", other(POST)[4], position=4)],
    ),
    "a position set": (Edit(POST, "set", 0.25, position=3), lambda: [Edit(POST, "set", 0.25, position=3)]),
    "a cell set": (
        Edit(Z, "set", -1.5, head=1, position=5, channel=3),
        lambda: [Edit(Z, "set", -1.5, head=1, position=5, channel=3)],
    ),
    "a layer patched": (
        Other("transformer.h.1", "patch", PROMPT),
        lambda: [
            Edit("transformer.h.1.attn", "set", other("transformer.h.1.attn")),
            Edit(MLP, "set", other(MLP)),
        ],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_change_is_the_run_of_the_library(me: Explorer, kind: str) -> None:
    wish, edits = KINDS[kind]
    me.apply(AddChange(wish))
    agree(me, run(*edits()))
    assert me.shown.here == (wish,)


def test_a_mean_is_over_all_sequences_of_a_long_text(me: Explorer) -> None:
    long = TEXT + PROMPT + "a" * 13
    me.apply(AddChange(Other(Z, "mean", long, head=2)))
    ids = ids_of(long)
    reference = capture(MODEL, [ids[:13], ids[13:26]])
    agree(me, run(mean_ablation(reference, Z, head=2, T=6)))


def test_another_text_that_is_shorter_leaves_later_positions_as_they_are(me: Explorer) -> None:
    me.apply(AddChange(Other(Z, "patch", "fij", head=2)))
    part = capture(MODEL, ids_of("fij"))[Z][0, 2]
    agree(me, run(Edit(Z, "set", part, head=2, position=slice(0, 3))))
    me.apply(AddChange(Other(POST, "patch", "fij", position=4)))
    assert me.shown.here == (Other(Z, "patch", "fij", head=2),)  # it has no such position


@pytest.mark.parametrize("length", [3, 6, 9])
def test_a_pattern_of_another_length_gives_the_rows_that_both_have(page: Page, length: int) -> None:
    text = (PROMPT + "eda")[:length]
    page.report("change_form", kind="add", part={"name": PATTERN, "head": 2}, how="patch", number=0, text=text, draw=0)
    me: Explorer = page.app.session_state["explorer"]
    found, clean = me.shown.trace[PATTERN][0], run()[PATTERN][0]
    rows = min(length, 6)
    torch.testing.assert_close(found[2, :rows, :rows], capture(MODEL, ids_of(text))[PATTERN][0, 2, :rows, :rows])
    torch.testing.assert_close(found[2, rows:], clean[2, rows:])
    torch.testing.assert_close(found.sum(-1), torch.ones(4, 6))
    assert not torch.allclose(found[2], clean[2], atol=1e-3)
    (listed,) = page.panel("changes")["listed"]
    reach = {3: ", at 3 of 6 positions"}.get(length, "")
    assert listed["words"] == f"head 1.2: pattern from “{text}”{reach}" and listed["key"] == "1.attn.pattern_h2"
    scope: dict[str, Any] = {}
    exec(page.panel("changes")["code"], scope)
    torch.testing.assert_close(scope["trace"].logits, me.shown.trace.logits)


def test_each_draw_is_another_sequence_of_the_model_s_own_text(me: Explorer) -> None:
    own, words = texts.own_text(me.checkpoint)
    assert "writes itself" in words and own == texts.own_text(me.checkpoint)[0]
    assert len(own) == 8 and {len(ids) for ids in own} == {13}
    found = []
    for draw in (0, 3, 11):
        me.apply(AddChange(Other(MLP, "resample", draw=draw)))
        values = capture(MODEL, own)[MLP][draw % 8, :6]
        agree(me, run(Edit(MLP, "set", values)))
        found.append(me.shown.trace.logits)
    assert torch.equal(found[1], found[2]) and not torch.equal(found[0], found[1])
    assert len(me.changes) == 1


@pytest.mark.parametrize("name", ["induction", "two-names"])
def test_the_own_text_of_a_task_is_examples_of_it(name: str) -> None:
    ckpt = gptcore.load(name)
    ids, words = texts.own_text(ckpt)
    assert name in words and len(ids) == 16
    task = task_source(name, ckpt.config.block_size, ckpt.config.vocab_size)
    assert ids == task.batch(16, torch.Generator().manual_seed(0))[0].tolist()


@pytest.mark.parametrize("text", ["ba木é\nж", "ba木é\nжab", "ba木é", "kab"])
def test_changes_from_another_text_stay_on_while_one_types(me: Explorer, text: str) -> None:
    me.apply(AddChange(Other(Z, "mean", TEXT, head=2)))
    me.apply(Type(text))
    agree(me, run(mean_ablation(references(), Z, head=2, T=len(text)), text=text))


def test_later_patterns_are_kept_as_they_are_without_the_changes(me: Explorer) -> None:
    first = Edit("transformer.h.0.attn.z", "zero", head=1)
    me.apply(AddChange(first))
    moved = me.shown.trace["transformer.h.2.attn.pattern"]
    me.apply(KeepPatterns(True))
    agree(me, run(*pattern_preserving(run(), 0, 1)))
    kept = me.shown.trace["transformer.h.2.attn.pattern"]
    torch.testing.assert_close(kept, run()["transformer.h.2.attn.pattern"])
    assert not torch.allclose(moved, kept, atol=1e-3)
    me.apply(Type(FITS + "a"))
    agree(me, run(*pattern_preserving(run(text=FITS + "a"), 0, 1), text=FITS + "a"))
    me.apply(KeepPatterns(False))
    agree(me, run(first, text=FITS + "a"))


def test_a_pattern_that_is_changed_itself_is_not_kept(me: Explorer) -> None:
    cut = Edit("transformer.h.2.attn.masked", "set", -torch.inf, head=3, position=5, key=1)
    me.apply(AddChange(cut))
    me.apply(AddChange(Edit("transformer.h.0.mlp", "zero")))
    me.apply(KeepPatterns(True))
    pattern, clean = me.shown.trace["transformer.h.2.attn.pattern"][0], run()["transformer.h.2.attn.pattern"][0]
    torch.testing.assert_close(pattern[:3], clean[:3])
    assert pattern[3, 5, 1] == 0 and clean[3, 5, 1] > 0


# ---- rows that are drawn ------------------------------------------------------------------------------------------


def test_a_drawn_row_is_the_pattern_of_the_run(page: Page) -> None:
    page.select("transformer.h.1.attn.pattern")
    page.pick_head(1, 3)
    page.report("node", kind="tool", id=page.panel("node")["id"], tool="draw")
    sent = page.panel("matrix")
    assert sent["draws"] and page.panel("node")["change"]["tool"] == "draw"
    page.report("explain", row=4, drawn=[0.125, 0, 0.5, 0, 0.375], name=sent["name"])
    wanted = run(
        Edit("transformer.h.1.attn.pattern", "set", torch.tensor([0.125, 0, 0.5, 0, 0.375, 0]), head=3, position=4)
    )
    pattern = page.matrix()[1]
    torch.testing.assert_close(
        torch.tensor(pattern), wanted["transformer.h.1.attn.pattern"][0, 3], rtol=1e-5, atol=1e-6
    )
    assert page.panel("changes")["listed"][0]["words"] == "head 1.3: row 4 drawn"
    after = wanted.logits[0, -1].double().softmax(-1)
    rows = page.panel("prediction")["rows"]
    assert rows[0]["probability"] == pytest.approx(after.max().item(), rel=1e-4)


@pytest.mark.parametrize("weights", [[0.2, 0.3, 0.1, 0.35], [1, 1, 1, 0], [0, 0, 0, 1e-9], [3, 5, 7, 11]])
def test_a_row_adds_up_to_one_whatever_was_drawn(me: Explorer, weights: list[float]) -> None:
    edit = row_drawn(me.arch, me.arch.nodes["transformer.h.1.attn.pattern"], 1, 3, weights)
    assert edit is not None
    assert sum(thousandths(edit)) == 1000
    torch.testing.assert_close(edit.value, torch.tensor(weights) / sum(weights), atol=1.01e-3, rtol=0)
    me.apply(AddChange(edit))
    assert me.notice is None


@pytest.mark.parametrize("weights", [[0.5, 0.5], [0, 0, 0, 0], [1, -1, 1, 1], [float("nan"), 1, 1, 1], [1e308] * 4 * 2])
def test_weights_that_make_no_row_are_no_change(me: Explorer, weights: list[float]) -> None:
    assert row_drawn(me.arch, me.arch.nodes["transformer.h.1.attn.pattern"], 1, 3, weights) is None


# ---- the list -----------------------------------------------------------------------------------------------------


def test_all_changes_go_off_at_once_and_come_back_as_they_were(me: Explorer) -> None:
    before = me.shown.trace
    me.apply(AddChange(HEAD))
    me.apply(AddChange(Edit(MLP, "zero")))
    me.apply(ToggleChange(Change(Edit(MLP, "zero")).key, False))
    listed = me.changes
    me.apply(MuteChanges(True))
    assert me.shown.trace is before and me.shown.without is None and me.changes == listed
    me.apply(Type(FITS + "a"))
    assert not me.shown.trace.edits
    me.apply(MuteChanges(False))
    assert me.changes == listed and me.shown.trace.edits == (HEAD,)
    me.apply(MuteChanges(True))
    me.apply(AddChange(Edit(MLP, "scale", 0.5)))  # one that is made is to be seen
    assert not me.listed.muted


def test_each_change_of_the_list_can_be_taken_back(me: Explorer) -> None:
    key = Change(HEAD).key
    steps = [AddChange(HEAD), KeepPatterns(True), ToggleChange(key, False), ToggleChange(key, True), MuteChanges(True)]
    lists = [me.listed]
    for step in [*steps, SetChanges()]:
        me.apply(step)
        lists.append(me.listed)
    for before in reversed(lists[:-1]):
        me.apply(UndoChange())
        assert me.listed == before
        assert me.shown.wishes == before.wishes
    assert not me.undoable
    me.apply(UndoChange())
    assert me.notice is not None and "make one first" in me.notice["text"]
    for after in lists[1:]:
        me.apply(RedoChange())
        assert me.listed == after
        assert me.shown.wishes == after.wishes
    assert not me.redoable
    me.apply(UndoChange())
    me.apply(AddChange(Edit(MLP, "zero")))
    assert not me.redoable  # another change ends what was taken back


def test_a_slider_is_taken_back_as_one(me: Explorer) -> None:
    me.apply(AddChange(HEAD))
    for factor in (0.1, 0.2, 0.7):
        me.apply(ScaleChange(Change(HEAD).key, factor))
    me.apply(UndoChange())
    assert me.changes == (Change(HEAD),)


def test_the_prompt_and_the_place_are_not_taken_back(me: Explorer) -> None:
    me.apply(AddChange(HEAD))
    me.apply(Type("bade"))
    me.apply(UndoChange())
    assert me.shown.text == "bade" and me.shown.trace.edits == ()


def test_ctrl_z_and_the_list_take_back(page: Page) -> None:
    page.pick_head(1, 2)
    page.report("node", kind="off", id=page.panel("node")["id"])
    assert page.panel("changes")["undo"] and page.panel("node")["undo"]
    page.report("node", kind="undo", id=page.panel("node")["id"])
    assert page.panel("changes")["listed"] == [] and "undo" not in page.panel("node")
    page.report("node", kind="redo", id=page.panel("node")["id"])
    assert len(page.panel("changes")["listed"]) == 1 and "redo" not in page.panel("node")


def test_a_line_without_changes_names_the_step_of_the_training_that_is_shown(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page(trained, monkeypatch, FITS)
    page.report("node", kind="off", id=page.panel("node")["id"])
    page.move(STEPS[0])
    for kind, began in (("mute", "All changes are off"), ("clear", "No change of the run")):
        page.report("changes", kind=kind, on=True)
        told = page.panel("changes")["told"]
        assert told == f"{began}: numbers are of step {STEPS[0]:,}."
    page.move(None)
    assert page.panel("changes")["told"] == "No change of the run: numbers are of the model as it is."


def test_the_way_back_stays_when_all_changes_are_taken_away(page: Page) -> None:
    page.pick_head(1, 2)
    page.report("node", kind="off", id=page.panel("node")["id"])
    listed = page.panel("changes")["listed"]
    page.report("changes", kind="clear")
    line = page.panel("changes")
    assert (line["listed"], line["undo"], line["redo"]) == ([], True, False)
    assert line["told"] == "No change of the run: numbers are of the model as it is."
    page.report("changes", kind="undo")
    assert page.panel("changes")["listed"] == listed
    page.report("changes", kind="redo")
    page.report("changes", kind="forget")
    assert "changes" not in page.data()["panels"]


# ---- the form -----------------------------------------------------------------------------------------------------


def form(page: Page, node: str) -> dict[str, Any]:
    """Open the form at a node."""
    page.select(node)
    page.report("node", kind="tool", id=page.panel("node")["id"], tool="form")
    return page.panel("change_form")


PLACES = {
    "transformer.h.1.attn.pattern": ["head 1.2", "head 1.2: pattern", "attention 1", "MLP 1", "layer 1"],
    "transformer.h.1.mlp": ["MLP 1", "attention 1", "layer 1", "neuron", "MLP 1, position 5"],
    "transformer.h.1.resid_post": ["attention 1", "MLP 1", "layer 1", "h.1.resid_post, position 5"],
    "transformer.embed": ["embed, position 5"],
}


@pytest.mark.parametrize("node", PLACES)
def test_the_form_offers_what_is_at_the_place(page: Page, node: str) -> None:
    page.pick_head(1, 2)
    offered = [part["words"] for part in form(page, node)["parts"]]
    strongest = run()[GELU][0, -1].abs().argmax().item()
    assert offered == [word if word != "neuron" else f"neuron 1.{strongest}" for word in PLACES[node]]


def test_the_form_makes_the_change_that_was_chosen(page: Page) -> None:
    part = form(page, POST)["parts"][-1]
    page.report("change_form", kind="add", part=part["place"], how="patch", number=0, text=PROMPT, draw=0)
    wanted = run(Edit(POST, "set", other(POST)[5], position=5)).logits[0, -1].double().softmax(-1)
    assert page.panel("prediction")["rows"][0]["probability"] == pytest.approx(wanted.max().item(), rel=1e-4)
    (listed,) = page.panel("changes")["listed"]
    assert listed["words"] == f"h.1.resid_post, position 5 from “{PROMPT}”" and "another prompt" in listed["title"]


@pytest.mark.parametrize(
    ("part", "text", "reach", "told"),
    [
        ({"head": 2}, "fij", ", at 3 of 6 positions", "positions from 3 on stay as they are"),
        ({"head": 2}, 3 * PROMPT, ", its last 13 tokens", "the last 13 of the 18 tokens of another prompt"),
        ({"head": 2, "position": 1}, "fij", "", "positions from 3 on stay as they are"),
        ({"head": 2}, PROMPT, "", "from another prompt"),
    ],
)
def test_a_change_says_itself_how_far_another_text_goes(
    page: Page, part: dict[str, int], text: str, reach: str, told: str
) -> None:
    page.report("change_form", kind="add", part={"name": Z} | part, how="patch", number=0, text=text, draw=0)
    (listed,) = page.panel("changes")["listed"]
    assert listed["words"].partition("”")[2] == reach and told in listed["title"]
    page.report("changes", kind="toggle", key=listed["key"], on=False)
    assert page.panel("changes")["listed"][0]["words"].endswith("”")


def test_the_code_takes_values_of_other_texts_from_their_runs(page: Page) -> None:
    part = form(page, "transformer.h.1.attn.pattern")["parts"][0]
    page.report("change_form", kind="add", part=part["place"], how="mean", number=0, text="", draw=0)
    page.report(
        "change_form", kind="add", part={"name": GELU, "channel": 3}, how="resample", number=0, text=TEXT, draw=2
    )
    page.report("change_form", kind="add", part={"name": "transformer.h.0"}, how="patch", number=0, text=PROMPT, draw=0)
    page.report("change_form", kind="add", part={"name": POST, "position": 2}, how="set", number=0.5, text="", draw=0)
    page.report("changes", kind="keep", on=True)
    scope: dict[str, Any] = {}
    exec(page.panel("changes")["code"], scope)
    top = page.panel("prediction")["rows"][0]
    logits = scope["trace"].logits[0, -1]
    assert len(page.panel("changes")["listed"]) == 4
    assert (int(logits.argmax()), logits.max().item()) == (top["id"], pytest.approx(top["logit"], rel=1e-4))


def test_a_text_that_the_model_cannot_read_is_refused_in_words(me: Explorer) -> None:
    before = me.shown
    me.apply(AddChange(Other(Z, "patch", "☃", head=1)))
    assert me.notice is not None and "☃" in me.notice["text"] and me.shown is before and not me.changes
    me.apply(AddChange(Other(Z, "patch", "", head=1)))
    assert me.notice is not None and "type one" in me.notice["text"]


def test_a_link_brings_every_kind_back(me: Explorer) -> None:
    row = row_drawn(me.arch, me.arch.nodes["transformer.h.0.attn.pattern"], 1, 2, [0.2, 0.3, 0.5])
    assert row is not None
    for wish in [row, *(wish for wish, _ in KINDS.values() if wish.name != POST), KINDS["a position patched"][0]]:
        me.apply(AddChange(wish))
    me.apply(KeepPatterns(True))
    me.apply(TakeTool("draw"))
    other_me = Explorer(checkpoint_of(lopsided()), "ab", source="lopsided")
    other_me.apply(Restore(decode(encode(me.state))))
    assert other_me.notice is None and other_me.listed == me.listed
    torch.testing.assert_close(other_me.shown.trace.logits, me.shown.trace.logits)


def test_delete_on_the_map_and_on_a_head_switches_off_and_on(page: Page) -> None:
    page.pick_head(1, 2)
    steps: list[tuple[str, dict[str, Any], str]] = [
        ("heads", {"layer": 2, "head": 3, "off": True}, "head 2.3 off"),
        ("map", {"kind": "off", "id": "transformer.h.1.mlp.gelu"}, "MLP 1 off"),
        ("map", {"kind": "off", "id": "transformer.h.0"}, "layer 0 off"),
    ]
    for panel, event, words in steps:
        page.report(panel, **event)
        (listed,) = page.panel("changes")["listed"]
        assert (listed["words"], listed["how"]) == (words, "zero")
        page.report(panel, **event)
        assert page.panel("changes")["listed"] == []


def test_what_is_off_is_faded_on_the_map(page: Page) -> None:
    page.pick_head(1, 2)
    assert "off" not in page.panel("map")
    page.report("change_form", kind="add", part={"name": Z, "head": 2}, how="zero", number=0, text="", draw=0)
    assert page.panel("map")["off"] == ["transformer.h.1.attn.pattern"]
    assert page.panel("map")["changed"] == ["transformer.h.1.attn.pattern"]
    page.pick_head(1, 1)
    assert "off" not in page.panel("map") and page.panel("map")["changed"]
    page.report("change_form", kind="add", part={"name": Z, "head": 1}, how="scale", number=0.5, text="", draw=0)
    assert "off" not in page.panel("map")
    page.report("map", kind="off", id="transformer.h.2")
    page.report("map", kind="off", id=GELU)
    assert page.panel("map")["off"] == ["transformer.h.1.mlp.gelu", "transformer.h.2"]
    assert [each for each in page.panel("heads")["changed"] if each[0] == 1] == [[1, 1, False], [1, 2, True]]
    assert [each for each in page.panel("heads")["changed"] if each[0] == 2] == [[2, head, True] for head in range(4)]


def test_the_card_of_a_number_leads_to_the_form_for_it(page: Page) -> None:
    page.select(POST)
    page.report("explain", name=page.panel("matrix")["name"], row=7, col=3)
    page.report("explain", change=True)
    sent = page.panel("change_form")
    part = sent["parts"][sent["first"]]
    assert part["words"] == "h.1.resid_post, position 3, channel 7"
    page.report("change_form", kind="add", part=part["place"], how="set", number=2, text="", draw=0)
    assert page.matrix()[1][7, 3] == 2.0


def test_a_cut_edge_of_a_row_that_is_drawn_is_said_to_do_nothing(page: Page) -> None:
    me: Explorer = page.app.session_state["explorer"]
    node = me.arch.nodes["transformer.h.1.attn.pattern"]
    row = row_drawn(me.arch, node, 2, 5, [0.5, 0, 0, 0, 0.2, 0.3])
    assert row is not None
    cuts = [Edit("transformer.h.1.attn.masked", "set", -math.inf, head=2, position=at, key=1) for at in (5, 4)]
    for edit in (cuts[0], cuts[1], row):
        me.apply(AddChange(edit))
    alone = capture(me.final.model, ids_of(FITS), edits=[row, cuts[1]])
    torch.testing.assert_close(me.shown.trace[node.id], alone[node.id])  # nothing is left of the first cut
    page.app.run()
    said = [each["words"].endswith("(without effect)") for each in page.panel("changes")["listed"]]
    assert said == [True, False, False]


def test_what_a_pattern_of_another_text_leaves_without_effect_is_said(page: Page) -> None:
    me: Explorer = page.app.session_state["explorer"]
    row = row_drawn(me.arch, me.arch.nodes[PATTERN], 2, 1, [0.5, 0.5])
    assert row is not None
    cuts = [Edit("transformer.h.1.attn.masked", "set", -math.inf, head=2, position=at, key=1) for at in (2, 3)]
    taken = Other(PATTERN, "patch", "fij", head=2)
    wishes: list[Wish] = [row, *cuts, taken]
    for wish in wishes:
        me.apply(AddChange(wish))
    page.app.run()
    said = [each["words"].endswith("(without effect)") for each in page.panel("changes")["listed"]]
    assert said == [True, True, False, False]  # row 3 is none of the three that the text has
    alone = capture(me.final.model, ids_of(FITS), edits=[cuts[1], *me.shown.trace.edits[-1:]])
    torch.testing.assert_close(me.shown.trace[PATTERN], alone[PATTERN])
    me.apply(SetChanges((Change(taken), Change(row))))
    page.app.run()
    assert [each["words"].endswith("(without effect)") for each in page.panel("changes")["listed"]] == [False, False]
    torch.testing.assert_close(me.shown.trace[PATTERN][0, 2, 1, :2], torch.tensor([0.5, 0.5]))
