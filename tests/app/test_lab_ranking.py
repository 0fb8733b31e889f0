"""The heads behind a prediction, without a browser: figures that are gptcore's, switches that are changes."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("streamlit", reason="needs the extra `app`")

from app.session.actions import Lock, Type
from gptcore import Edit, analysis, capture, load
from gptcore.graph.architecture import architecture
from tests.app.test_lab_heads import Lab
from tests.lopsided import LONG, lopsided, run_of, seen

LIST = "lab heads ranking"
CARD = "lab head card"


@pytest.fixture
def page(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """The section with the lopsided model, a prompt longer than its context, and a token that is followed."""
    lab = Lab(str(trained), monkeypatch)
    lab.me.apply(Type(LONG))
    lab.me.apply(Lock(len(LONG) - 3))
    lab.app.run()
    return lab


def test_heads_are_ranked_by_the_loss_of_the_likeliest_token_without_each(page: Lab) -> None:
    model, run = lopsided(), run_of(lopsided(), LONG)
    before = run.logits[0, 10].double().log_softmax(-1)
    token, found = int(before.argmax()), []
    for layer in range(model.config.n_layer):
        for head in range(model.config.n_head):
            off = Edit(architecture(model.config).named("weighted values", layer), "zero", head=head)
            after = capture(model, run.ids, edits=[off]).logits[0, 10].double().log_softmax(-1)
            found.append((float(before[token] - after[token]), float(after[token].exp()), layer, head))
    found.sort(key=lambda each: -abs(each[0]))
    sent = page.data("head_ranking")
    assert [(each["layer"], each["head"]) for each in sent["heads"]] == [each[2:] for each in found]
    assert [each["lost"] for each in sent["heads"]] == pytest.approx([each[0] for each in found], abs=1e-6)
    assert [each["without"] for each in sent["heads"]] == pytest.approx([each[1] for each in found], abs=1e-6)
    assert (sent["position"], sent["after"]) == (10, seen(LONG, model)[10])
    assert sent["selected"] == list(found[0][2:])
    assert (page.data("head_card")["layer"], page.data("head_card")["head"]) == found[0][2:]
    for each in sent["heads"]:
        pattern = run[architecture(model.config).named("pattern", each["layer"])][0, each["head"], 10]
        assert [read["at"] for read in each["reads"]] == pattern.topk(2).indices.tolist()
        assert [read["weight"] for read in each["reads"]] == pytest.approx(pattern.topk(2).values.tolist(), abs=1e-6)


def test_tokens_that_the_prompt_has_twice_are_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the list and in the card: of " to", " Tom" and nothing else there are two."""
    lab = Lab("two-names", monkeypatch)
    sent, card = lab.data("head_ranking"), lab.data("head_card")
    assert (sent["after"], sent["again"]) == (" to", True)
    reads = [read for each in sent["heads"] for read in each["reads"]]
    assert {read["token"] for read in reads if read["again"]} == {" to", " Tom"}
    assert {" Anna", " the"} <= {read["token"] for read in reads if not read["again"]}
    for edge in (*card["looks_here"], *card["looks"]):
        assert edge["again"] is (edge["query"] in (" to", " Tom"))


def test_a_switch_is_a_change_of_the_run_that_the_list_tells_of(page: Lab) -> None:
    model, run = lopsided(), run_of(lopsided(), LONG)
    first = page.data("head_ranking")["heads"][0]
    layer, head = first["layer"], first["head"]
    page.report(LIST, kind="off", layer=layer, head=head)
    off = Edit(architecture(model.config).named("weighted values", layer), "zero", head=head)
    assert [change.edit for change in page.me.changes] == [off] and "zero" in page.me.state.changes
    sent = page.data("head_ranking")
    assert [each["off"] for each in sent["heads"]] == [True] + [False] * (len(sent["heads"]) - 1)
    assert sent["heads"][0]["lost"] == first["lost"]  # of the model as it is
    before = run.logits[0, 10].double().softmax(-1)
    after = capture(model, run.ids, edits=[off]).logits[0, 10].double().softmax(-1)
    likely = [*before.topk(3).indices.tolist(), *after.topk(2).indices.tolist()]
    tokens = list(dict.fromkeys(likely))
    assert [each["before"] for each in sent["said"]] == pytest.approx(before[tokens].tolist(), abs=1e-6)
    assert [each["after"] for each in sent["said"]] == pytest.approx(after[tokens].tolist(), abs=1e-6)
    assert f"head {layer}.{head} off" in sent["told"] and "from the change itself" in sent["told"]
    page.report(LIST, kind="off", layer=layer, head=head)
    assert not page.me.changes and page.data("head_ranking")["said"][0]["after"] is None
    page.report(LIST, kind="off", layer=layer, head=head)
    page.report(LIST, kind="back")
    assert not page.me.changes
    page.report(LIST, kind="off", layer=99, head=True)
    assert not page.me.changes


def test_the_card_of_a_head_switches_it_off_too(page: Lab) -> None:
    assert page.data("head_card")["off"] is False
    page.report(CARD, kind="off", layer=1, head=3)
    sent = page.data("head_card")
    assert (sent["layer"], sent["head"], sent["off"]) == (1, 3, True)
    assert [change.edit for change in page.me.changes] == [Edit("transformer.h.1.attn.z", "zero", head=3)]
    page.report(CARD, kind="head", layer=0, head=1)
    assert page.data("head_card")["off"] is False and len(page.me.changes) == 1
    page.report(CARD, kind="off", layer=1, head=3)
    assert not page.me.changes
    page.report(CARD, kind="off", layer=1, head=99)
    assert not page.me.changes


def test_the_changed_run_is_shown_on_explore(page: Lab) -> None:
    page.report(LIST, kind="off", layer=1, head=3)
    page.report(LIST, kind="explore")
    assert page.left and (page.me.location.layer, page.me.location.head) == (1, 3) and len(page.me.changes) == 1


@pytest.mark.parametrize(("name", "head", "says"), [("induction", [1, 0], "l"), ("two-names", [0, 2], " Anna")])
def test_the_first_look_names_the_head_and_one_click_shows_what_happens_without_it(
    name: str, head: list[int], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Lab(name, monkeypatch)
    sent = lab.data("head_ranking")
    assert (sent["token"], sent["selected"]) == (says, head)
    assert says in [read["token"] for read in sent["heads"][0]["reads"]]
    lab.report(LIST, kind="off", layer=head[0], head=head[1])
    said = lab.data("head_ranking")["said"][0]
    assert said["token"] == says and said["before"] > 0.9 and said["after"] < 0.02


def test_the_code_gives_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    lab, found = Lab("induction", monkeypatch), dict[str, object]()
    exec(compile(lab.codes()[0], "copied", "exec"), found)
    sent = lab.data("head_ranking")["heads"]
    assert found["heads"] == [(each["layer"], each["head"]) for each in sent]
    assert analysis.loss_without_heads(load("induction"), lab.me.shown.trace, int(lab.me.shown.likely(11, 1)[0]))[
        1, 0
    ].item() == pytest.approx(sent[0]["lost"], abs=1e-6)
