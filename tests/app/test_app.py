"""The screen without a browser: the explorer's actions, its pictures and slices, its page."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

import gptcore
from app.components.heads import MAX_SIZE, UNKNOWN
from app.panels import tensor_slice, thumbnails
from app.panels.formulas import equation_svgs, formula_svg
from app.panels.strips import whole_pass
from app.session.actions import Action, Type
from app.session.explorer import Explorer
from app.session.first_prompt import PROMPT
from app.session.generating import Put
from app.session.location import Location
from app.session.map_actions import GoToLayer, Open, PickHead, PickWeight, Select, ShowHead, Up
from gptcore import Checkpoint, capture
from gptcore.generation.sampling import Sampling
from gptcore.graph.draw import to_svg
from gptcore.graph.node import ATTENTION, INSIDE, MODEL, SDPA
from gptcore.tokenizer import BPETokenizer, CharTokenizer, IdTokenizer
from tests.browser.driver import ROOT
from tests.conftest import random_model

PLAIN = Sampling(1.0, None, None)


@pytest.fixture
def me(shakespeare: Checkpoint) -> Explorer:
    return Explorer(shakespeare)


def tiny(tokenizer: object = None, **sizes: Any) -> Checkpoint:
    model = random_model(vocab_size=17, **sizes)
    return Checkpoint(model, tokenizer or CharTokenizer("abcdefghijklmnopq"), model.config)  # type: ignore[arg-type]


def test_typing_grows_the_trace(me: Explorer) -> None:
    me.apply(Type(PROMPT + "e"))
    assert me.shown.trace.reused == len(PROMPT)
    assert me.shown.counter.startswith(f"{len(PROMPT) + 1} / 256 tokens")
    assert me.rev == 0  # what was typed is never written back


def test_the_next_token_of_the_first_prompt_is_e(me: Explorer) -> None:
    first = me.shown.next_tokens(me.position, PLAIN, 10)[0]
    assert (first["label"], first["rank"]) == ("e", 1)
    logits = capture(me.checkpoint.model, me.shown.ids).logits[0, -1]
    assert first["logit"] == pytest.approx(logits.max().item(), abs=1e-5)
    assert first["probability"] == pytest.approx(logits.softmax(-1).max().item(), abs=1e-5)


def test_temperature_sharpens_and_flattens(me: Explorer) -> None:
    probabilities = []
    for temperature in (0.05, 1.0, 2.0):
        probabilities.append(me.shown.next_tokens(me.position, Sampling(temperature, None), 10)[0]["probability"])
    assert probabilities[0] > probabilities[1] > probabilities[2]
    assert len(me.shown.next_tokens(me.position, PLAIN, 50)) == 50


@pytest.mark.parametrize(("text", "notice"), [("", "Type something"), ("né", "LATIN SMALL LETTER E WITH ACUTE")])
def test_text_that_cannot_be_shown_leaves_the_last_good_view(me: Explorer, text: str, notice: str) -> None:
    before = me.shown
    me.apply(Type(text))
    assert me.shown is before
    assert me.typed == text
    assert me.message is not None
    assert notice in me.message["text"]
    me.apply(Type(PROMPT))
    assert me.message is None


def test_the_cost_of_a_long_prompt_is_said(me: Explorer) -> None:
    me.apply(Type("a" * 300))
    assert me.shown.cropped == 44
    assert me.shown.trace.T == 256
    assert me.message is not None
    assert "last 256 of 300 tokens" in me.message["text"]
    me.apply(Type("a" * 256))
    assert me.message is None


def test_appending_a_token_writes_it_into_the_prompt(me: Explorer) -> None:
    me.apply(Put(me.checkpoint.tokenizer.encode("e")[0]))
    assert (me.typed, me.shown.text, me.rev) == (PROMPT + "e", PROMPT + "e", 1)


def test_nothing_is_appended_behind_text_that_could_not_be_read(me: Explorer) -> None:
    me.apply(Type(PROMPT + "é"))
    me.apply(Put(0))
    assert (me.typed, me.shown.text, me.rev) == (PROMPT + "é", PROMPT, 0)


def test_parts_of_a_character_are_appended_one_by_one() -> None:
    ranks = {bytes([i]): i for i in range(256)}
    model = random_model(vocab_size=256)
    me = Explorer(Checkpoint(model, BPETokenizer(r"[\s\S]", ranks), model.config), "abc")
    expected = [(0xE2, r"abc\<0xE2>"), (0x82, r"abc\<0xE2>\<0x82>"), (0xAC, "abc€"), (0xC3, r"abc€\<0xC3>")]
    for token, text in expected:
        before = me.shown.ids
        me.apply(Put(token))
        assert (me.message, me.shown.text, me.typed) == (None, text, text)
        assert me.shown.ids == [*before, token]
    assert me.shown.tokens[3:] == [r"\xe2", r"\x82", r"\xac", r"\xc3"]
    fresh = capture(model, [*b"abc", 0xE2, 0x82, 0xAC, 0xC3])
    assert torch.allclose(me.shown.trace.logits, fresh.logits, atol=1e-5)
    me.apply(Type(me.typed + "!"))  # and one types on behind it
    assert me.shown.ids == [*b"abc", 0xE2, 0x82, 0xAC, 0xC3, ord("!")]


def test_a_token_that_would_merge_is_appended_as_it_is() -> None:
    """Text alone would give another token, so the prompt would not be what the model was asked about."""
    ranks = {**{bytes([i]): i for i in range(256)}, b"ab": 256}
    model = random_model(vocab_size=257)
    me = Explorer(Checkpoint(model, BPETokenizer(r"\S+|\s", ranks), model.config), "xa")
    me.apply(Put(ord("b")))
    assert (me.shown.text, me.shown.ids) == (r"xa\<0x62>", list(b"xab"))


def test_a_token_that_does_not_exist_is_not_appended() -> None:
    model = random_model(vocab_size=300)
    ranks = {bytes([i]): i for i in range(256)}
    me = Explorer(Checkpoint(model, BPETokenizer(r"[\s\S]", ranks), model.config), "abc")
    me.apply(Put(280))  # which the vocabulary lacks
    assert me.shown.text == "abc"
    assert me.message is not None
    assert "unused (280)" in me.message["text"]


def test_a_model_that_cannot_read_the_prompt_starts_with_its_first_tokens() -> None:
    me = Explorer(tiny(), "xyz")
    assert me.shown.text == me.typed == "abcdefgh"
    assert me.meant == "xyz"  # which the next model may be able to read
    assert me.message is not None
    assert Explorer(tiny(IdTokenizer(17)), "To be").shown.ids == list(range(8))


def test_walking_the_map(me: Explorer) -> None:
    def walk(action: Action) -> Location:
        me.apply(action)
        assert me.notice is None
        return me.location

    def labels() -> list[str]:
        return [label for _, label in me.location.crumbs(me.arch)]

    assert me.location == Location(MODEL, 0, 0, "transformer.h.0.attn.pattern")
    assert walk(Open("transformer.h", layer=2)) == Location(INSIDE, 2, 0, "transformer.h.2")
    assert walk(Open("transformer.h.2.attn")).view == ATTENTION
    walk(Select("transformer.h.2.attn.q"))
    assert walk(GoToLayer(1)) == Location(ATTENTION, 1, 0, "transformer.h.1.attn.q")
    walk(Select("transformer.h.1.attn.c_attn"))
    walk(PickWeight("transformer.h.1.attn.c_attn.weight"))
    assert walk(GoToLayer(0)).weight == "transformer.h.0.attn.c_attn.weight"
    assert walk(PickHead(3, 2)) == Location(SDPA, 3, 2, "transformer.h.3.attn.pattern")
    assert labels() == ["model", "block 3", "attention", "dot product"]
    walk(Up(me.location.crumbs(me.arch)[1][0]))
    assert (me.location.view, labels()) == (INSIDE, ["model", "block 3"])
    assert walk(Up(MODEL)).view == MODEL
    assert walk(Open("lm_head")) == Location(MODEL, 3, 2, "lm_head")  # has no inside: it is inspected
    assert walk(ShowHead(1)) == Location(MODEL, 3, 1, "lm_head")


def test_every_node_and_weight_can_be_inspected(me: Explorer) -> None:
    me.apply(PickHead(2, 3))
    for node in me.arch.nodes:
        me.apply(Select(node.id))
        part = me.slice()
        tensor = me.shown.trace[node.id]
        tensor = tensor[0] if node.axes[0] == "B" else tensor
        tensor = tensor[3] if "H" in node.axes else tensor
        own_axes = [axis for axis in node.axes if axis not in "BH"]
        if own_axes[-1] == "V":  # the tokens that are most likely at the end
            tensor = tensor[:, me.shown.trace.logits[0, -1].argsort(descending=True)[:40]]
        if own_axes[0] == "T" and own_axes[1:] not in ([], ["T"]):
            tensor = tensor.T  # a position is a column
        expected = np.atleast_2d(tensor.float().numpy())
        bound = 1e-6 if node.id == "loss" else 0.0  # losses come from the logits of a few positions at a time
        assert np.allclose(part.matrix, expected, rtol=bound, atol=bound, equal_nan=True), node.id
        for key in node.weights:
            me.apply(PickWeight(key))
            weight = me.checkpoint.model.get_parameter(key).detach().numpy()
            assert np.array_equal(me.slice().matrix, np.atleast_2d(weight)), key


def test_statistics_are_of_the_finite_values() -> None:
    found = tensor_slice.Statistics.of(np.array([[1.0, 3.0], [np.nan, -np.inf]]))
    assert (found.mean, found.std, found.low, found.high, found.others) == (2.0, 1.0, 1.0, 3.0, 2)
    assert np.isnan(tensor_slice.Statistics.of(np.array([[np.nan]])).mean)


@pytest.mark.parametrize("seed", range(6))
def test_thumbnails_that_grow_are_the_patterns_pooled(seed: int) -> None:
    model = random_model(block_size=200, n_layer=2, n_head=4)
    chooser = np.random.default_rng(seed)
    ids = [1] * int(chooser.integers(1, 60))
    trace = capture(model, ids)
    pictures = thumbnails.update(None, trace)
    for _ in range(25):
        keep = max(1, len(ids) - int(chooser.choice([0, 0, 0, 1, 5, 30])))
        ids = ([*ids[:keep], *chooser.integers(0, 17, int(chooser.choice([0, 1, 1, 3, 20]))).tolist()])[:200]
        trace = capture(model, ids, previous=trace)
        pictures = thumbnails.update(pictures, trace)
        patterns = [trace[f"transformer.h.{layer}.attn.pattern"] for layer in range(2)]
        block = thumbnails.block_for(trace.T)
        pooled = [torch.nn.functional.max_pool2d(pattern, block, ceil_mode=True)[0] for pattern in patterns]
        assert max(pictures.weights.shape[2:]) <= MAX_SIZE
        assert pictures.weights.shape == (2, 4, *pooled[0].shape[1:])
        assert np.allclose(pictures.weights, torch.stack(pooled).numpy(), rtol=0, atol=1e-5)


def test_only_one_package_holds_sessions_and_nothing_is_in_caches_that_a_visitor_can_empty() -> None:
    kept = {"session_state"}
    emptied = {"cache_resource", "cache_data"}
    nodes = ((file, node) for file in (ROOT / "app").rglob("*.py") for node in ast.walk(ast.parse(file.read_text())))
    used = [(file.parent.name, node.attr) for file, node in nodes if isinstance(node, ast.Attribute)]
    assert {place for place, name in used if name in kept} == {"state"}
    assert not [place for place, name in used if name in emptied]


def test_the_page_runs_without_an_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    from streamlit.testing.v1 import AppTest

    monkeypatch.setattr("sys.argv", ["app/main.py"])
    page = AppTest.from_file(ROOT / "app" / "main.py", default_timeout=60).run()
    assert not page.exception
    fairytales = gptcore.load("fairytales")
    assert page.session_state["explorer"].final.info["source"] == fairytales.info["source"]
    assert page.session_state["explorer"].shown.text == fairytales.info["prompt"]
    components = page.get("bidi_component")
    names = {component.proto.component_name for component in components}
    expected = ("address", "reconnect", "copy_link", "parity_badge", "runtime", "explore_panels", "training_curves")
    assert {f"gptscope_{name}" for name in expected} == names


def test_drawings_travel_until_the_page_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from streamlit.testing.v1 import AppTest

    monkeypatch.setattr("sys.argv", ["app/main.py", "nano-sort"])
    page = AppTest.from_file(ROOT / "app" / "main.py", default_timeout=60).run()

    def panels() -> dict[str, Any]:
        (proto,) = (
            each.proto for each in page.get("bidi_component") if each.proto.component_name == "gptscope_explore_panels"
        )
        data: dict[str, Any] = json.loads(proto.mixed.json)
        return {"kept": data["kept"], **data["panels"]}

    def sent() -> tuple[dict[str, str], str, str]:
        data = panels()
        return data["kept"], data["map"]["svg_key"], data["node"]["formula_key"]

    arch = page.session_state["explorer"].arch
    formula_drawn = formula_svg(arch.nodes["transformer.h.0.attn.pattern"].formula)
    kept, drawing, formula = sent()
    index = panels()["map"]["index_key"]
    names = json.dumps([[node.id, node.label, node.layer] for node in arch.nodes])
    whole = {panels()["map"]["pass_key"]: json.dumps(whole_pass(arch))}
    assert kept == {formula: formula_drawn, index: names} | whole  # the map is drawn as strips
    page.session_state["explore_panels"] = {"look": {"name": "form", "word": "diagram", "seq": 1}}
    page.run()
    for _ in range(2):  # a message that is overtaken never arrives: all is sent again
        kept, drawing, formula = sent()
        assert kept == {drawing: to_svg(arch, MODEL, 0), formula: formula_drawn, index: names} | whole
        page.run()
    page.session_state["explore_panels"] = {"kept": [drawing, formula, index]}
    page.run()
    assert sent()[0] == {}
    for head, more in ((1, 1), (2, 0)):  # the first pick opens the view where patterns are made
        page.session_state["explore_panels"] = {
            "heads": {"layer": 2, "head": head, "seq": head},
            "kept": [drawing, formula, index, *sent()[0]],
        }
        page.run()
        kept, drawing, formula = sent()
        assert list(kept.values()) == [to_svg(arch, SDPA, 2)] * more
    page.session_state["explore_panels"] = {"kept": "nonsense"}
    page.run()
    assert len(sent()[0]) == 4


def test_the_sign_of_a_negative_number_stands_at_its_digits_and_a_minus_apart_from_both() -> None:
    def places(latex: str) -> list[float]:
        svgs = [ElementTree.fromstring(svg) for svg in equation_svgs(latex)]
        return [float(each.attrib["x"]) for svg in svgs for each in svg.iter("{http://www.w3.org/2000/svg}use")]

    bracket, sign, digit, _ = places("(-2)")
    five, minus, two = places("5 - 2")
    assert digit - sign < two - minus - 4  # px
    assert sign - bracket < minus - five - 4
    (_, equals, after, _), (_, _, positive) = places("x = -2"), places("x = 2")
    assert after == positive > equals


def test_every_formula_of_the_map_can_be_drawn() -> None:
    formulas = {node.formula for preset in ("gpt2", "nano-sort", "baby-gpt") for node in map_of(preset).nodes}
    for latex in formulas:
        svg = ElementTree.fromstring(formula_svg(latex))
        assert float(svg.attrib["width"]) > 10, latex
        assert {use.attrib["fill"] for use in svg.iter("{http://www.w3.org/2000/svg}use")} == {"currentColor"}
        drawn = [each for each in svg.iter() if each.tag.endswith(("use", "path", "rect"))]
        letters = re.sub(r"\\[A-Za-z]+|[{}^_\\,;!&\s]", "", latex)
        assert len(drawn) >= len(letters), latex  # nothing is left out


def map_of(preset: str) -> gptcore.Architecture:
    return gptcore.architecture(gptcore.GPTConfig.preset(preset))


def test_nobody_is_told_of_a_prompt_that_nobody_has_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from streamlit.testing.v1 import AppTest

    model = random_model(vocab_size=50)
    gptcore.save(Checkpoint(model, IdTokenizer(50), model.config, {}), tmp_path)
    monkeypatch.setattr("sys.argv", ["app/main.py", str(tmp_path)])
    page = AppTest.from_file(ROOT / "app" / "main.py", default_timeout=60).run()
    me = page.session_state["explorer"]
    assert (me.shown.text, me.notice) == ("0 1 2 3 4 5 6 7", None)  # the usual first prompt is no ids


def test_what_is_no_number_is_shown_as_such(shakespeare: Checkpoint) -> None:
    import copy

    model = copy.deepcopy(shakespeare.model)
    with torch.no_grad():
        model.get_parameter("transformer.h.1.mlp.c_fc.weight")[3] = torch.nan
    me = Explorer(Checkpoint(model, shakespeare.tokenizer, shakespeare.config))
    me.apply(Type(PROMPT + "e"))
    pixels = me.shown.thumbnails.pixels()
    assert (pixels[0, :, -1] != UNKNOWN).all()
    assert (pixels[2, :, -1] == UNKNOWN).all()  # what the broken layer hands on
    assert np.isnan(me.shown.next_tokens(me.position, PLAIN, 10)[0]["probability"])
    me.apply(Select("transformer.h.2.attn.pattern"))
    assert np.isnan(me.slice().matrix).any()
    me.measure_parity()
    assert me.parity is not None
    assert not me.parity.is_rounding
    assert me.shown.trace.reused == len(PROMPT)  # a NaN weight has not changed, though it equals nothing
