"""The section Two models without a browser: what its grids are sent is what gptcore computes of both models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("streamlit", reason="needs the extra `app`")

from app.session.actions import MoveInTime
from app.stores.models import Wanted
from gptcore import analysis, capture, load, save
from gptcore.checkpoint.snapshots import load_snapshot, snapshots
from tests.app.lab_page import Lab, executed, marked, values
from tests.lopsided import FITS, LETTERS, checkpoint_of, lopsided, model_at, run_of

MAPS, WORDS = "lab maps", "lab words"
NAMES = "When Anna and Tom went to the store, Tom gave a ring to"


def _page() -> None:
    from app import components
    from app.state import opening, person
    from app.views.lab.two_models import two_models

    components.runtime()
    if opening.ready():
        two_models(person.explorer())


@pytest.fixture
def page(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    return Lab(trained, monkeypatch, _page, FITS, **{"with": "step:300"})


def test_the_maps_are_the_differences_of_both_runs_and_weights(page: Lab) -> None:
    one, other = (run_of(model, FITS) for model in (page.me.final.model, model_at(300)))
    found = analysis.tensor_differences(one, other) | analysis.weight_differences(page.me.final.model, model_at(300))
    seen = 0
    for grid in page.sent(MAPS)["grids"]:
        for row, hints in zip(values(grid), grid["hints"], strict=True):
            for value, hint in zip(row, hints, strict=True):
                name, _, told = hint.partition(": ")
                assert value == pytest.approx(found[name], rel=1e-5) and told == f"{value:.4g}", name
                seen += 1
    assert seen > 3 * 15 + 3 * 8
    blocks = page.grid(MAPS, "tensors of blocks")
    assert blocks["rows"] == ["block 0", "block 1", "block 2"]
    assert blocks["hints"][2][blocks["cols"].index("attn.pattern")].startswith("transformer.h.2.attn.pattern: ")


def test_the_predictions_of_both_stand_side_by_side(page: Lab) -> None:
    grid = page.grid(WORDS, "predictions")
    assert grid["rows"] == ["here", "step 300"]
    for row, model in zip(values(grid), (page.me.final.model, model_at(300)), strict=True):
        shares = run_of(model, FITS).logits[0, -1].double().softmax(-1)
        assert row == pytest.approx([shares[LETTERS.index(label)].item() for label in grid["cols"]], abs=1e-6)
        assert LETTERS[int(shares.argmax())] in grid["cols"]
    assert grid["texts"] == [[f"{round(100 * value, 1)} %" for value in row] for row in values(grid).tolist()]


def test_the_losses_of_both_stand_side_by_side(page: Lab) -> None:
    grid = page.grid(WORDS, "losses")
    assert grid["cols"] == list(FITS[1:])
    found = []
    for model in (page.me.final.model, model_at(300)):
        logs = run_of(model, FITS).logits[0].double().log_softmax(-1)
        found.append([-logs[t, LETTERS.index(letter)].item() for t, letter in enumerate(FITS[1:])])
    assert values(grid) == pytest.approx(np.array(found), abs=1e-5)
    away = page.grid(WORDS, "loss difference")
    assert values(away)[0] == pytest.approx(np.array(found[1]) - np.array(found[0]), abs=1e-5)
    assert grid["note"] == f"mean {np.mean(found[0]):.3f} and {np.mean(found[1]):.3f}"


def test_a_click_shows_where_a_tensor_differs(page: Lab) -> None:
    grid = page.grid(MAPS, "tensors of blocks")
    col = grid["cols"].index("attn.pattern")
    page.report(MAPS, kind="cell", at=["tensors of blocks", 1, col])
    assert marked(page.grid(MAPS, "tensors of blocks"), "chosen") == {(1, col)}
    one, other = (
        run_of(model, FITS)["transformer.h.1.attn.pattern"][0] for model in (page.me.final.model, model_at(300))
    )
    head = int((other - one).flatten(1).norm(dim=1).argmax())
    sent = page.sent("lab difference")
    assert sent["name"] == f"transformer.h.1.attn.pattern, head {head}: other minus here"
    assert sent["values"].reshape(6, 6) == pytest.approx((other - one)[head].numpy(), abs=1e-6)
    assert sent["row_labels"] == sent["col_labels"] == list(FITS)
    page.app.selectbox(key="lab tensor head").set_value((head + 1) % 4).run()
    sent = page.sent("lab difference")
    assert sent["values"].reshape(6, 6) == pytest.approx((other - one)[(head + 1) % 4].numpy(), abs=1e-6)


def test_a_click_shows_where_a_weight_differs(page: Lab) -> None:
    grid = page.grid(MAPS, "weights of blocks")
    col = grid["cols"].index("mlp.c_fc bias")
    page.report(MAPS, kind="cell", at=["weights of blocks", 2, col])
    name = "transformer.h.2.mlp.c_fc.bias"
    away = model_at(300).get_parameter(name) - page.me.final.model.get_parameter(name)
    sent = page.sent("lab difference")
    assert sent["tensor"] == name and sent["values"] == pytest.approx(away.detach().numpy(), abs=1e-6)


@pytest.mark.parametrize("at", [["tensors of blocks", 9, 0], ["tensors of blocks", 0, 99], ["x", 0, 0], None, ["x"]])
def test_a_click_that_means_nothing_changes_nothing(page: Lab, at: object) -> None:
    page.report(MAPS, kind="cell", at=at)
    assert "tensor" not in page.choices


def test_the_logits_of_the_same_tokens_are_subtracted(page: Lab) -> None:
    page.choices["tensor"] = "lm_head"
    page.app.run()
    one, other = (run_of(model, FITS).logits[0] for model in (page.me.final.model, model_at(300)))
    sent = page.sent("lab difference")
    best = [LETTERS.index(label) for label in sent["row_labels"]]
    assert best[0] == int(one[-1].argmax())
    matrix = sent["values"].reshape(sent["rows"], sent["cols"])
    assert matrix == pytest.approx((other - one)[:, best].T.numpy(), abs=1e-5)


def test_two_steps_of_one_training_can_be_compared(page: Lab) -> None:
    page.me.apply(MoveInTime(40))
    page.app.run()
    assert page.grid(WORDS, "predictions")["rows"][1] == "step 300"
    found = analysis.weight_differences(model_at(40), model_at(300))
    grid = page.grid(MAPS, "weights of model")
    assert values(grid)[0, 0] == pytest.approx(found["transformer.wte.weight"], rel=1e-5)
    offered = page.app.selectbox(key="lab with").options
    assert f"{page.me.source}: as it was opened" in offered and "step 40 of this training" not in offered


def test_models_of_other_shapes_are_told_and_their_predictions_compared(
    tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wider = lopsided(seed=8, n_layer=2, n_embd=24)
    save(checkpoint_of(wider), tmp_path / "wider")
    page = Lab(trained, monkeypatch, _page, FITS)
    wanted = Wanted(str(tmp_path / "wider"))
    page.app.session_state["recent"] = [wanted]
    page.choices["with"] = f"opened:{wanted.source}"
    page.app.run()
    assert "Only predictions can be compared: n\\_layer is 3 here and 2 there" in page.words()
    shares = run_of(wider, FITS).logits[0, -1].double().softmax(-1)
    grid = page.grid(WORDS, "predictions")
    assert values(grid)[1] == pytest.approx([shares[LETTERS.index(label)].item() for label in grid["cols"]], abs=1e-6)
    assert not [each for each in page.app.get("bidi_component") if each.proto.id.endswith(MAPS)]


def test_a_link_opens_no_path(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(checkpoint_of(lopsided(seed=8)), tmp_path / "secret")
    page = Lab(trained, monkeypatch, _page, FITS, **{"with": f"opened:{tmp_path / 'secret'}"})
    assert page.app.selectbox(key="lab with").value == "step:40"  # the usual one


@pytest.mark.parametrize("shared", ["0", "1"])
def test_a_shared_server_takes_no_path(trained: Path, monkeypatch: pytest.MonkeyPatch, shared: str) -> None:
    monkeypatch.setenv("GPTSCOPE_SHARED", shared)
    page = Lab(trained, monkeypatch, _page, FITS)
    inputs = [each.label for each in page.app.text_input]
    assert bool(inputs) == (shared == "0")


@pytest.mark.parametrize(
    "name",
    [
        "transformer.h.1.attn.pattern",
        "transformer.h.0.resid_post",
        "transformer.h.1.attn.v",
        "transformer.wpe",
        "lm_head",
        "probs",
        "transformer.h.0.attn.masked",
        "transformer.h.1.mlp.c_fc.weight",
        "transformer.ln_f.bias",
    ],
)
def test_the_copied_code_of_one_tensor_gives_its_matrix(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    page = Lab("two-names", monkeypatch, _page, NAMES, **{"with": "step:600", "tensor": name})
    code = page.sent("lab difference code")["code"]
    found = executed(code).detach().float().numpy()
    sent = page.sent("lab difference")
    if "values" not in sent:  # only pixels of it: what is told of it must do
        told = next(each.value for each in page.app.caption if "smallest" in each.value)
        assert f"smallest {found.min():.4g}, largest {found.max():.4g}" in told
        return
    drawn = sent["values"].reshape(sent["rows"], sent["cols"])
    expected = np.where(np.isneginf(drawn), np.nan, drawn)  # masked in both
    np.testing.assert_allclose(found.reshape(drawn.shape), expected, atol=1e-5)


def test_the_copied_code_of_two_vocabularies_gives_both_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Lab("shakespeare-char", monkeypatch, _page, "To be", **{"with": "shipped:fairytales"})
    grid = page.grid(WORDS, "predictions")
    found = np.array(executed(grid["code"]), float)
    assert np.isnan(values(grid)).any() and not np.isnan(values(grid)).all()
    np.testing.assert_allclose(found, values(grid), atol=1e-6)


def test_the_copied_code_gives_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Lab("two-names", monkeypatch, _page, NAMES, **{"with": "step:600"})
    for name in ("tensors of blocks", "weights of model"):
        grid = page.grid(MAPS, name)
        found = executed(grid["code"])
        told = [found[hint.partition(":")[0]] for row in grid["hints"] for hint in row]
        assert told == pytest.approx(values(grid).ravel().tolist(), abs=1e-6), name
    grid = page.grid(WORDS, "predictions")
    assert np.array(executed(grid["code"])) == pytest.approx(values(grid), abs=1e-6)
    grid = page.grid(WORDS, "losses")
    assert np.array(executed(grid["code"])) == pytest.approx(values(grid), abs=1e-6)
    grid = page.grid(WORDS, "loss difference")
    assert np.array(executed(grid["code"])) == pytest.approx(values(grid), abs=1e-6)
    final = load("two-names")
    (there,) = [each for each in snapshots("two-names") if each.step == 600]
    other = load_snapshot(final, there)
    share = capture(other.model, final.tokenizer.encode(NAMES)).logits[0, -1].softmax(-1).max()
    assert values(page.grid(WORDS, "predictions"))[1].max() == pytest.approx(float(share), abs=1e-6)
