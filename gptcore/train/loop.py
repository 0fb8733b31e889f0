"""The training loop: from settings to a run folder, step by step, able to stop and go on at any step.

Nothing random is carried from step to step: the batch and the dropout of a step are decided by the seed and the
step's number alone, so a resumed run is the same run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from tqdm import tqdm

from gptcore import data
from gptcore.config import GPTConfig
from gptcore.data import Source
from gptcore.model import GPT
from gptcore.train import evaluate, snapshots
from gptcore.train.optimizer import learning_rate, make_optimizer
from gptcore.train.run_folder import RunError, RunFolder
from gptcore.train.settings import Settings, choose_device, choose_precision


class Trainer:
    """One run: its data, its model, and where it stands."""

    def __init__(self, settings: Settings) -> None:
        """Reads the data and makes the model, or takes up the one that `settings.out` holds.

        Raises:
            RunError: the folder holds a run and `resume` is off, or holds none and it is on.
            gptcore.data.DataError, gptcore.config.ConfigError: data or sizes that cannot be trained with.
        """
        self.settings = settings
        self.device = choose_device(settings.device)
        self.precision = choose_precision(settings.precision, self.device)
        self.autocast = torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.precision == torch.bfloat16, cache_enabled=True
        )
        self.folder = RunFolder(settings.out)
        self.source = self._source()
        self.config = self._config()
        self.step, self.best_val_loss = 0, math.inf
        self._seed(0)
        self.model = GPT(self.config).to(self.device)
        self.optimizer = make_optimizer(self.model, settings, self.device)
        if settings.resume:
            self._take_up()
        else:
            self.folder.start(settings, self.source.tokenizer.to_json())

    def _source(self) -> Source:
        settings = self.settings
        if settings.data in data.TASKS:
            return data.task_source(settings.data, settings.block_size, settings.vocab_size)
        return data.text_source(settings.data, settings.block_size, settings.tokenizer, settings.vocab_size)

    def _config(self) -> GPTConfig:
        settings = self.settings
        return GPTConfig(
            block_size=settings.block_size,
            vocab_size=self.source.tokenizer.vocab_size,
            n_layer=settings.n_layer,
            n_head=settings.n_head,
            n_embd=settings.n_embd,
            dropout=settings.dropout,
            bias=settings.bias,
            tie_weights=settings.tie_weights,
            activation=settings.activation,
        )

    def _take_up(self) -> None:
        state = self.folder.read_last(self.device)
        if state["model_args"] != self.config.to_dict():
            raise RunError(
                f"{self.folder.last} holds a model of {state['model_args']}, and these settings make one of "
                f"{self.config.to_dict()}; leave the data and the model's sizes as they were"
            )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.best_val_loss = state["iter_num"], state["best_val_loss"]
        self.folder.forget_after(self.step)
        snapshots.forget_after(self.folder.path, self.step)
        self.folder.write_settings(self.settings)

    def run(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Trains to the last step, or until `stop()` is true after a step. Saves either way; true when finished."""
        settings = self.settings
        with tqdm(total=settings.steps, initial=self.step, unit="step", dynamic_ncols=True) as bar:
            if self.step == 0:
                self._evaluate(bar)
                if 0 in settings.snapshots:
                    self._keep_snapshot()
            while self.step < settings.steps:
                started = time.perf_counter()
                loss = self._train_step()
                self.step += 1
                if self.step % settings.log_interval == 0:
                    self._log(bar, loss.item(), time.perf_counter() - started)
                bar.update()
                finished = self.step == settings.steps
                if self.step in settings.snapshots or (finished and settings.snapshots):
                    self._keep_snapshot()
                if finished or self.step % settings.eval_interval == 0:
                    self._evaluate(bar)
                if not finished and stop():
                    self.folder.save(self.folder.last, self._state(with_optimizer=True))
                    return False
        return True

    def _seed(self, step: int) -> torch.Generator:
        """Seeds dropout for a step and returns the generator of its batches: one pair of numbers, one step."""
        mixed = self.settings.seed * 1_000_003 + step
        torch.manual_seed(mixed)
        return torch.Generator().manual_seed(mixed)

    def _train_step(self) -> torch.Tensor:
        """One optimizer step; returns its mean training loss in nats."""
        settings = self.settings
        generator = self._seed(self.step + 1)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, settings)
        self.model.train()
        total = torch.zeros((), device=self.device)
        for _ in range(settings.accumulate):
            x, y = self.source.batch(settings.batch_size, generator)
            with self.autocast:
                _, loss = self.model(x.to(self.device), y.to(self.device))
            assert loss is not None
            loss = loss / settings.accumulate
            loss.backward()
            total += loss.detach()
        if settings.grad_clip:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.grad_clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return total

    def _log(self, bar: tqdm[Any], loss: float, seconds: float) -> None:
        settings = self.settings
        tokens_per_s = settings.batch_size * settings.accumulate * settings.block_size / seconds
        lr = learning_rate(self.step - 1, settings)
        self.folder.log({"step": self.step, "loss": loss, "lr": lr, "tokens_per_s": round(tokens_per_s)})
        bar.set_postfix(loss=f"{loss:.3f}", best_val=f"{self.best_val_loss:.3f}", tok_s=f"{tokens_per_s:,.0f}")

    def _evaluate(self, bar: tqdm[Any]) -> None:
        found = self._measured()
        self.folder.log({"step": self.step, **found})
        told = ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in found.items())
        bar.write(f"step {self.step}: {told}")
        if found["val_loss"] < self.best_val_loss:
            self.best_val_loss = found["val_loss"]
            self.folder.save(self.folder.best, self._state(with_optimizer=False))
        self.folder.save(self.folder.last, self._state(with_optimizer=True))

    def _measured(self) -> dict[str, float]:
        """train_loss and val_loss, in nats; for a task val_accuracy, too."""
        settings, found = self.settings, {}
        for split in ("train", "val"):
            batches = self.source.sample(split, settings.eval_windows, settings.batch_size)
            measured = evaluate.measure(self.model, self.source, batches, self.autocast)
            found |= {f"{split}_{name}": value for name, value in measured.items()}
        found.pop("train_accuracy", None)
        return found

    def _keep_snapshot(self) -> None:
        dtype = getattr(torch, self.settings.export_dtype)
        snapshots.write(self.folder.path, self.model, self.step, self._measured(), dtype)

    def _state(self, with_optimizer: bool) -> dict[str, Any]:
        """What nanoGPT's `ckpt.pt` holds, with our tokenizer added."""
        state = {
            "model": self.model.state_dict(),
            "model_args": self.config.to_dict(),
            "iter_num": self.step,
            "best_val_loss": self.best_val_loss,
            "config": self.settings.to_dict(),
            "tokenizer": self.source.tokenizer.to_json(),
        }
        return {**state, "optimizer": self.optimizer.state_dict()} if with_optimizer else state
