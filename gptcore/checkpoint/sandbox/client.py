"""Client of the sandbox process (`worker.py`) that opens untrusted pickles; it receives plain weights and facts.

This file never unpickles anything.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from torch import Tensor

from gptcore.checkpoint import progress
from gptcore.checkpoint.base import CheckpointError
from gptcore.checkpoint.safetensors_file import SafetensorsFile
from gptcore.other_process import close_pipes, environment, python

SECONDS = 6.0
"""Time limit for a small file; a large one gets a second more for each 20 MB."""
MOST_SAID = 2**12
"""Bytes that are read of what the process said, from the end."""
MOST_FACTS = 2**23
"""Largest facts.json in bytes. Parsed JSON takes up to 24 times its size in memory, for lists of empty lists."""


@dataclass(frozen=True)
class Opened:
    """The content of a file of weights as plain data."""

    state: dict[str, Tensor]
    """Weights by their stored names: floating-point, dense, each in its own memory unless the file shared it."""
    facts: dict[str, Any]
    """Plain data: `masks` (name to shape), `not_causal` (names of masks of another attention), `optimizer` (True if
    there was one), and model_args, config, iter_num, best_val_loss, tokenizer if the file has them."""


def open_pickled(path: Path) -> Opened:
    """Return the weights and facts of a file that `torch.save` wrote. No code in it is executed.

    Raises:
        CheckpointError: the file is not from `torch.save`, is damaged, asks for code, or exceeds memory or time.
    """
    progress.tell(0.05, "opening the file in a separate process")
    with _temporary_folder(path) as folder:
        out = Path(folder)
        seconds = SECONDS + path.stat().st_size / 20e6
        answer = _opener.ask({"path": str(path.absolute()), "out": folder, "seconds": seconds}, seconds)
        if refused := answer.get("refused"):
            raise CheckpointError(refused)
        if (out / "facts.json").stat().st_size > MOST_FACTS:
            raise CheckpointError(
                f"{path} holds far more than weights and settings, so it is not a plain checkpoint; save only the "
                "state dict and the settings"
            )
        facts = json.loads((out / "facts.json").read_bytes())
        with SafetensorsFile(out / "model.safetensors") as file:
            entries = progress.counted(file.entries, len(file.entries), "reading weights", first=0.5)
            read = {name: file.read(name) for name in entries}
    same = facts.pop("same")
    ordered = [name for name in facts.pop("names") if name in read or name in same]
    return Opened({name: read[same.get(name, name)] for name in ordered}, facts)


def _temporary_folder(path: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        # clean-up errors are ignored: after Ctrl-C, while a fork is still being killed, they would hide the Ctrl-C
        return tempfile.TemporaryDirectory(prefix="gptscope-", ignore_cleanup_errors=True)
    except OSError as error:
        raise CheckpointError(
            f"{path} needs a temporary folder to be opened, and none can be made ({error.strerror or error}); make "
            "room on the disk, or set TMPDIR to a folder that has some"
        ) from error


class _Opener:
    """The sandbox process: started when first needed, used by one thread at a time, ended with this process."""

    module = "gptcore.checkpoint.sandbox.worker"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._said: IO[bytes]
        """Its standard error."""

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, str]:
        """Return the answer to one request, or a refusal if the sandbox process has ended or is late."""
        with self._lock:
            process, line, said = self._running(request["path"]), "", ""
            assert process.stdin is not None and process.stdout is not None
            late = threading.Timer(seconds + 30, process.kill)  # the worker limits its forks; this limits the worker
            late.start()
            try:
                process.stdin.write(json.dumps(request) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except (OSError, ValueError):
                pass  # then there is no line
            finally:
                late.cancel()
                whole = line.endswith("\n")
                if not whole:  # it ended; or Ctrl-C came, and its late answer would be taken for the next request's
                    said = self._stop()
            if not whole:
                return {"refused": _ended(request["path"], said)}
            answer: dict[str, str] = json.loads(line)
            return answer

    def _running(self, path: str) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._stop()
            self._said = tempfile.TemporaryFile()  # noqa: SIM115  # closed by _stop
            try:
                self._process = subprocess.Popen(
                    [python(), "-m", self.module],
                    cwd=Path(__file__).parents[3],  # Python imports from its folder first: never an untrusted one
                    env=environment(),
                    start_new_session=True,  # one process group with its forks, so that all can be killed together
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._said,
                    text=True,
                    encoding="utf-8",
                )
            except OSError as error:
                self._said.close()
                raise CheckpointError(
                    _ended(path, f"{python()} cannot be started: {error.strerror or error}")
                ) from None
        return self._process

    def _stop(self) -> str:
        """End the process; return what it said last, about an error for example."""
        process, self._process = self._process, None
        if process is None:
            return ""
        if hasattr(os, "killpg"):
            with contextlib.suppress(OSError):  # all have ended already
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        close_pipes(process)
        process.wait()
        self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - MOST_SAID))
        lines = self._said.read().decode("utf-8", "replace").split("\n")
        self._said.close()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def close(self) -> None:
        """End the sandbox process."""
        with self._lock:
            self._stop()

    def forget(self) -> None:
        """Drop the sandbox process without ending it: called in a fork, whose parent owns it and its answers."""
        process, self._process, self._lock = self._process, None, threading.Lock()
        if process is not None:
            self._said.close()
            close_pipes(process)
            process.returncode = 0  # the parent waits for it


def _ended(path: str, said: str) -> str:
    why = f" ({said[:300]})" if said else ""
    return (
        f"{path} could not be opened: the process that opens checkpoints ended{why}; try again, and if it happens "
        "again, save the checkpoint anew with torch.save"
    )


_opener = _Opener()
atexit.register(_opener.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_opener.forget)
