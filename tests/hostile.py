"""Files as an attacker writes them, byte by byte: pickles, zip archives, safetensors; and the form of a refusal."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gptcore.checkpoint import CheckpointError, load

PROTO, STOP = b"\x80\x02", b"."


def refused(path: Path, sentence: str) -> str:
    """Fail unless the file is refused in one line that matches, without the advice to switch a check off."""
    with pytest.raises(CheckpointError, match=sentence) as caught:
        load(path)
    line = str(caught.value)
    assert line.isprintable()
    assert len(line) <= CheckpointError.MOST
    assert "weights_only" not in line
    assert "safe_globals" not in line
    return line


# ---- pickles: each function gives the instructions that leave one value on the stack -------------------------------


def name(dotted: str) -> bytes:
    """Write a global: a class or a function by its name."""
    module, _, last = dotted.rpartition(".")
    return b"c" + module.encode() + b"\n" + last.encode() + b"\n"


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value: int) -> bytes:
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def group(*values: bytes) -> bytes:
    return b"(" + b"".join(values) + b"t"


def entries(content: Mapping[str, bytes]) -> bytes:
    """Write a dict."""
    return b"}(" + b"".join(text(key) + value for key, value in content.items()) + b"u"


def call(dotted: str, *arguments: bytes) -> bytes:
    return name(dotted) + group(*arguments) + b"R"


def storage(kind: str = "Float", count: int = 4, key: str = "0", place: str = "cpu") -> bytes:
    """Write an object by its persistent id: `data/<key>` of the archive."""
    return group(text("storage"), name(f"torch.{kind}Storage"), text(key), text(place), number(count)) + b"Q"


def tensor(
    size: tuple[int, ...] = (4,), stride: tuple[int, ...] = (1,), offset: int = 0, kind: str = "Float", count: int = 4
) -> bytes:
    """Write a view into a storage."""
    return call(
        "torch._utils._rebuild_tensor_v2",
        *(storage(kind, count), number(offset), group(*map(number, size)), group(*map(number, stride))),
        *(b"\x89", call("collections.OrderedDict")),
    )


def state(weight: bytes, **others: bytes) -> bytes:
    """Write a checkpoint with this weight, and with other entries beside its state dict."""
    return entries({"model": entries({"transformer.wte.weight": weight}), **others})


# ---- containers ----------------------------------------------------------------------------------------------------


def write_zip(path: Path, value: bytes, data: bytes = bytes(16), method: int = zipfile.ZIP_STORED) -> None:
    """Write PyTorch's format since 1.6: one pickle, and the bytes of each storage in its own record."""
    with zipfile.ZipFile(path, "w", method, compresslevel=1) as archive:
        for record, raw in {"data.pkl": PROTO + value + STOP, "version": b"3\n", "data/0": data}.items():
            archive.writestr(f"a/{record}", raw)


def write_bare(path: Path, value: bytes) -> None:
    """Write one pickle."""
    path.write_bytes(PROTO + value + STOP)


def write_legacy(path: Path, value: bytes) -> None:
    """Write PyTorch's format before 1.6: a magic number, a version and the system, then the pickle itself."""
    system = entries({"protocol_version": number(1001), "little_endian": b"\x88"})
    head = (number(0x1950A86A20F9469CFC6C), number(1001), system)
    path.write_bytes(b"".join(PROTO + part + STOP for part in (*head, value, b"]")))


def write_safetensors(path: Path, header: Any, data: bytes = b"") -> None:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + data)


def entry(shape: list[int], start: int, stop: int, dtype: str = "F32") -> dict[str, Any]:
    """Return a safetensors header's description of one tensor."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}
