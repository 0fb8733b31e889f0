"""Some damaged checkpoints of each format load or are refused; and the fuzzer finds the bugs put in for it.

`python -m tests.fuzz` runs thousands of each format.
"""

from __future__ import annotations

import faulthandler
import os
import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gptcore.checkpoint import Checkpoint, CheckpointError, load
from gptcore.checkpoint.formats import native
from gptcore.checkpoint.sandbox import client, reading, worker
from tests import fuzz
from tests.fuzz import FORMATS, Fuzzer, Summary
from tests.mutations import KINDS, damaged

CASES = dict.fromkeys(FORMATS, 300) | {"nanogpt": 24, "mingpt": 24, "huggingface-bin": 24}
"""Number of cases; a pickled file needs a fork, about 25 ms."""


@pytest.mark.parametrize("name", FORMATS)
def test_damage_of_any_kind_is_refused_or_harmless(tmp_path: Path, name: str) -> None:
    summary = Fuzzer(name, 0, tmp_path / "work").run(range(CASES[name]))
    assert summary.failures == []
    assert summary.refused + summary.loaded == CASES[name]
    assert summary.refused > 0.6 * CASES[name]  # a damaged vocabulary is told, and the model opens
    assert summary.loaded > 0.01 * CASES[name]


def test_the_same_seed_does_the_same_damage_and_any_kind_of_it() -> None:
    samples = [sample for make in FORMATS.values() for sample in make()]
    others = [raw for sample in samples for raw in sample.files.values()]
    kinds: Counter[str] = Counter()
    for seed in range(400):
        sample = samples[seed % len(samples)]
        files, done = damaged(sample.files, others, random.Random(seed))
        assert (files, done) == damaged(sample.files, others, random.Random(seed))
        assert files != sample.files
        kinds.update(kind.split(": ")[1] for kind in done)
    assert kinds.keys() == {*KINDS, "removed"}


# --- the fuzzer can fail


def found(name: str, cases: int, folder: Path) -> Summary:
    return Fuzzer(name, 0, folder / "work").run(range(cases))


def test_without_our_hashes_changed_bytes_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_verified", lambda folder, entry, what: folder / entry["file"])
    summary = found("ours", 400, tmp_path)
    assert any(failure.startswith("a changed byte was not found (model.safetensors: ") for failure in summary.failures)


def test_without_the_hash_of_our_config_changed_bytes_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fuzzer = Fuzzer("ours", 0, tmp_path / "work")
    fuzzer.samples = [sample for sample in fuzzer.samples if sample.strict]
    monkeypatch.setattr(native, "_sealed", lambda content: (fuzzer.case / "config.json").read_bytes())
    summary = fuzzer.run(range(400))
    assert any(failure.startswith("a changed byte was not found (config.json: ") for failure in summary.failures)


def in_a_fork_of_this_process(request: dict[str, Any], seconds: float) -> dict[str, str]:
    return worker.answer_in_fork(request)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_without_the_checksums_of_archives_changed_weights_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client._opener, "ask", in_a_fork_of_this_process)
    monkeypatch.setattr(reading, "checked_zip", lambda path: path.read_bytes()[:4] == b"PK\x03\x04")
    summary = found("mingpt", 150, tmp_path)
    assert any(failure.startswith("a changed weight was not found (model.pt: ") for failure in summary.failures)


def raises(path: Path) -> Checkpoint:
    raise KeyError("transformer")


def advises(path: Path) -> Checkpoint:
    raise CheckpointError("the file cannot be loaded like this; load it with weights_only=False")


class Panic(BaseException):
    """A BaseException like that of a Rust library."""


def panics(path: Path) -> Checkpoint:
    raise Panic("index out of bounds")


def says_nothing(path: Path) -> Checkpoint:
    raise CheckpointError("")


def leaves_a_file(path: Path) -> Checkpoint:
    Path("canary").touch()
    return load(path)


def loads_half(path: Path) -> Checkpoint:
    ckpt = load(path)
    ckpt.model.transformer.wpe.weight.data = ckpt.model.transformer.wpe.weight.data[:3]
    return ckpt


@pytest.mark.parametrize(
    ("instead", "told"),
    [
        (raises, "KeyError: 'transformer' "),
        (panics, "Panic: index out of bounds "),
        (advises, "the advice to switch a check off: .*weights_only=False' "),
        (says_nothing, "not one sentence: '' "),
        (leaves_a_file, "left 'canary' in .*here "),
        (loads_half, "weights of other shapes than the config's "),
    ],
)
def test_a_loader_that_breaks_its_promise_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instead: Callable[[Path], Checkpoint], told: str
) -> None:
    fuzzer = Fuzzer("huggingface-safetensors", 0, tmp_path / "work")
    fuzzer.samples = fuzzer.samples[:1]
    monkeypatch.setattr(fuzz, "load", lambda path: instead(path) if fuzzer.started else load(path))
    summary = fuzzer.run(range(60))
    assert summary.failures
    again, kept = summary.failures[0].splitlines()[1:]
    assert re.match(told + r"\(.*\)$", summary.failures[0].splitlines()[0])
    assert re.fullmatch(r"  python -m tests.fuzz --format huggingface-safetensors --seed 0 --case \d+", again)
    assert "config.json" in os.listdir(kept.strip()) or "model.safetensors" in os.listdir(kept.strip())


@pytest.mark.parametrize(("bound", "told"), [("MOST_SECONDS", r"took \d+ s "), ("MOST_MB", r"took \d+ MB for 0.0 MB ")])
def test_time_and_memory_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, told: str) -> None:
    monkeypatch.setattr(fuzz, bound, -1)
    failures = found("huggingface-sharded", 5, tmp_path).failures
    assert len([failure for failure in failures if re.match(told, failure)]) == 5


def test_formats_are_fuzzed_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Formats run in new processes; the table keeps the order of the options. A process that dies is a failure."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    names = ["ours", "huggingface-safetensors"]
    asked = [word for name in names for word in ("--format", name)]
    assert fuzz.main(["--cases", "3", *asked]) == 0
    assert re.findall(r"^\| ([\w-]+) \| 3 \| .* \| 0 \|$", capsys.readouterr().out, flags=re.MULTILINE) == names
    assert os.listdir(tmp_path) == []
    monkeypatch.setattr(fuzz, "_begin", partial(os._exit, 0))
    assert fuzz.main(["--cases", "3", *asked]) == 1
    assert "FAILED: a process ended in the middle of a case" in capsys.readouterr().out


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(faulthandler, "enable", lambda: None)
    monkeypatch.setattr(faulthandler, "dump_traceback_later", lambda *_, **__: None)
    assert fuzz.main(["--cases", "3", "--format", "ours"]) == 0
    assert re.search(r"\| ours \| 3 \| [23] \| [01] \| 0\.\d\d s \| \d+ MB \| 0 \|\n$", capsys.readouterr().out)
    assert os.listdir(tmp_path) == []
    monkeypatch.setattr(native, "_verified", lambda folder, entry, what: folder / entry["file"])
    assert fuzz.main(["--cases", "200", "--format", "ours", "--seed", "3"]) == 1
    assert "FAILED: a changed byte was not found (" in capsys.readouterr().out
    (work,) = tmp_path.iterdir()
    assert list((work / "ours/failed").iterdir())
