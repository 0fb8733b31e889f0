"""Reader of nanoGPT's `meta.pkl`, a vocabulary; no code in a pickle runs. This file knows that one format.

A pickle is a program. It is read twice: first its opcodes are checked, and only those that make plain data pass; then
it is unpickled by an unpickler without any other opcode, to which `pickle_stand_ins.py` gives a stand-in of every
class. The result may be nested deeply or contain itself, so this file never prints, compares, copies or hashes a part
before it knows the type.

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

from gptcore.pickle_stand_ins import KEPT, Inert, NotDataError, stand_in
from gptcore.tokenizer.bounded import read_bytes, shown
from gptcore.tokenizer.char import CharTokenizer
from gptcore.tokenizer.table import TableTokenizer

MOST_BYTES = 2**20
"""Largest file. Shakespeare's 65 characters take 703 bytes, the 20,992 ideographs of Unicode's first block 400,000."""
MOST_OPCODES = 250_000
"""Limit on time: six opcodes for each of 40,000 characters, where a megabyte can hold a million opcodes."""
_MEMO = {"PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET"}
_ALLOWED = {
    *("PROTO", "FRAME", "MARK", "STOP", "NONE", "NEWTRUE", "NEWFALSE", "MEMOIZE", *_MEMO),
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("SHORT_BINBYTES", "BINBYTES"),
    *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "EMPTY_LIST", "LIST", "APPEND", "APPENDS"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
}
_NAMES, _OBJECTS = ("GLOBAL", "STACK_GLOBAL"), ("REDUCE", "NEWOBJ", "BUILD", "BYTEARRAY8")
"""Opcodes of objects, such as NumPy's numbers: only of those that have a stand-in."""
_READ = {*_ALLOWED, *_NAMES, *_OBJECTS}
_WANTED = (
    "a vocabulary is nanoGPT's {'vocab_size': n, 'itos': {id: token}, 'stoi': {token: id}}, of n tokens with the ids "
    "from 0 to n-1"
)


def read_meta_pkl(path: str | Path) -> CharTokenizer | TableTokenizer:
    """Read the vocabulary at `path`: its tokens in the order of their ids. No code in it is executed.

    `itos` may be a list, `vocab_size` or one of the two tables may be absent, and tokens may be words.

    Raises:
        ValueError: the file is missing, damaged or over 1 MiB, asks for anything but plain data, or holds no
            vocabulary.
    """
    raw = read_bytes(Path(path), MOST_BYTES)
    try:
        _check_opcodes(raw)
        tokens = _tokens(_unpickled(raw))
        if all(len(token) == 1 for token in tokens):
            return CharTokenizer("".join(tokens))
        return TableTokenizer(tuple(tokens))
    except ValueError as error:
        raise ValueError(f"{path} cannot be read as a vocabulary: {error}") from None


def _check_opcodes(raw: bytes) -> None:
    """Raise ValueError at the first opcode that a vocabulary does not need, and at numbers that take long to read."""
    # Time grows with the square of the number of digits, and Python's own limit on them can be switched off.
    if re.search(rb"(?<![0-9_])[0-9_]{1000}", raw):
        raise ValueError("it holds a number of more than 1000 digits, which no vocabulary does")
    named = False
    try:
        for count, (opcode, argument, position) in enumerate(pickletools.genops(raw)):
            if not _is_allowed(opcode.name, argument, named):
                what = opcode.name if argument is None else f"{opcode.name} {shown(argument)}"
                raise _Refused(
                    f"byte {position} of this pickle is {what}; plain data does not need it and it can run code, so "
                    "the file was refused and nothing in it was run"
                )
            named = named or opcode.name in _NAMES
            if count >= MOST_OPCODES:
                raise _Refused(f"it has more than {MOST_OPCODES} opcodes, which no vocabulary needs")
            if type(argument) is int and _too_large(opcode.name, argument):
                raise _Refused(f"byte {position} of this pickle is {opcode.name} {shown(argument)}, too large a number")
    except _Refused:
        raise
    except Exception as error:  # for a damaged pickle, genops may raise almost any kind
        why = str(error)[:200]
        raise ValueError(f"it is not a pickle, or damaged ({why}); copy or download it again") from None


def _is_allowed(opcode: str, argument: object, named: bool) -> bool:
    """Return True for an opcode of plain data; those of objects only behind a name, which has a stand-in."""
    if opcode == "GLOBAL":
        return _made_for(str(argument).replace(" ", ".", 1)) is not None
    return opcode in _ALLOWED or (named and opcode in _OBJECTS) or opcode in _NAMES


def _made_for(name: str) -> Any:
    """Return what stands for a name in a pickle; None where it may be code."""
    name = name.removeprefix("builtins.").removeprefix("__builtin__.")
    return _encoded if name == "_codecs.encode" else stand_in(name)


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

    def find_class(self, module: str, name: str) -> Any:
        made = _made_for(f"{module}.{name}")
        if made is None:
            raise _Refused(
                f"this pickle asks for {shown(f'{module}.{name}')}; plain data does not need it and it can run code, "
                "so the file was refused and nothing in it was run"
            )
        return made

    def persistent_load(self, pid: object) -> NoReturn:
        raise _Refused("it asks for an object by a persistent id")

    def get_extension(self, code: int) -> NoReturn:
        raise _Refused(f"it asks for extension {code}")

    def load_dict(self) -> None:
        made: dict[object, object] = {}
        _put(made, self.pop_mark())
        self.append(made)

    def load_build(self) -> None:
        state = self.stack.pop()
        if type(self.stack[-1]) not in KEPT and not isinstance(self.stack[-1], Inert):
            raise _Refused("it gives fields to something that has none")
        self.stack[-1].__setstate__(state)

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        _put(self.stack[-1], [key, value])

    def load_setitems(self) -> None:
        items = self.pop_mark()
        _put(self.stack[-1], items)

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **{ord(o.code): pickle._Unpickler.dispatch[ord(o.code)] for o in pickletools.opcodes if o.name in _READ},
        pickle.DICT[0]: load_dict,
        pickle.BUILD[0]: load_build,
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


def _encoded(text: object, encoding: object = "latin1") -> bytes:
    """Return bytes that protocol 2 has written as text."""
    if type(text) is not str or encoding != "latin1":
        raise _Refused("it encodes something that is no text of bytes")
    return text.encode("latin1")


def _unpickled(raw: bytes) -> object:
    try:
        return _PlainUnpickler(io.BytesIO(raw)).load()
    except NotDataError as refused:
        raise _Refused(f"it {refused}") from None
    except _Refused:
        raise
    except Exception as error:  # for a damaged pickle, the unpickler may raise almost any kind
        raise ValueError(f"it is a damaged pickle ({type(error).__name__}); copy or download it again") from None


def _tokens(content: object) -> list[str]:
    if type(content) is not dict:
        raise ValueError(f"it holds {shown(content)}; {_WANTED}")
    itos: Any = content.get("itos")
    stoi: Any = content.get("stoi")
    size: Any = content.get("vocab_size")
    if type(itos) in (list, tuple):
        itos = dict(enumerate(itos))
    if type(itos) is not dict and type(stoi) is dict and "itos" not in content:
        itos = {index: token for token, index in stoi.items() if type(index) is int}
    known = type(itos) is dict and ("stoi" not in content or type(stoi) is dict)
    if not known or (size is not None and type(size) is not int):
        found = f"itos {shown(itos)}, stoi {shown(stoi)}, vocab_size {shown(size)}"
        raise ValueError(f"it holds {found}; {_WANTED}")
    count = len(itos)
    if (size is not None and size != count) or (stoi is not None and len(stoi) != count):
        entries = "" if stoi is None else f" and stoi {len(stoi)} entries"
        raise ValueError(f"vocab_size is {shown(size)}, but itos has {count} ids{entries}; {_WANTED}")
    return [_token(itos, stoi, index) for index in range(count)]


def _token(itos: Mapping[object, object], stoi: Mapping[object, object] | None, index: int) -> str:
    if index not in itos:
        raise ValueError(f"itos has {len(itos)} ids, but not id {index}; {_WANTED}")
    token = itos[index]
    if type(token) not in (str, int, float) or token == "":
        raise ValueError(f"id {index} is {shown(token)}, which is no token; {_WANTED}")
    back = index if stoi is None else stoi.get(token)
    if type(back) is not int or back != index:
        raise ValueError(f"itos gives id {index} to {shown(token)}, but stoi gives it {shown(back)}; {_WANTED}")
    return str(token)
