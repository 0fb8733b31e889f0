"""The page Training without a browser: its sections run, its numbers are gptcore's, errors are sentences."""

from __future__ import annotations

import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("streamlit", reason="needs the extra `app`")

from streamlit.testing.v1 import AppTest

from app.session.first_prompt import PROMPT
from app.training import jobs, plan
from app.views.training import watch
from app.views.training.start import _costs
from gptcore import Checkpoint, capture, save
from gptcore.analysis import token_loss
from gptcore.tokenizer import BPETokenizer, CharTokenizer
from tests.app.test_learning_curves import LINES, as_lines, running, written
from tests.conftest import random_model

CURVES, START, LESSON = "Curves of a training", "Train a small model", "This prompt, as training sees it"

NOT_ASKED = "no target: training does not ask here"


def _page() -> None:
    from app import components
    from app.state import opening
    from app.views.training import training

    components.runtime()
    if opening.ready():
        training()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AppTest:
    monkeypatch.setattr("sys.argv", ["app/main.py", "shakespeare-char"])
    monkeypatch.setenv(jobs.FOLDER, str(tmp_path / "runs"))
    monkeypatch.delenv("GPTSCOPE_SHARED", raising=False)
    return AppTest.from_function(_page, default_timeout=120)


def section(at: AppTest, name: str) -> AppTest:
    if "explorer" not in at.session_state:
        at.run()
    at.segmented_control(key="training section").set_value(name).run()
    assert not at.exception
    return at


def test_a_link_carries_the_section(at: AppTest) -> None:
    section(at, START)
    assert at.session_state["lab"] == {"training": "start"}
    for name, title in (("prompt", LESSON), ("nothing", CURVES)):
        at.session_state["lab"] = {"training": name}
        assert at.run().segmented_control(key="training section").value == title


def payload(at: AppTest) -> dict[str, Any]:
    """Return the data that the losses view was sent."""
    (proto,) = [e.proto for e in at.get("bidi_component") if e.proto.component_name == "gptscope_losses"]
    return json.loads(proto.json)


def plots(at: AppTest) -> list[dict[str, Any]]:
    """The figures of the page."""
    protos = [e.proto for e in at.get("bidi_component") if e.proto.component_name == "gptscope_plot"]
    sent = [json.loads(proto.json) for proto in protos if proto.WhichOneof("data") == "json"]
    return [json.loads(data["figure"]) for data in sent]


# ---- curves ------------------------------------------------------------------------------------------------------


def test_the_history_of_the_model_on_the_screen_is_drawn(at: AppTest) -> None:
    section(at, CURVES)
    assert any("lowest loss on held-out data" in text.value for text in at.markdown)
    assert {trace["name"] for trace in plots(at)[0]["data"]} >= {"batch", "held-out", "best held-out"}
    at.toggle(key="log scale").set_value(True).run()
    assert plots(at)[0]["layout"]["yaxis"]["type"] == "log"


def test_a_run_by_its_path_and_what_is_none(at: AppTest, tmp_path: Path) -> None:
    written(tmp_path / "mine", as_lines() + b'{"step": 30')
    (tmp_path / "mine" / "settings.json").write_text('{"steps": 20}')
    section(at, CURVES)
    at.text_input(key="run path").set_value(str(tmp_path / "mine")).run()
    assert not at.exception
    assert any(f"{LINES[-1]['val_loss']:.4f} nats" in text.value for text in at.markdown)
    assert len(plots(at)) == 2
    for wrong in ("/no/such/run", "a\0b", str(written(tmp_path / "wrong", b"\0\n"))):
        at.text_input(key="run path").set_value(wrong).run()
        assert not at.exception
        assert [error.value for error in at.error] == ["This training could not be read."]
    at.text_input(key="run path").set_value(str(written(tmp_path / "fresh", b""))).run()
    assert any("No numbers yet" in info.value for info in at.info)


def test_weights_that_cannot_be_opened_leave_the_present_model(at: AppTest, tmp_path: Path) -> None:
    run = written(tmp_path / "mine", as_lines())
    (run / "best.pt").write_bytes(b"<html>")
    section(at, CURVES)
    at.text_input(key="run path").set_value(str(run)).run()
    at.button(key="inside best").click().run()
    assert not at.exception
    assert any("the present model stays" in error.value for error in at.error)
    assert any("web page" in text.value for text in at.text)
    assert at.session_state["loaded"].source == "shakespeare-char"


# ---- starting ----------------------------------------------------------------------------------------------------


def test_sizes_are_told_before_a_training_starts(at: AppTest) -> None:
    section(at, START)
    planned = plan.sizes("sort")["small"]
    told = " ".join(text.value for text in at.markdown)
    from gptcore import architecture

    assert f"{architecture(planned.config).num_params():,} parameters" in told
    assert f"about {plan.memory(planned) / 1e6:,.0f} MB" in told
    at.select_slider(key="D: dimensions of a head; C = H × D sort small").set_value(8).run()
    assert "C = 24" in " ".join(text.value for text in at.markdown)
    assert jobs.jobs() == []


def test_what_is_too_large_is_refused_and_what_is_long_warned_of(at: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 12 * 3600 - 1.0
    monkeypatch.setattr(plan, "seconds", lambda planned: seconds)
    section(at, START)
    assert not at.warning
    assert not next(button for button in at.button if button.label == "Start").disabled
    seconds = 12 * 3600 + 1.0
    monkeypatch.setattr(plan, "free_memory", lambda: 1000)
    at.run()
    assert any("half a day" in warning.value for warning in at.warning)
    assert any("smaller model" in info.value for info in at.info)
    assert next(button for button in at.button if button.label == "Start").disabled


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.1, "1 second"), (1.6, "2 seconds"), (90, "2 minutes"), (5400, "1.5 hours")]
)
def test_costs_of_little_and_of_one_read_well(seconds: float, told: str) -> None:
    planned = plan.Plan("sort", 1, 1, 8, 5, 100, 4, 1e-3)
    costs = _costs(planned, seconds)
    assert "(1 layer × 1 head, " in costs
    assert "**under 1 MB**" in costs
    assert f"**about {told}**" in costs


def test_a_text_of_ones_own_must_fill_a_context(at: AppTest) -> None:
    section(at, START)
    at.selectbox(key="plan data").set_value(plan.OWN_TEXT).run()
    assert any("no text yet" in info.value for info in at.info)
    assert any("Ctrl+Enter" in caption.value for caption in at.caption)
    start = next(button for button in at.button if button.label == "Start")
    assert start.disabled
    at.text_area(key="plan text").set_value("abcdefgh" * 200).run()
    assert not at.exception
    assert "V = 8" in " ".join(text.value for text in at.markdown)
    assert not next(button for button in at.button if button.label == "Start").disabled


def test_a_shared_server_starts_nothing_and_opens_no_folders(at: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPTSCOPE_SHARED", "1")
    section(at, START)
    assert any("shared" in info.value for info in at.info)
    assert len(at.button) == len(at.selectbox) == 0
    section(at, CURVES)
    assert len(at.text_input) == len(at.selectbox) == len(at.button) == 0
    assert len(plots(at)) > 0  # the shipped model's


def test_without_the_extra_the_command_is_told(at: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "NEEDED", ("tqdm", "no_such_package"))
    section(at, START)
    assert any("pip install 'gptscope[train]'" in warning.value for warning in at.warning)
    with pytest.raises(jobs.JobError, match="no_such_package"):
        jobs.start("sort", "sort", 10, [])


# ---- watching ----------------------------------------------------------------------------------------------------


def stopped(folder: Path, raw: bytes) -> Path:
    """A training that the app has made and whose process is gone, with both files of weights."""
    running(folder, os.getpid())
    for name in ("best.pt", "last.pt"):
        (folder / name).write_bytes(b"")
    return written(folder, raw)


def labels(at: AppTest) -> list[str]:
    return [button.label for button in at.button]


def test_last_weights_can_be_looked_into_where_the_best_are_others(at: AppTest, tmp_path: Path) -> None:
    stopped(tmp_path / "runs" / "sort-1", as_lines([*LINES[:2]]))  # evaluated before the first step alone
    section(at, START)
    assert "Look inside the best weights (step 0)" in labels(at)
    assert "Look inside the last weights" in labels(at)
    (keep,) = [button for button in at.button if button.label == "Keep"]
    assert "last weights" in keep.help
    written(tmp_path / "runs" / "sort-1", as_lines())  # the best is the last
    at.run()
    assert "Look inside the best weights" in labels(at)
    assert "Look inside the last weights" not in labels(at)
    (keep,) = [button for button in at.button if button.label == "Keep"]
    assert "best weights, of step 20" in keep.help


def saved(path: Path, seed: int, step: int) -> None:
    """Weights as the trainer writes them; the letters of the task lie beside them."""
    model = random_model(seed, vocab_size=10)
    state = {"model": model.state_dict(), "model_args": model.config.to_dict(), "iter_num": step}
    torch.save({**state, "best_val_loss": 0.5, "config": {"steps": 20}}, path)
    (path.parent / "tokenizer.json").write_text(json.dumps(CharTokenizer("abcdefghij").to_json()))


@pytest.mark.parametrize(("label", "seed", "step"), [("last weights", 2, 20), ("best weights (step 10)", 1, 10)])
def test_the_weights_that_a_button_names_are_opened(
    at: AppTest, tmp_path: Path, label: str, seed: int, step: int
) -> None:
    folder = tmp_path / "runs" / "sort-1"
    worse = [{"step": 10, "val_loss": 0.5}, {"step": 20, "loss": 1.0, "val_loss": 0.75}]
    stopped(folder, as_lines(worse))
    saved(folder / "best.pt", 1, 10)
    saved(folder / "last.pt", 2, 20)
    section(at, START)
    (button,) = [button for button in at.button if button.label == f"Look inside the {label}"]
    button.click().run()
    final = at.session_state["explorer"].final
    assert final.info["iter_num"] == step
    for mine, theirs in zip(final.model.parameters(), random_model(seed, vocab_size=10).parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_what_another_window_did_to_a_stopped_training_is_shown(at: AppTest, tmp_path: Path) -> None:
    runs_folder = tmp_path / "runs"
    stopped(runs_folder / "sort-1", as_lines(LINES[:1]))
    stopped(runs_folder / "sort-2", as_lines(LINES[:1]))
    section(at, START)
    at.selectbox(key="training").set_value(str(runs_folder / "sort-1")).run()
    shutil.rmtree(runs_folder / "sort-1")
    at.run()
    assert not at.exception
    assert any("sort-1 was deleted" in info.value for info in at.info)
    assert at.selectbox(key="training").value == str(runs_folder / "sort-2")
    at.run()
    assert not any("deleted" in info.value for info in at.info)  # told once
    shutil.rmtree(runs_folder / "sort-2")
    at.run()
    assert any("sort-2 was deleted" in info.value for info in at.info)


def test_a_training_that_does_not_run_is_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again: list[bool] = []
    monkeypatch.setattr("streamlit.rerun", lambda: again.append(True))
    before = jobs.find(stopped(tmp_path / "sort-1", as_lines(LINES[:1])))
    assert before is not None
    watch._looked(before)
    assert again == []
    written(tmp_path / "sort-1", as_lines(LINES[:2]))  # another window went on with it
    watch._looked(before)
    shutil.rmtree(tmp_path / "sort-1")
    watch._looked(before)
    assert again == [True, True]


# ---- a prompt as training sees it --------------------------------------------------------------------------------


def test_the_losses_are_those_of_the_trace(at: AppTest, shakespeare: Checkpoint) -> None:
    section(at, LESSON)
    sent = payload(at)
    ids = shakespeare.tokenizer.encode(PROMPT)
    trace = capture(shakespeare.model, ids)
    expected, probs = trace["loss"][0, :-1], trace["probs"][0]
    shown = sent["positions"]
    assert [row["token"] for row in shown] == list(PROMPT)
    assert [row["target"] for row in shown] == [*PROMPT[1:], None]
    assert torch.tensor([row["loss"] for row in shown[:-1]]) == pytest.approx(expected, abs=1e-5)
    assert sent["mean"] == pytest.approx(expected.mean().item(), abs=1e-5)
    assert sent["perplexity"] == pytest.approx(expected.mean().exp().item(), abs=1e-4)
    assert sent["blind"] == math.log(shakespeare.config.vocab_size)
    for row, p, target in zip(shown[:-1], probs, ids[1:], strict=False):
        assert row["probability"] == pytest.approx(p[target].item(), abs=1e-5)
        assert row["rank"] == 1 + sorted(p.tolist(), reverse=True).index(p[target].item())
        assert row["best"] == shakespeare.tokenizer.label(int(p.argmax()))
    assert (shown[-1]["loss"], shown[-1]["rank"]) == (None, None)


def test_one_token_has_no_target_yet(at: AppTest) -> None:
    section(at, LESSON)
    at.text_input(key="lesson prompt").set_value("T").run()
    assert not at.exception
    assert payload(at)["mean"] == "nan"
    assert any("no target yet" in info.value for info in at.info)
    at.text_input(key="lesson prompt").set_value("To be é").run()
    assert not at.exception
    assert payload(at)["text"] == "T"  # the last that could be read
    at.text_input(key="lesson prompt").set_value("To be or not. " * 30).run()
    assert len(payload(at)["positions"]) == 256
    assert any("sees the last 256 of 420" in caption.value for caption in at.caption)


def test_an_example_of_a_task_shows_what_training_asks_for(
    at: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = plan.sizes("sort")["small"]
    from gptcore.data import task_source

    model = random_model(**planned.config.to_dict())
    save(Checkpoint(model, task_source("sort").tokenizer, model.config), tmp_path / "sorter")
    monkeypatch.setattr("sys.argv", ["app/main.py", str(tmp_path / "sorter")])
    section(at, LESSON)
    next(button for button in at.button if button.label == "An example of its training").click().run()
    assert not at.exception
    shown = payload(at)["positions"]
    letters, answers = [row["token"] for row in shown[:6]], [row["target"] for row in shown[5:]]
    assert answers == sorted(letters)
    assert [row["target"] for row in shown[:5]] == [None] * 5
    assert [row["missing"] for row in payload(at)["positions"][:6]] == [NOT_ASKED] * 5 + [""]


def test_a_prompt_of_a_task_has_no_loss_where_training_does_not_ask(
    at: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["app/main.py", "nano-sort"])
    section(at, LESSON)
    assert [row["token"] for row in payload(at)["positions"]] == list("CBACBA")
    missing = [NOT_ASKED] * 5 + ["no target yet: the next token is not known"]
    assert [row["missing"] for row in payload(at)["positions"]] == missing
    assert [row["loss"] for row in payload(at)["positions"]] == [None] * 6
    assert any("no loss: type on" in info.value for info in at.info)
    assert any("from position 5 on" in caption.value for caption in at.caption)
    at.text_input(key="lesson prompt").set_value("CBACBAAAB").run()
    shown = payload(at)["positions"]
    assert [row["target"] for row in shown] == [None] * 5 + ["A", "A", "B", None]
    losses = [row["loss"] for row in shown[5:-1]]
    assert payload(at)["mean"] == pytest.approx(sum(losses) / 3, abs=1e-9)
    assert payload(at)["mean"] < 0.1  # it sorts
    assert not at.info


def test_after_a_change_of_model_its_own_prompt_is_not_called_the_last(at: AppTest) -> None:
    section(at, LESSON)
    at.text_input(key="lesson prompt").set_value("To be é").run()
    assert any("could be read last is shown" in caption.value for caption in at.caption)
    from app.session.explorer import Explorer
    from gptcore import load

    at.session_state["explorer"] = Explorer(load("nano-sort"), "To be é")  # as opening another model does
    at.run()
    assert any("cannot read that prompt; one of its own is shown" in caption.value for caption in at.caption)
    assert not any("read last" in caption.value for caption in at.caption)


def test_the_last_target_of_an_example_counts(shakespeare: Checkpoint) -> None:
    ids = shakespeare.tokenizer.encode("To be, or not")
    whole = token_loss.of_trace(capture(shakespeare.model, ids))
    shifted = token_loss.of_trace(capture(shakespeare.model, ids[:-1]), ids[1:])
    assert shifted.losses == pytest.approx(whole.losses, abs=1e-5)


def test_a_long_run_in_pieces_is_the_same(shakespeare: Checkpoint) -> None:
    trace = capture(shakespeare.model, [i % 65 for i in range(200)])
    found = token_loss.of_trace(trace)
    assert torch.tensor(found.losses) == pytest.approx(trace["loss"][0, :-1], abs=1e-4)


def test_bytes_that_are_no_text_read_as_such(at: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = BPETokenizer(r"[\s\S]", {bytes([i]): i for i in range(256)})
    model = random_model(vocab_size=256)
    save(Checkpoint(model, tokenizer, model.config), tmp_path / "bytes")
    monkeypatch.setattr("sys.argv", ["app/main.py", str(tmp_path / "bytes")])
    section(at, LESSON)
    at.text_input(key="lesson prompt").set_value("5 €").run()
    assert [row["token"] for row in payload(at)["positions"]] == ["5", " ", r"\xe2", r"\x82", r"\xac"]
