"""The data of the page Training, against what gptcore computes: losses of a prompt, curves of a run, a head."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("streamlit", reason="needs the extra `app`")

from streamlit.testing.v1 import AppTest

from app.training import jobs, plan, processes
from gptcore import GPT
from gptcore.checkpoint.snapshots import FOLDER, INDEX
from gptcore.train import snapshots as writing
from tests.app.sent import Sent
from tests.app.test_learning_curves import LINES, as_lines, running, written
from tests.app.test_training_page import CURVES, LESSON, START, _page, payload, plots, section
from tests.lopsided import FITS, LETTERS, LONG, encode, lopsided, model_at, run_of, seen

MODEL = lopsided()
TEXT = "".join(LETTERS[(7 * i * i + 3 * i) % len(LETTERS)] for i in range(2000))


@pytest.fixture
def at(trained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AppTest:
    monkeypatch.setattr("sys.argv", ["app/main.py", str(trained)])
    monkeypatch.setenv(jobs.FOLDER, str(tmp_path / "runs"))
    monkeypatch.delenv("GPTSCOPE_SHARED", raising=False)
    monkeypatch.setattr(plan, "seconds", lambda planned: 60.0)  # what a new training would cost is measured elsewhere
    return AppTest.from_function(_page, default_timeout=120)


# ---- a prompt as training sees it --------------------------------------------------------------------------------


def assert_losses(at: AppTest, model: GPT, text: str) -> None:
    """Each number is that of the softmax of the logits, at the positions that the model sees."""
    sent, visible = payload(at), seen(text, model)
    ids = encode(visible)
    probs = run_of(model, text).logits[0].double().softmax(-1)  # (T, V)
    rows = sent["positions"]
    assert (sent["text"], [row["token"] for row in rows]) == (text, list(visible))
    assert [row["target"] for row in rows] == [*visible[1:], None]
    best = probs.max(-1)
    assert [row["best"] for row in rows] == [LETTERS[index] for index in best.indices]
    assert [row["best_probability"] for row in rows] == pytest.approx(best.values.tolist(), abs=1e-5)
    right = [p[target].item() for p, target in zip(probs, ids[1:], strict=False)]
    assert [row["probability"] for row in rows[:-1]] == pytest.approx(right, abs=1e-5)
    assert [row["loss"] for row in rows[:-1]] == pytest.approx((-np.log(right)).tolist(), abs=1e-4)
    ranks = [1 + int((p > p[target]).sum()) for p, target in zip(probs, ids[1:], strict=False)]
    assert [row["rank"] for row in rows[:-1]] == ranks
    assert len(set(ranks)) > 3
    assert sent["mean"] == pytest.approx(-np.log(right).mean(), abs=1e-4)
    assert sent["perplexity"] == pytest.approx(np.exp(-np.log(right).mean()), rel=1e-4)
    assert sent["blind"] == pytest.approx(np.log(len(LETTERS)))


def test_the_losses_are_those_of_the_positions_that_the_model_sees(at: AppTest) -> None:
    section(at, LESSON)
    for text in (LONG, FITS, FITS + "λ"):
        at.text_input(key="lesson prompt").set_value(text).run()
        assert_losses(at, MODEL, text)


def _both_pages() -> None:
    from app import components
    from app.state import opening
    from app.views.explore import explore
    from app.views.training.prompt import prompt

    components.runtime()
    if opening.ready():
        explore()
        prompt()


def test_the_losses_are_of_the_weights_on_the_screen(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["app/main.py", str(trained)])
    at = AppTest.from_function(_both_pages, default_timeout=120).run()
    at.text_input(key="lesson prompt").set_value(LONG).run()
    assert_losses(at, MODEL, LONG)
    for seq, step in enumerate((40, None, 300), 1):
        event = {"source": str(trained.resolve()), "step": step, "kind": "", "seq": seq}
        at.session_state["explore_panels"] = {"timeline": event}
        at.run()
        assert not at.exception
        assert_losses(at, MODEL if step is None else model_at(step), LONG)


# ---- curves ------------------------------------------------------------------------------------------------------


def points(figure: dict[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Each curve by its name, or by the colour and the axis where it has none."""
    found = {}
    for trace in figure["data"]:
        name = trace.get("name") or trace["hovertemplate"].rpartition("<extra>")[2].removesuffix("</extra>")
        found[name + trace.get("yaxis", "")] = list(zip(trace["x"], trace["y"], strict=True))
    return found


def test_the_curves_are_the_numbers_of_the_run(at: AppTest, tmp_path: Path) -> None:
    run = written(tmp_path / "mine", as_lines())
    section(at, CURVES)
    at.text_input(key="run path").set_value(str(run)).run()
    at.slider(key="smoothing").set_value(0.25).run()
    main, side = plots(at)

    def told(kind: str) -> list[tuple[float, float]]:
        return [(line["step"], line[kind]) for line in LINES if kind in line]

    first, second = (value for _, value in told("loss"))
    smoothed = [(10, first), (20, pytest.approx((0.25 * first + second) / 1.25))]
    assert points(main) == {
        "batch": told("loss"),
        "batch, smoothed": smoothed,
        "training": told("train_loss"),
        "held-out": told("val_loss"),
        "best held-out": [(20, 0.625)],
    }
    assert points(side) == {
        "right answersy": told("val_accuracy"),
        "learning ratey2": told("lr"),
        "tokens per secondy3": told("tokens_per_s"),
        "norm of the gradienty4": told("grad_norm"),
    }
    titles = [annotation["text"] for annotation in side["layout"]["annotations"]]
    assert titles == ["right answers", "learning rate", "tokens per second", "norm of the gradient"]


def test_a_run_that_goes_on_is_read_again(at: AppTest, tmp_path: Path) -> None:
    run = written(tmp_path / "mine", as_lines(LINES[:2]))
    section(at, CURVES)
    at.text_input(key="run path").set_value(str(run)).run()
    assert points(plots(at)[0])["batch"] == [(10, 1.0)]
    written(run, as_lines())
    at.run()
    assert points(plots(at)[0])["batch"] == [(10, 1.0), (20, 0.5)]


# ---- a training that is watched ----------------------------------------------------------------------------------


def save_last(run: Path, model: GPT, step: int) -> None:
    """last.pt as the trainer writes it, newer than all before."""
    state = {"model": model.state_dict(), "model_args": model.config.to_dict(), "iter_num": step}
    torch.save(state, run / "last.pt")
    later(run / "last.pt")


_CLOCK = iter(range(1, 1000))


def later(path: Path) -> None:
    """Sets the time of the last change behind that of every other file of the test."""
    moment = time.time() + next(_CLOCK)
    os.utime(path, (moment, moment))


@pytest.fixture
def run(tmp_path: Path, trained: Path) -> Path:
    """A training of the app that has stopped, with weights and two snapshots."""
    made = tmp_path / "runs" / "text-1"
    running(made, os.getpid())
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    note = json.loads((made / processes.NOTE).read_text())
    (made / processes.NOTE).write_text(json.dumps({**note, "data": str(tmp_path / "text.txt")}))
    written(made, as_lines())
    shutil.copy(trained / "tokenizer.json", made)
    for step in (10, 20):
        writing.write(made, model_at(step), step, {"val_loss": 1.0}, torch.float32)
    save_last(made, lopsided(seed=77), 25)
    return made


def watched_head(at: AppTest) -> tuple[np.ndarray, list[str], dict[str, Any]]:
    """The pattern that is drawn, the tokens beside it, and all that was sent."""
    sent = Sent(at).data("matrix")
    assert sent["row_labels"] == sent["col_labels"]
    return sent["values"].reshape(sent["rows"], sent["cols"]), sent["row_labels"], sent


def test_the_head_is_of_the_newest_weights(at: AppTest, run: Path) -> None:
    section(at, START)
    at.selectbox(key="watched").set_value((1, 2)).run()

    def assert_drawn(model: GPT, layer: int, head: int, step: int) -> None:
        assert not at.exception
        drawn, tokens, sent = watched_head(at)
        text = "".join(tokens)
        assert text in TEXT and len(text) == 13
        expected = run_of(model, text)[f"transformer.h.{layer}.attn.pattern"][0, head].numpy()
        assert np.allclose(drawn, expected, atol=1e-5)
        assert sent["name"] == f"transformer.h.{layer}.attn.pattern, head {head}"
        assert any(text.value.startswith(f"After step {step},") for text in at.caption)

    assert_drawn(lopsided(seed=77), 1, 2, 25)
    save_last(run, lopsided(seed=78), 30)  # it went on
    at.run()
    assert_drawn(lopsided(seed=78), 1, 2, 30)
    writing.write(run, model_at(40), 40, {"val_loss": 1.0}, torch.float32)  # and on: a snapshot, before the next save
    later(run / FOLDER / "0000040.safetensors")
    at.run()
    assert_drawn(model_at(40), 1, 2, 40)
    at.selectbox(key="watched").set_value((2, 3)).run()
    assert_drawn(model_at(40), 2, 3, 40)


def test_what_is_said_of_the_head_is_its_own(at: AppTest, run: Path) -> None:
    section(at, START)
    at.selectbox(key="watched").set_value((2, 1)).run()
    heads = json.loads((run / FOLDER / INDEX).read_text().splitlines()[-1])["heads"]
    told = ", ".join(f"{kind} {heads[kind][2][1]:.2f}" for kind in ("previous", "induction", "duplicate", "first"))
    assert any(text.value.endswith(f"Its scores at step 20: {told}") for text in at.caption)
    sent = watched_head(at)[2]
    assert (sent["row_axis"], sent["col_axis"], sent["square"]) == ("query", "key", True)
    assert (sent["scale"], sent["vmin"], sent["vmax"]) == ("sequential", 0, 1)
