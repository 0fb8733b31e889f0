"""The section Find a head without a browser: it is sent what gptcore measures, and copied code gives the same."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("streamlit", reason="needs the extra `app`")

from streamlit.testing.v1 import AppTest

from app.components import number
from app.panels.head_axes import HERE, NAMES, PROBE
from app.session.actions import Lock, Type
from app.session.explorer import Explorer
from app.state.heads import TEXT
from app.views.lab.heads import measuring
from gptcore import analysis, capture, load
from gptcore.analysis import chance
from gptcore.analysis.scan import TITLES
from gptcore.graph.architecture import architecture
from tests.app.sent import Sent, decoded
from tests.lopsided import LONG, lopsided, run_of, seen

SINK = 0.3


class Lab(Sent):
    """The section, opened with a model."""

    def __init__(self, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.argv", ["app/main.py", source])
        self.left: list[object] = []
        monkeypatch.setattr("streamlit.switch_page", self.left.append)
        monkeypatch.setattr(measuring, "AT_ONCE", 100.0)
        super().__init__(AppTest.from_function(_page, default_timeout=120).run())
        self._seq = 0

    @property
    def me(self) -> Explorer:
        explorer: Explorer = self.app.session_state["explorer"]
        return explorer

    def choose(self, **choices: str) -> None:
        """Bring the section to choices, as a link does."""
        self.app.session_state["lab"] = choices
        self.app.run()

    def report(self, key: str, **event: Any) -> None:
        """Report as a component would."""
        self._seq += 1
        self.app.session_state[key] = {"event": {**event, "seq": self._seq}}
        self.app.run()

    def figure(self) -> dict[str, Any]:
        """The figure that the plot was sent."""
        assert not self.app.exception
        protos = [each.proto for each in self.app.get("bidi_component") if each.proto.component_name == "gptscope_plot"]
        (sent,) = [data for proto in protos if "figure" in (data := decoded(proto))]
        found: dict[str, Any] = json.loads(sent["figure"])
        return found

    def points(self) -> dict[str, tuple[float, float]]:
        """Each head's place."""
        named = [each for each in self.figure()["data"] if "customdata" in each]
        return {
            name: (x, y) for each in named for name, x, y in zip(each["customdata"], each["x"], each["y"], strict=True)
        }

    def codes(self) -> list[str]:
        """The lines of all buttons that copy code."""
        protos = [each.proto for each in self.app.get("bidi_component")]
        return [decoded(proto)["code"] for proto in protos if proto.component_name == "gptscope_copy_code"]


def _page() -> None:
    from app import components
    from app.state import opening, person
    from app.views.lab.heads import heads

    components.runtime()
    if opening.ready():
        heads(person.explorer())


@pytest.fixture
def page(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """The section with the lopsided model, a prompt longer than its context."""
    lab = Lab(str(trained), monkeypatch)
    lab.me.apply(Type(LONG))
    lab.app.run()
    return lab


@pytest.fixture
def induction(monkeypatch: pytest.MonkeyPatch) -> Lab:
    return Lab("induction", monkeypatch)


def as_points(x: torch.Tensor, y: torch.Tensor) -> dict[str, tuple[float, float]]:
    """Return scores as the plot has them; heads without one are no points."""
    found = {f"{i}.{h}": (float(x[i, h]), float(y[i, h])) for i in range(len(x)) for h in range(x.size(1))}
    return {name: place for name, place in found.items() if not np.isnan(place).any()}


# ---- all heads ----


def test_points_are_the_scores_of_the_probe_and_of_the_prompt(page: Lab) -> None:
    model = lopsided()
    probe = analysis.head_scores(model)
    page.choose(view="points")
    assert page.points() == as_points(probe["previous"], probe["induction"])
    page.choose(basis=HERE, x="duplicate", y="first")
    here = analysis.prompt_scores(run_of(model, LONG))
    assert page.points() == as_points(here["duplicate"], here["first"]) != as_points(probe["duplicate"], probe["first"])


def test_sinks_are_a_mark_of_their_own(induction: Lab) -> None:
    induction.choose(basis=HERE, x="current", y="first")
    sinks = (analysis.prompt_scores(induction.me.shown.trace)["sink"] > SINK).nonzero().tolist()
    heads, rest = (each for each in induction.figure()["data"] if "customdata" in each)
    assert rest["customdata"] == [f"{i}.{h}" for i, h in sinks] and len(sinks) == 3
    assert len(heads["customdata"]) == 1
    assert heads["marker"]["symbol"] != rest["marker"]["symbol"] and rest["showlegend"] and "sinks" in rest["name"]


def test_the_choice_of_what_attention_is_measured_on_stands_where_attention_is_shown(page: Lab) -> None:
    for choices, there in (
        ({"view": "points"}, True),
        ({"view": "points", "x": "predicted", "y": "actual"}, False),
        ({"view": "points", "x": "sink", "y": "actual"}, True),
        ({"view": "table", "x": "predicted", "y": "actual"}, True),
        ({"view": "scan"}, False),
        ({}, False),
    ):
        page.choose(**choices)
        assert ("lab basis" in [each.key for each in page.app.get("button_group")]) is there, choices


def test_lines_stand_at_the_levels_by_chance(page: Lab) -> None:
    page.choose(view="points")
    across, up = page.figure()["layout"]["shapes"]
    assert (across["x0"], up["y0"]) == (chance.previous(12), chance.induction(6))
    page.choose(basis=HERE, x="copying", y="induction")
    across, up = page.figure()["layout"]["shapes"]
    assert (across["x0"], up["y0"]) == (0.0, analysis.prompt_chance(run_of(lopsided(), LONG))["induction"])


def test_the_table_has_every_score(page: Lab) -> None:
    page.choose(view="table")
    sent, model = page.data("head_table"), lopsided()
    names = [column["name"] for column in sent["columns"]]
    assert names[:6] == ["induction", "previous", "duplicate", "current", "first", "sink"] and "loss" in names
    probe, losses = analysis.head_scores(model), analysis.head_losses(model, run_of(model, LONG).ids)
    for row in sent["rows"]:
        at = row["layer"], row["head"]
        values = dict(zip(names, row["values"], strict=True))
        assert values["sink"] == probe["sink"][at].item() and row["sink"] == bool(probe["sink"][at] > SINK)
        assert values["copying"] == analysis.copying(model)[at].item()
        assert values["loss"] == pytest.approx(losses.lost[at].item(), abs=1e-9)
    told = {column["name"]: column["chance"] for column in sent["columns"]}
    assert told["sink"] == number(chance.sink(13)) and told["loss"] == 0.0


def test_choices_of_a_link_are_checked(page: Lab) -> None:
    page.choose(head="99.1", x="<b>", y="nothing", basis="?", view="!")
    sent = page.data("head_card")
    assert (sent["layer"], sent["head"]) == (page.me.location.layer, page.me.location.head)
    probe = analysis.head_scores(lopsided())
    assert page.points() == as_points(probe["previous"], probe["induction"])


# ---- one head ----


def test_a_click_on_a_point_or_a_row_shows_the_card_of_its_head(page: Lab) -> None:
    model, run = lopsided(), run_of(lopsided(), LONG)
    page.me.apply(Lock(len(LONG) - 3))
    page.report("lab heads plot", point="2.1")
    sent = page.data("head_card")
    card = analysis.head_card(model, 2, 1, run, run.ids, position=10)
    assert (sent["layer"], sent["head"], sent["position"]) == (2, 1, "token 10")
    labels = seen(LONG, model)
    assert [each["weight"] for each in sent["looks_here"]] == [edge.weight for edge in card.looks_here]
    assert [each["key"] for each in sent["looks_here"]] == [labels[edge.key] for edge in card.looks_here]
    assert [each["at"] for each in sent["looks"]] == [[edge.query, edge.key] for edge in card.looks]
    for row, (kind, score) in zip(sent["scores"], card.scores.items(), strict=True):
        assert (row["name"], row["probe"], row["here"]) == (NAMES[kind], score.probe, score.here)
        assert (row["chance"], row["chance_here"], row["state"]) == (score.chance, score.chance_here, score.state)
    assert sent["by_distance"] == card.by_distance.tolist()
    assert [value for _, value in sent["prefers"]["tokens"]] == list(card.prefers.values)
    assert [ratio["value"] for ratio in sent["ratios"]] == [card.copying, card.copying_of_tokens]
    for table, lists in zip(sent["writers"], (card.composes, card.kernels), strict=True):
        for which, writers in lists.items():
            assert table["reads"][which] == [[each.layer, each.head, each.score] for each in writers[:3]]
    assert sent["loss"]["loss"] == pytest.approx(card.loss, abs=1e-6)
    assert sent["loss"]["without"] == pytest.approx(card.loss_without, abs=1e-6)
    assert sent["loss"]["title"] == "this whole prompt"
    assert "the prompt itself" in sent["loss"]["about"]
    pattern = run[architecture(model.config).named("pattern", 2)][0, 1].numpy()
    assert np.abs(sent["pixels"].reshape(13, 13) / 254 - pattern).max() < 1 / 254
    page.choose(view="table")
    page.report("lab heads table", point="0.3")
    assert (page.data("head_card")["layer"], page.data("head_card")["head"]) == (0, 3)
    page.report("lab head card", kind="head", layer=1, head=2)
    assert (page.data("head_card")["layer"], page.data("head_card")["head"]) == (1, 2)


def test_the_head_is_shown_on_explore(page: Lab) -> None:
    page.report("lab head card", kind="explore", layer=1, head=3)
    assert len(page.left) == 1
    place = page.me.location
    assert (place.layer, place.head, place.selected) == (1, 3, "transformer.h.1.attn.pattern")
    page.report("lab head card", kind="explore", layer=7, head=3)
    assert len(page.left) == 1 and page.me.location == place


def test_losses_are_of_held_out_examples_or_of_a_pasted_text(induction: Lab) -> None:
    sent = induction.data("head_card")["loss"]
    assert sent["about"].endswith(
        "32 held-out examples of the task induction, at the 480 tokens that its rule decides."
    )
    assert sent["loss"] < 0.1 and sent["without"] > 3 and sent["title"] == "a held-out text"
    induction.app.session_state[TEXT] = "abcabcabc"
    induction.app.run()
    sent, ckpt = induction.data("head_card")["loss"], load("induction")
    losses = analysis.head_losses(ckpt, ckpt.tokenizer.encode("abcabcabc"))
    assert sent["loss"] == pytest.approx(losses.loss, abs=1e-6) and "the text that was pasted" in sent["about"]
    assert sent["title"] == "the pasted text"
    induction.app.session_state[TEXT] = "ABC"  # it has no capitals
    induction.app.run()
    assert "held-out examples" in induction.data("head_card")["loss"]["about"]


def test_much_work_waits_until_it_is_asked_for(page: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "LITTLE", -1.0)
    page.choose(x="top1", y="prefix")
    assert [button.label for button in page.app.button][:2] == ["Measure", "Measure"]
    for _ in range(2):
        page.app.button[0].click().run()
    model = lopsided()
    assert page.points() == as_points(analysis.ov_top1(model), analysis.prefix_matching(model))


# ---- what is remarkable ----


def test_findings_are_those_of_the_scan_and_lead_there(page: Lab) -> None:
    page.choose(view="scan", order="kinds")
    sent, run = page.data("findings"), run_of(lopsided(), LONG)
    found = analysis.scan(page.me.checkpoint, run)
    assert [[each["sentence"] for each in group["found"]] for group in sent["groups"]] == [
        [each.sentence for each in found if each.kind == kind] for kind in TITLES
    ]
    losses = [each for each in found if each.kind == "loss"]
    page.report("lab findings", kind="explore", group=3, index=0)
    assert page.left and page.me.lock == losses[0].position + len(LONG) - 13  # type: ignore[operator]
    repair = next(each for each in analysis.scan(page.me.checkpoint, run, position=page.me.position)
                  if each.kind == "repair")  # fmt: skip
    page.app.run()
    page.report("lab findings", kind="head", group=2, index=0)
    assert (page.data("head_card")["layer"], page.data("head_card")["head"]) == (repair.layer, repair.head)


def test_findings_of_all_kinds_stand_together_and_lead_there_too(page: Lab) -> None:
    page.choose(view="scan")
    run = run_of(lopsided(), LONG)
    ranked = analysis.rank_findings(analysis.scan(page.me.checkpoint, run))
    (group,) = page.data("findings")["groups"]
    assert [each["sentence"] for each in group["found"]] == [each.sentence for each in ranked]
    assert [each["amount"] for each in group["found"]] == [
        "–" if math.isnan(each.nats) else f"{each.nats:.2f}" for each in ranked
    ]
    assert [each["kind"] for each in group["found"]] == [TITLES[each.kind] for each in ranked]
    at = next(i for i, each in enumerate(ranked) if each.head not in (None, page.me.location.head))
    page.report("lab findings", kind="head", group=0, index=at)
    assert (page.data("head_card")["layer"], page.data("head_card")["head"]) == (ranked[at].layer, ranked[at].head)
    assert page.data("head_card")["change_form"] is None
    page.report("lab findings", kind="form", group=0, index=at)
    assert page.data("head_card")["change_form"] is not None
    page.report("lab findings", kind="order", order="kinds")
    assert [group["title"] for group in page.data("findings")["groups"]] == [*TITLES.values()]
    page.report("lab findings", kind="order", order="nonsense")
    assert page.data("findings")["order"] == "kinds"


# ---- code ----


def run_code(code: str) -> dict[str, Any]:
    """Run copied code as a person would, and return its names."""
    names: dict[str, Any] = {}
    exec(compile(code, "copied", "exec"), names)
    return names


@pytest.mark.parametrize("basis", [PROBE, HERE])
@pytest.mark.parametrize(("x", "y"), [("previous", "loss"), ("copying", "sink"), ("predicted", "actual"),
                                      ("top1", "prefix"), ("copying_of_tokens", "duplicate")])  # fmt: skip
def test_the_code_of_the_points_gives_the_points(induction: Lab, x: str, y: str, basis: str) -> None:
    induction.choose(x=x, y=y, basis=basis)
    code = induction.codes()[0]
    made = run_code(code)
    for name, place in as_points(made["x"], made["y"]).items():
        assert induction.points()[name] == pytest.approx(place, abs=1e-6)
    assert len(induction.points()) == 4
    assert len([line for line in code.splitlines() if "import" not in line]) <= 5


def test_the_code_of_the_table_the_card_and_the_scan_gives_the_same(induction: Lab) -> None:
    induction.choose(view="table", head="1.0")
    of_table, of_card = (run_code(code) for code in induction.codes())
    sent = induction.data("head_table")
    for place, column in enumerate(sent["columns"]):
        made = of_table["columns"][column["name"]]
        assert [row["values"][place] for row in sent["rows"]] == pytest.approx(made.flatten().tolist(), abs=1e-6)
    card, told = of_card["card"], induction.data("head_card")
    assert [each["weight"] for each in told["looks_here"]] == pytest.approx(
        [e.weight for e in card.looks_here], abs=1e-6
    )
    assert told["loss"]["without"] == pytest.approx(card.loss_without, abs=1e-6)
    induction.choose(view="scan")
    found = run_code(induction.codes()[0])["findings"]
    told = induction.data("findings")["groups"]
    assert [each.sentence for each in found] == [each["sentence"] for group in told for each in group["found"]]


def test_code_does_not_name_weights_that_no_name_brings(page: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert page.codes()[0].splitlines()[1].startswith("ckpt = load(")
    from app.session.actions import MoveInTime

    page.me.apply(MoveInTime(40))
    page.app.run()
    assert "# ckpt: the model on the screen" in page.codes()[0]


@pytest.mark.parametrize("name", ["induction", "two-names"])
def test_the_questions_of_the_shipped_circuits_are_answered(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The head that repeats is up among the scores, and the one that moves the name is up among the effects."""
    lab, ckpt = Lab(name, monkeypatch), load(name)
    lab.choose(**({"view": "points"} if name == "induction" else {"x": "predicted", "y": "actual"}))
    best: Callable[[str], float] = lambda head: lab.points()[head][1]  # noqa: E731
    answer = "1.0" if name == "induction" else "0.2"
    assert max(lab.points(), key=best) == answer
    lab.report("lab heads plot", point=answer)
    sent = lab.data("head_card")
    looks = sent["looks_here"][0]["key"], sent["looks_here"][1]["key"]
    assert looks[0] == "l" if name == "induction" else " Anna" in looks
    assert sent["loss"]["without"] - sent["loss"]["loss"] > 3
    run = capture(ckpt, ckpt.tokenizer.encode(str(ckpt.info["prompt"])))
    assert len(sent["pixels"]) == run.T**2
