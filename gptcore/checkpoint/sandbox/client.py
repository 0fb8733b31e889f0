"""Pickled PyTorch files of strangers, opened by a process apart (`worker.py`); here arrive plain weights and facts."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from gptcore.checkpoint import progress
from gptcore.checkpoint.base import CheckpointError
from gptcore.checkpoint.safetensors_file import SafetensorsFile

SECONDS = 6.0
"""To open a small file; large ones get a second more for each 20 MB."""
MOST_FACTS = 2**23
"""Bytes of settings, tokenizer and names. JSON read in takes up to 24 times its size, as lists of empty lists do."""


@dataclass(frozen=True)
class Pickled:
    """What a pickled checkpoint held."""

    state: dict[str, Tensor]
    """The weights by their names as stored; floating-point, dense, each in memory of its own but those of `same`."""
    facts: dict[str, Any]
    """Plain data: `masks` (name to shape), `not_causal` (names of masks of another attention), `optimizer` (whether
    there was one), and model_args, config, iter_num, best_val_loss, tokenizer where the file has them."""


def open_pickled(path: Path) -> Pickled:
    """The weights and facts of a file that `torch.save` wrote. Nothing in it is run.

    Raises:
        CheckpointError: the file is none, is damaged, asks for code, or for memory or time without bound.
    """
    progress.tell(0.05, "opening the file, in a process apart")
    with _temporary_folder(path) as folder:
        out = Path(folder)
        seconds = SECONDS + path.stat().st_size / 20e6
        answer = _opener.ask({"path": str(path.absolute()), "out": folder, "seconds": seconds}, seconds)
        if refused := answer.get("refused"):
            raise CheckpointError(refused)
        if (out / "facts.json").stat().st_size > MOST_FACTS:
            raise CheckpointError(f"{path} holds far more than weights and settings; it is no plain checkpoint")
        facts = json.loads((out / "facts.json").read_bytes())
        with SafetensorsFile(out / "model.safetensors") as file:
            entries = progress.counted(file.entries, len(file.entries), "reading weights", first=0.5)
            read = {name: file.read(name) for name in entries}
    same = facts.pop("same")
    ordered = [name for name in facts.pop("names") if name in read or name in same]
    return Pickled({name: read[same.get(name, name)] for name in ordered}, facts)


def _temporary_folder(path: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        # errors at its end are ignored: they would hide the Ctrl-C that ended it while a fork was still being killed
        return tempfile.TemporaryDirectory(prefix="gptscope-", ignore_cleanup_errors=True)
    except OSError as error:
        raise CheckpointError(
            f"{path} needs a temporary folder to be opened, and none can be made ({error.strerror or error}); make "
            "room on the disk, or set TMPDIR to a folder that has some"
        ) from error


class _Opener:
    """The process that opens files: started when first needed, asked by one thread at a time, ended with this one."""

    module = "gptcore.checkpoint.sandbox.worker"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, str]:
        """The answer to one request, or a refusal when the process has ended or is late."""
        with self._lock:
            process, line = self._running(), ""
            assert process.stdin is not None and process.stdout is not None
            late = threading.Timer(seconds + 30, process.kill)  # it minds the time itself; this is for its own end
            late.start()
            try:
                process.stdin.write(json.dumps(request) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except (OSError, ValueError):
                pass  # there is no line, then
            finally:
                late.cancel()
                whole = line.endswith("\n")
                if not whole:  # it ended; or Ctrl-C came: then its answer would be taken for that to the next request
                    self._stop()
            if not whole:
                return {
                    "refused": f"{request['path']} could not be opened: the process that opens checkpoints ended; "
                    "try again, and if it stays so, save the checkpoint again with torch.save"
                }
            answer: dict[str, str] = json.loads(line)
            return answer

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._stop()
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.module],
                cwd=Path(__file__).parents[3],  # Python imports from there first, so not from a stranger's folder
                start_new_session=True,  # a group with its forks, to be ended with them
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
            )
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if hasattr(os, "killpg"):
            with contextlib.suppress(OSError):  # all have ended
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        _close_pipes(process)
        process.wait()

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            self._stop()

    def forget(self) -> None:
        """In a fork of this process: what opens files belongs to the parent, and so do its answers."""
        process, self._process, self._lock = self._process, None, threading.Lock()
        if process is not None:
            _close_pipes(process)
            process.returncode = 0  # not for us to wait for


def _close_pipes(process: subprocess.Popen[str]) -> None:
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):  # what was still to be written has no reader
            if stream is not None:
                stream.close()


_opener = _Opener()
atexit.register(_opener.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_opener.forget)
