"""The cost of making ids of texts larger than memory: `python -m tests.benchmarks.tokens [text]`.

Files of 0.1, 0.3 and 1 GB of sentences of the text (default: fairytales) in random order with other numbers between,
a vocabulary of 2,048 ids learnt from the text itself, each file in a fresh process. Peak memory is the kernel's
high-water mark of that process, which has imported all of torch; Linux only.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gptcore.data.cache import CACHE_FOLDER
from gptcore.data.sets import find_text
from gptcore.data.text import Span
from gptcore.data.tokens import SMALL, tokenized
from gptcore.tokenizer import tokenizer_from_json
from gptcore.tokenizer.train_bpe import train_bpe
from tests.benchmarks.timing import report

SIZES = (10**8, 3 * 10**8, 10**9)


def write(path: Path, sentences: list[str], size: int) -> None:
    """At least `size` bytes, of which no two megabytes are alike."""
    generator = random.Random(size)
    with path.open("w") as file:
        while file.tell() < size:
            chosen = generator.choices(sentences, k=10_000)
            file.write("".join(f"{sentence} {generator.randrange(10**6)} " for sentence in chosen))


def measure(path: Path, vocabulary: Path) -> dict[str, float]:
    """In this process: seconds, peak memory in bytes, number of ids."""
    tokenizer = tokenizer_from_json(json.loads(vocabulary.read_text()))
    start = time.perf_counter()
    ids = tokenized([Span(path, 0, path.stat().st_size)], tokenizer)
    seconds = time.perf_counter() - start
    processor = resource.getrusage(resource.RUSAGE_SELF)
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert peak
    return {
        "seconds": seconds,
        "processor": processor.ru_utime + processor.ru_stime,
        "peak": int(peak[1]) * 1024,
        "ids": len(ids),
    }


def main() -> int:
    """Prints the table; the exit status is 1 if the peak grows with the size."""
    source = find_text(sys.argv[1] if len(sys.argv) > 1 else "fairytales")
    text = source.read_text(encoding="utf-8")
    sentences = [sentence for sentence in re.split(r"(?<=[.!?]) ", text) if "<|endoftext|>" not in sentence]
    assert min(SIZES) > SMALL  # all go by way of the disk
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        vocabulary, path = Path(folder) / "vocabulary.json", Path(folder) / "text.txt"
        vocabulary.write_text(json.dumps(train_bpe([text], 2048).to_json()))
        for size in SIZES:
            write(path, sentences, size)
            command = [sys.executable, "-m", "tests.benchmarks.tokens", "--measure", str(path), str(vocabulary)]
            environment = os.environ | {CACHE_FOLDER: str(Path(folder) / "cache")}
            out = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
            found = json.loads(out)
            peaks.append(found["peak"])
            speed, own = (path.stat().st_size / found[which] / 1e6 for which in ("seconds", "processor"))
            print(
                f"| {size / 1e9:.1f} GB | {found['ids']:,} ids | {speed:.1f} MB/s, {own:.1f} of processor time | "
                f"peak {found['peak'] / 1e6:.0f} MB |",
                flush=True,
            )
    holds = report("peak memory at 1 GB / at 0.1 GB", peaks[-1] / peaks[0], 1.1, f"{peaks[-1] / 1e6:.0f} MB")
    return 0 if holds else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(Path(sys.argv[2]), Path(sys.argv[3]))))
        raise SystemExit
    raise SystemExit(main())
