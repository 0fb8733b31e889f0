"""A tokenizer whose vocabulary runs in a process apart (`worker.py`), which is ended when it is late.

A vocabulary may ask for anything: a pattern that takes years, a rule that makes a text a million times as long. Here
nobody waits for longer than the deadline, and after it was late a few times nobody waits at all.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, SupportsIndex

from gptcore.other_process import close_pipes, environment, python
from gptcore.tokenizer.base import Tokenizer, not_negative, refuse_surrogates

START = 10.0
"""Seconds for the start of the process and the reading of the vocabulary."""
LATE = 3
"""Late answers after which a vocabulary is not asked again."""
RUNNING = 4
"""Processes that run at a time; one that is asked again starts anew."""
REMEMBERED = 16
"""Texts whose ids are kept: a key asks for those of the same text several times."""


class TooSlowError(ValueError):
    """The vocabulary took longer than the deadline."""


class _Process:
    """One vocabulary's process: started when first needed, and asked by one thread at a time."""

    def __init__(self, data: str, seconds: float) -> None:
        self._data, self._seconds = data, seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self.late = 0

    def start(self) -> dict[str, Any]:
        """Start anew; return what is known of the vocabulary."""
        with self._lock:
            return self._started()

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Return the answer.

        Raises:
            TooSlowError: it is late, now or too often before.
        """
        with self._lock:
            if self.late >= LATE:
                raise TooSlowError(
                    f"this vocabulary took longer than {self._seconds:g} s several times, so it is not asked any more; "
                    "open the model with another vocabulary, or as plain ids"
                )
            if self._process is None or self._process.poll() is not None:
                self._started()
            _RUNNING.use(self)
            return self._exchange(json.dumps(question), self._seconds)

    def stop(self) -> None:
        """End the process; the next question starts it anew."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            close_pipes(process)
            process.wait()

    def forget(self) -> None:
        """Drop the process without ending it: called in a fork, whose parent owns it."""
        process, self._process, self._lock = self._process, None, threading.Lock()
        if process is not None:
            close_pipes(process)
            process.returncode = 0  # the parent waits for it

    def _started(self) -> dict[str, Any]:
        self.stop()
        try:
            self._process = subprocess.Popen(
                [python(), str(Path(__file__).with_name("worker.py"))],
                cwd=Path(__file__).parents[3],  # Python imports from its folder first: never an untrusted one
                env=environment(),
                start_new_session=True,  # Ctrl-C is meant for this process
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            raise ValueError(f"{python()} cannot be started for this vocabulary: {error.strerror or error}") from None
        return self._exchange(self._data, START)

    def _exchange(self, line: str, seconds: float) -> dict[str, Any]:
        """Send a line and return the answer; end the process where none comes in time."""
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        ended = threading.Event()

        def end() -> None:
            ended.set()
            process.kill()

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        answered = ""
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            answered = process.stdout.readline()
        except (OSError, ValueError):
            pass  # then there is no answer
        finally:
            timer.cancel()
            if not answered.endswith("\n"):  # or Ctrl-C came, and its late answer would be taken for the next one's
                self.stop()
        if answered.endswith("\n"):
            found: dict[str, Any] = json.loads(answered)
            if "refused" in found:
                raise ValueError(found["refused"])
            return found
        self.late += 1
        if ended.is_set():
            raise TooSlowError(
                f"this vocabulary took longer than {seconds:g} s, so it was ended; shorten the text, or open the model "
                "as plain ids"
            )
        raise ValueError(
            "this vocabulary ended its process, so it is damaged or malicious; open the model as plain ids"
        )


class _Running:
    """The processes that run: the one that was not asked for the longest time makes room for a new one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._order: OrderedDict[int, weakref.ref[_Process]] = OrderedDict()

    def use(self, process: _Process) -> None:
        """Note that a process is asked."""
        with self._lock:
            self._order[id(process)] = weakref.ref(process)
            self._order.move_to_end(id(process))
            oldest = [self._order.popitem(last=False)[1]() for _ in range(len(self._order) - RUNNING)]
        for other in oldest:
            if other is not None and other is not process and other._lock.acquire(blocking=False):
                try:
                    other.stop()
                finally:
                    other._lock.release()

    def each(self) -> list[_Process]:
        """Return all of them."""
        with self._lock:
            return [found for found in (ref() for ref in self._order.values()) if found is not None]

    def forget(self) -> None:
        """Called in a fork: its parent owns them."""
        self._lock = threading.Lock()
        for process in (ref() for ref in self._order.values()):
            if process is not None:
                process.forget()
        self._order.clear()


_RUNNING = _Running()


class ApartTokenizer(Tokenizer):
    """A tokenizer that encodes and decodes elsewhere; what its tokens are is known here.

    >>> from gptcore.tokenizer import BPETokenizer
    >>> data = BPETokenizer(r"\\s|\\S+", {bytes([b]): b for b in range(256)}).to_json()
    >>> tokenizer = ApartTokenizer(data, seconds=20)
    >>> tokenizer.encode("hi"), tokenizer.decode([104, 105]), tokenizer.token_bytes(104), tokenizer.vocab_size
    ([104, 105], 'hi', b'h', 256)

    Raises:
        ValueError: the vocabulary cannot be read, or takes too long.
    """

    def __init__(self, data: Mapping[str, Any], seconds: float) -> None:
        self._data = dict(data)
        self._process = _Process(json.dumps(self._data), seconds)
        weakref.finalize(self, self._process.stop)
        facts = self._process.start()
        _RUNNING.use(self._process)
        self._tokens = [None if raw is None else raw.encode("latin-1") for raw in facts["tokens"]]
        self._special: dict[str, int] = facts["special"]
        self._ranks = {raw.encode("latin-1"): index for raw, index in facts["ranks"].items()}
        self._shown: str = facts["shown"]
        self._known: OrderedDict[str, list[int] | str] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def vocab_size(self) -> int:
        return len(self._tokens)

    @property
    def special_tokens(self) -> Mapping[str, int]:
        return self._special

    def to_json(self) -> dict[str, Any]:
        return self._data

    def encode(self, text: str) -> list[int]:
        refuse_surrogates(text)
        with self._lock:
            known = self._known.get(text)
        if known is None:
            known = self._asked(text)
            with self._lock:
                self._known[text] = known
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
        if isinstance(known, str):
            raise ValueError(known)
        return list(known)

    def _asked(self, text: str) -> list[int] | str:
        """Return the ids of a text, or why there are none: nobody waits twice for a text that takes too long."""
        try:
            found: list[int] = self._process.ask({"text": text})["ids"]
        except ValueError as error:
            return str(error)
        return found

    def decode(self, ids: Iterable[SupportsIndex]) -> str:
        found: str = self._process.ask({"ids": [not_negative(index) for index in ids]})["text"]
        return found

    def token_of(self, raw: bytes) -> int | None:
        return self._ranks.get(raw)

    def _bytes_or_none(self, index: int) -> bytes | None:
        return self._tokens[index] if index < len(self._tokens) else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApartTokenizer) and self._data == other._data

    def __hash__(self) -> int:
        return hash((self._shown, len(self._tokens)))

    def __repr__(self) -> str:
        return f"{self._shown}, in a process apart"

    def __reduce__(self) -> tuple[type[ApartTokenizer], tuple[dict[str, Any], float]]:
        return ApartTokenizer, (self._data, self._process._seconds)


def _end_all() -> None:
    for process in _RUNNING.each():
        process.stop()


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_RUNNING.forget)
