"""The cost of loading a GPT-2 of 124M parameters, in time and memory: `python -m tests.benchmarks.loading`.

The weights are random, in float32, in a temporary folder that transformers writes; its own loading is the other side
of the ratio. Both have imported all they need, and the file is in the kernel's cache. Memory is measured on Linux only.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests.benchmarks.timing import ratio, report

IDS = torch.arange(16)[None] * 3001
"""The prompt of the first forward pass, (1, T)."""
LIBRARIES = ("gptcore", "transformers")

Loader = Callable[[str], torch.nn.Module]


def loader(library: str) -> Loader:
    """Return how a library loads a folder; it is imported here, before anything is measured."""
    if library == "gptcore":
        import gptcore

        return lambda folder: gptcore.load(folder).model
    from transformers import GPT2LMHeadModel

    theirs: Any = GPT2LMHeadModel
    return lambda folder: theirs.from_pretrained(folder)


@torch.no_grad()
def first_logits(load: Loader, folder: str) -> Tensor:
    """Loads, and runs the first forward pass: weights that were only mapped are read by then, too."""
    model: Any = load(folder)
    if hasattr(model, "generate"):
        return model(IDS).logits
    return model(IDS, targets=IDS)[0]


def time(folder: str) -> bool:
    """Load and first forward pass, in turn."""
    ours, theirs = (partial(first_logits, loader(library), folder) for library in LIBRARIES)
    assert torch.allclose(ours(), theirs(), atol=1e-3)  # both have loaded the same model
    mine, other = ratio(ours, theirs, repeats=7, warmup=1)
    detail = f"{mine:.0f} / {other:.0f} ms"
    return report("load and first forward of 16 tokens / transformers' from_pretrained", mine / other, 3, detail)


# ---- memory --------------------------------------------------------------------------------------------------------


def peak_growth(load: Loader, folder: str) -> int:
    """Bytes by which this process grew at most while it loaded.

    By the kernel's own high-water mark, set back before, so that no moment is missed. It counts the pages of files,
    too: those of libraries whose code is first used now, a few MB, and a file of weights where it is mapped.
    """
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before = _kilobytes("VmRSS")
    model = load(folder)
    growth = _kilobytes("VmHWM") - before
    del model
    return growth * 1024


def _kilobytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def memory(folder: str) -> bool:
    """Peak growth while loading, in a fresh process, as a multiple of the weights' bytes."""
    size = sum(path.stat().st_size for path in Path(folder).glob("*.safetensors"))
    ours, theirs = (_in_fresh_process(library, folder) / size for library in LIBRARIES)
    detail = f"{ours * size / 1e6:.0f} / {size / 1e6:.0f} MB; transformers, which maps the file: {theirs:.3f}"
    return report("peak memory of loading, minus that after the imports / bytes of the weights", ours, 1.3, detail)


def _in_fresh_process(library: str, folder: str) -> int:
    command = [sys.executable, "-m", "tests.benchmarks.loading", library, folder]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> int:
    """Prints the table; the exit status is 1 if a bound was missed."""
    from transformers import GPT2Config, GPT2LMHeadModel
    from transformers.utils import logging

    silence: Any = logging
    silence.disable_progress_bar()
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print("| what | measured | bound | | detail |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        GPT2LMHeadModel(GPT2Config()).save_pretrained(folder)
        good = [time(folder), memory(folder)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(peak_growth(loader(sys.argv[1]), sys.argv[2]))
        raise SystemExit
    raise SystemExit(main())
