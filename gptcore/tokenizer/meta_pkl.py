"""Reader of nanoGPT's `meta.pkl`, a character vocabulary; no code in a pickle runs. This file knows that one format.

A pickle is a program. It is read twice: first its opcodes are checked, and only those that make plain dicts, lists,
tuples, numbers and texts pass; then it is unpickled by an unpickler without any other opcode. The result may be nested
deeply or contain itself, so this file never prints, compares, copies or hashes a part before it knows the type.

Source: `data/shakespeare_char/prepare.py` in nanoGPT: {"vocab_size": n, "itos": {id: character}, "stoi": {...}}.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from gptcore.tokenizer.bounded import read_bytes, shown
from gptcore.tokenizer.char import CharTokenizer

MOST_BYTES = 2**20
"""Largest file. Shakespeare's 65 characters take 703 bytes, the 20,992 ideographs of Unicode's first block 400,000."""
MOST_OPCODES = 250_000
"""Limit on time: six opcodes for each of 40,000 characters, where a megabyte can hold a million opcodes."""
_MEMO = {"PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET"}
_ALLOWED = {
    *("PROTO", "FRAME", "MARK", "STOP", "NONE", "NEWTRUE", "NEWFALSE", "MEMOIZE", *_MEMO),
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
    *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "EMPTY_LIST", "LIST", "APPEND", "APPENDS"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
}
_WANTED = (
    "a character vocabulary is nanoGPT's {'vocab_size': n, 'itos': {id: character}, 'stoi': {character: id}}, of n "
    "characters with the ids from 0 to n-1"
)


def read_meta_pkl(path: str | Path) -> CharTokenizer:
    """Read the vocabulary at `path`: its characters in the order of their ids. No code in it is executed.

    Raises:
        ValueError: the file is missing, damaged or over 1 MiB, asks for anything but plain data, or holds no
            vocabulary of single characters.
    """
    raw = read_bytes(Path(path), MOST_BYTES)
    try:
        _check_opcodes(raw)
        return CharTokenizer(_characters(_unpickled(raw)))
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as a vocabulary: {error}") from None


def _check_opcodes(raw: bytes) -> None:
    """Raise ValueError at the first opcode that a vocabulary does not need, and at numbers that take long to read."""
    # Time grows with the square of the number of digits, and Python's own limit on them can be switched off.
    if re.search(rb"(?<![0-9_])[0-9_]{1000}", raw):
        raise ValueError("it holds a number of more than 1000 digits, which no vocabulary does")
    try:
        for count, (opcode, argument, position) in enumerate(pickletools.genops(raw)):
            if opcode.name not in _ALLOWED:
                what = opcode.name if argument is None else f"{opcode.name} {shown(argument)}"
                raise _Refused(
                    f"byte {position} of this pickle is {what}; plain data does not need it and it can run code, so "
                    "the file was refused and nothing in it was run"
                )
            if count >= MOST_OPCODES:
                raise _Refused(f"it has more than {MOST_OPCODES} opcodes, which no vocabulary needs")
            if type(argument) is int and _too_large(opcode.name, argument):
                raise _Refused(f"byte {position} of this pickle is {opcode.name} {shown(argument)}, too large a number")
    except _Refused:
        raise
    except Exception as error:  # for a damaged pickle, genops may raise almost any kind
        why = str(error)[:200]
        raise ValueError(f"it is not a pickle, or damaged ({why}); copy or download it again") from None


def _too_large(name: str, number: int) -> bool:
    """Return True if a number is too large: many large numbers can be made to collide in a dict, which is slow."""
    if name == "FRAME":
        return False
    return not 0 <= number < MOST_BYTES if name in _MEMO else not -(2**63) <= number < 2**63


class _Refused(ValueError):
    """The pickle may be undamaged, but holds something that is not allowed."""


class _PlainUnpickler(pickle._Unpickler):
    """An unpickler of only the allowed opcodes. C's would allocate memory up to the largest memo index."""

    stack: list[Any]
    append: Callable[[object], None]
    pop_mark: Callable[[], list[Any]]

    def find_class(self, module: str, name: str) -> NoReturn:
        raise _Refused(f"it asks for {shown(module)} {shown(name)}")

    def persistent_load(self, pid: object) -> NoReturn:
        raise _Refused("it asks for an object by a persistent id")

    def get_extension(self, code: int) -> NoReturn:
        raise _Refused(f"it asks for extension {code}")

    def load_dict(self) -> None:
        made: dict[object, object] = {}
        _put(made, self.pop_mark())
        self.append(made)

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        _put(self.stack[-1], [key, value])

    def load_setitems(self) -> None:
        items = self.pop_mark()
        _put(self.stack[-1], items)

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **{ord(o.code): pickle._Unpickler.dispatch[ord(o.code)] for o in pickletools.opcodes if o.name in _ALLOWED},
        pickle.DICT[0]: load_dict,
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
    }


def _put(target: object, items: list[Any]) -> None:
    """Fill a dict. Raise for keys that are slow to hash: nested tuples overflow the stack, huge numbers collide."""
    if type(target) is not dict or len(items) % 2:
        raise _Refused("it fills something that is not a dict, or a dict with a key without a value")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if type(key) is not str and not (type(key) is int and 0 <= key < 2**31):
            raise _Refused(f"a key of a dict is {shown(key)}, where a vocabulary has text or an id")
        target[key] = value


def _unpickled(raw: bytes) -> object:
    try:
        return _PlainUnpickler(io.BytesIO(raw)).load()
    except _Refused:
        raise
    except Exception as error:  # for a damaged pickle, the unpickler may raise almost any kind
        raise ValueError(f"it is a damaged pickle ({type(error).__name__}); copy or download it again") from None


def _characters(content: object) -> str:
    if type(content) is not dict:
        raise ValueError(f"it holds {shown(content)}; {_WANTED}")
    itos, stoi, size = content.get("itos"), content.get("stoi"), content.get("vocab_size")
    if type(itos) is not dict or type(stoi) is not dict or type(size) is not int:
        found = f"itos {shown(itos)}, stoi {shown(stoi)}, vocab_size {shown(size)}"
        raise ValueError(f"it holds {found}; {_WANTED}")
    if not len(itos) == len(stoi) == size:
        raise ValueError(f"vocab_size is {size}, but itos has {len(itos)} ids and stoi {len(stoi)} entries; {_WANTED}")
    return "".join(_character(itos, stoi, index) for index in range(size))


def _character(itos: Mapping[object, object], stoi: Mapping[object, object], index: int) -> str:
    if index not in itos:
        raise ValueError(f"itos has {len(itos)} ids, but not id {index}; {_WANTED}")
    char = itos[index]
    if type(char) is not str or len(char) != 1:
        raise ValueError(f"id {index} is {shown(char)}; only vocabularies of single characters can be read; {_WANTED}")
    back = stoi.get(char)
    if type(back) is not int or back != index:
        raise ValueError(f"itos gives id {index} to {shown(char)}, but stoi gives it {shown(back)}; {_WANTED}")
    return char
