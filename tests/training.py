"""Small trainings for the tests: a text, settings, their command line, and the files that a training leaves."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from gptcore.train.settings import Settings, parse
from gptcore.train.training_folder import TrainingFolder

SMALL = {"block_size": 16, "n_layer": 1, "n_head": 2, "n_embd": 16, "batch_size": 4, "eval_windows": 4}
RUN = {**SMALL, "steps": 40, "eval_interval": 20, "log_interval": 1, "dropout": 0.2, "warmup_steps": 5}
TEXT = "the cat sat on the mat and the dog lay on the log; " * 40


def a_text(folder: Path) -> Path:
    """Write a text to train on."""
    path = folder / "text.txt"
    path.write_text(TEXT)
    return path


def resumed(out: Path, *more: str) -> Settings:
    """Return the settings to resume a training."""
    return parse(["--out", str(out), "--resume", *more], lambda out: TrainingFolder(out).read_settings())


def small(tmp_path: Path, text: Path | str, run: str = "run", **changes: object) -> Settings:
    """Return the settings of a training of a second or two."""
    fields = {**RUN, "out": tmp_path / run, "data": str(text), "tensorboard": False, **changes}
    return Settings(**fields)  # type: ignore[arg-type]


def options(out: Path, text: Path | str, **changes: object) -> list[str]:
    """Return the settings as a command line."""
    words = ["--out", str(out), "--data", str(text), "--no-tensorboard"]
    for name, value in {**RUN, **changes}.items():
        values = value if isinstance(value, tuple) else (value,)
        words += [f"--{name.replace('_', '-')}", *map(str, values)]
    return words


def train(*arguments: str, processes: int = 1, restarts: int = 0) -> subprocess.Popen[str]:
    """Start `python -m gptcore.train`, or torchrun with several processes."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    torchrun += ["--max-restarts", str(restarts), "--monitor-interval", "0.1"]
    command = [sys.executable, *(torchrun if processes > 1 else []), "-m", "gptcore.train", *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def forked(*arguments: str) -> BaseProcess:
    """Start the trainer in a fork that has imported everything, so that it starts at once and can be killed often."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["gptcore.train.__main__"])
    process = context.Process(target=_main, args=(list(arguments),), daemon=True)
    process.start()
    return process


def _main(arguments: list[str]) -> None:
    from gptcore.train.__main__ import main

    sys.exit(main(arguments))


def ended(process: subprocess.Popen[str], seconds: float = 600) -> tuple[int, str, str]:
    """Wait for the end. Return the exit status and the output."""
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        output, errors = process.communicate()
        raise AssertionError(f"still running after {seconds} s: {output[-2000:]} {errors[-2000:]}") from None
    return process.returncode, output, errors


def until(true: Callable[[], Any], seconds: float = 400) -> None:
    """Wait until a condition is true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def metrics(out: Path) -> list[dict[str, Any]]:
    """Return the log lines of a training, without times."""
    return [
        {k: v for k, v in line.items() if k not in ("tokens_per_s", "seconds")}
        for line in TrainingFolder(out).read_metrics()
    ]


def weights(out: Path, file: str = "last.pt") -> dict[str, torch.Tensor]:
    """Load the model in a training's file."""
    return torch.load(out / file, weights_only=True)["model"]


def same_weights(a: Path, b: Path) -> bool:
    """Return True if two trainings ended with the same weights, bit by bit."""
    one, other = weights(a), weights(b)
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
