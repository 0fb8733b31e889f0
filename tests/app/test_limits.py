"""The limits of a run: the map alone tells what it costs, and what costs too much is refused before it runs."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from typing import Any

import pytest

from app.session import costs, prompt_run
from app.session.actions import Action, ChooseLook, Restore, Type, Write
from app.session.change_actions import AddChange
from app.session.changes import Other, changed_names, references
from app.session.changes.references import References
from app.session.explorer import Explorer
from app.session.generating import Draw, Put
from app.session.location import Location
from app.session.map_actions import Select
from app.state import server
from app.stores.limits import ALONE, FEW, Limits, TooMuch
from app.stores.settings import KEY_MEMORY, KEY_SECONDS, PROMPT_BYTES, SETTINGS, SettingError
from app.stores.speed import AGAIN, Cost, Measured, Speed, measure
from gptcore import GPT, Checkpoint, Edit, GPTConfig, architecture, capture, capture_cost
from gptcore.tokenizer import IdTokenizer
from tests.lopsided import LONG, checkpoint_of, lopsided

SPEED = Speed(flops=100e9, cells=50e6)
CLASS = Limits(seconds=2.0, memory=500e6, speed=lambda: SPEED)
NOTHING = Limits(seconds=1e-9, speed=lambda: Speed(1.0, 1.0))
CONFIG = GPTConfig(block_size=60, vocab_size=70, n_layer=3, n_head=4, n_embd=20)


@pytest.fixture(scope="module")
def long() -> Checkpoint:
    """A small model with a very long context: 200 kB for hours of everybody's time."""
    return checkpoint_of(lopsided(block_size=60_000, n_layer=1))


@pytest.fixture(scope="module")
def wide() -> Checkpoint:
    """A small model with very many tokens."""
    model = GPT(GPTConfig(block_size=4000, vocab_size=400_000, n_layer=1, n_head=1, n_embd=2)).eval()
    return Checkpoint(model, IdTokenizer(400_000), model.config, {})


def screen_of(me: Explorer) -> tuple[object, ...]:
    return me.shown, me.location, me.look, me.changes


# What it costs


@pytest.mark.parametrize("T", [1, 2, 7, 60])
def test_the_memory_of_a_run_holds_what_its_trace_will(T: int) -> None:
    assert costs.held(CONFIG, T) == capture_cost(CONFIG, T)
    assert costs.of_run(CONFIG, T, T).memory >= capture_cost(CONFIG, T)


def test_the_products_of_a_run_are_the_map_s_with_the_last_logits_alone() -> None:
    arch, T = architecture(CONFIG), 40
    logits = 2 * CONFIG.n_embd * CONFIG.vocab_size
    assert costs.of_run(CONFIG, T, T).flops == arch.flops(T) - (T - 1) * logits


def test_costs_grow_with_heads_tokens_and_words_as_they_do() -> None:
    base, T = GPTConfig(block_size=9000, vocab_size=300, n_layer=2, n_head=2, n_embd=8), 8000
    one = costs.of_run(base, T, T)
    assert costs.of_run(replace(base, n_head=8), T, T).cells > 3.5 * one.cells
    assert costs.of_run(base, T // 2, T // 2).cells < one.cells / 3.5
    assert costs.of_run(base, T, 10).cells < one.cells / 300
    arch = architecture(base)
    stage = [costs.of_stage(arch, Location(selected=arch.named(role, layer)), T) for role, layer in ROLES]
    assert stage[0].cells == stage[1].cells == 2 * T * T + T * T
    assert stage[2].cells == T * 300
    assert stage[3].memory < stage[0].memory / 100
    weighted = costs.of_stage(arch, Location(selected=arch.named("pattern", 1)), T, "value")
    assert weighted.memory > 2 * 5 * 4 * T * T


ROLES: list[tuple[Any, int | None]] = [("pattern", 1), ("masked scores", 0), ("probabilities", None), ("query", 1)]


def test_a_run_with_changes_costs_both() -> None:
    plain, changed = costs.of_run(CONFIG, 20, 20), costs.of_run(CONFIG, 20, 3, ["transformer.h.1.attn.masked"])
    assert changed.flops == 2 * plain.flops
    assert changed.memory >= 2 * plain.memory + 5 * 4 * 4 * 20 * 20


def test_the_run_of_another_text_is_costed_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    config = GPTConfig(block_size=4000, vocab_size=24, n_layer=2, n_head=4, n_embd=16)
    me = Explorer(checkpoint_of(GPT(config).eval()), "cab", limits=Limits(memory=10e6))
    name, kept = "transformer.h.0.mlp", me.shown
    me.apply(AddChange(Other(name, "patch", "cab")))
    assert me.notice is None
    short = me.shown
    assert short is not kept
    monkeypatch.setattr(references, "capture", lambda *_, **__: pytest.fail("it was run"))
    me.apply(AddChange(Other(name, "patch", "cab" * 330)))
    assert me.notice is not None
    assert "10 MB" in me.notice["text"]
    assert me.shown is short


def test_a_text_that_the_model_writes_costs_its_writing_and_its_run_and_nothing_once_it_is_kept() -> None:
    checkpoint = checkpoint_of(lopsided())
    texts, config = References(checkpoint), checkpoint.config
    own, given = Other("transformer.h.1.mlp", "mean"), Other("transformer.h.1.mlp", "mean", "cab" * config.block_size)
    one = costs.of_run(config, config.block_size, config.block_size)
    assert texts.cost(own, ALONE).flops == 2 * references.WRITTEN * one.flops
    assert texts.cost(given, ALONE).flops == 3 * one.flops
    assert texts.values(own, 5) is not None
    assert texts.cost(own, ALONE) == Cost()
    assert texts.cost(replace(own, name="transformer.h.0.mlp"), ALONE).flops == references.WRITTEN * one.flops
    with pytest.raises(TooMuch, match="reads 20"):
        texts.cost(given, Limits(prompt=20))


def test_later_patterns_that_are_kept_cost_as_changed_ones() -> None:
    wish = Edit("transformer.h.1.attn.z", "zero", head=0)
    assert changed_names([wish], 5, CONFIG, False) == [wish.name]
    assert changed_names([wish], 5, CONFIG, True) == [wish.name, "transformer.h.2.attn.pattern"]
    assert changed_names([replace(wish, position=5)], 5, CONFIG, True) == []


def test_all_losses_of_a_prompt_are_not_read_where_they_cost_too_much(wide: Checkpoint) -> None:
    slow = Limits(seconds=5.0, speed=lambda: Speed(1e12, 1e6))
    me = Explorer(wide, "7 8 9", limits=slow)
    assert me.mean_loss() == pytest.approx(math.log(400_000), rel=0.1)
    me.apply(Type(" ".join(["3", "1", "4"] * 7)))
    assert me.notice is None
    assert (me.mean_loss(), me.loss_changes()) == (None, None)
    assert Explorer(wide, me.shown.text).mean_loss() is not None


def test_the_speed_is_that_of_this_machine() -> None:
    found = measure()
    assert 1e8 < found.flops < 1e15
    assert 1e5 < found.cells < 1e12
    assert found.seconds(Cost(flops=found.flops, cells=2 * found.cells)) == pytest.approx(3.0)


# What is refused


def test_a_long_prompt_is_refused_before_it_runs(long: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    me = Explorer(long, LONG, limits=CLASS)
    before, text = screen_of(me), (LONG * 1000)[:9000]
    monkeypatch.setattr(prompt_run, "capture", lambda *args, **more: pytest.fail("it ran"))
    assert me.work([Type(text)]) == 0
    me.apply(Type(text))
    assert screen_of(me) == before
    assert me.typed == text  # nothing of it is lost
    assert me.notice is not None
    assert me.notice["text"] == (
        "Still shown: the last prompt that could be read. A run of 9,000 tokens would compute for about 13 s, and "
        "this server gives one key 2 s; take a shorter prompt or a smaller model, or set GPTSCOPE_KEY_SECONDS on a "
        "machine of your own."
    )


def test_one_s_own_machine_takes_its_time(long: Checkpoint) -> None:
    me = Explorer(long, LONG)
    me.apply(Type((LONG * 1000)[:1500]))
    assert me.notice is None
    assert me.shown.trace.T == 1500


def test_gpt2_xl_opens_on_one_s_own_machine() -> None:
    config = GPTConfig.preset("gpt2-xl")
    cost = costs.of_run(config, 1024, 1024)
    assert cost.memory < 1.2 * capture_cost(config, 1024)
    Limits(free=lambda: 16e9).check(cost, "A run")
    with pytest.raises(TooMuch, match=r"A run would take about \S+ GB of memory, and 4.0 GB are free here; take"):
        Limits(free=lambda: 4e9).check(cost, "A run")


def test_gpt2_small_at_its_context_s_end_fits_a_class_s_server() -> None:
    config = GPTConfig.preset("gpt2")
    Limits(seconds=6.0, memory=1e9, speed=lambda: Speed(220e9, 70e6)).check(costs.of_run(config, 1024, 1024), "A run")


RUNS: dict[str, Action] = {
    "typed": Type("abcab"),
    "written": Write("abcab"),
    "drawn": Draw("abc"),
    "appended": Put(2),
    "changed": AddChange(Edit("transformer.h.1.mlp", "zero")),
    "scaled": ChooseLook("scale", "value"),
    "chosen": Select("lm_head"),
}


@pytest.mark.parametrize("action", RUNS.values(), ids=RUNS)
def test_every_way_to_a_run_asks_the_limits(action: Action) -> None:
    ckpt = checkpoint_of(lopsided())
    me, free = Explorer(ckpt, "abc"), Explorer(ckpt, "abc")
    object.__setattr__(me._model, "limits", NOTHING)
    before = screen_of(me)
    me.apply(action)
    free.apply(action)
    assert screen_of(me) == before
    assert me.notice is not None
    assert "would compute for about" in me.notice["text"]
    assert free.notice is None


def test_a_state_is_restored_within_the_limits_or_not_at_all() -> None:
    me = Explorer(checkpoint_of(lopsided()), "abc", source="m")
    state = replace(me.state, prompt="abca")
    object.__setattr__(me._model, "limits", NOTHING)
    before = screen_of(me)
    me.apply(Restore(state))
    assert screen_of(me) == before
    assert me.notice is not None
    assert me.notice["kind"] == "error"


def test_logits_of_many_tokens_and_words_are_refused_by_a_click(wide: Checkpoint) -> None:
    me = Explorer(wide, " ".join(map(str, range(900))), limits=CLASS)
    before = screen_of(me)
    me.apply(Select("probs"))
    assert screen_of(me) == before
    assert me.notice is not None
    assert me.notice["text"].startswith("Probs of 900 tokens would compute for about 7.2 s, and this server gives one")
    me.apply(Select("transformer.wte"))
    assert me.location.selected == "transformer.wte"
    assert not me.notice


def test_a_key_with_the_probabilities_on_the_stage_counts_both(wide: Checkpoint) -> None:
    ids = [str(index) for index in range(300)]
    me = Explorer(wide, " ".join(ids[:200]), limits=CLASS)
    me.apply(Select("probs"))
    assert me.notice is None
    before = screen_of(me)
    me.apply(Type(" ".join(ids)))
    assert screen_of(me) == before
    assert me.notice is not None
    assert me.typed == " ".join(ids)
    me.apply(Type(" ".join(ids[:150])))
    assert me.notice is None
    assert me.shown.trace.T == 150


def test_a_model_of_which_no_token_can_be_run_is_not_opened() -> None:
    with pytest.raises(TooMuch, match="A run of 1 tokens would compute"):
        Explorer(checkpoint_of(lopsided()), "abc", limits=NOTHING)


def test_a_model_is_opened_with_the_prompt_that_fits() -> None:
    ckpt = checkpoint_of(lopsided())
    cost = costs.of_run(ckpt.config, 2, 2)
    me = Explorer(ckpt, "abcabcabc", limits=Limits(seconds=1.0, speed=lambda: Speed(cost.flops, 1e12)))
    assert me.shown.trace.T == 1
    assert me.notice is not None
    assert (
        "The prompt could not be kept; ↶ brings it back. A run of 9 tokens would compute for about" in me.notice["text"]
    )


def test_a_long_text_behind_a_short_one_is_run_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "LARGEST_PAST", 1.0)
    me = Explorer(checkpoint_of(lopsided()), "ab")
    me.apply(Type("abcabc"))
    assert me.shown.trace.reused == 0
    assert me.shown.trace.logits.equal(capture(me.checkpoint.model, me.shown.ids).logits)


# The prompt


def test_a_text_of_megabytes_is_not_even_looked_at(long: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    me = Explorer(long, LONG, limits=CLASS)
    monkeypatch.setattr(type(long.tokenizer), "encode_marked", lambda *args: pytest.fail("it was read"))
    for text in ("a" * 10_000_000, "ß" * 10_001):
        assert me.work([Type(text)]) == 0
        me.apply(Type(text))
        assert me.typed == LONG  # the browser has the rest
        assert me.notice is not None
        assert "bytes or more, and this server reads 20,000; shorten it" in me.notice["text"]


def test_a_model_s_prompt_of_megabytes_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    ckpt, read = checkpoint_of(lopsided()), list[int]()
    real = type(ckpt.tokenizer).encode_marked

    def counted(self: object, text: str) -> list[int]:
        read.append(len(text))
        return real(self, text)  # type: ignore[arg-type]

    monkeypatch.setattr(type(ckpt.tokenizer), "encode_marked", counted)
    me = Explorer(ckpt, "ab" * 1_000_000, refused="ba" * 1_000_000)  # of the model before
    assert max(read) < 1000
    assert me.shown.text
    assert me.notice is not None
    assert (
        "The prompt could not be kept; ↶ brings it back. This prompt has 2,000,000 bytes or more" in me.notice["text"]
    )


def test_a_prompt_of_many_contexts_is_refused_and_kept() -> None:
    me = Explorer(checkpoint_of(lopsided()), LONG)
    me.apply(Type("a" * FEW))
    assert (me.notice, len(me.shown.ids)) == (None, FEW)
    me.apply(Type("a" * (FEW + 1)))
    assert me.typed == "a" * (FEW + 1)
    assert me.notice is not None
    assert "this prompt has 1,025 tokens; the model sees the last 13, and a prompt may have 1,024" in (
        me.notice["text"].replace("This", "this")
    )


# The settings


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)
    monkeypatch.delenv(server.SHARED, raising=False)
    alone = server.limits()
    assert (alone.seconds, alone.memory, alone.prompt) == (ALONE.seconds, ALONE.memory, ALONE.prompt)
    monkeypatch.setenv(server.SHARED, "1")
    shared = server.limits()
    assert (shared.seconds, shared.prompt, shared.speed() is None) == (3.0, 20_000, False)
    assert 0 < shared.memory < math.inf
    assert (f"{shared.seconds:g}", str(shared.prompt)) == (KEY_SECONDS.shared, PROMPT_BYTES.shared)  # as documented
    monkeypatch.setenv(KEY_SECONDS.name, "0.5")
    monkeypatch.setenv(KEY_MEMORY.name, "300")
    monkeypatch.setenv(PROMPT_BYTES.name, "5000")
    changed = server.limits()
    assert (changed.seconds, changed.memory, changed.prompt) == (0.5, 300e6, 5000)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
@pytest.mark.parametrize("wrong", ["two", "-1", "nan", "inf", "1e99", "2 s"])
def test_a_wrong_setting_is_told_in_a_sentence(setting: Any, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(setting.name, wrong)
    with pytest.raises(SettingError, match=rf"{setting.name} is a number of {setting.unit} from .* got .*; correct it"):
        server.limits()


def test_the_page_tells_of_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    from streamlit.testing.v1 import AppTest

    from tests.browser.driver import ROOT

    monkeypatch.setattr("sys.argv", ["app/main.py", "nano-sort"])
    monkeypatch.setenv(KEY_SECONDS.name, "soon")
    page = AppTest.from_file(ROOT / "app" / "main.py", default_timeout=60).run()
    assert not page.exception
    assert page.error[0].value == "A setting of this server is wrong."
    assert page.text[0].value.startswith("GPTSCOPE_KEY_SECONDS is a number of seconds from 0.05 to 86,400, got 'soon'")


def test_the_speed_is_measured_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    count: list[int] = []
    monkeypatch.setenv(server.SHARED, "1")
    monkeypatch.setattr(server, "_MEASURED", Measured())

    def once() -> Speed:
        count.append(1)
        return SPEED

    monkeypatch.setattr(server, "measure", once)
    threads = [threading.Thread(target=server.limits) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert count == [1]


def test_a_machine_that_was_busy_at_first_is_measured_again() -> None:
    now = [0.0]
    found = Measured(lambda: now[0])
    assert found.due
    assert found.speed is None
    for at, speed in ((0.0, Speed(1.0, 9.0)), (AGAIN, Speed(5.0, 2.0))):
        now[0] = at
        assert found.due
        found.add(speed)
        assert not found.due
    assert found.speed == Speed(5.0, 9.0)
