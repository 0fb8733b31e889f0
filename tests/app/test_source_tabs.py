"""The tabs of the source: what is sent for each of them, against what gptcore computes on a lopsided model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("streamlit", reason="needs the extra `app`")

from app.session.explorer import Explorer
from app.views import code
from gptcore import GPT
from gptcore.analysis import teaching_attention
from gptcore.analysis.parity import parity
from gptcore.data.windows import all_windows
from gptcore.generation.generate import generate
from gptcore.generation.sampling import Sampling
from tests.app.sent import Page
from tests.lopsided import FITS, LETTERS, LONG, encode, lopsided, model_at, run_of, seen

MODEL = lopsided()
SEEN = MODEL.config.block_size
BLOCK = "transformer.h.2"
CLOSED = {"open": False}


@pytest.fixture
def page(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    """The screen with the cropped prompt, at head 1 of layer 2."""
    return Page(trained, monkeypatch, LONG, (2, 1))


def opened(page: Page, tab: str) -> dict[str, Any]:
    """Open a tab of the drawer, and return what it is sent."""
    page.code()
    page.look("code", tab)
    return page.code()


def wanted_loss(model: GPT, text: str) -> float:
    """The loss of a training on the tokens that the model sees: inputs, and targets one token further."""
    ids = np.array(encode(seen(text, model)))
    ((x, y),) = all_windows(ids, block_size=len(ids) - 1, batch_size=1)
    with torch.no_grad():
        logits, loss = model(x, y)
    assert loss is not None and logits.shape[1] == len(ids) - 1
    return loss.item()


def test_nothing_is_sent_while_the_drawer_is_closed(page: Page) -> None:
    assert page.panel("code") == CLOSED
    assert not any("parts" in text for text in page.data()["kept"].values())
    page.look("code", "loss")  # as a link says it, before the drawer is opened
    page.type(FITS)
    assert page.panel("code") == CLOSED
    assert not any("parts" in text for text in page.data()["kept"].values())


def test_a_key_sends_no_source_that_the_page_has(page: Page) -> None:
    for tab in ("model", "teaching", "loss", "generation"):
        sent = opened(page, tab)
        keys = [sent["listing_key"], sent["lines_key"]]
        assert set(keys) <= page.data()["kept"].keys()
        page.app.session_state["explore_panels"] = {**page.app.session_state["explore_panels"], "kept": keys}
        page.app.run()
        assert not set(keys) & page.data()["kept"].keys()
        assert len(json.dumps(page.code())) < 2000


def test_the_second_tab_is_the_teaching_attention_with_its_own_lines(page: Page) -> None:
    page.select(f"{BLOCK}.attn.z")
    sent = opened(page, "teaching")
    text = Path(teaching_attention.__file__).read_text(encoding="utf-8").splitlines()
    file = "gptcore/analysis/teaching_attention.py"
    assert page.listed() == [(file, number, line) for number, line in enumerate(text, 1)]
    assert "return wei @ v" in text[sent["first"] - 1] and sent["first"] == sent["last"]
    assert (sent["title"], sent["elsewhere"]) == (f"{file} · line {sent['first']}", "")
    page.select(f"{BLOCK}.attn.masked")
    sent = page.code()
    assert ["tril = torch.tril(" in text[sent["first"] - 1], "masked_fill(" in text[sent["last"] - 1]] == [True, True]


def test_a_tensor_of_another_tab_is_not_gone_to_but_told(page: Page) -> None:
    opened(page, "teaching")
    page.select(f"{BLOCK}.mlp.gelu")
    sent = page.code()
    assert (sent["tab"], sent["first"], sent["last"], sent["title"]) == ("teaching", 0, 0, "")
    page.look("code", "model")
    line = page.code()["first"]
    assert sent["elsewhere"] == f"made in model.py, line {line}"
    assert "self.gelu(x)" in page.listed()[line - 1][2]
    assert page.code()["elsewhere"] == ""


def test_the_tab_is_in_the_address(page: Page) -> None:
    assert "code=" not in page.data()["state"]
    opened(page, "generation")
    assert "drawer=code" in page.data()["state"] and "code=generation" in page.data()["state"]


@pytest.mark.parametrize("text", [FITS, LONG])
def test_the_loss_is_that_of_a_training_on_this_prompt(page: Page, text: str) -> None:
    page.type(text)
    sent = opened(page, "loss")
    facts, tokens = page.code()["facts"], seen(text, MODEL)
    count = len(tokens) - 1
    assert facts["loss"] == f"mean of {count}: {wanted_loss(MODEL, text):.4f} nats"
    x, y = tokens[:-1], tokens[1:]
    assert facts["shift"] == (
        f"x = ids[:-1]: {x[0]!r} {x[1]!r} … {x[-1]!r} · y = ids[1:]: {y[0]!r} {y[1]!r} … {y[-1]!r}"
    )
    assert facts["window"] == f"this prompt as one window: {count + 1} tokens"
    assert facts["logits"] == f"of x: (1, {count}, {len(LETTERS)})"
    assert facts["forward"] == f"x, y: (1, {count})"
    assert facts["run"].endswith(f"(1, 1, {len(LETTERS)})")
    assert not sent["waits"]


def test_the_loss_follows_the_keys_and_the_weights(page: Page) -> None:
    opened(page, "loss")
    for text in (FITS, FITS + "a", FITS[:-1], FITS[:-1] + "bb", "cd" + FITS):
        page.type(text)
        assert page.code()["facts"]["loss"].endswith(f": {wanted_loss(MODEL, text):.4f} nats"), text
    page.move(40)
    assert page.code()["facts"]["loss"].endswith(f": {wanted_loss(model_at(40), 'cd' + FITS):.4f} nats")
    page.type("a")
    assert page.code()["facts"]["loss"] == "one token has no next one: no target, no loss"


def test_a_dear_loss_waits_until_typing_pauses(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    position = MODEL.config.n_embd * MODEL.config.vocab_size  # multiplications
    monkeypatch.setattr(code, "QUICK", 2 * position)
    sent = opened(page, "loss")
    assert (page.code()["facts"]["loss"], sent["waits"]) == (f"mean of {SEEN - 1}: …", True)
    page.report("code", kind="measure", text="another one")
    assert page.code()["waits"]
    page.report("code", kind="measure", text=LONG)
    assert page.code()["facts"]["loss"].endswith(f": {wanted_loss(MODEL, LONG):.4f} nats")
    page.type(FITS)
    assert page.code()["waits"]
    page.report("code", kind="measure", text=FITS)
    page.type(FITS + "a")  # one loss more
    assert page.code()["facts"]["loss"].endswith(f": {wanted_loss(MODEL, FITS + 'a'):.4f} nats")


def test_a_key_computes_no_loss_that_is_known(untrained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(untrained, monkeypatch, FITS)
    opened(page, "loss")
    me: Explorer = page.app.session_state["explorer"]
    asked: list[tuple[int, int]] = []
    original = type(me.shown.trace).rows

    def rows(self: object, name: str, start: int, stop: int) -> torch.Tensor:
        if name == "loss":
            asked.append((start, stop))
        return original(self, name, start, stop)  # type: ignore[arg-type]

    monkeypatch.setattr(type(me.shown.trace), "rows", rows)
    size = len(FITS)
    for text, wanted in (
        (FITS + "a", []),  # the run before has its logits
        (FITS + "abc", [(size + 1, size + 2)]),  # of "a" known, of "b" not
        (FITS + "ab", []),
        (FITS + "cb", [(size - 1, size + 1)]),  # another token behind the last one of both
    ):
        asked.clear()
        page.type(text)
        assert asked == wanted, text
        assert page.code()["facts"]["loss"].endswith(f": {wanted_loss(MODEL, text):.4f} nats")


def test_the_crop_and_the_draw_are_those_of_the_next_step(page: Page) -> None:
    page.report("generate", kind="set", temperature=0.7, top_k=5, top_p=0.6, seed=11)
    opened(page, "generation")
    sampling = Sampling(0.7, 5, 0.6)
    lost = len(LONG) - SEEN
    for text, told in ((LONG, f"crop: {SEEN} of {SEEN} tokens, dropped the first {lost} of {len(LONG)}"), (FITS, "")):
        page.type(text)
        facts = page.code()["facts"]
        assert facts["crop"] == (told or f"crop: {len(FITS)} of {SEEN} tokens, nothing dropped")
        (step,) = generate(MODEL, encode(text), 1, 0.7, 5, 0.6, seed=11)
        assert facts["logits"] == f"of position {step.trace.T - 1}, after {text[-1]!r}: ({len(LETTERS)},)"
        best = LETTERS[int(step.probs.argmax())]
        assert facts["probs"] == f"largest: {best!r}, {step.probs.max().item():.1%}"
        stay = {name: int(step.stages[name].isfinite().sum()) for name in ("top_k", "top_p")}
        assert stay["top_p"] < stay["top_k"] == sampling.top_k
        assert facts["top_k"] == f"top-k 5: 5 of {len(LETTERS)} stay"
        assert facts["top_p"] == f"top-p 0.6: {stay['top_p']} of {len(LETTERS)} stay"
        assert (facts["temperature"], facts["random"]) == ("T = 0.7", f"seed 11, place {len(text)} of the text")
        assert (facts["drawn"], facts["grown"]) == ("nothing drawn yet", f"{len(text)} tokens, 0 of them drawn")


def test_the_token_that_was_drawn_last_is_told(page: Page) -> None:
    page.type(FITS)
    opened(page, "generation")
    page.report("generate", kind="draw", text=FITS)
    (first,) = generate(MODEL, encode(FITS), 1, 1.0, 40, None, seed=0)
    letter = LETTERS[first.id]
    rank = int((first.trace.logits[0, -1] > first.trace.logits[0, -1, first.id]).sum()) + 1
    facts = page.code()["facts"]
    assert facts["drawn"] == f"drawn last: {letter!r}, {first.probs[first.id].item():.1%}, rank {rank}"
    assert facts["grown"] == f"{len(FITS) + 1} tokens, 1 of them drawn"
    page.report("generate", kind="draw", text=FITS + letter)
    (second,) = generate(MODEL, [*encode(FITS), first.id], 1, 1.0, 40, None, seed=0)
    assert f"{second.probs[second.id].item():.1%}" in page.code()["facts"]["drawn"]
    page.type("木")
    assert page.code()["facts"]["drawn"] == "nothing drawn yet"


def test_the_badge_tells_the_difference_that_other_panels_show(page: Page) -> None:
    page.type(FITS)
    assert page.data("parity_badge")["difference"] == ""
    page.report("parity_badge", state="parity_badge", text=FITS)
    assert page.data("parity_badge")["difference"] == f"{parity(MODEL, run_of(MODEL, FITS)):.1e}"


def test_the_facts_are_those_that_the_lines_name(page: Page) -> None:
    for tab in ("model", "teaching", "loss", "generation"):
        facts = opened(page, tab)["facts"]
        assert facts.keys() == {line["fact"] for line in page.told() if line["fact"]}, tab
