"""The section What each part says without a browser: its figures are gptcore's, and the code that it offers makes the
same ones."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("streamlit", reason="needs the extra `app`")

from streamlit.testing.v1 import AppTest

from app.session.actions import Lock, MoveInTime, Type
from app.session.change_actions import AddChange
from app.session.explorer import Explorer
from app.session.map_actions import PickHead
from app.state import lab as choices
from gptcore import Edit, Trace, analysis, architecture, logit_attribution, logit_lens
from tests.app.sent import Sent, decoded
from tests.lopsided import LONG, write_folder
from tests.lopsided import lopsided as lopsided_model

LOCKED = len(LONG) - 5
"""The token that is followed: not the last, of a prompt that is cropped."""
AT = 8
"""Its position in the context."""


def _page() -> None:
    import streamlit as st

    from app import components
    from app.state import lab, opening, person
    from app.views.lab.prompt import hear, prompt_line
    from app.views.lab.what_parts_say import what_parts_say

    components.runtime()
    if opening.ready():
        for name, value in st.session_state.get("choices", {}).items():
            lab.choose(name, value)
        if st.session_state.get("line"):
            hear(person.explorer())
        what_parts_say(person.explorer())
        if st.session_state.get("line"):
            prompt_line(person.explorer())


class Lab(Sent):
    """The section, of the cropped prompt, at a token that is not the last."""

    def __init__(self, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.argv", ["app/main.py", str(source)])
        self.left: list[object] = []
        monkeypatch.setattr("streamlit.switch_page", self.left.append)
        super().__init__(AppTest.from_function(_page, default_timeout=60).run())
        self.me.apply(Type(LONG))
        self.me.apply(PickHead(2, 3))
        self.me.apply(Lock(LOCKED))
        self._seq = 0

    @property
    def me(self) -> Explorer:
        explorer: Explorer = self.app.session_state["explorer"]
        return explorer

    @property
    def run(self) -> Trace:
        return self.me.shown.unchanged

    def show(self, part: str, **choices: str) -> None:
        """Choose a picture as a link would."""
        self.app.session_state["choices"] = {"part": part, **choices}
        self.app.run()
        assert not self.app.exception

    def figures(self) -> list[dict[str, Any]]:
        """The figures of the page, as plotly takes them."""
        protos = [e.proto for e in self.app.get("bidi_component") if e.proto.component_name == "gptscope_plot"]
        return [json.loads(decoded(proto)["figure"]) for proto in protos]

    def report(self, key: str, **event: Any) -> None:
        """Report as a component would."""
        self._seq += 1
        self.app.session_state[key] = {"event": {**event, "seq": self._seq}}
        self.app.run()
        assert not self.app.exception

    def codes(self) -> list[str]:
        """The code that is offered, picture by picture."""
        protos = [e.proto for e in self.app.get("bidi_component") if e.proto.component_name == "gptscope_copy_code"]
        return [str(decoded(proto)["code"]) for proto in protos]

    def rows(self) -> list[dict[str, Any]]:
        """The bars of the page."""
        rows: list[dict[str, Any]] = self.data("bars")["rows"]
        return rows

    def executed(self, which: int = 0) -> dict[str, Any]:
        """Run the code of a picture as a stranger would; return its variables."""
        code = self.codes()[which]
        assert len(code.splitlines()) <= 5
        found: dict[str, Any] = {}
        exec(compile(code, "copied", "exec"), found)
        return found


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    return Lab(write_folder(tmp_path / "model", lopsided_model(), snapshots=True), monkeypatch)


def numbers(values: Any) -> np.ndarray:
    """Return an array of a figure, which plotly packs."""
    if isinstance(values, dict):
        import base64

        flat = np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"])
        return flat.reshape([int(n) for n in values["shape"].split(",")]) if "shape" in values else flat
    return np.array([np.nan if value is None else value for value in values], float)


def test_a_changed_run_on_explore_does_not_change_which_tokens_are_asked_for(lab: Lab) -> None:
    """The pictures are of the model as it is, and so are the two tokens that they begin with.

    The line above tells what both runs say.
    """
    before = lab.run.logits[0, AT].topk(2).indices.tolist()
    name = architecture(lab.run.config).named("residual", 1)
    for channel in range(lab.run.config.n_embd):
        lab.me.apply(AddChange(Edit(name, "set", 9.0, position=AT, channel=channel)))
        if lab.me.shown.likely(AT, 1) != before[:1]:
            break
    assert lab.me.shown.likely(AT, 2) != before == lab.me.shown.likely_unchanged(AT, 2)
    lab.app.session_state["line"] = True
    lab.show("logit")
    sent, label = lab.data("token_line"), lab.me.checkpoint.tokenizer.label
    after = int(lab.me.shown.trace.logits[0, AT].argmax())
    assert after != before[0]
    assert (sent["says"], sent["without"]) == (label(after), label(before[0]))
    assert lab.rows()[-1]["value"] == pytest.approx(
        logit_attribution(lab.run, before[0], before[1], AT).total, abs=2e-5
    )
    assert [box.value for box in lab.app.selectbox][:2] == before
    assert [each.value for each in lab.app.caption][:2] == ["the logit of token", "against token"]


# ---- attribution ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["block", "head", "neuron"])
@pytest.mark.parametrize("versus", ["7", "-1"])
def test_bars_are_the_parts_and_add_up(lab: Lab, monkeypatch: pytest.MonkeyPatch, by: str, versus: str) -> None:
    most = 17 if by == "head" else 9
    monkeypatch.setattr("app.panels.logit_parts.MOST", most)
    lab.show("logit", token="3", versus=versus, by=by)
    rows = lab.rows()
    values = np.array([row["value"] for row in rows])
    labels, places = [row["label"] for row in rows], [row["place"] for row in rows]
    assert [row.get("total", False) for row in rows] == [False] * (len(rows) - 1) + [True]
    found = logit_attribution(lab.run, 3, 7 if versus == "7" else None, AT)
    assert values[-1] == pytest.approx(found.total, abs=2e-5)
    assert values[:-1].sum() == pytest.approx(values[-1], abs=1e-9)
    bars = dict(zip(labels, values, strict=True))
    assert bars["all together"] == values[-1] and len(bars) == len(labels)
    if by == "block":
        blocks = found.by_block()
        assert bars["attention 1"] == pytest.approx(blocks["transformer.h.1.attn"], abs=1e-12)
        assert bars["MLP 2"] == pytest.approx(blocks["transformer.h.2.mlp"], abs=1e-12)
        assert bars["constant: the final norm's bias"] == pytest.approx(blocks["transformer.ln_f.bias"], abs=1e-12)
        assert places[labels.index("attention 1")] == "node transformer.h.1.attn"
        assert len(labels) == 10  # two embeddings, two a block, the constant, the sum
    elif by == "head":
        heads = {(part.layer, part.head): part.value for part in found.parts if part.head is not None}
        shown = [tuple(map(int, place.split()[1:])) for place in places if place.startswith("head")]
        assert shown and all(bars[f"head {a}.{b}"] == pytest.approx(heads[a, b], abs=1e-12) for a, b in shown)
        assert labels[17] == "the other 4 parts" and len(labels) == 19
        assert list(np.abs(values[:17])) == sorted(np.abs(values[:17]), reverse=True)
    else:
        each = torch.stack([analysis.neuron_attribution(lab.run, i, found.token, found.versus, AT) for i in range(3)])
        best = each.abs().flatten().topk(9).indices.tolist()
        assert places[:9] == [f"neuron {place // 80} {place % 80}" for place in best]
        assert values[:9] == pytest.approx(each.flatten()[best].numpy(), abs=1e-12)
        assert bars["the other 231 neurons"] == pytest.approx(each.sum().item() - values[:9].sum(), abs=1e-9)
    told = [text.value for text in lab.app.markdown if "add up to" in text.value]
    assert f"{found.total:+.4f}" in told[0]


@pytest.mark.parametrize("by", ["block", "head", "neuron"])
def test_the_code_of_the_bars_makes_the_same_parts(lab: Lab, by: str) -> None:
    lab.show("logit", token="3", versus="7", by=by)
    parts = lab.executed()["parts"]
    found = logit_attribution(lab.run, 3, 7, AT)
    if by == "block":
        assert parts == pytest.approx(found.by_block(), abs=1e-5)
    elif by == "head":
        assert [part.value for part in parts] == pytest.approx([part.value for part in found.parts], abs=1e-5)
    else:
        expected = analysis.neuron_attribution(lab.run, 2, 3, 7, AT)
        torch.testing.assert_close(parts[2], expected, rtol=0, atol=1e-5)


def test_without_a_choice_it_is_the_likeliest_against_the_second(lab: Lab) -> None:
    lab.show("logit")
    first, second = lab.run.logits[0, AT].topk(2).indices.tolist()
    assert f"analysis.logit_attribution(trace, {first}, versus={second}, position={AT})" in lab.codes()[0]
    lab.show("logit", token="99999", versus="x", by="nothing")  # of a link that somebody has changed
    assert f"trace, {first}, versus={second}," in lab.codes()[0]


@pytest.mark.parametrize(
    ("point", "selected", "head"),
    [
        ("head 1 2", "transformer.h.1.attn.pattern", 2),
        ("node transformer.h.0.mlp", "transformer.h.0.mlp", 3),
        ("neuron 1 17", "transformer.h.1.mlp.gelu", 3),
    ],
)
def test_a_bar_leads_to_its_part_on_explore(lab: Lab, point: str, selected: str, head: int) -> None:
    lab.show("logit")
    lab.report("lab bars", point=point)
    assert (lab.me.location.selected, lab.me.location.head, lab.me.position) == (selected, head, AT)
    assert len(lab.left) == 1
    if point.startswith("neuron"):
        explained = lab.me.explanation()
        assert explained is not None and explained.index == (0, AT, 17)
    lab.report("lab bars", point="node nothing.there")
    lab.report("lab bars", point=["neuron", 9])
    lab.report("lab bars", point="neuron 99 0")
    assert len(lab.left) == 1


def test_code_of_a_snapshot_brings_its_weights(lab: Lab) -> None:
    lab.me.apply(MoveInTime(40))
    lab.show("logit", token="3", versus="7")
    found = logit_attribution(lab.run, 3, 7, AT).by_block()
    assert lab.executed()["parts"] == pytest.approx(found, abs=1e-5)


# ---- lens ----------------------------------------------------------------------------------------------------------


def table_of(lab: Lab) -> dict[str, Any]:
    for _ in range(200):
        if "lens_table" in lab.names():
            break
        lab.app.run()
    sent = lab.data("lens_table")
    rows, T, k = len(sent["depths"]), len(sent["tokens"]), sent["count"]
    shapes = {"ids": (rows, T, k), "shares": (rows, T, k)}
    levels = [name for name in sent if name.startswith("levels_")]
    single = dict.fromkeys((*levels, "probabilities", "ranks", "entropies"), (rows, T))
    return sent | {name: sent[name].reshape(shape) for name, shape in (shapes | single).items()}


def test_the_table_is_the_lens(lab: Lab) -> None:
    lab.show("lens")
    sent = table_of(lab)
    chances = logit_lens(lab.run).logits[:, 0].softmax(-1)  # (rows, T, V)
    best = chances.topk(10)
    label = lab.me.checkpoint.tokenizer.label
    assert sent["depths"] == ["emb", "0", "1", "2"] and sent["position"] == AT
    assert sent["tokens"] == lab.me.shown.tokens
    for row in range(4):
        for at in range(13):
            assert [sent["words"][i] for i in sent["ids"][row, at]] == [label(i) for i in best.indices[row, at]]
    np.testing.assert_allclose(sent["shares"], best.values.numpy(), atol=1e-6)
    following = lab.run.ids[0, 1:]
    true = chances[:, :-1].gather(-1, following.expand(4, -1)[..., None])[..., 0]
    np.testing.assert_allclose(sent["probabilities"][:, :-1], true.numpy(), atol=1e-6)
    assert np.isnan(sent["probabilities"][:, -1]).all() and (sent["ranks"][:, -1] == -1).all()
    np.testing.assert_array_equal(sent["levels_top"], (best.values[..., 0] * 254).round().numpy())


@pytest.mark.parametrize("colour", ["next", "rank", "entropy"])
def test_colours_are_what_they_say(lab: Lab, colour: str) -> None:
    lab.show("lens", colour=colour)
    sent = table_of(lab)
    assert sent["colour"] == colour
    blind = np.log(lab.me.arch.config.vocab_size)
    with np.errstate(invalid="ignore"):
        expected = {
            "next": sent["probabilities"],
            "rank": np.where(sent["ranks"] > 0, 1 - np.log(np.abs(sent["ranks"])) / blind, np.nan),
            "entropy": sent["entropies"] / blind,
        }[colour]
    known, levels = ~np.isnan(expected), sent[f"levels_{colour}"]
    assert np.abs(levels[known] - expected[known] * 254).max() <= 0.51
    assert (levels[~known] == 255).all() and known.sum() == (52 if colour == "entropy" else 48)
    assert np.unique(levels).size > 4


def test_a_colour_of_the_browser_goes_into_the_link(lab: Lab) -> None:
    lab.show("lens")
    assert table_of(lab)["colour"] == "top"
    lab.app.session_state["choices"] = {}
    lab.report("lab lens table", colour="rank")
    assert lab.app.session_state["lab"]["colour"] == "rank" and table_of(lab)["colour"] == "rank"
    lab.report("lab lens table", colour="nonsense")
    assert table_of(lab)["colour"] == "rank" and not lab.left


@pytest.mark.parametrize("kind", ["logit", "jacobian"])
def test_the_code_of_the_table_makes_the_same_one(lab: Lab, kind: str) -> None:
    lab.show("lens", lens=kind)
    if kind == "jacobian":
        (button,) = [button for button in lab.app.button if button.label == "Compute the J-lens"]
        button.click().run()
    sent = table_of(lab)
    table = lab.executed()["table"]
    np.testing.assert_allclose(sent["shares"], table.probabilities.numpy(), atol=1e-5)
    np.testing.assert_array_equal(sent["ranks"], table.next_rank.numpy())
    logits = logit_lens(lab.run).logits[1, 0, AT].softmax(-1)
    assert (np.abs(sent["shares"][1, AT, 0] - logits.max().item()) < 1e-5) == (kind == "logit")


def test_a_cell_leads_to_its_state_and_position(lab: Lab) -> None:
    lab.show("lens")
    table_of(lab)
    lab.report("lab lens table", row=2, position=5)
    assert (lab.me.location.selected, lab.me.position) == ("transformer.h.1.resid_post", 5)
    lab.report("lab lens table", row=0, position=3)
    assert (lab.me.location.selected, lab.me.position) == ("transformer.h.0.resid_pre", 3)
    assert len(lab.left) == 2
    lab.report("lab lens table", row=4, position=5)
    assert len(lab.left) == 2


# ---- neurons -------------------------------------------------------------------------------------------------------


def test_neurons_are_told_with_what_they_promote_and_where_they_fire(lab: Lab) -> None:
    lab.show("neurons")
    found = analysis.most_active(lab.run, AT, 10)
    rows = lab.rows()
    assert [row["label"] for row in rows] == [f"{each.layer}.{each.index}" for each in found]
    assert [row["value"] for row in rows] == pytest.approx([each.value for each in found])
    label = lab.me.checkpoint.tokenizer.label
    best = analysis.promoted(lab.me.checkpoint, found[3].layer, found[3].index, 5).ids
    least = analysis.suppressed(lab.me.checkpoint, found[3].layer, found[3].index, 5).ids
    assert lab.data("bars")["columns"] == ["promotes", "suppresses"]
    assert rows[3]["words"] == [[label(token) for token in best], [label(token) for token in least]]
    marks = lab.data("token_marks")
    name = f"transformer.h.{found[0].layer}.mlp.gelu"
    np.testing.assert_allclose(marks["values"], lab.run[name][0, :, found[0].index].numpy(), atol=1e-7)
    assert marks["largest"] == pytest.approx(np.abs(marks["values"]).max())
    active, fires = lab.executed(0), lab.executed(1)
    assert [each.value for each in active["neurons"]] == pytest.approx([each.value for each in found], abs=1e-5)
    np.testing.assert_allclose(fires["activations"].numpy(), marks["values"], atol=1e-5)
    lab.report("lab neuron tokens", position=4)
    explained = lab.me.explanation()
    assert explained is not None and (explained.name, explained.index) == (name, (0, 4, found[0].index))


def test_another_neuron_of_the_list_is_shown_on_the_prompt(lab: Lab) -> None:
    lab.show("neurons")
    found = analysis.most_active(lab.run, AT, 10)
    lab.app.session_state["choices"] = {}
    lab.report("lab neuron list", point=f"neuron {found[4].layer} {found[4].index}")
    expected = lab.run[f"transformer.h.{found[4].layer}.mlp.gelu"][0, :, found[4].index]
    np.testing.assert_allclose(lab.data("token_marks")["values"], expected.numpy(), atol=1e-7)
    assert lab.data("bars")["chosen"] == f"neuron {found[4].layer} {found[4].index}" and not lab.left
    np.testing.assert_allclose(lab.executed(1)["activations"].numpy(), expected.numpy(), atol=1e-5)
    below = next(each for each in found if lab.run[f"transformer.h.{each.layer}.mlp.gelu"][..., each.index].min() < 0)
    lab.report("lab neuron list", point=f"neuron {below.layer} {below.index}")
    assert lab.data("token_marks")["what"].startswith("activation, from −0.")
    lab.report("lab neuron list", point=f"neuron {found[4].layer} {found[4].index}")
    lab.report("lab neuron list", point="neuron 99 0")
    assert lab.data("bars")["chosen"] == f"neuron {found[4].layer} {found[4].index}"


@pytest.mark.parametrize("way", ["promote", "suppress"])
def test_neurons_of_a_token_are_found_among_all(lab: Lab, way: str) -> None:
    lab.show("neurons", neurons=way, neuron_token="6")
    found = analysis.search_neurons(lab.me.checkpoint, 6, 10, suppress=way == "suppress")
    assert [row["label"] for row in lab.rows()] == [f"{each.layer}.{each.index}" for each in found]
    assert [row["value"] for row in lab.rows()] == pytest.approx([each.value for each in found])
    assert [each.index for each in lab.executed()["neurons"]] == [each.index for each in found]


# ---- the residual stream, and attention ----------------------------------------------------------------------------


def test_lengths_and_turns_are_those_of_the_stream(lab: Lab) -> None:
    lab.show("residual")
    norms, cosines = lab.figures()
    states = [lab.run["transformer.h.0.resid_pre"], *(lab.run[f"transformer.h.{i}.resid_post"] for i in range(3))]
    lengths = torch.stack([state[0].norm(dim=-1) for state in states])  # (rows, T)
    assert numbers(norms["data"][0]["y"]) == pytest.approx(lengths.mean(-1).numpy(), rel=1e-5)
    assert numbers(norms["data"][1]["y"]) == pytest.approx(lengths[:, AT].numpy(), rel=1e-5)
    here = [state[0, AT] for state in states]
    turns = [torch.cosine_similarity(a, b, dim=0).item() for a, b in pairwise(here)]
    assert numbers(cosines["data"][0]["y"])[1:] == pytest.approx(turns, abs=1e-5)
    last = [torch.cosine_similarity(a, here[-1], dim=0).item() for a in here]
    assert numbers(cosines["data"][1]["y"]) == pytest.approx(last, abs=1e-5)
    assert norms["data"][1]["customdata"][1] == "node transformer.h.0.resid_post"
    copied = lab.executed()["residual"]
    assert copied.norms[:, 0, AT].tolist() == pytest.approx(lengths[:, AT].tolist(), rel=1e-5)
    lab.report("lab norms", point="node transformer.h.0.resid_post")
    assert lab.me.location.selected == "transformer.h.0.resid_post"


@pytest.mark.parametrize(("kind", "layer", "head"), [("rollout", 2, 0), ("head", 1, 2), ("layer", 1, 0)])
def test_attention_is_summed_up_as_told(lab: Lab, kind: str, layer: int, head: int) -> None:
    lab.show("attention", attention=kind, of_layer=str(layer), layers=str(layer), of_head=str(head))
    expected = {
        "rollout": lambda: analysis.rollout(lab.run, 2)[0],
        "head": lambda: analysis.value_weighted(lab.run, 1)[0, 2],
        "layer": lambda: analysis.value_weighted_layer(lab.run, 1)[0],
    }[kind]()
    sent = lab.data("matrix")
    drawn, seen = sent["values"].reshape(13, 13), np.tri(13, dtype=bool)
    np.testing.assert_allclose(drawn[seen], expected.numpy()[seen], atol=1e-6)
    assert np.isneginf(drawn[~seen]).all()
    assert sent["vmax"] == pytest.approx(1.0 if kind == "rollout" else expected.max().item())
    assert sent["row_labels"] == sent["col_labels"] == lab.me.shown.tokens
    np.testing.assert_allclose(lab.executed()["matrix"].numpy(), expected.numpy(), atol=1e-5)
    lab.app.session_state["choices"] = {}
    lab.report("lab attention map", name=sent["name"], hover=None, pin={"row": 5, "col": 1}, part=None)
    assert any(f"{expected[5, 1].item():.4g}" in text.value for text in lab.app.markdown)
    (button,) = [button for button in lab.app.button if button.label == "Show on Explore"]
    button.click().run()
    assert lab.me.position == 5 and len(lab.left) == 1


def test_cells_that_were_clicked_go_into_the_link_and_come_back(lab: Lab) -> None:
    lab.show("attention")
    lab.report("lab attention map", name="x", hover=None, pin={"row": 5, "col": 1}, part=None)
    assert lab.data("matrix")["pinned"] == {"row": 5, "col": 1} and lab.app.session_state["lab"]["pin"] == "5.1"
    lab.report("lab attention map", name="x", hover=None, pin=None, part=None)
    assert lab.data("matrix")["pinned"] is None and "pin" not in lab.app.session_state["lab"]
    for told, pinned in (("7.2", {"row": 7, "col": 2}), ("2.7", None), ("99.0", None), ("7", None), ("a.b", None)):
        lab.show("attention", pin=told)
        assert lab.data("matrix")["pinned"] == pinned, told
    lab.show("lens")
    assert lab.data("lens_table")["chosen"] is None
    lab.report("lab lens table", cell=[1, 4])
    assert lab.data("lens_table")["chosen"] == [1, 4]
    lab.show("lens", cell="99.4.0.1")
    assert lab.data("lens_table")["chosen"] is None


def test_the_row_beside_the_attention_is_read_on_by_clicks(lab: Lab) -> None:
    lab.show("attention", attention="layer", of_layer="1")
    expected = analysis.value_weighted_layer(lab.run, 1)[0]
    row = expected[AT, : AT + 1]
    best = row.argsort(descending=True).tolist()
    assert [each["place"] for each in lab.rows()] == [f"token {at}" for at in best]
    assert [each["value"] for each in lab.rows()] == pytest.approx(row[best].tolist(), abs=1e-6)
    lab.report("lab attention row", point=f"token {best[1]}")
    assert lab.me.position == best[1] and not lab.left
    assert len(lab.rows()) == min(12, best[1] + 1)
    lab.report("lab attention row", point="token 12")  # which that position does not see
    assert lab.me.position == best[1]


def test_a_large_matrix_answers_what_the_browser_asks(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["app.components.matrix.heatmap"], "MAX_VALUES", 100)
    lab.show("attention")
    expected = analysis.rollout(lab.run, 3)[0].numpy()
    sent = lab.data("matrix")
    assert "values" not in sent
    asked = {"name": sent["name"], "pin": None}
    lab.report("lab attention map", **asked, hover={"row": 7, "col": 2}, part=[4, 1, 3, 2])
    sent = lab.data("matrix")
    assert sent["cell"]["value"] == pytest.approx(float(expected[7, 2]), abs=1e-6)
    np.testing.assert_allclose(sent["cells"].reshape(3, 2), expected[4:7, 1:3], atol=1e-6)
    lab.report("lab attention map", **asked, hover={"row": 99, "col": 2}, part=[4, 1, 99, 2])
    assert lab.data("matrix")["cell"] is None and "cells" not in lab.data("matrix")


def test_another_token_of_the_prompt_can_be_followed(lab: Lab) -> None:
    lab.app.session_state["line"] = True
    lab.show("residual")
    sent = lab.data("token_line")
    assert (sent["tokens"], sent["position"], sent["cropped"]) == (lab.me.shown.tokens, AT, len(LONG) - 13)
    best = int(lab.run.logits[0, AT].argmax())
    assert (sent["says"], sent["without"]) == (lab.me.checkpoint.tokenizer.label(best), None)
    lab.report("lab prompt line", position=2)
    assert lab.me.position == 2 and lab.me.lock == len(LONG) - 13 + 2
    lab.report("lab prompt line", position=13)
    assert lab.me.position == 2 and lab.data("token_line")["position"] == 2


def test_a_number_of_a_link_is_no_longer_than_python_reads() -> None:
    choices.follow(f"token={'7' * 6000}")
    try:
        assert int(choices.get("token")) == int("7" * choices.LONGEST)
    finally:
        choices.follow("")
