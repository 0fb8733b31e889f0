"""The payload of the page Sizes, against what gptcore computes: map, parts, growth, impossible sizes, times."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("streamlit", reason="needs the extra `app`")

from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from app.panels import cost_lines, cost_parts
from app.session.supposed_sizes import BOUNDS, Choice, of_text, presets, problem, read, stops, to_text
from app.views import supposed_sizes as view
from gptcore import GPTConfig, architecture
from gptcore.config import PRESETS
from gptcore.graph.costs import LETTERS, RunSize, growth, parts, total
from tests.app.sent import Sent
from tests.browser.driver import ROOT
from tests.lopsided import LETTERS as VOCABULARY
from tests.lopsided import SIZES

ODD = GPTConfig(block_size=29, vocab_size=37, n_layer=5, n_head=3, n_embd=21, bias=False, tie_weights=False)
RUN = RunSize(T=23, B=2, number=2)
CHOICE = dataclasses.replace(Choice.of(ODD), T=23, B=2, number=2)


def _page() -> None:
    from app import components
    from app.state import opening
    from app.views.supposed_sizes import supposed_sizes

    components.runtime()
    if opening.ready():
        supposed_sizes()


class Page(Sent):
    """The page without a browser."""

    def __init__(self, app: AppTest) -> None:
        super().__init__(app.run())
        self._seq = 0

    def ask(self, choice: Choice, **more: Any) -> dict[str, Any]:
        """As the browser does after a change; what the page shows then."""
        return self.report(**vars(choice), **more)

    def report(self, **event: Any) -> dict[str, Any]:
        """An event in whatever form."""
        self._seq += 1
        self.app.session_state[view.KEY] = {"event": {**event, "seq": self._seq}}
        self.app.run()
        shown = self.data("supposed_sizes")
        assert shown["ack"] == self._seq
        return shown


@pytest.fixture
def page(untrained: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    monkeypatch.setattr("sys.argv", ["app/main.py", str(untrained)])
    return Page(AppTest.from_function(_page, default_timeout=60))


# ---- numbers -----------------------------------------------------------------------------------------------------


def assert_lines(lines: list[dict[str, Any]], config: GPTConfig, run: RunSize) -> None:
    """Each line is its node of the whole map, and bytes are those of its shape."""
    arch = architecture(config)
    shapes = arch.shapes(run.B, run.T)
    shown = [node for node in arch.nodes if node.layer in (None, 0)]
    assert [line["id"] for line in lines] == [node.id for node in shown]
    made = {
        node.id: 0 if node.how == "input" or node.op.is_view else math.prod(shapes[node.id]) * run.number
        for node in arch.nodes
    }
    for line, node in zip(lines, shown, strict=True):
        assert line["shape"] == list(shapes[node.id]) and line["axes"] == list(node.axes)
        assert (line["params"], line["flops"]) == (node.params, node.flops(run.T, run.B)), node.id
        folded = node.id == "transformer.h"
        inside = [each for each in arch.nodes if node.id in arch.path(each.id) or (folded and each.layer is not None)]
        assert line["activations"] == made[node.id] + sum(made[each.id] for each in inside), node.id
        keys = [each for each in [node, *inside] if each.role in ("key", "value")]
        assert line["cache"] == sum(math.prod(shapes[each.id]) * run.number for each in keys), node.id
        assert line["copies"] == (1 if node.layer is None else config.n_layer)
    assert [line["id"] for line in lines if line["tied"]] == (["lm_head"] if config.tie_weights else [])


def assert_parts(sent: list[dict[str, Any]], config: GPTConfig, run: RunSize) -> None:
    found = parts(config, run)
    assert [part["name"] for part in sent] == list(found)
    for part in sent:
        cost = found[part["name"]]
        for name in ("params", "flops", "activations", "cache"):
            assert part[name] == getattr(cost, name)


def test_at_first_it_is_the_model_on_the_screen(page: Page) -> None:
    shown, config = page.data("supposed_sizes"), GPTConfig(**SIZES)
    assert shown["values"] == vars(Choice.of(config)) and shown["problem"] == ""
    assert [each["label"] for each in shown["presets"] if each["chosen"]] == ["this model"]
    assert_lines(shown["lines"], config, RunSize(T=13))
    assert_parts(shown["parts"], config, RunSize(T=13))
    assert shown["parts"] == shown["own"]
    assert shown["sizes"] == {"B": 1, "T": 13, "C": 20, "H": 4, "D": 5, "V": len(VOCABULARY), "L": 3}


def test_other_sizes_are_those_of_gptcore(page: Page) -> None:
    shown = page.ask(CHOICE)
    assert shown["values"] == vars(CHOICE) and shown["drawn"] == to_text(CHOICE)
    assert_lines(shown["lines"], ODD, RUN)
    assert_parts(shown["parts"], ODD, RUN)
    assert_parts(shown["own"], GPTConfig(**SIZES), RunSize(T=13, B=2, number=2))
    whole = total(parts(ODD, RUN).values())
    for curve, name in zip(shown["curves"], ("flops", "activations"), strict=True):
        at = curve["T"].index(23)
        assert curve["now"] == 23 and curve["T"][-1] == 29
        assert curve["rest"][at] + curve["square"][at] == pytest.approx(getattr(whole, name))
        for i, T in enumerate(curve["T"]):
            there = total(parts(ODD, dataclasses.replace(RUN, T=T)).values())
            assert curve["rest"][i] + curve["square"][i] == pytest.approx(getattr(there, name))
        terms = growth(ODD, RUN, "T")["attention"]
        assert curve["square"][at] == terms[name].square


def test_shares_are_the_terms_over_the_whole(page: Page) -> None:
    shown = page.ask(CHOICE)["shares"]
    whole = total(parts(ODD, RUN).values())
    for letter in LETTERS:
        for part, terms in growth(ODD, RUN, letter).items():
            for name in ("params", "flops", "activations", "cache"):
                linear = shown[name][letter].get(part, 0) * getattr(whole, name)
                assert linear == pytest.approx(terms[name].linear)
                if letter in "TC":
                    square = shown[name][f"{letter}²"].get(part, 0) * getattr(whole, name)
                    assert square == pytest.approx(terms[name].square)


@pytest.mark.parametrize("fused", [0, 1])
def test_the_overtaking_length_is_the_first_at_which_pairs_cost_more(fused: int) -> None:
    config, run = GPTConfig.preset("gpt2"), RunSize(1024, fused=bool(fused))
    grown = cost_parts.grown(config, run)
    for name in ("flops", "activations"):
        found = cost_parts.curve(grown, name, 1024, 1024)["overtakes"]
        if fused and name == "activations":
            assert found is None
            continue
        assert found is not None
        terms = [cost_parts.whole(cost_parts.grown(config, RunSize(T)), "T", name) for T in (found - 1, found)]
        assert [2 * each.square > each.total for each in terms] == [False, True]


def test_the_words_have_the_numbers_of_these_sizes(page: Page) -> None:
    told = page.ask(CHOICE)["answers"]
    texts = ["".join(piece if isinstance(piece, str) else piece[0] for piece in each["answer"]) for each in told]
    params = total(parts(ODD, RUN).values()).params
    mlp = 5 * 8 * 21 * 21
    assert f"its {params:,} parameters" in texts[0] and "29 rows of 21" in texts[0]
    assert "C = 21 = 3 heads × 7" in texts[1]
    assert "All 21 numbers" in texts[2] and "23 × 23 pairs" in texts[2] and "writes 7 numbers" in texts[2]
    assert texts[3].startswith(f"{mlp:,}, {100 * mlp / params:.1f} % of all: in each of L = 5 blocks 84 × 21")
    assert f"2 × 5 × 21 × 2 bytes = {2 * 5 * 21 * 2:,} bytes a token" in texts[4]
    letters = {piece[1] for each in told for piece in each["answer"] if not isinstance(piece, str)}
    assert letters == {"T", "C", "4C", "H", "D", "L", "block_size"}
    assert not any("T" in axes for node in architecture(ODD).nodes for axes in node.weight_axes)  # as it says


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_gptcores(page: Page, name: str) -> None:
    button = next(each for each in page.data("supposed_sizes")["presets"] if each["label"] == name)
    shown = page.report(**button["values"])
    config = GPTConfig.preset(name)
    assert total(parts(config, RunSize(config.block_size)).values()).params == sum(p["params"] for p in shown["parts"])
    assert shown["lines"][6]["copies"] == config.n_layer
    assert [each["label"] for each in shown["presets"] if each["chosen"]] == [name]


# ---- impossible sizes --------------------------------------------------------------------------------------------


def test_impossible_heads_leave_the_last_possible_drawn(page: Page) -> None:
    page.ask(CHOICE)
    shown = page.ask(dataclasses.replace(CHOICE, n_head=5))
    assert "C = 21 does not divide into H = 5 equal heads" in shown["problem"]
    assert shown["values"]["n_head"] == 5 and shown["drawn"] == to_text(CHOICE) and "H = 3" in shown["last"]
    assert_lines(shown["lines"], ODD, RUN)
    assert [each["label"] for each in shown["remedies"]] == ["C = 20", "C = 25", "H = 3", "H = 7"]
    again = page.report(**shown["remedies"][1]["values"])
    assert (again["problem"], again["last"], again["remedies"]) == ("", "", [])
    assert_lines(again["lines"], dataclasses.replace(ODD, n_head=5, n_embd=25), RUN)


def test_more_tokens_than_positions_are_impossible(page: Page) -> None:
    shown = page.ask(dataclasses.replace(CHOICE, T=30))
    assert "T = 30 tokens are more than block_size = 29" in shown["problem"]
    assert [each["label"] for each in shown["remedies"]] == ["T = 29", "block_size = 30"]
    assert shown["drawn"] == to_text(Choice.of(GPTConfig(**SIZES)))  # nothing else was possible before


CHOICES = st.builds(Choice, **{name: st.integers(low, min(high, 600)) for name, (low, high) in BOUNDS.items()})


@given(CHOICES)
def test_remedies_are_possible_or_nearer(asked: Choice) -> None:
    found = problem(asked)
    if found is None:
        assert asked.config.n_embd == asked.n_embd and asked.block_size >= asked.T
        return
    assert found.remedies
    for _, choice in found.remedies:
        after = problem(choice)
        assert after is None or "block_size" in after.text  # heads first, then tokens


@given(CHOICES)
def test_settings_are_read_as_they_were_written(asked: Choice) -> None:
    assert of_text(to_text(asked)) == asked
    assert read(vars(asked), Choice.of(ODD)) == asked
    for name in BOUNDS:
        if name in view.FIELDS:
            offered = stops(asked, name)
            assert getattr(asked, name) in offered and offered == sorted(set(offered))
    assert all(each % asked.n_head == 0 for each in stops(asked, "n_embd") if each != asked.n_embd)


@pytest.mark.parametrize(
    "told", ["", "1-2", "12-12-768-1024-50257-2-1-1024-1-4-0", "x" * 40, "0-12-768-1024-5-1-1-8-1-4-0"]
)
def test_a_text_that_holds_no_settings_is_refused(told: str) -> None:
    with pytest.raises(ValueError, match=r"sizes are 11 whole numbers|is from"):
        of_text(told)


def test_what_a_browser_tells_amiss_changes_nothing(page: Page) -> None:
    page.ask(CHOICE)
    bad = {"n_layer": 0, "n_head": "3", "n_embd": 10**9, "T": None, "B": True, "vocab_size": 1.5}
    assert page.report(**bad)["values"] == vars(CHOICE)


def test_the_model_on_the_screen_is_always_offered() -> None:
    offered = presets(ODD)
    assert offered["this model"].config == dataclasses.replace(ODD) and set(PRESETS) < set(offered)


# ---- measured ----------------------------------------------------------------------------------------------------


def test_times_are_measured_once_and_belong_to_their_run(page: Page) -> None:
    assert page.data("supposed_sizes")["measured"] is None
    asked = {"seq": 7}
    found = page.ask(CHOICE, measure=asked)["measured"]
    assert sum(row["seconds"] for row in found["rows"]) + found["rest"] == pytest.approx(found["whole"])
    assert [row["name"] for row in found["rows"]] == ["embeddings", "norms", "attention", "MLP", "head"]
    T = page.app.session_state["explorer"].shown.trace.T
    flops = parts(GPTConfig(**SIZES), RunSize(T))
    told = {row["name"]: row["flops"] for row in found["rows"]}
    assert told["MLP"] == flops["MLP"].flops and told["attention"] == flops["attention"].flops
    assert told["head"] == flops["head"].flops // T
    assert f"the prompt's {T} token" in page.data("supposed_sizes")["run"]
    assert page.ask(CHOICE, measure=asked)["measured"] == found  # the same request again measures nothing
    other = page.ask(CHOICE, measure={"seq": 8})["measured"]
    assert other != found


# ---- the address -------------------------------------------------------------------------------------------------


def test_the_address_holds_the_sizes_and_leads_back(untrained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["app/main.py", str(untrained)])
    app = AppTest.from_file(ROOT / "app" / "main.py", default_timeout=60)
    app.query_params["sizes"] = to_text(CHOICE)
    shown = Sent(app.run())
    assert f"sizes={to_text(CHOICE)}" in shown.data("address")["state"]
    assert app.session_state["what if"] == (CHOICE, CHOICE)


def test_an_address_with_impossible_sizes_draws_this_model(untrained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["app/main.py", str(untrained)])
    app = AppTest.from_file(ROOT / "app" / "main.py", default_timeout=60)
    app.query_params["sizes"] = to_text(dataclasses.replace(CHOICE, n_head=5))
    Sent(app.run()).data("address")
    assert app.session_state["what if"][1] == Choice.of(GPTConfig(**SIZES))


def test_lines_stand_at_the_residual_stream_as_the_model_is_built() -> None:
    lines = {line["id"].removeprefix("transformer."): line for line in cost_lines.cost_lines(ODD, RUN)}
    rails = {name: line["rail"] for name, line in lines.items()}
    assert [name for name, rail in rails.items() if rail == "add"] == ["embed", "h.0.resid_mid", "h.0.resid_post"]
    assert [name for name, rail in rails.items() if rail == "above"] == ["idx", "wte", "wpe"]
    assert [name for name, rail in rails.items() if rail == "below"] == ["ln_f", "lm_head", "probs", "loss"]
    ends = [(name, line["branch"]) for name, line in lines.items() if line["branch"] in ("first", "last")]
    assert [name for name, _ in ends] == ["h.0.ln_1", "h.0.attn.resid_dropout", "h.0.ln_2", "h.0.mlp.dropout"]
    assert [branch for _, branch in ends] == ["first", "last"] * 2
    assert lines["h.0.attn.pattern"]["frames"] == ["pattern", "pattern"] and lines["h.0.mlp.gelu"]["frames"] == ["mlp"]
    assert [name for name, line in lines.items() if line["opens"]] == [
        "h",
        "h.0",
        "h.0.attn",
        "h.0.attn.sdpa",
        "h.0.mlp",
    ]
