"""The margins of the map: what is sent, against the attribution that gptcore computes of the same run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("streamlit", reason="needs the extra `app`")

from app.session import costs
from app.session.change_actions import AddChange
from app.session.explorer import Explorer
from app.session.look import Look
from app.session.state_text import State, decode, encode
from gptcore import Edit, GPTConfig, LogitAttribution, Trace, capture, logit_attribution
from tests.app.sent import Page
from tests.lopsided import FITS, LETTERS, LONG, lopsided, seen, write_folder
from tests.lopsided import encode as ids_of

MODEL = lopsided()
LAYER, HEAD = 2, 3
CROPPED = len(LONG) - 13
BLOCK = f"transformer.h.{LAYER}"
HALVED = Edit("transformer.h.2.attn.z", "scale", 0.5, head=3)
STREAM = Edit("transformer.h.1.resid_post", "scale", 1.5, position=8)
"""Changes of a part, and of a sum of parts: that leaves a remainder."""


@pytest.fixture
def page(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    """The screen with the cropped prompt, at head 3 of layer 2, with the logit's parts in the margins."""
    page = Page(trained, monkeypatch, LONG, (LAYER, HEAD))
    page.look("margin", "logit")
    return page


def explorer(page: Page) -> Explorer:
    found: Explorer = page.app.session_state["explorer"]
    return found


def ranked(run: Trace, position: int) -> list[int]:
    """The tokens after a position, the most likely first."""
    found: list[int] = run.logits[0, position].argsort(descending=True).tolist()
    return found


def summed(found: LogitAttribution, layer: int, *, attention: bool = True, mlp: bool = True) -> float:
    """Return what a block adds, from the smallest parts."""
    own = [part for part in found.parts if part.layer == layer]
    return sum(part.value for part in own if (mlp if part.name.endswith("mlp") else attention))


def assert_sent(sent: dict[str, Any], found: LogitAttribution, layer: int = LAYER, head: int = HEAD) -> None:
    """Compare the margins with an attribution, line by line."""
    one = {part.name: part.value for part in found.parts if part.layer is None}
    before = [(f"transformer.h.{i}", f"transformer.h.{i}", "part", summed(found, i)) for i in range(layer)]
    after = [(f"transformer.h.{i}", f"transformer.h.{i}", "part", summed(found, i)) for i in range(layer + 1, 3)]
    block = f"transformer.h.{layer}"
    share = next(part.value for part in found.parts if (part.layer, part.head) == (layer, head))
    wanted = [
        ("transformer.wte", "transformer.wte", "part", one["transformer.wte"]),
        ("transformer.wpe", "transformer.wpe", "part", one["transformer.wpe"]),
        *before,
        (f"{block}.attn.pattern", f"{block}.attn.pattern", "head", share),
        (f"{block}.resid_mid", f"{block}.attn", "part", summed(found, layer, mlp=False)),
        (f"{block}.resid_post", f"{block}.mlp", "part", summed(found, layer, attention=False)),
        *after,
        ("transformer.ln_f", "transformer.ln_f", "constant", one["transformer.ln_f.bias"]),
        *([("", "", "remainder", one["remainder"])] if "remainder" in one else []),
        ("lm_head", "lm_head", "total", found.total),
    ]
    parts = sent["parts"]
    assert [(part["line"], part["node"], part["kind"]) for part in parts] == [each[:3] for each in wanted]
    for part, (*_, value) in zip(parts, wanted, strict=True):
        assert part["value"] == pytest.approx(value, abs=2e-4), part
        assert part["share"] == pytest.approx(value / found.total, abs=1e-4 + abs(2e-3 / found.total)), part
    assert len({round(part["value"], 3) for part in parts}) == len(parts)  # no two agree by chance
    whole = sum(part["value"] for part in parts if part["kind"] in ("part", "constant", "remainder"))
    assert whole == pytest.approx(parts[-1]["value"], abs=1e-4)
    assert sent["most"] == max(abs(part["value"]) for part in parts if part["kind"] != "total")


def attributed(text: str, position: int, edits: Sequence[Edit] = (), *, lead: bool = False) -> LogitAttribution:
    """The attribution of the most likely token, in a run of its own, by gptcore alone."""
    run = capture(MODEL, ids_of(seen(text, MODEL)), edits=edits)
    first, second = ranked(run, position)[:2]
    return logit_attribution(run, first, second if lead else None, position)


# ---- what is sent ------------------------------------------------------------------------------------------------


def test_nothing_is_computed_or_sent_while_the_margins_tell_something_else(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("an attribution was computed")

    monkeypatch.setattr("app.session.readings.logit_attribution", refused)
    page = Page(trained, monkeypatch, LONG, (LAYER, HEAD))
    assert page.panel("map")["margin"] == "says" and "adds" not in page.panel("map")
    page.type(FITS)
    page.look("form", "diagram")  # which has no margins
    page.look("margin", "logit")
    assert page.panel("map")["margin"] == "logit" and "adds" not in page.panel("map")


def test_the_margins_are_the_attribution_of_the_cropped_prompt(page: Page) -> None:
    found = attributed(LONG, 12)
    sent = page.panel("map")["adds"]
    assert (sent["token"], sent["versus"], sent["chosen"]) == (LETTERS[found.token], None, False)
    assert_sent(sent, found)


def test_the_margins_are_those_of_the_locked_token(page: Page) -> None:
    page.follow(CROPPED + 4)
    found = attributed(LONG, 4)
    assert found.token != attributed(LONG, 12).token
    sent = page.panel("map")["adds"]
    assert sent["token"] == LETTERS[found.token]
    assert_sent(sent, found)
    page.look("margin", "lead")
    lead = attributed(LONG, 4, lead=True)
    sent = page.panel("map")["adds"]
    assert lead.versus is not None
    assert (sent["token"], sent["versus"]) == (LETTERS[lead.token], LETTERS[lead.versus])
    assert_sent(sent, lead)


def test_another_head_and_another_block_part_the_same_sum_anew(page: Page) -> None:
    found = attributed(LONG, 12)
    page.choose_head(1)
    assert_sent(page.panel("map")["adds"], found, LAYER, 1)
    page.pick_head(0, 2)
    assert_sent(page.panel("map")["adds"], found, 0, 2)
    page.report("map", kind="layer", id="x", layer=1)
    assert_sent(page.panel("map")["adds"], found, 1, 2)


def test_a_changed_run_has_its_own_margins_and_a_remainder(page: Page) -> None:
    page.follow(CROPPED + 9)
    explorer(page).apply(AddChange(HALVED))
    explorer(page).apply(AddChange(STREAM))
    page.follow(CROPPED + 8)
    found = attributed(LONG, 8, (HALVED, STREAM))
    assert explorer(page).shown.trace.edits == (HALVED, STREAM)
    assert abs(found.parts[-1].value) > 0.1 and found.parts[-1].name == "remainder"
    assert abs(found.total - attributed(LONG, 8).total) > 0.1
    assert_sent(page.panel("map")["adds"], found)


def test_the_margins_follow_what_is_typed_and_the_step_of_the_training(page: Page) -> None:
    for text in (FITS, FITS + "a", LONG):
        page.type(text)
        assert_sent(page.panel("map")["adds"], attributed(text, min(len(text), 13) - 1))
    page.move(40)
    token = page.panel("map")["adds"]["parts"][-1]["value"]
    assert token != pytest.approx(attributed(LONG, 12).total, abs=1e-2)


def test_the_tokens_that_the_lab_has_chosen_are_taken(page: Page) -> None:
    run = capture(MODEL, ids_of(seen(LONG, MODEL)))
    first, second, third = ranked(run, 12)[:3]
    page.app.session_state["lab"] = {"token": str(third), "versus": str(first)}
    for margin, versus in (("lead", first), ("logit", None)):
        page.look("margin", margin)
        sent = page.panel("map")["adds"]
        assert (sent["token"], sent["chosen"]) == (LETTERS[third], True)
        assert sent["versus"] == (None if versus is None else LETTERS[versus])
        assert_sent(sent, logit_attribution(run, third, versus, 12))
    page.app.session_state["lab"] = {"versus": "-1"}  # no other token: here a lead has one
    page.look("margin", "lead")
    assert page.panel("map")["adds"]["versus"] == LETTERS[second]
    for none in ("", "9" * 5000, str(len(LETTERS)), "木", "١"):
        page.app.session_state["lab"] = {"token": none, "versus": none}
        page.app.run()
        sent = page.panel("map")["adds"]
        assert (sent["token"], sent["versus"]) == (LETTERS[first], LETTERS[second])
        assert sent["chosen"] is False


def test_a_click_on_a_margin_selects_its_part(page: Page) -> None:
    for part in page.panel("map")["adds"]["parts"]:
        if part["node"]:
            page.select(part["node"])
            assert page.panel("map")["selected"] == part["node"]
            assert page.panel("map")["layer"] == (LAYER if not part["node"][14:15].isdigit() else int(part["node"][14]))
            page.pick_head(LAYER, HEAD)


# ---- in the link, and within the limits --------------------------------------------------------------------------


@pytest.mark.parametrize("margin", ["says", "logit", "lead"])
def test_the_margin_is_in_the_link(margin: str) -> None:
    state = State("m", FITS, look=Look().choose("margin", margin))
    text = encode(state)
    assert ("margin" in text) == (margin != "says")
    assert decode(text) == state


def test_an_attribution_that_costs_too_much_is_told_in_a_sentence(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    dear = costs.of_attribution(GPTConfig(4, 10**15, 1, 1, 8))
    monkeypatch.setattr("app.session.costs.of_attribution", lambda _: dear)
    page.look("margin", "lead")
    sent = page.panel("map")["adds"]
    assert sent["parts"] == [] and sent["trouble"].startswith("What each part adds to a logit would take about")


def test_the_cost_of_an_attribution_grows_with_the_vocabulary_and_the_layers() -> None:
    small = costs.of_attribution(GPTConfig(8, 100, 2, 2, 16))
    for larger in (GPTConfig(8, 10**6, 2, 2, 16), GPTConfig(8, 100, 10**5, 2, 16)):
        dear = costs.of_attribution(larger)
        assert dear.flops > 1000 * small.flops and dear.cells > 1000 * small.cells
    assert costs.of_attribution(GPTConfig(8, 10**6, 2, 2, 16)).memory > 1000 * small.memory


def test_weights_that_are_no_numbers_leave_margins_without_lengths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = lopsided()
    with torch.no_grad():
        broken.transformer.ln_f.bias.fill_(torch.nan)
    page = Page(write_folder(tmp_path / "broken", broken), monkeypatch, FITS, (LAYER, HEAD))
    page.look("margin", "logit")
    sent = page.panel("map")["adds"]
    told = {part["node"]: part["value"] for part in sent["parts"]}
    assert told["transformer.ln_f"] == told["lm_head"] == "nan"
    assert all(part["share"] is None for part in sent["parts"])
    assert sent["most"] == max(abs(value) for value in told.values() if not isinstance(value, str))
