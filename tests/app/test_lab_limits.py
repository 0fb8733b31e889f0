"""The limits of the Lab and of a run's file: what they cost is known before, and what does not fit is told, not run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from app.panels import model_pair, sweeps
from app.panels.lens_grid import lens_grid
from app.panels.logit_difference import LogitDifference
from app.panels.logit_parts import bars
from app.panels.sweeps import Question
from app.panels.thumbnails import update
from app.session import lab_costs
from app.stores.computations import Computations
from app.stores.limits import Limits, TooMuch
from app.stores.speed import Cost, Speed
from app.views import files
from gptcore import GPT, Checkpoint, GPTConfig, analysis, architecture, capture, logit_attribution
from gptcore.export.pages import document
from gptcore.tokenizer import IdTokenizer
from tests.app.lab_page import Lab
from tests.lopsided import FITS, checkpoint_of, lopsided
from tests.memory_peak import peak

BASE = GPTConfig(block_size=400, vocab_size=300, n_layer=2, n_head=2, n_embd=16)
SHAPES = {
    "many words": (replace(BASE, vocab_size=40_000), 30),
    "long": (replace(BASE, n_embd=4), 400),
    "many heads": (replace(BASE, n_head=16, n_embd=32), 100),
    "wide": (replace(BASE, n_embd=256), 40),
}
NOTHING = Limits(seconds=1e-9, memory=1.0, speed=lambda: Speed(1.0, 1.0))
METRIC = LogitDifference(1, 2)


def few(done: int, of: int) -> bool:
    """Stop an analysis after its first pieces: they are all alike."""
    return done < 20


class Case:
    """Two models of one shape, and their runs of a prompt."""

    def __init__(self, config: GPTConfig, T: int) -> None:
        torch.manual_seed(1)
        self.config, self.T = config, T
        self.model, self.other = GPT(config).eval(), GPT(config).eval()
        self.ids = torch.randint(config.vocab_size, (T,)).tolist()
        self.changed = [(index + 1) % config.vocab_size for index in self.ids]
        self.run, self.run2 = capture(self.model, self.ids), capture(self.other, self.ids)
        self.text = torch.tensor(self.ids).view(2, -1)
        self.ckpt = Checkpoint(self.model, IdTokenizer(config.vocab_size), config, {})
        self.names = [node.id for node in model_pair.drawn_tensors(architecture(config))]


@pytest.fixture(scope="module", params=list(SHAPES.values()), ids=list(SHAPES))
def case(request: pytest.FixtureRequest) -> Case:
    return Case(*request.param)


def sweep(it: Case, what: str) -> object:
    return sweeps.sweep(it.model, it.ids, it.changed, METRIC, Question(what), few)


def one_tensor(it: Case, name: str) -> object:
    heads = "H" in architecture(it.config).nodes[name].axes
    return heads and model_pair.farthest_head(it.run, it.run2, name), model_pair.difference(
        it.run, it.run2, name, 0, -1
    )


class Facts(dict[GPTConfig, analysis.HeadFacts]):
    """The measurements of the weights, once for each shape."""

    def __missing__(self, config: GPTConfig) -> analysis.HeadFacts:
        found = analysis.head_facts(GPT(config).eval())
        assert found is not None
        self[config] = found
        return found


FACTS = Facts()


PATTERN = "transformer.h.1.attn.pattern"
MEASURED: dict[str, tuple[Callable[[Case], object], Callable[[Case], Cost]]] = {
    "facts": (lambda it: analysis.head_facts(it.model), lambda it: lab_costs.of_facts(it.config)),
    "prefix": (lambda it: analysis.prefix_matching(it.model), lambda it: lab_costs.of_prefix(it.config)),
    "top1": (lambda it: analysis.ov_top1(it.model), lambda it: lab_costs.of_top1(it.config)),
    "losses": (
        lambda it: analysis.head_losses(it.model, it.text, progress=few),
        lambda it: lab_costs.of_head_losses(it.config, *it.text.shape),
    ),
    "effects": (
        lambda it: analysis.head_effects(it.model, it.run, 1, progress=few),
        lambda it: lab_costs.of_effects(it.config, it.T),
    ),
    "scan": (lambda it: analysis.scan(it.ckpt, it.run, progress=few), lambda it: lab_costs.of_scan(it.config, it.T)),
    "lens": (lambda it: analysis.lens_table(it.run), lambda it: lab_costs.of_lens_table(it.config, it.T)),
    "J-lens": (
        lambda it: analysis.jacobian_lens(it.model, it.text[:, :16]),
        lambda it: lab_costs.of_jacobian_lens(it.config),
    ),
    "sweep of heads": (lambda it: sweep(it, "head"), lambda it: lab_costs.of_sweep(it.config, it.T)),
    "sweep of patterns": (lambda it: sweep(it, "pattern"), lambda it: lab_costs.of_sweep(it.config, it.T)),
    "sweep of states": (lambda it: sweep(it, "resid_pre"), lambda it: lab_costs.of_sweep(it.config, it.T)),
    "differences": (
        lambda it: [
            analysis.tensor_differences(it.run, it.run2, it.names),
            analysis.weight_differences(it.model, it.other),
        ],
        lambda it: lab_costs.of_differences(it.config, it.T),
    ),
    "card": (
        lambda it: analysis.head_card(it.model, 1, 0, it.run, facts=FACTS[it.config]),
        lambda it: lab_costs.of_card(it.config, it.T),
    ),
    "pictures": (lambda it: update(None, it.run), lambda it: lab_costs.of_pictures(it.config, it.T)),
    "rollout": (
        lambda it: analysis.rollout(it.run),
        lambda it: lab_costs.of_attention(it.config, it.T, "rollout", it.config.n_layer),
    ),
    "values of a head": (
        lambda it: analysis.value_weighted(it.run, 1)[0, 1],
        lambda it: lab_costs.of_attention(it.config, it.T, "head", 1),
    ),
    "values of a layer": (
        lambda it: analysis.value_weighted_layer(it.run, 1),
        lambda it: lab_costs.of_attention(it.config, it.T, "layer", 1),
    ),
    "attribution": (
        lambda it: bars(logit_attribution(it.run, 1, 2), it.run, architecture(it.config), "neuron"),
        lambda it: lab_costs.of_attribution(it.config),
    ),
    "neurons": (
        lambda it: [analysis.promoted(it.model, each.layer, each.index) for each in analysis.most_active(it.run)],
        lambda it: lab_costs.of_neurons(it.config, 10),
    ),
    "residual": (lambda it: analysis.residual_norms(it.run), lambda it: lab_costs.of_residual(it.config, it.T)),
    "lens of a prompt": (lambda it: lens_grid(it.run), lambda it: lab_costs.of_lens_grid(it.config, it.T)),
    "a pattern of both": (
        lambda it: one_tensor(it, PATTERN),
        lambda it: lab_costs.of_one_difference(architecture(it.config), PATTERN, it.T),
    ),
    "probabilities of both": (
        lambda it: one_tensor(it, "probs"),
        lambda it: lab_costs.of_one_difference(architecture(it.config), "probs", it.T),
    ),
    "page": (
        lambda it: document(it.run, tokenizer=it.ckpt.tokenizer),
        lambda it: lab_costs.of_page(it.config, it.T),
    ),
}


@pytest.mark.parametrize("name", MEASURED)
def test_an_analysis_takes_no_more_memory_than_was_told(name: str, case: Case) -> None:
    run, cost = MEASURED[name]
    FACTS[case.config]
    assert peak(lambda: run(case)) <= cost(case).memory


def test_models_of_a_class_fit_and_strangers_do_not() -> None:
    class_server = Limits(seconds=3.0, memory=2.5e9, speed=lambda: Speed(100e9, 200e6), free=lambda: 8e9)
    small, words, long = (
        GPTConfig.preset("gpt2"),
        replace(BASE, vocab_size=400_000, block_size=4000),
        replace(BASE, block_size=16_000),
    )
    for cost in (
        lab_costs.of_facts(small),
        lab_costs.of_prefix(small),
        lab_costs.of_top1(small),
        lab_costs.of_effects(small, 1024),
        lab_costs.of_lens_table(small, 1024),
        lab_costs.of_card(small, 256),
        lab_costs.of_sweep(small, 128),
        lab_costs.of_differences(small, 512),
        lab_costs.of_page(small, 32),
    ):
        class_server.check(cost, "It")
    for cost in (
        lab_costs.of_effects(words, 2000),
        lab_costs.of_sweep(words, 1000),
        lab_costs.of_scan(long, 16_000),
        lab_costs.of_sweep(long, 16_000),
        lab_costs.of_attention(long, 16_000, "rollout", 1),
        lab_costs.of_card(long, 16_000),
        lab_costs.of_page(words, 2000),
        lab_costs.of_lens_grid(words, 500),
        lab_costs.of_one_difference(architecture(words), "probs", 1000),
    ):
        with pytest.raises(TooMuch):
            class_server.check(cost, "It")


def test_analyses_on_their_way_count() -> None:
    go_on, promised = threading.Event(), list[float]()

    def waits(progress: Any) -> bool:
        return go_on.wait(10)

    store = Computations(lambda size: nullcontext(Held()))
    store.start("first", waits, memory=5e9)
    limits = Limits(free=lambda: 8e9)
    refused = store.start("second", waits, 0.0, 4e9, lambda beside: limits.check(Cost(memory=4e9), "It", beside))
    assert refused.finished and refused.result is None
    assert refused.trouble.startswith("It would take about 4.0 GB of memory, and 3.0 GB are free here")
    refused.wait(1)
    go_on.set()
    store.start("first", waits).wait(10)
    again = store.start("second", waits, 0.0, 4e9, promised.append)
    again.wait(10)
    assert again.result is True and promised == [0.0]


class Held:
    """A turn."""

    def pause(self) -> None:
        """Go on."""


# ---- the pages ----


def _page() -> None:
    """Draw a section for a person who may ask for nothing."""
    import streamlit as st

    from app import components
    from app.state import opening, person
    from app.views.lab import SECTIONS
    from tests.app.test_lab_limits import NOTHING

    components.runtime()
    if opening.ready():
        me = person.explorer()
        object.__setattr__(me._model, "limits", NOTHING)
        st.session_state["lab ask scan"] = True
        SECTIONS[st.session_state["lab"]["section"]][1](me)


PAGES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "heads": ({"section": "heads"}, ("gptcore.analysis.head_facts", "gptcore.analysis.head_card")),
    "scan": ({"section": "heads", "view": "scan"}, ("gptcore.analysis.scan",)),
    "effects": ({"section": "heads", "x": "predicted", "y": "loss"}, ("gptcore.analysis.head_effects",)),
    "attribution": ({"section": "parts"}, ("app.views.lab.what_parts_say.attribution.logit_attribution",)),
    "lens": ({"section": "parts", "part": "lens"}, ("app.views.lab.what_parts_say.lens.lens_table",)),
    "neurons": ({"section": "parts", "part": "neurons"}, ("app.views.lab.what_parts_say.neurons.most_active",)),
    "residual": ({"section": "parts", "part": "residual"}, ("app.views.lab.what_parts_say.residual.residual_norms",)),
    "attention": ({"section": "parts", "part": "attention"}, ("app.views.lab.what_parts_say.attention.rollout",)),
    "prompts": ({"section": "prompts", "other": FITS[::-1]}, ("app.views.lab.two_prompts.prompts.capture",)),
    "models": ({"section": "models", "with": "step:300"}, ("app.views.lab.two_models.capture",)),
}
"""The choices of each page, and what must not run."""


@pytest.fixture(autouse=True)
def own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test find what another has measured."""
    from app.state import server

    monkeypatch.setattr(server, "_COMPUTATIONS", Computations(lambda work: server.background_turn("test", work)))


@pytest.mark.parametrize("name", PAGES)
def test_what_does_not_fit_is_told_and_not_begun(name: str, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (choices, never), ran = PAGES[name], list[str]()
    for each in never:
        module, _, function = each.rpartition(".")
        monkeypatch.setattr(import_module(module), function, lambda *args, each=each, **more: ran.append(each))
    page = Lab(trained, monkeypatch, _page, "", **choices)
    told = "\n".join(str(part.value) for part in page.app.text)
    assert "this server gives one" in told, told
    assert not ran


def test_a_page_that_does_not_fit_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.session.explorer import Explorer

    me = Explorer(checkpoint_of(lopsided()), FITS)
    object.__setattr__(me._model, "limits", NOTHING)
    monkeypatch.setattr(files, "document", lambda *args, **more: pytest.fail("it was made"))
    with pytest.raises(TooMuch, match="A page of 6 tokens would compute for about"):
        files.FILES["page.html"].make(me)
