"""A run as a page: what is written in the file is what the trace has, and what is not in it is told."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import gptcore
from app import theme
from gptcore import Edit, Trace, capture, load
from gptcore.export import page_source, page_stores
from gptcore.tokenizer import CharTokenizer, Tokenizer
from tests.conftest import random_model
from tests.export.page_reader import Tags, data_of, listed, tensor
from tests.lopsided import FITS, LETTERS, checkpoint_of, encode, lopsided, run_of

TOKENIZER = CharTokenizer(LETTERS)
HOSTILE = '</script><img src=x onerror="alert(1)">\x00\u202e<!--'
LEN = len(FITS)


def written(trace: Trace, folder: Path, **options: object) -> dict[str, object]:
    """The data of the trace's page."""
    gptcore.export.html(trace, folder / "run.html", **options)  # type: ignore[arg-type]
    return data_of(folder / "run.html")


def holds_every_tensor(told: dict[str, object], trace: Trace, sequence: int = 0) -> None:
    """Fail unless the page has each tensor of the trace, bit for bit."""
    assert told["views"].keys() == trace.keys()  # type: ignore[attr-defined]
    for name, (axes, shape) in trace.shapes().items():
        wanted = trace[name][sequence] if axes[0] == "B" else trace[name]
        found = tensor(told, name)
        assert found.shape == (shape[1:] if axes[0] == "B" else shape)
        wanted = wanted if wanted.dtype == torch.float64 else wanted.float()
        assert np.array_equal(found, wanted.numpy(), equal_nan=True), name


def test_every_tensor_is_that_of_the_trace(tmp_path: Path) -> None:
    trace = run_of(lopsided(), FITS)
    told = written(trace, tmp_path)
    holds_every_tensor(told, trace)
    assert (told["tokens"], told["left_out"], told["edits"]) == (encode(FITS), {}, [])
    assert [node["id"] for node in told["nodes"]] == [node.id for node in gptcore.architecture(trace.config).nodes]  # type: ignore[attr-defined]


@pytest.mark.parametrize("sequence", [0, 1])
def test_the_sequence_of_a_batch(tmp_path: Path, sequence: int) -> None:
    ids = encode(FITS)
    trace = capture(lopsided(), [ids, ids[::-1]])
    told = written(trace, tmp_path, sequence=sequence)
    holds_every_tensor(told, trace, sequence)
    assert told["tokens"] == trace.ids[sequence].tolist()
    best = trace["lm_head"][sequence].argmax(-1).numpy()
    assert np.array_equal(listed(told, "next", "ids")[:, 0], best)
    assert np.array_equal(listed(told, "lens", "ids")[:, -1, 0], best), "the last row of the lens is the output"


def test_each_number_is_stored_once(tmp_path: Path) -> None:
    told = written(run_of(lopsided(), FITS), tmp_path)
    block = [
        "ln_1",
        "attn.c_attn",
        "attn.scores",
        "attn.scaled",
        "attn.masked",
        "attn.pattern",
        "attn.z",
        "attn.c_proj",
    ]
    block += ["resid_mid", "ln_2", "mlp.c_fc", "mlp.gelu", "mlp.c_proj", "resid_post"]
    outside = ["idx", "transformer.wte", "transformer.wpe", "transformer.embed", "transformer.ln_f"]
    outside += ["lm_head", "probs", "loss"]
    stored = {*outside, *(f"transformer.h.{layer}.{name}" for layer in range(3) for name in block)}
    assert told["stores"].keys() == stored  # type: ignore[attr-defined]


def test_an_edit_that_parts_what_is_else_the_same(tmp_path: Path) -> None:
    edits = [
        Edit("transformer.h.1.attn", "add", 0.5, position=2),
        Edit("transformer.h.0.attn.q", "scale", 3.0, head=1),
        Edit("transformer.h.2.attn.concat", "zero", channel=3),
        Edit("transformer.h.1.attn.masked", "set", float("-inf"), head=2, position=4, key=1),
    ]
    trace = capture(lopsided(), encode(FITS), edits=edits)
    told = written(trace, tmp_path)
    holds_every_tensor(told, trace)
    assert told["edits"] == [repr(edit) for edit in edits]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_numbers_of_other_types(tmp_path: Path, dtype: torch.dtype) -> None:
    trace = capture(random_model(dtype=dtype), [3, 1, 4])
    holds_every_tensor(written(trace, tmp_path), trace)


def test_one_token_alone(tmp_path: Path) -> None:
    trace = run_of(lopsided(), FITS[:1])
    holds_every_tensor(written(trace, tmp_path), trace)


def test_next_tokens_of_each_position(tmp_path: Path) -> None:
    trace = run_of(lopsided(), FITS)
    told = written(trace, tmp_path)
    ids, probabilities, logits = (listed(told, "next", what) for what in ("ids", "probabilities", "logits"))
    assert ids.shape == (LEN, 20)
    for position in range(LEN):
        order = trace["probs"][0, position].sort(descending=True)
        assert np.array_equal(ids[position], order.indices[:20].numpy())
        assert np.array_equal(probabilities[position], order.values[:20].numpy())
        assert np.array_equal(logits[position], trace["lm_head"][0, position][order.indices[:20]].numpy())


def test_the_lens_of_each_position(tmp_path: Path) -> None:
    model = lopsided()
    trace = run_of(model, FITS)
    told = written(trace, tmp_path)
    names = ["transformer.h.0.resid_pre", *(f"transformer.h.{layer}.resid_post" for layer in range(3))]
    assert told["lens"]["names"] == names  # type: ignore[index]
    ids, probabilities = (listed(told, "lens", what) for what in ("ids", "probabilities"))
    for row, name in enumerate(names):
        with torch.no_grad():
            states = model.lm_head(model.transformer.ln_f(trace[name]))[0].double().softmax(-1)  # (T, V)
        top = states.topk(5)
        assert np.array_equal(ids[:, row], top.indices.numpy()), name
        assert np.allclose(probabilities[:, row], top.values.numpy(), rtol=1e-5)
    assert len({tuple(row) for row in ids[-1].tolist()}) == 4, "each depth says something else"


def test_the_lens_of_a_large_model_begins_late_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = run_of(lopsided(), FITS)
    whole = listed(written(trace, tmp_path), "lens", "probabilities")
    monkeypatch.setattr("gptcore.export.page_facts.MOST_WORK", 2.5 * 4 * trace.config.n_embd * trace.config.vocab_size)
    told = written(trace, tmp_path)
    assert told["lens"]["first"] == LEN - 2  # type: ignore[index]
    # rows that are computed alone are rounded otherwise than among many, by a last digit or two of float32
    np.testing.assert_allclose(listed(told, "lens", "probabilities"), whole[-2:], rtol=1e-5)


def test_parts_of_the_likely_tokens_are_those_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = run_of(lopsided(), FITS)
    whole = written(trace, tmp_path)
    monkeypatch.setattr("gptcore.export.page_facts.AT_ONCE", 50)
    parts = written(trace, tmp_path)
    for part, what in (("next", "ids"), ("next", "logits"), ("lens", "ids")):
        np.testing.assert_allclose(listed(parts, part, what), listed(whole, part, what), rtol=1e-5, atol=1e-6)


# ---- what is not there ---------------------------------------------------------------------------------------------


def test_the_largest_are_left_out_first_and_told(tmp_path: Path) -> None:
    trace = run_of(lopsided(n_embd=80), "ba木é\nжcabba→de"[:13])
    full = gptcore.export.html(trace, tmp_path / "run.html")
    assert full.nbytes == (tmp_path / "run.html").stat().st_size and not full.left_out
    small = gptcore.export.html(trace, tmp_path / "run.html", most_bytes=full.nbytes * 3 // 4)
    assert (tmp_path / "run.html").stat().st_size == small.nbytes <= full.nbytes * 3 // 4
    told = data_of(tmp_path / "run.html")
    assert told["left_out"] == small.left_out
    assert {*told["views"], *small.left_out} == {*trace.keys()} and told["views"]
    assert all("too large" in why for why in small.left_out.values())
    sizes = {name: tensor(told, name).size for name in told["views"]}
    hidden = trace["transformer.h.0.mlp.gelu"].numel()
    assert max(sizes.values()) <= hidden and "transformer.h.0.mlp.gelu" in small.left_out
    assert "transformer.h.0.attn.pattern" in told["views"]
    for name in sizes:
        wanted = trace[name] if name == "transformer.wpe" else trace[name][0]
        assert np.array_equal(tensor(told, name), wanted.float().numpy(), equal_nan=True)
    assert listed(told, "next", "ids").shape[0] == trace.T, "what is predicted is always told"


def test_what_is_left_out_is_not_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = run_of(lopsided(n_embd=80), FITS)
    full = gptcore.export.html(trace, tmp_path / "run.html")
    read: list[str] = []
    numbers = page_stores.numbers
    monkeypatch.setattr(page_stores, "numbers", lambda of, name, at: read.append(name) or numbers(of, name, at))  # type: ignore[func-returns-value]
    small = gptcore.export.html(trace, tmp_path / "run.html", most_bytes=full.nbytes * 2 // 3)
    assert "transformer.h.0.mlp.gelu" in small.left_out
    assert "transformer.h.0.mlp.gelu" not in read


def test_of_two_tensors_of_one_size_the_pattern_stays() -> None:
    trace = run_of(lopsided(), FITS)
    sizes = {name: 8.0 for name in trace if ".attn.scores" in name or ".attn.pattern" in name}
    gone = page_stores._largest(gptcore.architecture(trace.config).nodes, sizes, 24.0)
    assert gone == {f"transformer.h.{layer}.attn.scores" for layer in range(3)}


def test_what_was_not_captured_is_told(tmp_path: Path) -> None:
    trace = capture(lopsided(), encode(FITS), names=["transformer.h.1.attn.pattern"])
    made = gptcore.export.html(trace, tmp_path / "run.html")
    told = data_of(tmp_path / "run.html")
    assert "transformer.h.1.attn.pattern" in told["views"]
    assert (told["next"], told["lens"]) == (None, None)
    assert made.left_out["lm_head"] == told["left_out"]["lm_head"] == "not captured in this run"


def test_tokens_without_a_tokenizer_are_ids(tmp_path: Path) -> None:
    told = written(run_of(lopsided(), FITS), tmp_path)
    assert not told["named"]
    assert [told["labels"][index] for index in told["tokens"]] == [str(index) for index in encode(FITS)]  # type: ignore[index, attr-defined]


def test_tokens_are_named_by_the_tokenizer(tmp_path: Path) -> None:
    trace = run_of(lopsided(), FITS)
    told = written(trace, tmp_path, tokenizer=TOKENIZER)
    assert told["labels"] == list(LETTERS) and told["named"]


def test_only_tokens_that_are_told_of_are_named_where_there_are_no_logits(tmp_path: Path) -> None:
    model = lopsided(vocab_size=600)
    trace = run_of(model, FITS)
    told = written(trace, tmp_path, most_bytes=_least(trace, tmp_path))
    used = {*encode(FITS), *listed(told, "next", "ids").ravel(), *listed(told, "lens", "ids").ravel()}
    assert told["labels"] == {str(index): str(index) for index in sorted(used)} and len(used) < 200


# ---- the file ------------------------------------------------------------------------------------------------------


class Hostile(CharTokenizer):
    """A vocabulary whose tokens are markup."""

    def label(self, index: object) -> str:
        return f"{HOSTILE}{index}"


def test_texts_stay_texts(tmp_path: Path) -> None:
    tokenizer: Tokenizer = Hostile(LETTERS)
    gptcore.export.html(run_of(lopsided(), FITS), tmp_path / "run.html", tokenizer=tokenizer, title=f"{HOSTILE}\ud800")
    text = (tmp_path / "run.html").read_text(encoding="utf-8")
    tags = Tags(text)
    found = sorted(tag for tag, _ in tags.tags)
    assert found == sorted(["html", *["meta"] * 5, "title", "style", "body", "noscript", "script", "script"])
    assert "\x00" not in text and "\u202e" not in text
    assert tags.texts["title"].startswith("gptscope · </script><img src=x")
    assert data_of(tmp_path / "run.html")["labels"][3] == f"{HOSTILE}3"


def test_it_asks_for_nothing(tmp_path: Path) -> None:
    gptcore.export.html(run_of(lopsided(), FITS), tmp_path / "run.html", tokenizer=TOKENIZER)
    text = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert not re.search(
        r"(?i)https?:|//[a-z]+\.|@import|url\(|\bsrc\s*=|href\s*=|fetch\(|XMLHttpRequest|WebSocket", text
    )
    policy = next(attrs["content"] for tag, attrs in Tags(text).tags if attrs.get("http-equiv"))
    assert str(policy).startswith("default-src 'none'; base-uri 'none'; form-action 'none'; script-src 'sha256-")
    assert "unsafe" not in str(policy)


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.html", "b.HTM"):
        gptcore.export.html(run_of(lopsided(), FITS), tmp_path / name, tokenizer=TOKENIZER, title="lopsided")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.HTM").read_bytes()


@pytest.mark.parametrize("name", ["shakespeare-char", "fairytales"])
def test_the_shipped_models_fit_into_5_megabytes_at_32_tokens(tmp_path: Path, name: str) -> None:
    ckpt = load(name)
    ids = ckpt.tokenizer.encode(
        "There was once a fox and a wolf. The fox said to the wolf: I know of a fine house." * 2
    )
    made = gptcore.export.html(capture(ckpt, ids[:32]), tmp_path / "run.html", tokenizer=ckpt.tokenizer, title=name)
    assert made.nbytes == (tmp_path / "run.html").stat().st_size <= 5_000_000
    assert made.left_out == {}


def test_a_path_that_is_no_page_is_refused(tmp_path: Path) -> None:
    trace = run_of(lopsided(), FITS)
    with pytest.raises(ValueError, match=r"must end in \.html or \.htm, .* got 'run.pdf'"):
        gptcore.export.html(trace, tmp_path / "run.pdf")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        gptcore.export.html(trace, tmp_path / "folder.html")
    with pytest.raises(IndexError, match="sequence must be from 0 to 0, got 1; the run has 1"):
        gptcore.export.html(trace, tmp_path / "run.html", sequence=1)
    with pytest.raises(ValueError, match=r"most_bytes must be at least [0-9,]+, .* got 1,000; give more"):
        gptcore.export.html(trace, tmp_path / "run.html", most_bytes=1000)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.html"], "nothing is left of what failed"


def _least(trace: Trace, folder: Path) -> int:
    """The bytes that the refusal of too few asks for."""
    with pytest.raises(ValueError, match="most_bytes") as caught:
        gptcore.export.html(trace, folder / "run.html", most_bytes=1)
    return int(re.findall(r"at least ([0-9,]+)", str(caught.value))[0].replace(",", ""))


def test_the_least_that_is_asked_for_is_enough(tmp_path: Path) -> None:
    trace = run_of(lopsided(), FITS)
    least = _least(trace, tmp_path)
    made = gptcore.export.html(trace, tmp_path / "run.html", most_bytes=least)
    assert made.nbytes <= least and len(made.left_out) == len(trace)


def test_weights_that_have_changed_are_refused(tmp_path: Path) -> None:
    model = lopsided()
    trace = run_of(model, FITS)
    with torch.no_grad():
        model.lm_head.weight.mul_(2)
    with pytest.raises(RuntimeError, match="capture again"):
        gptcore.export.html(trace, tmp_path / "run.html")


# ---- its scripts ---------------------------------------------------------------------------------------------------


def test_each_script_stands_behind_those_that_it_imports() -> None:
    names = [path.name for path in page_source.FOLDER.glob("*.js")]
    assert sorted(page_source.SCRIPTS) == sorted(names)
    for place, name in enumerate(page_source.SCRIPTS):
        text = (page_source.FOLDER / name).read_text(encoding="utf-8")
        imported = [f"{found[1]}.js" for found in page_source.IMPORT.findall(text)]
        assert len(imported) == len(re.findall(r"^import ", text, re.MULTILINE)), "each in the one form"
        assert {*imported} <= {*page_source.SCRIPTS[:place]}, name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
        assert len(text.splitlines()) <= 300
    style, script = page_source.sources()
    assert "\nexport " not in script and "\nimport " not in script and "\r" not in script + style


def test_its_colours_are_those_of_the_app() -> None:
    style, _ = page_source.sources()
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    dark = dark[: dark.index("* {")]
    named = {**theme.CONCEPTS, "paper": theme.BACKGROUND, "raised": theme.RAISED, "accent": theme.ACCENT}
    named |= {"masked": theme.MASKED, "unknown": theme.NOT_A_NUMBER, "ink": theme.TEXT}
    for part, which in ((light, "light"), (dark, "dark")):
        told = dict(re.findall(r"--([a-z]+): ([^;]+);", part))
        for name, pair in named.items():
            assert told[name] == getattr(pair, which), name
        for name, ramp in (("sequential", theme.SEQUENTIAL), ("diverging", theme.DIVERGING)):
            assert told[name] == ", ".join(getattr(ramp, which))


def test_checkpoint_and_tokenizer_are_all_that_a_caller_needs(tmp_path: Path) -> None:
    ckpt = checkpoint_of(lopsided())
    made = gptcore.export.html(run_of(ckpt.model, FITS), tmp_path / "a" / "run.html", tokenizer=ckpt.tokenizer)
    assert made.nbytes > 0
    assert data_of(tmp_path / "a" / "run.html")["title"] == "GPT, 3 blocks of 4 heads, C = 20"
