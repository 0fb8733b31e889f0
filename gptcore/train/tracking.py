"""Where a training tells how it goes: metrics.jsonl always, a bar in the terminal, TensorBoard where there is one."""

from __future__ import annotations

import time
from typing import Any

from tqdm import tqdm

from gptcore.train.run_folder import RunFolder

TENSORBOARD = "tensorboard"


class Tracker:
    """The progress of one run, as its leading process tells it."""

    def __init__(self, folder: RunFolder, steps: int, step: int, tokens: int, tensorboard: bool, shown: bool) -> None:
        """`step` of `steps` are done, and each takes `tokens` tokens."""
        self.folder, self.tokens = folder, tokens
        self.bar = tqdm(total=steps, initial=step, unit="step", dynamic_ncols=True, disable=not shown)
        self.writer = _writer(folder, step) if tensorboard and shown else None
        self.best_val: dict[str, str] = {}
        self.rest()

    def rest(self) -> None:
        """What was done since the last step was no training: it does not count for the speed."""
        self._since, self._steps = time.perf_counter(), 0

    def step(self) -> None:
        """One step more is done."""
        self._steps += 1
        self.bar.update()

    def trained(self, step: int, loss: float, lr: float, grad_norm: float) -> None:
        """The loss of a step's batch, with the speed since the last such line."""
        speed = round(self.tokens * self._steps / (time.perf_counter() - self._since))
        self.rest()
        self._write({"step": step, "loss": loss, "lr": lr, "tokens_per_s": speed, "grad_norm": grad_norm})
        self.bar.set_postfix(loss=f"{loss:.3f}", **self.best_val, tok_s=f"{speed:,}", refresh=False)

    def evaluated(self, step: int, losses: dict[str, float], best_val_loss: float) -> None:
        """What an evaluation found, and the best so far."""
        self.best_val = {"best_val": f"{best_val_loss:.3f}"}
        self._write({"step": step, **losses})
        if self.writer:
            self.writer.flush()
        told = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in losses.items())
        self.bar.write(f"step {step}: {told}")

    def close(self) -> None:
        """Leaves the bar as it is."""
        self.bar.close()
        if self.writer:
            self.writer.close()

    def _write(self, line: dict[str, Any]) -> None:
        self.folder.log(line)
        if self.writer:
            for name in line.keys() - {"step"}:
                self.writer.add_scalar(name, line[name], line["step"])


def _writer(folder: RunFolder, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder.path / TENSORBOARD), purge_step=step + 1)
