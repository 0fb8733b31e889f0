"""Several processes that train one model, as torchrun starts them: who this one is, what it shares with the others.

PyTorch's own distributed data parallel does the work. This file knows processes and their batches; it knows no
settings and no files. A process by itself is a job of one, for which nothing here costs anything.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from gptcore.data.tasks import NOT_ASKED

T = TypeVar("T")
Batch = tuple[Tensor, Tensor]


class LostError(RuntimeError):
    """Another process of the job is gone, so this one cannot go on."""


class ElsewhereError(Exception):
    """Rank 0 could not go on and says why; this process ends without a word."""

    def __init__(self, status: int = 1) -> None:
        super().__init__(f"rank 0 ends with status {status}")
        self.status = status


@dataclass(frozen=True)
class Job:
    """This process among all those of the training; by itself, rank 0 of 1."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    launched: bool = False
    """By torchrun, which takes every exit status but 0 for a fault, after which it may start the job again."""
    restarts: int = 0
    """How often torchrun has started the job again because a worker was lost."""
    control: Any = None
    """The group for what is told between processes, on the CPU also where the gradients are on GPUs."""

    @property
    def leads(self) -> bool:
        """Whether this process writes files, shows progress and speaks: rank 0 does."""
        return self.rank == 0

    def shared(self, make: Callable[[], T]) -> T:
        """What `make()` gives on rank 0, on every rank. Its error is raised on rank 0, and elsewhere ElsewhereError."""
        if self.size == 1:
            return make()
        made: list[Any] = [None, None]
        try:
            if self.leads:
                made[1] = make()
        except (Exception, SystemExit) as error:
            made[0] = error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 1
            raise
        finally:
            dist.broadcast_object_list(made, src=0, group=self.control)
        if made[0] is not None:
            raise ElsewhereError(made[0])
        return made[1]

    def together(self, make: Callable[[], T]) -> T:
        """What `make()` gives on this rank, when it succeeds on all; of errors, that of the lowest rank is told."""
        if self.size == 1:
            return make()
        made, error = None, None
        try:
            made = make()
        except (ValueError, OSError) as raised:
            error = raised
        failed: list[bool] = [False] * self.size
        dist.all_gather_object(failed, error is not None, group=self.control)
        if any(failed):
            raise error if error is not None and failed.index(True) == self.rank else ElsewhereError()
        return made  # type: ignore[return-value]  # nobody failed

    def told(self, error: Exception) -> Exception:
        """An error that every rank has found, to be raised: rank 0 tells it, the others end without a word."""
        return error if self.leads else ElsewhereError()

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on any rank."""
        return bool(self.sum([float(flag)])[0])

    def sum(self, numbers: list[float]) -> list[float]:
        """Each number's sum over the ranks."""
        if self.size == 1:
            return numbers
        told = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(told, group=self.control)
        return told.tolist()

    def check(self, accumulate: int, batch_size: int) -> None:
        """That a step can be shared.

        Raises:
            ValueError: neither the batches nor their rows divide by the number of processes.
        """
        if accumulate % self.size and batch_size % self.size:
            raise ValueError(
                f"batch_size: a step of {accumulate} x {batch_size} sequences (accumulate x batch_size) does not "
                f"divide into {self.size} processes; make one of the two a multiple of {self.size}"
            )

    def share(self, batches: list[Batch]) -> list[tuple[Tensor, Tensor, float]]:
        """This rank's part of a step's batches, each with its weight in the sum of the step's losses.

        Whole batches where their number divides by that of the processes, as nanoGPT does; else rows of each. The
        weights make the sum over ranks, divided by the number of processes, the loss that one process would compute,
        also where rows have different numbers of targets.
        """
        if self.size == 1:
            return [(x, y, 1.0) for x, y in batches]
        if len(batches) % self.size == 0:
            return [(x, y, float(self.size)) for x, y in batches[self.rank :: self.size]]
        return [self._rows(x, y) for x, y in batches]

    def _rows(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, float]:
        count = len(x) // self.size
        mine = slice(self.rank * count, (self.rank + 1) * count)
        return x[mine], y[mine], self.size * int((y[mine] != NOT_ASKED).sum()) / int((y != NOT_ASKED).sum())

    def parallel(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The model with gradients that are means over all ranks; every rank begins with rank 0's weights."""
        if self.size == 1:
            return model
        return DistributedDataParallel(model, device_ids=[device.index] if device.type == "cuda" else None)

    def sync(self, model: nn.Module, last: bool) -> contextlib.AbstractContextManager[Any]:
        """Around a backward pass: only the last of a step's sends gradients."""
        if isinstance(model, DistributedDataParallel) and not last:
            return model.no_sync()
        return contextlib.nullcontext()


@contextlib.contextmanager
def job() -> Iterator[Job]:
    """The job that torchrun started this process for; without torchrun, a job of one.

    Raises:
        LostError: the other processes are not found, or, within, cannot be told anything any more.
    """
    if "TORCHELASTIC_RESTART_COUNT" not in os.environ:
        yield Job()
        return
    size, restarts = int(os.environ["WORLD_SIZE"]), int(os.environ["TORCHELASTIC_RESTART_COUNT"])
    if size == 1:
        yield Job(launched=True, restarts=restarts)
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"  # of both, a tensor's device decides
    try:
        store, rank, _ = next(rendezvous("env://"))
        # torchrun keeps one store for all its attempts, which still holds the addresses of those who are gone
        store = PrefixStore(f"attempt-{restarts}", store)
        dist.init_process_group(backend, store=store, rank=rank, world_size=size)
        local_rank = int(os.environ["LOCAL_RANK"])
        yield Job(rank, size, local_rank, True, restarts, dist.new_group(backend="gloo"))
        dist.destroy_process_group()  # not after an error: it might wait for who is gone
    except RuntimeError as error:
        if isinstance(error, dist.DistError) or "gloo" in str(error).lower():
            raise LostError(str(error)) from error
        raise
