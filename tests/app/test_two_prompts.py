"""The section Two prompts without a browser: what its grids are sent is what gptcore computes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("streamlit", reason="needs the extra `app`")

from app.panels.patches import Patch, of_text, to_text
from app.session.actions import Restore
from app.session.change_actions import UndoChange
from app.session.change_code import code
from app.session.changes import Other
from app.views.lab.two_prompts.metric import single_token
from gptcore import Edit, analysis, capture, load, logit_lens
from tests.app.lab_page import Lab, executed, marked, values
from tests.lopsided import FITS, LETTERS, encode, run_of

OTHER = FITS[:2] + "i" + FITS[3:]
"""The prompt with another third token."""
PAIR, SWEEP = "lab pair", "lab sweep"
NAMES = "When Anna and Tom went to the store, Tom gave a ring to"


def _page() -> None:
    from app import components
    from app.state import opening, person
    from app.views.lab.two_prompts import two_prompts

    components.runtime()
    if opening.ready():
        two_prompts(person.explorer())


def of_names(monkeypatch: pytest.MonkeyPatch, **choices: str) -> Lab:
    """Return the section with the shipped model of two names."""
    return Lab("two-names", monkeypatch, _page, NAMES, **choices)


@pytest.fixture
def page(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    return Lab(trained, monkeypatch, _page, FITS, other=OTHER)


def lens_of(run: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the most likely token of each cell and its probability, (rows, T)."""
    best = logit_lens(run).logits[:, 0].double().softmax(-1).max(-1)
    return best.indices.numpy(), best.values.numpy()


def difference(run: Any, one: int, other: int, position: int = -1) -> float:
    """Return the difference of two logits."""
    return float(run.logits[0, position, one] - run.logits[0, position, other])


# ---- patches that stay on Explore ------------------------------------------------------------------------------------


def test_a_patch_stays_on_explore_as_a_change_of_the_run(page: Lab) -> None:
    """One from the same place and one from elsewhere, of which the link tells."""
    page.report(PAIR, kind="put", at=["other", 2, 2], to=["this", 2, 2])
    page.report(PAIR, kind="put", at=["other", 1, 4], to=["this", 3, 3])
    assert page.grid(PAIR, "this")["action"] == "Keep on Explore" and "action" not in page.grid(PAIR, "other")
    patched, lens = run_of(page.me.checkpoint.model, FITS), page.grid(PAIR, "this")
    page.report(PAIR, kind="keep", key="this")
    assert page.left and page.me.shown.text == FITS
    one, other = (change.edit for change in page.me.changes)
    assert one == Other("transformer.h.1.resid_post", "patch", OTHER, position=2)
    name, source = "transformer.h.2.resid_post", "transformer.h.0.resid_post"
    assert other == Other(name, "patch", OTHER, position=3, of=source, at=4)
    from_other = run_of(page.me.checkpoint.model, OTHER)
    edits = [
        Edit(one.name, "set", from_other[one.name][0, 2], position=2),
        Edit(name, "set", from_other[source][0, 4], position=3),
    ]
    wanted = capture(page.me.checkpoint.model, patched.ids, edits=edits)
    torch.testing.assert_close(page.me.shown.trace.logits, wanted.logits)
    _, shares = lens_of(wanted)
    assert values(lens) == pytest.approx(shares, abs=1e-6)
    kept = page.me.state.changes
    page.me.apply(UndoChange())
    assert not page.me.changes
    page.me.apply(Restore(replace(page.me.state, changes=kept)))
    assert [change.edit for change in page.me.changes] == [one, other]
    torch.testing.assert_close(page.me.shown.trace.logits, wanted.logits)
    names: dict[str, Any] = {"ckpt": page.me.checkpoint}
    exec(code(page.me.shown, None), names)
    torch.testing.assert_close(names["trace"].logits, wanted.logits)


def test_a_patch_of_the_other_prompt_brings_that_prompt_to_explore(page: Lab) -> None:
    page.report(PAIR, kind="put", at=["this", 1, 2], to=["other", 1, 2])
    page.report(PAIR, kind="keep", key="this")
    assert not page.me.changes and not page.left
    page.report(PAIR, kind="keep", key="other")
    assert page.left and page.me.shown.text == OTHER
    assert [change.edit for change in page.me.changes] == [
        Other("transformer.h.0.resid_post", "patch", FITS, position=2)
    ]
    assert page.choices["other"] == FITS and page.choices["patches"] == "this.state.1.2.1.2"


@pytest.mark.parametrize(("kind", "name"), [("pattern", "attn.pattern"), ("value", "attn.v"), ("head", "attn.z")])
def test_what_was_taken_of_a_head_stays_on_explore(page: Lab, kind: str, name: str) -> None:
    model, tensor = page.me.checkpoint.model, f"transformer.h.1.{name}"
    page.app.session_state["lab"]["patches"] = f"this.{kind}.1.2.1.2"
    page.app.run()
    assert page.grid(PAIR, "this")["action"] == "Keep on Explore"
    lens = page.grid(PAIR, "this")
    page.report(PAIR, kind="keep", key="this")
    assert page.left and [each.edit for each in page.me.changes] == [Other(tensor, "patch", OTHER, head=2)]
    wanted = capture(model, run_of(model, FITS).ids, edits=[Edit(tensor, "patch", run_of(model, OTHER), head=2)])
    torch.testing.assert_close(page.me.shown.trace.logits, wanted.logits)
    assert values(lens) == pytest.approx(lens_of(wanted)[1], abs=1e-6)


# ---- both lenses -----------------------------------------------------------------------------------------------------


def test_both_lenses_are_those_of_their_prompts(page: Lab) -> None:
    for side, text in (("this", FITS), ("other", OTHER)):
        grid, (best, shares) = page.grid(PAIR, side), lens_of(run_of(page.me.checkpoint.model, text))
        assert values(grid) == pytest.approx(shares, abs=1e-12)
        assert [[LETTERS.index(told) for told in row] for row in grid["texts"]] == best.tolist()
        assert grid["cols"] == list(text) and grid["apart"] == [2]
        assert grid["rows"] == ["embed", "block 0", "block 1", "block 2"]


def test_the_metric_is_the_likeliest_token_of_each_prompt(page: Lab) -> None:
    runs = [run_of(page.me.checkpoint.model, text) for text in (FITS, OTHER)]
    one, other = (int(run.logits[0, -1].argmax()) for run in runs)
    assert one != other
    told = [f"{difference(run, one, other):+.2f}".replace("-", "−") for run in runs]
    assert f"this prompt (clean) **{told[0]}**, the other (corrupt) **{told[1]}**" in page.words()
    assert [page.grid(PAIR, side)["note"] for side in ("this", "other")] == [f"metric {each}" for each in told]


def test_a_typed_token_and_a_position_make_another_metric(page: Lab) -> None:
    page.app.selectbox(key="lab one").set_value("the logit of λ").run()
    page.app.selectbox(key="lab at").set_value(3).run()
    run = run_of(page.me.checkpoint.model, OTHER)
    two = int(page.app.selectbox(key="lab two").value or 0)
    assert page.grid(PAIR, "other")["note"] == f"metric {difference(run, LETTERS.index('λ'), two, 3):+.2f}".replace(
        "-", "−"
    )


def test_a_typed_text_has_to_be_one_token() -> None:
    tokenizer = load("two-names").tokenizer
    assert [single_token(told, tokenizer) for told in (7, "␣Tom", " Tom")] == [7, *2 * tokenizer.encode(" Tom")]
    with pytest.raises(ValueError, match="'␣Tom␣gave' is 2 tokens; type a single one"):
        single_token("␣Tom␣gave", tokenizer)


# ---- patches ---------------------------------------------------------------------------------------------------------


def test_a_cell_that_is_put_into_the_other_prompt_is_patched_there(page: Lab) -> None:
    model = page.me.checkpoint.model
    this, other = (run_of(model, text) for text in (FITS, OTHER))
    before = page.grid(PAIR, "other")
    page.report(PAIR, kind="put", at=["this", 1, 2], to=["other", 1, 2])
    patched = capture(model, other.ids, edits=[Edit("transformer.h.0.resid_post", "patch", this, position=2)])
    grid, (best, shares) = page.grid(PAIR, "other"), lens_of(patched)
    assert values(grid) == pytest.approx(shares, abs=1e-6)
    assert not np.allclose(values(grid), values(before), atol=1e-4)
    assert marked(grid, "put") == {(1, 2)}
    changed = {(r, c) for r, c in np.argwhere(best != lens_of(other)[0]).tolist()}
    assert marked(grid, "changed") == changed
    cone = {(row, col) for row in (2, 3) for col in range(2, 6)}
    assert marked(grid, "after") == cone
    moved = {(r, c) for r, c in np.argwhere(np.abs(values(grid) - values(before)) > 1e-6).tolist()}
    assert moved - {(1, 2)} <= cone and len(moved) > 4
    one, two = int(this.logits[0, -1].argmax()), int(other.logits[0, -1].argmax())
    clean, corrupt, now = (difference(run, one, two) for run in (this, other, patched))
    told = [f"{each:+.2f}".replace("-", "−") for each in (corrupt, now, clean)]
    share = (now - corrupt) / (clean - corrupt)
    assert grid["note"] == f"metric {told[0]} → {told[1]}: {share:.0%} of the way to this prompt's {told[2]}"
    assert page.grid(PAIR, "this")["marks"] == []


def test_patches_come_and_go_several_at_a_time(page: Lab) -> None:
    page.report(PAIR, kind="put", at=["this", 1, 2], to=["other", 1, 2])
    page.report(PAIR, kind="put", at=["other", 0, 4], to=["this", 2, 3])  # another depth and token, the other way
    model = page.me.checkpoint.model
    this, other = (run_of(model, text) for text in (FITS, OTHER))
    value = other["transformer.h.0.resid_pre"][:, 4:5]
    edit = Edit("transformer.h.1.resid_post", "set", value, position=slice(3, 4))
    assert values(page.grid(PAIR, "this")) == pytest.approx(
        lens_of(capture(model, this.ids, edits=[edit]))[1], abs=1e-6
    )
    listed = page.sent(PAIR)["listed"]
    assert [each["key"] for each in listed] == ["other.state.1.2.1.2", "this.state.2.3.0.4"]
    assert page.choices["patches"] == "other.state.1.2.1.2~this.state.2.3.0.4"
    page.report(PAIR, kind="remove", key="other.state.1.2.1.2")
    assert [each["key"] for each in page.sent(PAIR)["listed"]] == ["this.state.2.3.0.4"]
    assert values(page.grid(PAIR, "other")) == pytest.approx(lens_of(other)[1])
    page.report(PAIR, kind="clear")
    assert page.sent(PAIR)["listed"] == [] and "patches" not in page.choices


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "put", "at": ["this", 1, 2], "to": ["this", 1, 3]},
        {"kind": "put", "at": ["this", 9, 2], "to": ["other", 9, 2]},
        {"kind": "put", "at": ["this", 1, 99], "to": ["other", 1, 99]},
        {"kind": "put", "at": ["this", -1, 2], "to": ["other", -1, 2]},
        {"kind": "put", "at": "this", "to": None},
    ],
)
def test_a_report_that_means_nothing_changes_nothing(page: Lab, event: dict[str, Any]) -> None:
    page.report(PAIR, **event)
    assert page.sent(PAIR)["listed"] == []


def test_patches_survive_as_a_text_and_others_do_not() -> None:
    patches = (Patch.here("other", "head", 2, 1), Patch("this", "state", 0, 3, 1, 2))
    assert of_text(to_text(patches)) == patches
    assert of_text("other.head.x.1.2.1~mine.head.0.0.0.0~other.state.0.0.0~other.state.-1.0.0.0") == ()


# ---- both prompts ----------------------------------------------------------------------------------------------------


def test_prompts_of_other_lengths_are_told_and_cells_can_still_be_put(page: Lab) -> None:
    page.app.text_input(key="lab other").set_value(OTHER[:-1]).run()
    assert "This prompt has 6 tokens, the other one 5." in page.words() and "take 1 out of this prompt" in page.words()
    assert page.grid(PAIR, "this")["apart"] == [2, 5]
    page.report(PAIR, kind="put", at=["this", 2, 5], to=["other", 3, 4])
    model = page.me.checkpoint.model
    this, other = run_of(model, FITS), run_of(model, OTHER[:-1])
    value = this["transformer.h.1.resid_post"][:, 5:6]
    edit = Edit("transformer.h.2.resid_post", "set", value, position=slice(4, 5))
    assert values(page.grid(PAIR, "other")) == pytest.approx(
        lens_of(capture(model, other.ids, edits=[edit]))[1], abs=1e-6
    )


def test_the_prompts_are_exchanged(page: Lab) -> None:
    page.report(PAIR, kind="put", at=["this", 1, 2], to=["other", 1, 2])
    next(button for button in page.app.button if button.label == "Exchange both").click().run()
    assert page.me.shown.text == OTHER and page.choices["other"] == FITS
    assert page.grid(PAIR, "this")["cols"] == list(OTHER) and page.sent(PAIR)["listed"] == []


def test_a_prompt_that_cannot_be_read_is_told(page: Lab) -> None:
    page.app.text_input(key="lab other").set_value("XYZ").run()
    assert "The other prompt cannot be run by this model." in page.words()
    assert not page.app.exception


def test_a_shipped_model_begins_with_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    page = of_names(monkeypatch)
    assert page.app.text_input(key="lab other").value == "When Anna and Tom went to the store, Anna gave a ring to"
    assert page.grid(PAIR, "other")["apart"] == [9]
    button = next(each for each in page.app.button if "both names" in each.label)
    button.click().run()
    assert page.grid(PAIR, "other")["apart"] == [1, 3, 9]


# ---- sweeps ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["head", "pattern", "value", "resid_pre", "attn", "mlp"])
@pytest.mark.parametrize("way", ["restore", "break"])
def test_a_sweep_is_that_of_gptcore(page: Lab, what: Any, way: str) -> None:
    page.choices.update(what=what, way=way)
    page.app.run()
    model, ids = page.me.checkpoint.model, [encode(FITS), encode(OTHER)]
    one, two = (int(capture(model, each).logits[0, -1].argmax()) for each in ids)
    good, bad = ids if way == "restore" else ids[::-1]

    def metric(logits: torch.Tensor) -> torch.Tensor:
        return logits[0, -1, one] - logits[0, -1, two]

    exact = analysis.patch_sweep(model, good, bad, metric, what)
    gradient = analysis.attribution_patching(model, good, bad, metric, what)
    assert values(page.grid(SWEEP, "exact")) == pytest.approx(exact.numpy(), abs=1e-12)
    assert values(page.grid(SWEEP, "gradient")) == pytest.approx(gradient.numpy(), abs=1e-12)
    told = np.corrcoef(exact.flatten(), gradient.flatten())[0, 1]
    assert page.grid(SWEEP, "gradient")["note"].endswith(f"exact cells {told:.2f}".replace("-", "−"))
    assert page.grid(SWEEP, "exact")["title"].endswith(
        {"restore": "clean into corrupt", "break": "corrupt into clean"}[way]
    )


@pytest.mark.parametrize(
    ("what", "way"), [("head", "restore"), ("resid_pre", "restore"), ("attn", "break"), ("value", "break")]
)
def test_a_click_on_a_cell_makes_its_patch_above(page: Lab, what: str, way: str) -> None:
    page.choices.update(what=what, way=way)
    page.app.run()
    cells = values(page.grid(SWEEP, "exact"))
    row, col = 1, 2
    page.report(SWEEP, kind="cell", at=["exact", row, col])
    side = "other" if way == "restore" else "this"
    share = float(page.grid(PAIR, side)["note"].partition(": ")[2].partition("%")[0]) / 100
    assert share == pytest.approx(cells[row, col], abs=0.0051)
    assert cells[row, col] != 0
    assert marked(page.grid(SWEEP, "exact"), "chosen") == {(row, col)}
    page.report(SWEEP, kind="cell", at=["exact", row, col])
    assert page.sent(PAIR)["listed"] == []


def test_a_head_of_a_sweep_leads_to_explore(page: Lab) -> None:
    page.report(SWEEP, kind="cell", at=["exact", 2, 1])
    next(button for button in page.app.button if button.label == "Show head 2.1 on Explore").click().run()
    assert (page.me.location.layer, page.me.location.head) == (2, 1) and len(page.left) == 1
    assert page.me.node.id == "transformer.h.2.attn.pattern"


@pytest.mark.parametrize("way", ["restore", "break"])
@pytest.mark.parametrize("to", ["", "2.1.v", "1.3.q"])
def test_paths_are_those_of_gptcore(page: Lab, to: str, way: str) -> None:
    page.choices.update(what="path", way=way, to=to)
    page.app.run()
    model, ids = page.me.checkpoint.model, [encode(FITS), encode(OTHER)]
    one, two = (int(capture(model, each).logits[0, -1].argmax()) for each in ids)
    layer, _, rest = to.partition(".")
    receivers = [(int(layer), int(rest[0]), rest[2])] if to else None
    good, bad = ids if way == "restore" else ids[::-1]
    left = analysis.path_sweep(model, bad, good, lambda logits: logits[0, -1, one] - logits[0, -1, two], receivers)
    assert values(page.grid(SWEEP, "exact")) == pytest.approx(1 - left.numpy(), abs=1e-12)


def test_prompts_that_the_metric_does_not_tell_apart_are_told(page: Lab) -> None:
    page.app.text_input(key="lab other").set_value(FITS).run()
    assert "Both prompts are the same." in page.words()
    assert "nothing can be brought back" in page.words()
    assert not [each for each in page.app.get("bidi_component") if each.proto.id.endswith(SWEEP)]


# ---- the copied code -------------------------------------------------------------------------------------------------


def test_the_code_of_the_lenses_gives_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    page = of_names(monkeypatch)
    page.report(PAIR, kind="put", at=["this", 1, 9], to=["other", 1, 9])
    page.report(PAIR, kind="put", at=["this", 1, 9], to=["other", 0, 11])
    page.report(SWEEP, kind="cell", at=["exact", 1, 0])
    for side in ("this", "other"):
        grid = page.grid(PAIR, side)
        found = executed(grid["code"])
        assert found.values.numpy() == pytest.approx(values(grid), abs=1e-9)
    label = load("two-names").tokenizer.label
    assert [[label(index) for index in row] for row in found.indices.tolist()] == grid["texts"]


@pytest.mark.parametrize(
    "choice",
    [{"what": "head"}, {"what": "resid_pre", "way": "break"}, {"what": "path"}, {"what": "path", "to": "1.0.q"}],
)
def test_the_code_of_a_sweep_gives_its_numbers(monkeypatch: pytest.MonkeyPatch, choice: dict[str, str]) -> None:
    page = of_names(monkeypatch, **choice)
    for name in ("exact", "gradient"):
        grid = page.grid(SWEEP, name)
        found = torch.as_tensor(executed(grid["code"]))
        assert found.numpy() == pytest.approx(values(grid), abs=1e-6), name


def test_the_code_of_a_step_loads_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.session.actions import MoveInTime

    page = of_names(monkeypatch, at="9")
    page.me.apply(MoveInTime(600))
    page.app.run()
    for key, name in ((PAIR, "this"), (SWEEP, "exact")):
        grid = page.grid(key, name)
        found = executed(grid["code"])
        found = found.values if key == PAIR else found
        assert found.numpy() == pytest.approx(values(grid), abs=1e-6)


def test_which_head_moves_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    page = of_names(monkeypatch)
    told = page.sent(SWEEP)["told"]
    cells = values(page.grid(SWEEP, "exact"))
    layer, head = divmod(int(cells.argmax()), cells.shape[1])
    assert f"Most: head {layer}.{head} {cells.max():.2f}" in told
