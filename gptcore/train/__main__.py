"""`python -m gptcore.train`: reads the command line, trains, and exports the best model with its card.

`torchrun --nproc-per-node 2 -m gptcore.train ...` does the same in several processes, on one machine or on many.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from types import FrameType

import torch

from gptcore.train.distributed import ElsewhereError, Job, LostError, job
from gptcore.train.finite import NotFiniteError
from gptcore.train.loop import Trainer
from gptcore.train.run_folder import RunFolder
from gptcore.train.settings import Settings, parse

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _Interrupt:
    """Ctrl-C asks for a stop after the step in progress; a second one ends at once."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        if os.environ.get("RANK", "0") == "0":
            print("\nstopping after this step; once more to stop at once, without saving", file=sys.stderr)

    def __call__(self) -> bool:
        return self.asked


class _Command:
    """One run of the command, in one process of the job; knows its settings as soon as they are read."""

    def __init__(self) -> None:
        self.job = Job()
        self.settings: Settings | None = None

    def run(self, arguments: list[str]) -> int:
        with job() as self.job:
            restarted = self.job.restarts > 0
            settings = self.job.shared(lambda: parse(arguments, lambda out: RunFolder(out).read_settings(), restarted))
            self.settings = settings
            stop = _Interrupt()
            trainer = Trainer(settings, self.job)
            self._say(_opening(trainer))
            if not trainer.run(stop):
                self._say(f"saved at step {trainer.step}; go on with: {self.again}")
                return 0 if self.job.launched else 130
            if settings.export is not None and self.job.leads:
                from gptcore.train.export import export  # with the formats of checkpoints, which training does not need

                export(trainer)
                self._say(f"exported to {settings.export}")
        return 0

    @property
    def again(self) -> str:
        """The command that goes on with the run."""
        out = self.settings.out if self.settings else "..."
        return f"python -m gptcore.train --out {out} --resume"

    def fail(self, sentence: str) -> int:
        """Tells why it ends, in one sentence."""
        who = f"rank {self.job.rank}: " if self.job.rank else ""
        print(f"{who}error: {sentence}", file=sys.stderr, flush=True)
        return 1

    def _say(self, sentence: str) -> None:
        if self.job.leads:
            print(sentence, flush=True)


def main(arguments: list[str]) -> int:
    """Runs the command; returns its exit status: 0 trained, 1 could not, 130 stopped (of torchrun's processes 0)."""
    command = _Command()
    try:
        return command.run(arguments)
    except ElsewhereError as error:
        return error.status
    except LostError as error:
        if command.settings is None:
            return command.fail(f"the processes of this job do not find each other ({str(error).splitlines()[0]})")
        return command.fail(
            f"another process of this job was lost; last.pt holds the last save, go on from it with: {command.again}"
        )
    except NotFiniteError as error:
        return command.fail(
            f"{error}; nothing of it was saved. Go on from the last save, with a smaller learning rate: "
            f"{command.again} --learning-rate ..."
        )
    except torch.OutOfMemoryError as error:
        return command.fail(
            f"the GPU's memory is too small ({str(error).splitlines()[0]}); take a smaller --batch-size, and "
            "--accumulate more of them"
        )
    except ValueError as error:
        return command.fail(str(error))
    except OSError as error:
        if error.errno not in NO_ROOM:
            return command.fail(str(error))
        return command.fail(
            f"the disk is full ({error}); what was saved last is whole. Make room, then go on with: {command.again}"
        )
    except KeyboardInterrupt:
        return 130


def _opening(trainer: Trainer) -> str:
    """What is about to happen, in a line."""
    parameters = sum(parameter.numel() for parameter in trainer.model.parameters())
    device = f"{trainer.device.type}, {str(trainer.precision).removeprefix('torch.')}"
    processes = f" in {trainer.job.size} processes" if trainer.job.size > 1 else ""
    begun = f"from step {trainer.step:,} on" if trainer.resumed else "from the beginning"
    if trainer.settings.init_from and not trainer.resumed:
        begun = f"from {trainer.settings.init_from}"
    return f"{parameters:,} parameters on {device}{processes}, {begun}; run in {trainer.settings.out}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
