"""Fuzzer of `load`: damages small checkpoints of each format: `python -m tests.fuzz --cases 10000 --format nanogpt`.

After any damage, `load` gives a working model or one CheckpointError, fast and in little memory, and leaves no file
behind. If not, the fuzzer prints the fault with the command that repeats it, and keeps the files.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import hashlib
import json
import multiprocessing
import os
import pickle
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as packed
from torch import Tensor

from gptcore.checkpoint import Checkpoint, CheckpointError, load, save
from gptcore.checkpoint.formats import native
from gptcore.checkpoint.sandbox import client
from gptcore.checkpoint.shapes import CONV1D
from gptcore.config import GPTConfig
from gptcore.model import GPT
from gptcore.skip_init import Unfilled
from gptcore.tokenizer import CharTokenizer
from gptcore.tokenizer.merges import BYTE_OF_CHARACTER
from tests.mutations import RESEALED, Files, damaged

MOST_SECONDS = 10
MOST_SHOWN = 20
MOST_MB = 300
"""Allowed memory in MB, above three times the size of the files."""
SIZES = {"block_size": 8, "n_layer": 1, "n_head": 2, "n_embd": 8}


@dataclass(frozen=True)
class Sample:
    """A valid checkpoint, to be damaged."""

    files: Files
    target: str
    """Path to load: a file, or "." for the folder."""
    model: GPT
    sealed: bool = False
    """True if checksums detect any changed weight."""
    strict: bool = False
    """True if checksums detect any changed byte."""
    reseal: bool = False
    """True if the checksums are made anew after the damage, as an attacker would."""


@dataclass
class Summary:
    """Results of the cases of one format."""

    name: str
    refused: int = 0
    loaded: int = 0
    slowest: float = 0.0
    megabytes: float = 0.0
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"| {self.name} | {self.refused + self.loaded} | {self.refused} | {self.loaded} | {self.slowest:.2f} s "
            f"| {self.megabytes:.0f} MB | {len(self.failures)} |"
        )


HEADING = "| format | cases | refused | loaded | slowest | peak | failures |\n|---|---|---|---|---|---|---|"

# ---- valid checkpoints ---------------------------------------------------------------------------------------------


def _model(**sizes: Any) -> GPT:
    config = GPTConfig(**(SIZES | {"vocab_size": 5} | sizes))
    generator = torch.Generator().manual_seed(0)
    model = GPT(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model


def _saved(content: object, legacy: bool = False) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        torch.save(content, path := Path(folder, "a.pt"), _use_new_zipfile_serialization=not legacy)
        return path.read_bytes()


def _json(content: object) -> bytes:
    return json.dumps(content).encode()


def _nanogpt() -> Iterator[Sample]:
    model = _model()
    content = {
        "model": model.state_dict(),
        "optimizer": {"state": {0: {"step": torch.tensor(7.0)}}, "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.95)}]},
        "model_args": {name: model.config.to_dict()[name] for name in (*SIZES, "bias", "vocab_size", "dropout")},
        "iter_num": 7,
        "best_val_loss": torch.tensor(1.5),
        "config": {"dataset": "shakespeare_char", "learning_rate": 1e-3, "compile": True},
    }
    letters = dict(enumerate("abcd\n"))
    meta = pickle.dumps({"vocab_size": 5, "itos": letters, "stoi": {char: i for i, char in letters.items()}})
    yield Sample({"ckpt.pt": _saved(content), "meta.pkl": meta}, "ckpt.pt", model, sealed=True)
    content |= {"tokenizer": CharTokenizer("abcd\n").to_json(), "model_args": model.config.to_dict()}
    yield Sample({"ckpt.pt": _saved(content)}, ".", model, sealed=True)
    yield Sample({"ckpt.pt": _saved(content, legacy=True)}, "ckpt.pt", model)


def _mingpt() -> Iterator[Sample]:
    model = _model(tie_weights=False, activation="gelu_tanh")
    state = model.state_dict() | {"transformer.h.0.attn.bias": torch.ones(1, 1, 8, 8).tril()}
    beside = _json({"model": {"model_type": None, "n_layer": 1, "n_head": 2, "n_embd": 8, "vocab_size": 5}})
    for legacy in (False, True):
        files = {"model.pt": _saved(state, legacy), "config.json": beside}
        yield Sample(files, "model.pt", model, sealed=not legacy)


def _hugging_face() -> tuple[GPT, dict[str, Tensor], Files, bytes]:
    """Make a model: its weights in Hugging Face's layout, config and vocabulary, and the vocabulary as one file."""
    model = _model(vocab_size=258, activation="gelu_tanh")
    state = {
        name.removeprefix("transformer."): tensor.t().contiguous() if name.endswith(CONV1D) else tensor
        for name, tensor in model.state_dict().items()
        if name != "lm_head.weight"
    }
    config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_positions": 8, "vocab_size": 258}
    config |= {"n_layer": 1, "n_head": 2, "n_embd": 8, "activation_function": "gelu_new", "n_inner": None}
    vocab = {token: i for i, token in enumerate((*BYTE_OF_CHARACTER, "he", "<|endoftext|>"))}
    files = {
        "config.json": _json(config),
        "vocab.json": _json(vocab),
        "merges.txt": b"#version: 0.2\nh e\n",
        "tokenizer_config.json": _json({"tokenizer_class": "GPT2Tokenizer", "model_max_length": 8}),
    }
    end = {"id": 257, "content": "<|endoftext|>", "special": True, "normalized": False}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    one_file = {
        **{"version": "1.0", "truncation": None, "padding": None, "added_tokens": [end], "normalizer": None},
        **{"pre_tokenizer": byte_level, "post_processor": byte_level, "decoder": byte_level},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "vocab": vocab, "merges": ["h e"]},
    }
    return model, state, files, _json(one_file)


def _shards(state: dict[str, Tensor], suffix: str, write: Callable[[dict[str, Tensor]], bytes]) -> Files:
    """Store the weights in two files with an index."""
    stem, names = ("model" if suffix == "safetensors" else "pytorch_model"), sorted(state)
    parts = {f"{stem}-0000{i + 1}-of-00002.{suffix}": names[i::2] for i in range(2)}
    index = {"metadata": {"total_size": 0}, "weight_map": {name: file for file in parts for name in parts[file]}}
    shards = {file: write({name: state[name] for name in part}) for file, part in parts.items()}
    return {f"{stem}.{suffix}.index.json": _json(index), **shards}


def _hf_safetensors() -> Iterator[Sample]:
    model, state, files, _ = _hugging_face()
    yield Sample(files | {"model.safetensors": packed(state, {"format": "pt"})}, ".", model)


def _hf_sharded() -> Iterator[Sample]:
    model, state, files, tokenizer = _hugging_face()
    files = {"config.json": files["config.json"], "tokenizer.json": tokenizer}
    yield Sample(files | _shards(state, "safetensors", packed), ".", model)


def _hf_bin() -> Iterator[Sample]:
    model, state, files, tokenizer = _hugging_face()
    yield Sample(files | {"pytorch_model.bin": _saved(state)}, ".", model, sealed=True)
    files = {"config.json": files["config.json"], "tokenizer.json": tokenizer}
    yield Sample(files | _shards(state, "bin", _saved), ".", model, sealed=True)


def _ours() -> Iterator[Sample]:
    model = _model()
    with tempfile.TemporaryDirectory() as folder:
        save(Checkpoint(model, CharTokenizer("abcd\n"), model.config, {"iter_num": 7}), folder)
        files = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    yield Sample(files, ".", model, strict=True)
    yield Sample(files, ".", model, reseal=True)


def _resealed(files: Files) -> Files:
    """Return a gptscope folder with the hashes of its present files; unchanged if it is too damaged for that."""
    try:
        content = json.loads(files["config.json"])
        for entry in (content["weights"], content["tokenizer"]):
            entry["sha256"] = hashlib.sha256(files[entry["file"]]).hexdigest()
        del content["sha256"]
        return files | {"config.json": native._sealed(content)}
    except (ValueError, LookupError, TypeError, RecursionError):
        return files


FORMATS: dict[str, Callable[[], Iterator[Sample]]] = {
    "nanogpt": _nanogpt,
    "mingpt": _mingpt,
    "huggingface-safetensors": _hf_safetensors,
    "huggingface-sharded": _hf_sharded,
    "huggingface-bin": _hf_bin,
    "ours": _ours,
}

# ---- what must hold ------------------------------------------------------------------------------------------------


def _problem_of_sentence(error: CheckpointError) -> str | None:
    sentence = str(error)
    if len(sentence.split()) < 5 or not sentence.isprintable() or len(sentence) > CheckpointError.MOST:
        return f"not one sentence: {sentence[:300]!r}"
    if "weights_only" in sentence or "safe_globals" in sentence:
        return f"the advice to switch a check off: {sentence!r}"
    return None


def _problem_of_checkpoint(ckpt: Checkpoint, sample: Sample, kinds: Sequence[str]) -> str | None:
    if sample.strict:
        return "a changed byte was not found"
    config, state = ckpt.config, ckpt.model.state_dict()
    with torch.device("meta"), Unfilled():
        expected = {name: tensor.shape for name, tensor in GPT(config).state_dict().items()}
    if {name: tensor.shape for name, tensor in state.items()} != expected:
        return "weights of other shapes than the config's"
    if any(tensor.dtype not in (torch.float32, torch.float64) or tensor.is_meta for tensor in state.values()):
        return "weights that are no plain numbers"
    with torch.no_grad():
        logits, _ = ckpt.model(torch.arange(min(config.block_size, config.vocab_size))[None])
    if logits.shape != (1, 1, config.vocab_size):
        return f"logits of shape {tuple(logits.shape)}"
    if not isinstance(ckpt.tokenizer.decode(range(config.vocab_size)), str):
        return "ids without a text"
    json.dumps(ckpt.info)
    if not all(isinstance(notice, str) and notice.isprintable() for notice in ckpt.info["notices"]):
        return f"odd notices: {ckpt.info['notices']}"
    if sample.sealed and not any(kind.endswith(RESEALED) for kind in kinds):
        original = sample.model.state_dict()
        if state.keys() != original.keys() or not all(torch.equal(state[name], original[name]) for name in state):
            return "a changed weight was not found"
    return None


class Fuzzer:
    """Runs of the cases of one format, in the folder `work`, which must be empty or missing."""

    def __init__(self, name: str, seed: int, work: Path) -> None:
        self.name, self.seed, self.work = name, seed, work
        self.samples = list(FORMATS[name]())
        self.others = [raw for make in FORMATS.values() for sample in make() for raw in sample.files.values()]
        self.summary, self.started = Summary(name), False
        self.case, self.here, self.temporary = work / "case", work / "here", work / "temporary"
        for folder in (self.here, self.temporary):
            folder.mkdir(parents=True)

    def run(self, cases: Sequence[int], watchdog: bool = False) -> Summary:
        """Run each case by its number. With `watchdog`, a case that hangs for a minute ends the process."""
        from tqdm import tqdm

        with contextlib.chdir(self.here), _temporary_files_in(self.temporary):
            for sample in self.samples:
                if problem := self._loaded(sample, sample.files, None):
                    raise AssertionError(f"the undamaged {self.name} does not load: {problem}")
            self.summary, self.started = Summary(self.name), True
            with Forks() as forks:
                for case in tqdm(cases, desc=self.name, disable=None):
                    if watchdog:
                        faulthandler.dump_traceback_later(60, exit=True)
                    self._one(case)
                faulthandler.cancel_dump_traceback_later()
                megabytes = forks.growth()
            self.summary.megabytes = max(self.summary.megabytes, megabytes)
            if megabytes > MOST_MB:
                self.summary.failures.append(f"{self.name}: the process that opens files grew by {megabytes:.0f} MB")
        return self.summary

    def _one(self, case: int) -> None:
        rng = random.Random(f"{self.seed} {self.name} {case}")
        sample = rng.choice(self.samples)
        files, kinds = damaged(sample.files, self.others, rng)
        files = _resealed(files) if sample.reseal else files
        if problem := self._loaded(sample, files, kinds):
            kept = self.work / "failed" / f"{self.name}-{self.seed}-{case}"
            shutil.copytree(self.case, kept, dirs_exist_ok=True)
            again = f"python -m tests.fuzz --format {self.name} --seed {self.seed} --case {case}"
            self.summary.failures.append(f"{problem} ({'; '.join(kinds)})\n  {again}\n  {kept}")

    def _loaded(self, sample: Sample, files: Files, kinds: Sequence[str] | None) -> str | None:
        """Load these files and yield each broken promise. Without `kinds`, the files are undamaged."""
        shutil.rmtree(self.case, ignore_errors=True)
        self.case.mkdir()
        for name, raw in files.items():
            (self.case / name).write_bytes(raw)
        before, start = _reset_peak(), time.perf_counter()
        try:
            ckpt = load(self.case / sample.target)
            seconds = time.perf_counter() - start
            self.summary.loaded += 1
            problem = None if kinds is None else _problem_of_checkpoint(ckpt, sample, kinds)
        except CheckpointError as error:
            seconds = time.perf_counter() - start
            self.summary.refused += 1
            problem = f"refused: {error}" if kinds is None else _problem_of_sentence(error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a Rust panic of a library is not an Exception
            seconds = time.perf_counter() - start
            problem = f"{type(error).__name__}: {str(error)[:300]}"
        megabytes = _peak() - before
        if kinds is None:  # the first loads also import modules, and start the sandbox process
            return problem
        self.summary.slowest = max(self.summary.slowest, seconds)
        self.summary.megabytes = max(self.summary.megabytes, megabytes)
        size = sum(map(len, files.values())) / 1e6
        if seconds > MOST_SECONDS:
            problem = problem or f"took {seconds:.0f} s"
        if megabytes > 3 * size + MOST_MB:
            problem = problem or f"took {megabytes:.0f} MB for {size:.1f} MB"
        for folder in (self.here, self.temporary):
            for path in list(folder.iterdir()):
                problem = problem or f"left {path.name!r} in {folder}"
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return problem


@contextlib.contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _reset_peak() -> float:
    """Restart the measurement of this process's peak memory, if the system can. Return the present memory in MB."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> float:
    """Return the peak memory of this process since then, in MB; 0 if the system does not tell it."""
    with contextlib.suppress(OSError):
        return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1e3
    return 0.0


class Forks:
    """Measure the memory of the forks that open pickled files, during the block."""

    def __enter__(self) -> Forks:
        client._opener.close()
        client._opener.module = "tests.measured_opener"
        return self

    def growth(self) -> float:
        """End the sandbox process. Return by how many MB a fork outgrew it; 0 if nothing was opened."""
        process = client._opener._process
        if process is None or process.stdin is None or process.stdout is None:
            return 0.0
        process.stdin.close()  # it prints the number at the end of its input
        return float(process.stdout.read())

    def __exit__(self, *_: object) -> None:
        client._opener.close()
        del client._opener.module  # the class has the original value


def _begin() -> None:
    """Prepare a process that fuzzes."""
    torch.set_num_threads(1)
    faulthandler.enable()


def _fuzzed(name: str, seed: int, work: Path, cases: Sequence[int]) -> Summary:
    return Fuzzer(name, seed, work / name).run(cases, watchdog=True)


def _summaries(names: Sequence[str], seed: int, work: Path, cases: Sequence[int]) -> Iterator[Summary]:
    """Fuzz each format; several are fuzzed at the same time, each in a new process."""
    if len(names) == 1:
        _begin()
        yield _fuzzed(names[0], seed, work, cases)
        return
    processes = min(len(names), os.cpu_count() or 1)
    fresh = multiprocessing.get_context("spawn")  # a fork would start with the memory of this process
    with ProcessPoolExecutor(processes, fresh, _begin) as pool:
        one = partial(_fuzzed, seed=seed, work=work, cases=cases)
        yield from pool.map(one, names)


def main(arguments: Sequence[str]) -> int:
    """Fuzz one format or all. Return the exit status: 1 if a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="of each format")
    parser.add_argument("--format", choices=FORMATS, action="append", help="one of them; all by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="this one alone")
    options = parser.parse_args(arguments)
    work = Path(tempfile.mkdtemp(prefix="gptscope-fuzz-"))
    print(f"files of the case that runs, and of failures: {work}\n\n{HEADING}", flush=True)
    cases = range(options.cases) if options.case is None else [options.case]
    failures = []
    try:
        for summary in _summaries(options.format or list(FORMATS), options.seed, work, cases):
            failures += summary.failures
            print(summary, flush=True)
    except BrokenProcessPool:
        failures.append(f"a process ended in the middle of a case, or was ended as it hung; {work} has its files")
    for failure in failures[:MOST_SHOWN]:
        print(f"\nFAILED: {failure}")
    if failures:
        print(f"\n{len(failures)} of the cases failed")
    if not failures:
        shutil.rmtree(work)
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
