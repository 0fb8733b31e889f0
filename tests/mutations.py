"""Damage to the files of a checkpoint, as disks, networks and attackers do it. This file knows containers, no loader.

Everything is drawn from one `random.Random`, so that the same seed does the same damage.
"""

from __future__ import annotations

import io
import itertools
import json
import pickletools
import re
import string
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

Files = dict[str, bytes]
"""Files of a checkpoint: name to content."""
Mutation = Callable[[bytes, Random, Sequence[bytes]], bytes]
"""A function from a file, and pieces of others, to a damaged file."""

ODD_NUMBERS = (0, 1, 2, 3, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1)
ODD_JSON = (
    *("null", "true", "false", "0", "-1", "1", "2", "1.0", "0.5", "-0.0", "1e999", "-1e999", "NaN", "Infinity"),
    *("1e-400", "2147483648", "9223372036854775808", "-9223372036854775809", "9" * 400, "9" * 5000),
    *('""', '"0"', '"gpt2"', '"../../x"', '"/etc/passwd"', '"a\\u0000b"', '"\\ud800"', '"\\n<script>"', '"é"'),
    *("[]", "{}", "[0]", "[[]]", '{"a": 1}', "[-1, 4]", "[4, 4]", "[0, 16]", "[1e2]"),
    *('"' + "x" * 5000 + '"', "[" * 300 + "]" * 300, "[" * 990 + "]" * 990, "[" * 5000 + "]" * 5000, "[" * 5000, "@"),
)
ODD_NAMES = ("", "0", "format", "config", "weights", "a\n", "\ud800", "<script>", "../../x", "__class__", "n" * 600)
ODD_INSTRUCTIONS = (
    *(bytes([opcode]) for opcode in b"Rb\x81\x92\x93Qo(t)]}aesu021N\x88\x89.\x94"),
    *(b"cposix\nsystem\n", b"cbuiltins\neval\n", b"ctorch\nload\n", b"ctorch\nFloatStorage\n", b"ctorch\nTensor\n"),
    *(b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_sparse_tensor\n", b"cbuiltins\nbytearray\n"),
    *(b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n", b"ccollections\nOrderedDict\n", b"iposix\nsystem\n"),
    *(b"K\x00", b"K\xff", b"M\xff\xff", b"J" + b"\xff" * 4, b"J\xff\xff\xff\x7f", b"I1\n", b"L" + b"9" * 600 + b"L\n"),
    *(b"\x8a\x08" + b"\xff" * 7 + b"\x7f", b"\x8a\x05\0\0\0\0\1", b"\x8b\xff\xff\xff\x7f", b"G\x7f\xf8" + bytes(6)),
    *(b"h\0", b"q\0", b"j" + bytes(4), b"r" + b"\xff" * 4, b"\x80\x05", b"\x95" + b"\xff" * 8, b"\x82\x01", b"P1\n"),
    *(b"X\x01\x00\x00\x00a", b"X\xff\xff\xff\x7f", b"U\x01a", b"S'a'\n"),
)  # fmt: skip


def damaged(files: Files, others: Sequence[bytes], rng: Random) -> tuple[Files, list[str]]:
    """Return the files with one to three kinds of damage, and their names. At least one file differs."""
    while True:
        now, done = dict(files), []
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            names = sorted(now)
            (name,) = rng.choices(names, [1 if name.startswith(VOCABULARY) else 3 for name in names])
            if rng.random() < 0.03:
                del now[name]
                done.append(f"{name}: removed")
                if not now:
                    break
                continue
            apt = [kind for kind in KINDS if _applies(kind, now[name])]
            known = [kind for kind in apt if kind in OF_A_FORMAT]  # a random byte mostly makes a file invalid JSON
            kind = rng.choice(known if known and rng.random() < 0.5 else apt)
            now[name] = KINDS[kind](now[name], rng, others)
            done.append(f"{name}: {kind}")
        if now != files:
            return now, done


VOCABULARY = ("vocab", "merges", "tokenizer", "meta")
"""Beginnings of names of files that are damaged less often: they have tests of their own."""
OF_A_FORMAT = ("json", "header length", "zip field", "zip record", "pickle")
RESEALED = ("zip record", "pickle", "other file")
"""Kinds of damage after which checksums may be right again."""


def _applies(kind: str, raw: bytes) -> bool:
    match kind:
        case "zip field" | "zip record":
            return raw[:4] == b"PK\x03\x04"
        case "pickle":
            return raw[:4] == b"PK\x03\x04" or raw[:1] == b"\x80"
        case "json":
            return raw[:1] == b"{" or raw[8:9] == b"{"
        case "header length":
            return raw[8:9] == b"{"
    return True


# ---- bytes ---------------------------------------------------------------------------------------------------------


def _range(raw: bytes, rng: Random) -> tuple[int, int]:
    start = rng.randint(0, len(raw))
    return start, min(len(raw), start + int(2 ** rng.uniform(0, 10)))


def flip_bits(raw: bytes, rng: Random, _: Sequence[bytes]) -> bytes:
    changed = bytearray(raw)
    for _bit in range(rng.choice((1, 1, 1, 2, 8)) if raw else 0):
        changed[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def set_bytes(raw: bytes, rng: Random, _: Sequence[bytes]) -> bytes:
    changed = bytearray(raw)
    for _byte in range(rng.choice((1, 1, 2, 16)) if raw else 0):
        changed[rng.randrange(len(raw))] = rng.randrange(256)
    return bytes(changed)


def set_number(raw: bytes, rng: Random, _: Sequence[bytes]) -> bytes:
    width = rng.choice((1, 2, 4, 8))
    at = rng.randint(0, max(0, len(raw) - width))
    return raw[:at] + _number(rng, width) + raw[at + width :]


def _number(rng: Random, width: int) -> bytes:
    return (rng.choice(ODD_NUMBERS) & (1 << 8 * width) - 1).to_bytes(width, rng.choice(("little", "big")))


def truncate(raw: bytes, rng: Random, _: Sequence[bytes]) -> bytes:
    return raw[: rng.choice((0, 1, rng.randint(0, len(raw)), max(0, len(raw) - rng.randint(1, 64))))]


def zero(raw: bytes, rng: Random, _: Sequence[bytes]) -> bytes:
    start, stop = _range(raw, rng)
    return raw[:start] + bytes(stop - start) + raw[stop:]


def repeat(raw: bytes, rng: Random, _: Sequence[bytes]) -> bytes:
    start, stop = _range(raw, rng)
    return raw[:stop] + raw[start:stop] * rng.choice((1, 1, 2, 50)) + raw[stop:]


def remove(raw: bytes, rng: Random, _: Sequence[bytes]) -> bytes:
    start, stop = _range(raw, rng)
    return raw[:start] + raw[stop:]


def insert(raw: bytes, rng: Random, _: Sequence[bytes]) -> bytes:
    at = rng.randint(0, len(raw))
    return raw[:at] + rng.randbytes(int(2 ** rng.uniform(0, 10))) + raw[at:]


def splice(raw: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Put a piece of this file or of another over a place in it, or between."""
    source = rng.choice((raw, rng.choice(others)))
    start, stop = _range(source, rng)
    at = rng.randint(0, len(raw))
    return raw[:at] + source[start:stop] + raw[at + rng.choice((0, stop - start)) :]


def other_file(raw: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    return rng.choice((b"", rng.randbytes(200), rng.choice(others), rng.choice(others)))


# ---- JSON, also in the header of a safetensors file ----------------------------------------------------------------


class _Again(str):
    """A key equal to another key of a dict, so that it is written twice."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__


def change_json(raw: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Change a value, a key or the nesting of a JSON file or header; a header's length is corrected."""
    header = raw[8:9] == b"{"
    length = int.from_bytes(raw[:8], "little") if header else len(raw)
    text = raw[8 : 8 + length] if header else raw
    try:
        root = json.loads(text)
        changed = _changed_json(root, rng).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError, MemoryError):
        return flip_bits(raw, rng, others)
    return len(changed).to_bytes(8, "little") + changed + raw[8 + length :] if header else changed


def _changed_json(root: Any, rng: Random) -> str:
    places = list(_places(root))
    odd = rng.choice(ODD_JSON)
    if not places:
        return odd
    container, key = rng.choice(places)
    action = rng.choice(("value", "value", "value", "value", "remove", "rename", "twice", "swap", "wrap", "number"))
    value = container[key]
    number = type(value) is int
    if action == "remove":
        del container[key]
    elif action == "rename" and isinstance(container, dict):
        other = rng.choice(sorted(container, key=str))
        container[rng.choice((*ODD_NAMES, str(key) + "x", str(key)[:-1], other))] = container.pop(key)
    elif action == "twice" and isinstance(container, dict):
        container[_Again(key)] = rng.choice((value, "\0odd"))
    elif action == "swap":
        other_container, other_key = rng.choice(places)
        if not isinstance(value, dict | list) and not isinstance(other_container[other_key], dict | list):
            container[key], other_container[other_key] = other_container[other_key], value
    elif action == "wrap":
        container[key] = rng.choice(([value], {"a": value}, [value, value], str(value)))
    elif action == "number" and number:
        container[key] = rng.choice((value + 1, value - 1, value * 2, -value, value * 1000, float(value)))
    else:
        container[key] = "\0odd"
    written = json.dumps(root, indent=rng.choice((None, 2)), ensure_ascii=rng.random() < 0.8)
    return written.replace('"\\u0000odd"', odd)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each place of a value in a container."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


def header_length(raw: bytes, rng: Random, _: Sequence[bytes]) -> bytes:
    length = int.from_bytes(raw[:8], "little")
    new = rng.choice((*ODD_NUMBERS, length + 1, length - 1, length + 8, len(raw), len(raw) - 8, 2**20, 2**20 + 1))
    return (new % 2**64).to_bytes(8, "little") + raw[8:]


# ---- zip archives --------------------------------------------------------------------------------------------------


def zip_field(raw: bytes, rng: Random, _: Sequence[bytes]) -> bytes:
    """Change a number in a header of the archive: sizes, offsets, counts, checksums, flags, methods."""
    places = [match.start() for match in re.finditer(rb"PK[\x01-\x07][\x02-\x08]", raw)]
    width = rng.choice((1, 2, 2, 4, 4, 8))
    at = rng.choice(places) + rng.randrange(4, 46, 2)
    return raw[:at] + _number(rng, width) + raw[at + width :]


def zip_record(raw: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Change a record of the archive, and correct its checksums."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            records = [(name, archive.read(name)) for name in archive.namelist()]
    except Exception:  # it was damaged before
        return flip_bits(raw, rng, others)
    at = rng.randrange(len(records))
    name, content = records[at]
    method = zipfile.ZIP_STORED
    match rng.choice(("content", "content", "content", "remove", "twice", "rename", "deflate", "add")):
        case "content":
            kind = rng.choice((flip_bits, set_bytes, set_number, truncate, zero, repeat, remove, insert, splice))
            records[at] = name, kind(content, rng, others)
        case "remove":
            del records[at]
        case "twice":
            records.append((name, flip_bits(content, rng, others)))
        case "rename":
            end = rng.choice(("", "/../x", "0", "x", "constants.pkl"))
            records[at] = name[: rng.randint(0, len(name))] + end, content
        case "deflate":
            method = zipfile.ZIP_DEFLATED
        case "add":
            folder = name.split("/")[0]
            records.append((f"{folder}/{rng.choice(('data/9', 'constants.pkl', '../x', '.format_version'))}", b"1"))
    return _zipped(records, method)


def _zipped(records: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the repeated name is intended
        with zipfile.ZipFile(file, "w", method) as archive:
            for name, content in records:
                entry = zipfile.ZipInfo(name or "x")  # with a fixed date, so that the same seed gives the same bytes
                archive.writestr(entry, content, method)
    return file.getvalue()


# ---- pickles -------------------------------------------------------------------------------------------------------


def change_pickle(raw: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Change, remove or repeat an instruction of the pickle; in an archive, correct the checksums."""
    if raw[:4] != b"PK\x03\x04":
        return _changed_pickle(raw, rng)
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            records = [(name, archive.read(name)) for name in archive.namelist()]
    except Exception:  # it was damaged before
        return flip_bits(raw, rng, others)
    return _zipped([(n, _changed_pickle(c, rng) if n.endswith("data.pkl") else c) for n, c in records])


def _changed_pickle(raw: bytes, rng: Random) -> bytes:
    instructions, rest = _instructions(raw)
    if not instructions:
        return rng.choice(ODD_INSTRUCTIONS) + raw
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(instructions))
        old = instructions[at]
        match rng.choice(("replace", "insert", "remove", "twice", "swap", "opcode", "argument", "argument")):
            case "replace":
                instructions[at] = rng.choice(ODD_INSTRUCTIONS)
            case "insert":
                instructions.insert(at, rng.choice(ODD_INSTRUCTIONS))
            case "remove":
                instructions[at] = b""
            case "twice":
                instructions[at] = old * rng.choice((2, 2, 100))
            case "swap":
                other = rng.randrange(len(instructions))
                instructions[at], instructions[other] = instructions[other], old
            case "opcode":
                instructions[at] = bytes([rng.randrange(256)]) + old[1:]
            case "argument" if len(old) > 1:
                instructions[at] = old[:1] + _argument(old[1:], rng)
    return b"".join(instructions) + rest


def _argument(old: bytes, rng: Random) -> bytes:
    if len(old) in (1, 2, 4, 8) and rng.random() < 0.5:
        return _number(rng, len(old))
    at = rng.randrange(len(old))
    return old[:at] + rng.choice((bytes([rng.randrange(256)]), rng.choice(string.printable).encode())) + old[at + 1 :]


def _instructions(raw: bytes) -> tuple[list[bytes], bytes]:
    """Yield each instruction of the pickles that follow one another, and the rest after them."""
    file, starts = io.BytesIO(raw), []
    try:
        while True:
            for _, _, at in pickletools.genops(file):
                starts.append(at)
            end = file.tell()
            starts.append(end)
    except (ValueError, IndexError, OverflowError, struct.error, MemoryError, UnicodeDecodeError):
        pass
    pieces = [raw[start:stop] for start, stop in itertools.pairwise(starts)]
    return [piece for piece in pieces if piece], raw[starts[-1] :] if starts else raw


KINDS: dict[str, Mutation] = {
    "flipped bits": flip_bits,
    "set bytes": set_bytes,
    "set number": set_number,
    "truncated": truncate,
    "zeroed": zero,
    "repeated": repeat,
    "cut out": remove,
    "garbage": insert,
    "spliced": splice,
    "other file": other_file,
    "json": change_json,
    "header length": header_length,
    "zip field": zip_field,
    "zip record": zip_record,
    "pickle": change_pickle,
}
