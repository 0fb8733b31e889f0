"""The shipped models do what their cards say, measured anew."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path
from typing import Literal, NoReturn

import pytest
import torch

from gptcore import Checkpoint, load, shipped_models
from gptcore.analysis.head_scores import KINDS, head_scores
from gptcore.checkpoint import shipped_folder
from gptcore.checkpoint.snapshots import load_snapshot, snapshots
from gptcore.data import Induction, TextSource, task_source, text_source
from gptcore.data.source import Split
from gptcore.data.tokens import tokenized
from gptcore.data.two_names import LONGEST, TwoNames
from gptcore.tokenizer import BPETokenizer
from gptcore.train import evaluate, names_card
from gptcore.train.settings import parse

ASSETS = Path(__file__).parents[2] / "assets"
MOST_BYTES = 60 * 2**20


def card(name: str) -> str:
    return (shipped_folder() / name / "README.md").read_text(encoding="utf-8")


def figures(name: str, row: str) -> list[float]:
    """Return the decimal numbers in a row of the card."""
    (line,) = [line for line in card(name).splitlines() if line.startswith(f"| {row} |")]
    return [float(number) for number in re.findall(r"\d+\.\d+", line.split("|")[2])]


def unread(out: Path) -> NoReturn:
    raise AssertionError("nothing is resumed")


def test_there_are_five_and_they_are_small() -> None:
    assert shipped_models() == ["fairytales", "induction", "nano-sort", "shakespeare-char", "two-names"]
    assert sum(path.stat().st_size for path in ASSETS.rglob("*") if path.is_file()) <= MOST_BYTES


@pytest.mark.parametrize("name", shipped_models())
def test_the_command_of_the_card_makes_this_model(name: str) -> None:
    ckpt = load(name)
    (line,) = re.findall(r"^python -m gptcore\.train .*$", card(name), flags=re.MULTILINE)
    settings = parse(shlex.split(line)[3:], unread)
    config = ckpt.config
    assert (settings.n_layer, settings.n_head, settings.n_embd) == (config.n_layer, config.n_head, config.n_embd)
    assert (settings.block_size, settings.bias) == (config.block_size, config.bias)
    assert (settings.tie_weights, settings.activation) == (config.tie_weights, config.activation)
    assert settings.export == Path("assets/checkpoints", name)
    kept = [snapshot.step for snapshot in snapshots(name)]
    assert kept == ([*settings.snapshots, settings.steps] if settings.snapshots else [])


@pytest.mark.parametrize("name", shipped_models())
def test_it_tells_no_path_of_the_machine_that_made_it(name: str) -> None:
    settings = load(name).info["train_config"]
    assert settings["steps"] > 0
    assert not [value for value in settings.values() if isinstance(value, str) and Path(value).is_absolute()]


@pytest.mark.parametrize("name", shipped_models())
def test_its_first_prompt_can_be_read(name: str) -> None:
    ckpt = load(name)
    prompt = ckpt.info.get("prompt", "To be, or not to b")
    assert ckpt.tokenizer.decode(ckpt.tokenizer.encode(prompt)) == prompt


def continued(ckpt: Checkpoint, prompts: torch.Tensor, tokens: int) -> torch.Tensor:
    """Append the most probable next token repeatedly: (B, T + tokens)."""
    with torch.no_grad():
        for _ in range(tokens):
            logits, _ = ckpt.model(prompts)
            prompts = torch.cat([prompts, logits[:, -1].argmax(-1, keepdim=True)], dim=1)
    return prompts


def test_nano_sort_sorts_all_inputs() -> None:
    ckpt = load("nano-sort")
    inputs = torch.tensor(list(itertools.product(range(3), repeat=6)))
    found = continued(ckpt, inputs, 6)[:, 6:]
    assert torch.equal(found, inputs.sort(dim=1).values)
    assert "all 729 inputs come out sorted" in card("nano-sort")


def test_induction_copies_and_has_both_heads() -> None:
    ckpt = load("induction")
    task = Induction(ckpt.config.block_size, ckpt.config.vocab_size)
    x, y = task.examples(1000, task.halves[-1], torch.Generator().manual_seed(20261121))
    with torch.no_grad():
        logits, _ = ckpt.model(x, y)
    right = (logits.argmax(-1) == y)[task.answers(y)].float().mean()
    assert right >= 0.99
    assert 100 * right == pytest.approx(figures("induction", "repeated tokens, halves of 16")[0], abs=0.5)
    scores = head_scores(ckpt.model, rows=200, seed=20261121)
    assert scores["induction"].max() >= 0.9 and scores["previous"].max() >= 0.9
    assert scores["induction"].argmax() >= 2 > scores["previous"].argmax()  # of layer 1, and of layer 0
    for kind, row in (("induction", "best induction score"), ("previous", "best previous-token score")):
        score, head = figures("induction", row)  # the head is written as "1.0", layer and head
        assert scores[kind].max() == pytest.approx(score, abs=0.01)
        assert f"{head}" == "{}.{}".format(*divmod(int(scores[kind].argmax()), 2))


def test_two_names_knows_who_gets_it() -> None:
    ckpt = load("two-names")
    task = TwoNames(ckpt.config.block_size, ckpt.config.vocab_size)
    assert ckpt.tokenizer.to_json() == task.tokenizer.to_json()
    right = asked = 0
    with torch.no_grad():
        for x, y in task.held_out(256):
            answers = task.answers(y)
            right += int((ckpt.model(x, y)[0].argmax(-1) == y)[answers].sum())
            asked += int(answers.sum())
    assert right / asked >= 0.99
    assert 100 * right / asked == pytest.approx(figures("two-names", "held-out examples")[0], abs=0.1)
    folder = shipped_folder() / "two-names"
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 3 * 2**20


def test_the_card_of_two_names_is_measured() -> None:
    told = names_card.rows(load("two-names").model, TwoNames(LONGEST, TwoNames.size()))
    assert len([name for name in told if name.startswith("head ")]) > 1
    for name, text in told.items():
        assert f"| {name} | {text} |" in card("two-names")


def test_the_loss_falls_when_the_induction_head_appears() -> None:
    kept = snapshots("induction")
    assert len(kept) == 20
    best = [max(map(max, snapshot.heads["induction"])) for snapshot in kept]
    losses = [snapshot.losses["val_loss"] for snapshot in kept]
    rise = max(range(1, len(kept)), key=lambda i: best[i] - best[i - 1])
    fall = max(range(1, len(kept)), key=lambda i: losses[i - 1] - losses[i])
    assert rise == fall and best[rise] - best[rise - 1] > 0.2 and losses[fall - 1] - losses[fall] > 0.3


@pytest.mark.parametrize("name", ["induction", "nano-sort", "two-names"])
def test_each_snapshot_is_the_model_that_its_index_tells_of(name: str) -> None:
    ckpt = load(name)
    kept = snapshots(name)
    assert len(kept) == 20
    for snapshot in kept[::6]:
        model = load_snapshot(ckpt, snapshot).model
        for kind, scores in head_scores(model, kinds=KINDS).items():
            assert torch.allclose(scores, torch.tensor(snapshot.heads[kind]), atol=2e-3)  # stored in half precision


@pytest.mark.parametrize("name", ["induction", "nano-sort"])
def test_a_task_is_answered_as_well_as_its_card_says(name: str) -> None:
    ckpt = load(name)
    source = task_source(ckpt.info["train_config"]["data"], ckpt.config.block_size, ckpt.config.vocab_size)
    found = evaluate.whole_split(ckpt.model, source, "val")
    accuracy, loss = figures(name, "held-out examples")
    assert 100 * found["accuracy"] == pytest.approx(accuracy, abs=0.02)
    assert found["loss"] == pytest.approx(loss, abs=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "row", "unit", "most"),
    [
        # a 5-gram Kneser-Ney on the same tokens: tests/benchmarks/fairytales.py
        ("fairytales", "the same in bits per byte of text", "bits_per_byte", {"val": 1.7099, "test": 1.7317}),
        ("shakespeare-char", "loss of these weights, every token of the split", "loss", {"val": 1.58}),
    ],
)
def test_a_text_is_known_as_well_as_its_card_says(
    name: str, row: str, unit: str, most: dict[Split, float], outside_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured on the held-out text; the training text is many times longer, and measured when the card is written."""
    monkeypatch.setenv("GPTSCOPE_DATA", str(outside_data))
    ckpt = load(name)
    data = ckpt.info["train_config"]["data"]
    kind: Literal["bpe", "char"] = "bpe" if isinstance(ckpt.tokenizer, BPETokenizer) else "char"
    source = text_source(data, ckpt.config.block_size, kind, tokenizer=ckpt.tokenizer)
    assert isinstance(source, TextSource)
    if source.spans.test:
        source.splits["test"] = tokenized(source.spans.test, ckpt.tokenizer)
    found = [evaluate.whole_split(ckpt.model, source, split)[unit] for split in most]
    assert found == pytest.approx(figures(name, row)[1:], abs=2e-4)  # the first is of the training text
    assert all(each < bound for each, bound in zip(found, most.values(), strict=True))
