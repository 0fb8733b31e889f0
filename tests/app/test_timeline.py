"""Looking back at a training: what its index tells, each snapshot loaded once, every number of the right weights."""

from __future__ import annotations

import gc
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("streamlit", reason="needs the extra `app`")

from streamlit.testing.v1 import AppTest

from app import components
from app.session.actions import LookBack, MoveInTime, Type
from app.session.explorer import Explorer
from app.session.generating import Put
from app.session.map_actions import PickWeight, Select
from app.session.moment import Moment
from app.stores import snapshots
from app.stores.snapshots import History, Snapshots
from gptcore import Checkpoint, CheckpointError, capture, load, save
from gptcore.analysis.head_scores import KINDS
from gptcore.checkpoint import shipped_folder
from gptcore.checkpoint.snapshots import FOLDER, INDEX, Snapshot, load_snapshot
from gptcore.tokenizer import CharTokenizer, IdTokenizer
from gptcore.train import snapshots as writing
from tests.browser.driver import ROOT
from tests.conftest import random_model

LETTERS = "abcdefghijklmnopq"
STEPS = (0, 10, 200)
PROMPT = "abacad"


def model_at(step: int) -> Any:
    """The weights of the training at a step: others at each."""
    return random_model(seed=step + 1)


def write_snapshot(folder: Path, step: int) -> None:
    losses = {"train_loss": 3.0 - step / 100, "val_loss": 3.1 - step / 100, "val_accuracy": step / 200}
    writing.write(folder, model_at(step), step, losses, torch.float32)


def write_history(folder: Path) -> Path:
    """A checkpoint folder of ours with snapshots at `STEPS`; random weights."""
    final = random_model(seed=99)
    info = {"best_val_loss": 0.75, "iter_num": 150, "train_config": {"steps": 300}}
    save(Checkpoint(final, CharTokenizer(LETTERS), final.config, info), folder)
    for step in STEPS:
        write_snapshot(folder, step)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_history(tmp_path / "model")


@pytest.fixture
def final(folder: Path) -> Checkpoint:
    return load(folder)


def eager(budget: int = snapshots.BUDGET) -> Snapshots:
    """A store that looks at an index each time it is asked."""
    return Snapshots(budget, patience=0)


# ---- the curves --------------------------------------------------------------------------------------------------


def test_the_curves_are_what_the_index_tells(folder: Path, final: Checkpoint) -> None:
    history = eager().history(str(folder), final.config)
    lines = [json.loads(line) for line in (folder / FOLDER / INDEX).read_text().splitlines()]
    assert [each.step for each in history.snapshots] == list(STEPS)
    assert history.losses["val_loss"] == [3.1, 3.0, 1.1]
    assert history.losses["val_accuracy"] == [0.0, 0.05, 1.0]
    assert history.kinds == tuple(KINDS)
    for k, kind in enumerate(history.kinds):
        told = np.array([line["heads"][kind] for line in lines]).reshape(3, -1)
        assert np.allclose(history.scores[k], told)
    assert history.score(10, "first", 2, 1) == lines[1]["heads"]["first"][2][1]
    assert history.score(11, "first", 2, 1) is None
    assert history.score(None, "first", 2, 1) is None


def rows(*values: float) -> list[list[float]]:
    return [[value] for value in values]


def test_the_most_telling_score_is_that_by_which_some_head_changes_most() -> None:
    before = Snapshot(0, Path(), "", {}, {"previous": rows(0.9, 0.9), "duplicate": rows(0.5, 0.1)})
    after = Snapshot(9, Path(), "", {}, {"previous": rows(0.8, 1.0), "duplicate": rows(0.5, 0.4)})
    assert History("x", (before, after), (2, 1)).telling == "duplicate"
    assert History("x", (before,), (2, 1)).telling == "previous"  # nothing changes: the first
    assert History("x", (Snapshot(0, Path(), ""),), (2, 1)).telling == ""


def scored(step: int, *scores: float) -> Snapshot:
    """A snapshot of two layers with two heads each."""
    return Snapshot(step, Path(), str(step), {}, {"induction": [list(scores[:2]), list(scores[2:])]})


NAN = float("nan")


@pytest.mark.parametrize(
    ("snapshots", "expected"),
    [
        ([(0, 0.1, 0.1, 0.1, 0.1), (9, 0.2, 0.6, 0.7, 0.55), (20, 0.9, 0.9, 0.9, 0.9)], (1, 0, 9)),
        ([(0, 0.1, 0.1, 0.1, 0.1), (9, 0.5, 0.1, 0.1, 0.1)], (0, 0, 9)),  # one half itself
        ([(0, 0.1, 0.9, 0.1, 0.1), (9, 0.1, 0.95, 0.1, 0.6)], (1, 1, 9)),  # the other has never been below
        ([(0, 0.1, 0.1, 0.1, NAN), (9, 0.1, NAN, 0.1, 0.9), (20, 0.1, 0.9, 0.6, 0.9)], (1, 0, 20)),
        ([(0, 0.1, 0.1, 0.1, 0.6), (9, 0.1, 0.1, 0.1, 0.4), (20, 0.1, 0.1, 0.1, 0.8)], (1, 1, 20)),
        ([(0, 0.1, 0.1, 0.1, 0.1), (9, 0.4, 0.4, 0.4, 0.49)], None),
        ([(0, 0.9, 0.9, 0.9, 0.9)], None),
        ([], None),
    ],
)
def test_where_a_score_first_passes_one_half(
    snapshots: list[tuple[Any, ...]], expected: tuple[int, int, int] | None
) -> None:
    history = History("x", tuple(scored(*each) for each in snapshots), (2, 2))
    assert history.passing("induction") == expected
    assert history.passing("previous") is None
    assert history.passing("") is None


def test_the_shipped_induction_model_tells_its_story() -> None:
    """As its index has it, read without any of the code under test."""
    final = load("induction")
    history = eager().history("induction", final.config)
    lines = [json.loads(line) for line in (shipped_folder() / "induction" / FOLDER / INDEX).read_text().splitlines()]
    passed = next(line for line in lines if np.max(line["heads"]["induction"]) >= 0.5)
    layer, head = np.unravel_index(np.argmax(passed["heads"]["induction"]), (2, 2))
    assert history.passing("induction") == (int(layer), int(head), passed["step"])


def test_the_strongest_head_of_a_step() -> None:
    history = History("x", (scored(0, 0.1, 0.4, 0.3, NAN), scored(9, NAN, NAN, NAN, NAN)), (2, 2))
    assert history.strongest(0, "induction") == (0, 1)
    for step, kind in ((9, "induction"), (5, "induction"), (None, "induction"), (0, "previous"), (0, "")):
        assert history.strongest(step, kind) is None


def test_scores_of_another_shape_and_losses_that_are_no_numbers_are_unknown() -> None:
    odd = Snapshot(0, Path(), "a", {"val_loss": float("nan")}, {"previous": rows(0.9), "first": rows(0.1, 0.2)})
    fine = Snapshot(1, Path(), "b", {"val_loss": 2.0}, {"first": rows(0.3, float("nan"))})
    history = History("x", (odd, fine), (2, 1))
    assert history.kinds == ("first",)
    assert history.losses == {"val_loss": [None, 2.0]}
    assert history.score(0, "previous", 1, 0) is None
    assert history.score(1, "first", 1, 0) is None
    assert history.telling == "first"
    components.training_curves(
        key="x",
        history_key=history.key,
        steps=[0, 1],
        losses=history.losses,
        kinds=dict.fromkeys(history.kinds, ""),
        scores=history.scores,
        n_head=1,
    )


def test_curves_that_do_not_fit_are_refused() -> None:
    plain: dict[str, Any] = {"key": "x", "history_key": "k", "kinds": {"first": ""}, "n_head": 1}
    with pytest.raises(ValueError, match=r"wanted \(1 kinds, 2 steps, heads\)"):
        components.training_curves(**plain, steps=[0, 1], losses={}, scores=np.zeros((1, 3, 1), np.float32))
    with pytest.raises(ValueError, match="val_loss has 1 values for 2 steps"):
        components.training_curves(
            **plain, steps=[0, 1], losses={"val_loss": [1.0]}, scores=np.zeros((1, 2, 1), np.float32)
        )


def test_snapshots_that_appear_are_seen_and_nothing_is_read_twice(folder: Path, final: Checkpoint) -> None:
    store, patient = eager(), Snapshots(patience=1000)
    first, waiting = store.history(str(folder), final.config), patient.history(str(folder), final.config)
    assert store.history(str(folder), final.config) is first
    write_snapshot(folder, 250)
    later = store.history(str(folder), final.config)
    assert [each.step for each in later.snapshots] == [*STEPS, 250]
    assert later.key != first.key
    assert patient.history(str(folder), final.config) is waiting


def test_a_line_that_is_being_written_is_waited_for(folder: Path, final: Checkpoint) -> None:
    with (folder / FOLDER / INDEX).open("a") as file:
        file.write('{"step": 250, "fi')
    history = eager().history(str(folder), final.config)
    assert (len(history.snapshots), history.trouble) == (3, "")


@pytest.mark.parametrize(("harm", "told"), [("damage", "is damaged"), ("remove", "is gone")])
def test_an_index_that_breaks_leaves_what_was_known(folder: Path, final: Checkpoint, harm: str, told: str) -> None:
    store = eager()
    known = store.history(str(folder), final.config)
    index = folder / FOLDER / INDEX
    if harm == "damage":
        index.write_text("no JSON\n")
    else:
        index.unlink()
    history = store.history(str(folder), final.config)
    assert history.snapshots == known.snapshots
    assert told in history.trouble
    me = Explorer(final, PROMPT, past=Recorded(final, history))
    me.apply(LookBack())
    assert me.message is not None
    assert told in me.message["text"]


def test_the_snapshots_of_a_run_lie_beside_its_best_weights(folder: Path, final: Checkpoint) -> None:
    (folder / "best.pt").touch()
    history = eager().history(str(folder / "best.pt"), final.config)
    assert len(history.snapshots) == 3
    assert not history.growing
    (folder / "metrics.jsonl").touch()
    assert eager().history(str(folder / "best.pt"), final.config).growing
    assert eager().history("no/such/model", final.config).snapshots == ()
    assert eager().history("a\0b", final.config).snapshots == ()


# ---- the store ---------------------------------------------------------------------------------------------------


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps that were loaded, in order."""
    found: list[int] = []

    def counted(checkpoint: Checkpoint, snapshot: Snapshot) -> Checkpoint:
        found.append(snapshot.step)
        return original(checkpoint, snapshot)

    original = load_snapshot
    monkeypatch.setattr(snapshots, "load_snapshot", counted)
    return found


def test_a_class_loads_a_snapshot_once(folder: Path, final: Checkpoint, loads: list[int]) -> None:
    store = eager()
    snapshot = store.history(str(folder), final.config).snapshots[1]
    ready, found = threading.Barrier(12), []

    def student() -> None:
        ready.wait()
        found.append(store.checkpoint(final, snapshot))

    students = [threading.Thread(target=student) for _ in range(12)]
    for each in students:
        each.start()
    for each in students:
        each.join()
    assert loads == [10]
    assert len({id(each.model) for each in found}) == 1
    assert found[0].info["iter_num"] == 10
    for mine, theirs in zip(found[0].model.parameters(), model_at(10).parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_memory_is_bounded(folder: Path, final: Checkpoint, loads: list[int]) -> None:
    one = sum(parameter.nbytes for parameter in final.model.parameters())
    store = eager(budget=2 * one)
    old, middle, new = store.history(str(folder), final.config).snapshots
    looked_at = store.checkpoint(final, old)
    for snapshot in (middle, new, middle, new):
        store.checkpoint(final, snapshot)
    assert store.held() == 2 * one
    assert loads == [0, 10, 200]
    assert store.checkpoint(final, old).model is looked_at.model  # somebody has it: no second copy
    assert store.held() == 2 * one
    assert loads == [0, 10, 200]
    del looked_at
    for snapshot in (middle, new):
        store.checkpoint(final, snapshot)
    gc.collect()
    store.checkpoint(final, old)
    assert loads[-1] == 0
    alone = eager(budget=0)
    assert alone.checkpoint(final, old).info["iter_num"] == 0
    assert alone.held() == one


def test_a_broken_snapshot_is_a_sentence_and_is_forgotten(folder: Path, final: Checkpoint) -> None:
    store = eager()
    snapshot = store.history(str(folder), final.config).snapshots[1]
    whole = snapshot.path.read_bytes()
    snapshot.path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(CheckpointError, match="was changed since it was written"):
        store.checkpoint(final, snapshot)
    snapshot.path.unlink()
    with pytest.raises(CheckpointError, match="cannot be read"):
        store.checkpoint(final, snapshot)
    snapshot.path.write_bytes(whole)
    assert store.checkpoint(final, snapshot).info["iter_num"] == 10


def test_the_weights_of_another_model_are_refused(folder: Path, final: Checkpoint, tmp_path: Path) -> None:
    writing.write(folder, random_model(n_embd=8), 300, {}, torch.float32)
    store = eager()
    with pytest.raises(CheckpointError):
        store.checkpoint(final, store.history(str(folder), final.config).snapshots[-1])


# ---- the explorer ------------------------------------------------------------------------------------------------


class Recorded:
    """The past of a model, of which the tests say what is known."""

    def __init__(self, final: Checkpoint, history: History | None = None) -> None:
        self.final, self.known = final, history or History()

    def history(self) -> History:
        return self.known

    def weights(self, step: int) -> Checkpoint:
        if step == 77:
            raise CheckpointError("no such file")
        return Checkpoint(model_at(step), self.final.tokenizer, self.final.config, {"iter_num": step})


def explorer(final: Checkpoint) -> Explorer:
    return Explorer(final, PROMPT, past=Recorded(final))


def assert_shows(me: Explorer, model: Any) -> None:
    """Every number on the screen is of these weights and the prompt."""
    fresh = capture(model, me.shown.ids)
    for name in ("lm_head", "transformer.h.2.attn.pattern", "transformer.h.1.mlp.gelu"):
        assert torch.allclose(me.shown.trace[name], fresh[name], atol=1e-5), name
    patterns = np.stack([fresh[f"transformer.h.{layer}.attn.pattern"][0] for layer in range(3)])
    assert np.allclose(me.shown.thumbnails.weights, patterns, rtol=0, atol=1e-5)
    best = me.shown.next_tokens(me.position, me.sampling, 10)[0]
    assert best["logit"] == pytest.approx(fresh.logits[0, -1].max().item(), abs=1e-5)


def test_a_move_shows_the_prompt_with_other_weights(final: Checkpoint) -> None:
    me = explorer(final)
    assert_shows(me, final.model)
    for step in (10, 0, 200):
        me.apply(MoveInTime(step))
        assert me.shown.trace.reused == 0
        assert me.shown.text == PROMPT
        assert_shows(me, model_at(step))
    me.apply(MoveInTime(None))
    assert_shows(me, final.model)


def test_typing_at_a_snapshot_grows_its_own_trace(final: Checkpoint) -> None:
    me = explorer(final)
    me.apply(Type(PROMPT + "e"))
    me.apply(MoveInTime(10))
    me.apply(Type(PROMPT + "ef"))
    assert me.shown.trace.reused == len(PROMPT) + 1
    assert_shows(me, model_at(10))
    me.apply(Put(3))
    assert me.shown.text == PROMPT + "efd"
    assert_shows(me, model_at(10))


def test_weights_and_parity_are_those_of_the_step(final: Checkpoint) -> None:
    me = explorer(final)
    name = "transformer.h.0.mlp.c_fc.weight"
    me.apply(Select("transformer.h.0.mlp.c_fc"))
    me.apply(PickWeight(name))
    assert np.array_equal(me.slice().matrix, final.model.get_parameter(name).detach().numpy())
    me.measure_parity()
    me.apply(MoveInTime(10))
    assert np.array_equal(me.slice().matrix, model_at(10).get_parameter(name).detach().numpy())
    assert me.parity is None  # that of the other weights tells nothing
    me.measure_parity()
    assert me.parity is not None
    assert me.parity.is_rounding


def test_the_moment_is_told_with_its_losses(folder: Path, final: Checkpoint) -> None:
    past = Recorded(final, eager().history(str(folder), final.config))
    me = Explorer(final, PROMPT, past=past)
    me.apply(LookBack())
    assert (me.moment.name, me.moment.losses) == ("best model, step 150 of 300", {"val_loss": 0.75})
    final.info["iter_num"] = 300
    assert me.moment.name == "final model"
    me.apply(MoveInTime(10))
    assert me.moment.name == "step 10 of 300"  # as long as the training was to be
    assert me.moment.losses["val_loss"] == 3.0
    past.known = History()
    me.apply(LookBack())
    assert me.moment.losses == {}


def test_a_prompt_that_cannot_be_read_stays_in_the_input(final: Checkpoint) -> None:
    me = explorer(final)
    me.apply(Type(PROMPT + "Z"))
    why = me.message
    me.apply(MoveInTime(10))
    assert (me.typed, me.shown.text) == (PROMPT + "Z", PROMPT)
    assert me.message == why
    assert_shows(me, model_at(10))


def test_what_cannot_be_shown_leaves_everything(final: Checkpoint) -> None:
    me = explorer(final)
    me.apply(MoveInTime(10))
    before = me.shown
    me.apply(MoveInTime(77))
    assert (me.shown, me.step) == (before, 10)
    assert me.message == {
        "kind": "error",
        "text": "Still shown: step 10 of 300. Step 77 cannot be. No such file.",
    }
    me.apply(MoveInTime(None))
    assert me.message is None


# ---- the page ----------------------------------------------------------------------------------------------------


class Page:
    """The app without a browser, opened with a model."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.argv", ["app/main.py", str(folder)])
        self.source = str(folder.resolve())
        self.app = AppTest.from_file(ROOT / "app" / "main.py", default_timeout=60).run()
        self.seq = 0

    def report(self, step: int | None, kind: str = "first", source: str = "") -> None:
        """As the timeline would."""
        self.seq += 1
        event = {"source": source or self.source, "step": step, "kind": kind, "seq": self.seq}
        self.app.session_state["explore_panels"] = {"timeline": event}
        self.app.run()

    def data(self, name: str = "explore_panels") -> dict[str, Any]:
        """Return the data that a component gets."""
        assert not self.app.exception
        proto = next(
            element.proto
            for element in self.app.get("bidi_component")
            if element.proto.component_name == f"gptscope_{name}"
        )
        return json.loads(proto.mixed.json if proto.WhichOneof("data") == "mixed" else proto.json)

    def panel(self, name: str) -> dict[str, Any]:
        return self.data()["panels"][name]


def test_a_model_without_snapshots_has_no_timeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_history(tmp_path / "model")
    shutil.rmtree(folder / FOLDER)
    page = Page(folder, monkeypatch)
    assert "timeline" not in page.data()["panels"]
    assert page.data()["step"] == "final"


def test_the_page_moves_all_panels_at_once(folder: Path, final: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(folder, monkeypatch)
    strip = page.panel("timeline")
    assert (strip["at"], strip["moment"], strip["score"]) == (None, "best model, step 150 of 300", None)
    opened = page.data("training_curves")["opened"]
    assert opened == {"name": "best", "step": 150, "losses": {"val_loss": 0.75}}
    assert page.data("training_curves")["steps"] == list(STEPS)
    text = page.panel("prompt")["text"]
    page.report(10)
    assert page.data()["step"] == "10"
    strip = page.panel("timeline")
    assert (strip["at"], strip["moment"], strip["kind"]) == (10, "step 10 of 300", "first")
    index = [json.loads(line) for line in (folder / FOLDER / INDEX).read_text().splitlines()]
    assert strip["score"] == index[1]["heads"]["first"][0][0]
    assert strip["ack"] == 1
    trace = capture(model_at(10), final.tokenizer.encode(text))
    shown = {row["id"]: row["logit"] for row in page.panel("prediction")["rows"]}
    assert shown == pytest.approx({i: trace.logits[0, -1, i].item() for i in shown}, abs=1e-5)
    page.app.run()
    assert page.data("parity_badge")["moment"] == "step 10 of 300"
    page.report(None)
    assert page.data()["step"] == "final"
    page.report(10, source="another model")  # came too late
    assert page.data()["step"] == "final"


def _pages() -> None:
    """The main screen or the page with the same prompt; a model that is to be opened is, as the dialog does it."""
    import streamlit as st

    from app import components
    from app.state import opening
    from app.stores.models import Wanted
    from app.views.explore import explore
    from app.views.training.prompt import prompt

    components.runtime()
    if opening.ready():
        if source := st.session_state.pop("open", ""):
            opening.open_model(Wanted(source), lambda share, what: None)
        if st.session_state.get("elsewhere"):
            prompt()
        else:
            explore()


def test_a_prompt_that_was_refused_and_corrected_does_not_come_back(
    folder: Path, final: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither with another snapshot, nor another page, nor another model, though each draws the input anew."""
    able = Checkpoint(final.model, CharTokenizer("abcdefghijklmnoZ!"), final.config, {"prompt": "Z"})
    unable = Checkpoint(final.model, CharTokenizer("defghijklmnopqrst"), final.config, {"prompt": "de"})
    save(able, tmp_path / "able")
    save(unable, tmp_path / "unable")
    page = Page(folder, monkeypatch)
    page.app = AppTest.from_function(_pages, default_timeout=60).run()

    def type_(text: str, seq: int) -> None:
        value = {"text": text, "rev": page.panel("prompt")["rev"], "seq": seq}
        page.app.session_state["explore_panels"] = {"prompt": value}
        page.app.run()

    def shown() -> str:
        """The text in the input of the main screen, which is also the other page's."""
        page.app.session_state["elsewhere"] = True
        elsewhere = page.app.run().text_input(key="lesson prompt").value
        page.app.session_state["elsewhere"] = False
        page.app.run()
        assert page.panel("prompt")["text"] == elsewhere
        return str(elsewhere)

    type_("abZ", 1)
    assert shown() == "abZ"  # as long as it is not corrected
    type_("abc", 2)
    for step in (10, 0, None):
        page.report(step)
        assert shown() == "abc"
        assert page.panel("prompt")["notice"] is None
    for source, text in (("able", "abc"), ("unable", "de"), ("able", "abc")):
        page.app.session_state["open"] = str(tmp_path / source)
        page.app.run()
        assert shown() == text
    type_("ab?", 3)
    assert shown() == "ab?"
    page.app.session_state["open"] = str(tmp_path / "unable")  # which cannot read it either
    page.app.run()
    assert shown() == "de"
    page.app.session_state["open"] = str(folder)
    page.app.run()
    assert shown() == "abc"


def test_a_missing_snapshot_is_told_and_the_last_good_view_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(folder, monkeypatch)
    (folder / FOLDER / "0000200.safetensors").unlink()
    page.report(10)
    rows = page.panel("prediction")["rows"]
    for step in (200, 77):
        page.report(step)
        assert page.data()["step"] == "10"
        assert page.panel("prediction")["rows"] == rows
        notice = page.panel("prompt")["notice"]
        assert notice["kind"] == "error"
        assert f"Still shown: step 10 of 300. Step {step} cannot be." in notice["text"]
    page.report(0)
    assert page.data()["step"] == "0"
    assert "Still shown" not in str(page.panel("prompt")["notice"])


def test_the_opened_weights_have_the_scores_of_a_snapshot_of_their_step(tmp_path: Path) -> None:
    model = random_model()
    history = History("x", (scored(10, 0.1, 0.4, 0.3, 0.2), scored(20, 0.9, 0.4, 0.3, 0.2)), (2, 2))

    def moment(step: int | None, **info: object) -> Moment:
        return Moment(Checkpoint(model, IdTokenizer(17), model.config, dict(info)), history, step)

    assert moment(None, iter_num=20).measured == 20
    assert moment(None, iter_num=15).measured is None
    assert moment(None).measured is None
    assert moment(10, iter_num=20).measured == 10
    assert (moment(10, iter_num=15).opened_step, moment(10, iter_num="15").opened_step) == (15, None)


def test_the_best_and_the_last_weights_of_a_training_have_curves_of_their_own(
    folder: Path, final: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their snapshots are the same, so the name of the snapshots alone would keep the curves of the other."""
    first = Page(folder, monkeypatch).data("training_curves")["history_key"]
    later = Checkpoint(final.model, final.tokenizer, final.config, {**final.info, "iter_num": 180})
    save(later, folder)
    assert Page(folder, monkeypatch).data("training_curves")["history_key"] != first


def test_the_last_weights_are_not_called_the_best(tmp_path: Path) -> None:
    """A file of the last weights tells the loss of the best ones, which is another's."""
    snapshot = Snapshot(20, Path(), "", losses={"val_loss": 2.5})
    info = {"iter_num": 20, "best_val_loss": 1.5, "train_config": {"steps": 30}}
    history = History("x", (Snapshot(10, Path(), "", losses={"val_loss": 1.5}), snapshot), (2, 1))
    model = random_model()

    def moment(name: str, **more: object) -> Moment:
        source = {"source": str(tmp_path / name)}
        return Moment(Checkpoint(model, IdTokenizer(17), model.config, {**info, **source, **more}), history, None)

    assert moment("last.pt").name == "last model, step 20 of 30"
    assert moment("last.pt").losses == {"val_loss": 2.5}
    assert moment("last.pt", iter_num=30).name == "final model"
    assert moment("last.pt", iter_num=30).losses == {}  # not measured by a snapshot
    assert moment("best.pt", iter_num=10).name == "best model, step 10 of 30"
    assert moment("best.pt", iter_num=10).losses == {"val_loss": 1.5}
