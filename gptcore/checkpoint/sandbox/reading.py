"""Reading of a file that `torch.save` wrote, or of one that pretends to be: nothing in it is run.

PyTorch's own restricted unpickler reads it; this file tells it what may stand for the classes that the pickle names.
It is imported by the sandbox process alone.
"""

from __future__ import annotations

import errno
import importlib
import pickle
import re
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import torch

from gptcore.checkpoint.base import CheckpointError
from gptcore.checkpoint.parts import first_five
from gptcore.pickle_stand_ins import NotDataError, stand_in

MOST_NAMES = 64
"""Largest number of classes whose objects are read as fields."""
SHARDED = (
    "of which each process keeps a part, so no file has the whole model; save a full state dict: "
    "torch.distributed.checkpoint.state_dict.get_model_state_dict(model, options=StateDictOptions("
    "full_state_dict=True))"
)
SAVE_STATE_DICT = (
    "in the program that made it, save the model's state dict as nanoGPT does: "
    "torch.save({'model': model.state_dict(), 'model_args': model_args}, 'ckpt.pt')"
)
AGAIN = (
    "expected is a nanoGPT ckpt.pt, a minGPT model.pt, or a folder that gptcore.save or Hugging Face wrote: copy or "
    "download it again"
)


def read_untrusted(path: Path) -> Any:
    """Return the content of a file; plain objects beside the weights come with their fields alone.

    Raises:
        CheckpointError: the file is no PyTorch file, is damaged, or asks for code.
    """
    return _unpickle(path, checked_zip(path))


def checked_zip(path: Path) -> bool:
    """Return True if the file is a zip archive, PyTorch's format since 1.6. Raise if one of its records is suspicious.

    PyTorch never compresses, so a compressed record may be a zip bomb. PyTorch does not check checksums; this does.
    """
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            return False
    try:
        with zipfile.ZipFile(path) as archive:
            if arrays := [name for name in archive.namelist() if name.endswith(".npy")]:
                raise CheckpointError(
                    f"{path} is a NumPy archive (.npz) of {len(arrays)} arrays ({first_five(arrays)}), which is not "
                    "read here; save them as a PyTorch file: torch.save({name: torch.from_numpy(array) for name, array "
                    "in numpy.load(path).items()}, 'model.pt')"
                )
            for record in archive.infolist():
                if record.compress_type != zipfile.ZIP_STORED or record.file_size > path.stat().st_size:
                    raise CheckpointError(
                        f"{path} holds a compressed record ({first_five([record.filename])}), which PyTorch never "
                        "writes and which may unpack to any size; save the checkpoint again with torch.save"
                    )
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                raise CheckpointError(f"{path} is a TorchScript archive; {SAVE_STATE_DICT}")
            if damaged := archive.testzip():
                raise CheckpointError(f"{path} is damaged: the checksum of {first_five([damaged])} differs; {AGAIN}")
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, RuntimeError, OSError) as error:
        if isinstance(error, CheckpointError) or (isinstance(error, OSError) and error.errno != errno.EINVAL):
            raise  # EINVAL, an offset before the file's beginning, means damage; other OSErrors are the disk's
        raise CheckpointError(f"{path} is damaged or cut short ({type(error).__name__}); {AGAIN}") from None
    return True


def _unpickle(path: Path, zipped: bool) -> Any:
    """Load without running code: plain objects beside the weights are read as their fields (`pickle_stand_ins.py`).

    PyTorch's own messages advise to switch the check off, so they are not passed on.
    """
    if re.search("[\ud800-\udfff]", str(path)):  # Python's spelling of bytes that are not UTF-8
        raise CheckpointError(f"{path} has a name that is not UTF-8, which PyTorch cannot open; rename it")
    names: dict[str, Callable[..., Any]] = {}
    for _ in range(MOST_NAMES):
        try:
            with warnings.catch_warnings(), torch.serialization.safe_globals([(made, n) for n, made in names.items()]):
                warnings.simplefilter("ignore")
                return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
        except pickle.UnpicklingError as error:
            if not _allow(names, str(error)):
                _refuse(path, zipped, error)
        except Exception as error:  # for a damaged file, torch.load raises almost any kind
            _refuse(path, zipped, error)
    raise CheckpointError(f"{path} is a pickle of more than {MOST_NAMES} classes; {SAVE_STATE_DICT}")


def _allow(names: dict[str, Callable[..., Any]], told: str) -> bool:
    """Add a stand-in for the name that PyTorch has stopped at; return False where it stopped for another reason."""
    if "must be imported to load DTensors" in told and "torch.distributed.tensor" not in sys.modules:
        importlib.import_module("torch.distributed.tensor")  # a second or two, for the few files that need it
        return True
    if asked := re.search(r"GLOBAL (\S{1,200}) was not", told):
        name, made = asked[1], stand_in(asked[1])
    elif "SETITEM" in told and (entered := next((n for n, made in names.items() if repr(made) in told), None)):
        name, made = entered, stand_in(entered, as_dict=True)
    else:
        return False
    if made is not None:
        names[name if "." in name else f"builtins.{name}"] = made
    return made is not None


def _refuse(path: Path, zipped: bool, error: Exception) -> NoReturn:
    """Raise the sentence for a file that PyTorch could not load."""
    try:
        raise error
    except (OSError, CheckpointError):
        raise
    except MemoryError:
        raise CheckpointError(f"{path} asks for far more memory than its size; {AGAIN}") from None
    except NotDataError as refused:
        raise CheckpointError(f"{path} is a pickle that {refused}, so it was refused; {SAVE_STATE_DICT}") from None
    except Exception:
        text = str(error)
        if "ShardedTensor" in text:
            raise CheckpointError(f"{path} holds sharded tensors (ShardedTensor), {SHARDED}") from None
        if name := re.search(r"GLOBAL (\S{1,200})", text):
            raise CheckpointError(
                f"{path} is a pickle that asks for {name[1]!r}, which is code and not weights, so it was refused; "
                f"{SAVE_STATE_DICT}"
            ) from None
        with path.open("rb") as file:
            known = zipped or file.read(1) == pickle.PROTO
        if known and (opcode := re.search(r"Unsupported operand (\d+)", text)):
            raise CheckpointError(
                f"{path} is a pickle with the instruction {int(opcode[1]):#04x}, which weights do not need, so it was "
                f"refused: it is damaged, or made with another pickle_protocol; {SAVE_STATE_DICT}"
            ) from None
        if "memory" in text:
            raise CheckpointError(f"{path} asks for far more memory than its size; {AGAIN}") from None
        kind = "damaged or cut short" if known else "not a PyTorch file"
        raise CheckpointError(f"{path} is {kind} ({type(error).__name__}); {AGAIN}") from None
