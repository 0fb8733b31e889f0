"""Cost of writing a run as one HTML file: `python -m tests.benchmarks.html`. 32 tokens of each shipped model."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

import gptcore
from tests.benchmarks.timing import absolute, report, seconds

TEXT = "There was once a fox and a wolf. The fox said to the wolf: I know of a fine house. " * 2
T = 32


def main() -> bool:
    """Write each page several times; the first one reads and joins the scripts."""
    held = []
    with tempfile.TemporaryDirectory() as folder, absolute():
        for name in ("shakespeare-char", "fairytales"):
            ckpt = gptcore.load(name)
            trace = gptcore.capture(ckpt, ckpt.tokenizer.encode(TEXT)[:T])
            path = Path(folder, f"{name}.html")

            def write() -> None:
                gptcore.export.html(trace, path, tokenizer=ckpt.tokenizer, title=name)  # noqa: B023

            times = [seconds(write) for _ in range(7)]
            detail = f"first {times[0]:.2f} s"
            held.append(report(f"{name} as HTML, T = {T}: s", statistics.median(times), 3, detail))
            held.append(report(f"{name} as HTML, T = {T}: MB", path.stat().st_size / 1e6, 5))
    return all(held)


if __name__ == "__main__":
    sys.exit(not main())
