"""Stand-ins for the classes that a pickle names: they keep an object's fields, and run and import nothing.

Training programs save more than weights: NumPy numbers, settings as a dataclass or a Namespace, paths. Such an object
is data, written as the name of a class and its fields. What a pickle names goes through `stand_in`: data gets a
stand-in, and everything else, a function for example, gets none. The reader of the pickle must allow nothing but them.
"""

from __future__ import annotations

import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

MOST_ARRAY = 1024
"""Largest array whose numbers are kept; of a larger one, the shape alone is known."""
_NUMBER = re.compile(r"[<>|=]?([biuf]\d{1,2}|c8|c16)")
"""NumPy's codes of numbers: no text, no objects."""
_UNASKED = re.compile(
    r"numpy\.random\..+|numpy\.dtypes\.[A-Z]\w+|datetime\.(datetime|date|time|timedelta|timezone)|uuid\.UUID|slice|range"
    r"|frozenset"
)
"""Objects that nobody asks for: random generators, times, NumPy's own classes of types."""


class NotDataError(ValueError):
    """The pickle asks for something that is no data. `name` is what it asks for."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"asks for {name!r}, {why}")
        self.name = name


class _Kept(type):
    """The class of stand-ins: a pickle may make an object of one with its fields, and cannot call it."""

    stands_for: str

    def __call__(cls, *args: object, **options: object) -> Any:
        if cls.stands_for in _FIELDS and not args:
            return Inert.__new__(cls)  # type: ignore[arg-type]  # it is the class of a subclass of Inert
        raise NotDataError(cls.stands_for, "which it would call, and a call is code and not weights")


class Inert(metaclass=_Kept):
    """An object whose class was not imported: its fields."""

    stands_for = ""
    fields: Mapping[str, Any]

    def __new__(cls, *args: object) -> Inert:
        made = object.__new__(cls)
        made.fields = {str(i): each for i, each in enumerate(args)}
        return made

    def __setstate__(self, state: object) -> None:
        # Objects with slots come as (fields, slots), either of which may be None; frozen ones with slots as a list.
        parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
        for part in parts:
            if type(part) is list:
                part = {str(i): each for i, each in enumerate(part)}
            if part is not None and not isinstance(part, dict):
                raise NotDataError(self.stands_for, "whose state is not plain fields, so it is code and not weights")
            self.fields = {**self.fields, **(part or {})}
        if "_parameters" in self.fields or "_modules" in self.fields:
            raise NotDataError(
                self.stands_for, "a whole model whose code is in another program: that is code and not weights"
            )


class _Dtype:
    """NumPy's type of a number, by its code."""

    def __init__(self, code: object, align: object = False, copy: object = False) -> None:
        self.code = code if isinstance(code, str) else ""

    def __setstate__(self, state: object) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        if order in ("<", ">"):
            self.code = order + self.code.lstrip("<>=|")

    @property
    def numbers(self) -> np.dtype[Any] | None:
        """NumPy's own type; None where it is not one of numbers."""
        try:
            return np.dtype(self.code) if _NUMBER.fullmatch(self.code) else None
        except TypeError:
            return None


def _scalar(dtype: object, raw: object = b"") -> Any:
    numbers = dtype.numbers if isinstance(dtype, _Dtype) else None
    if numbers is None or not isinstance(raw, bytes) or len(raw) != numbers.itemsize:
        return None  # of text or an object: nothing that anybody asks for
    return np.frombuffer(raw, numbers)[0].item()


class Array:
    """A NumPy array: its shape, and its numbers where they are few."""

    def __init__(self, *args: object) -> None:
        self.shape: tuple[int, ...] = ()
        self.numbers: list[Any] | None = None

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            return
        _, shape, dtype, _, raw = state
        numbers = dtype.numbers if isinstance(dtype, _Dtype) else None
        if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
            return
        self.shape = shape
        if numbers is not None and isinstance(raw, bytes) and len(raw) <= MOST_ARRAY * numbers.itemsize:
            self.numbers = np.frombuffer(raw[: len(raw) // numbers.itemsize * numbers.itemsize], numbers).tolist()


def _from_buffer(raw: object, dtype: object, shape: object, order: object = "C") -> Array:
    made = Array()
    made.__setstate__((1, shape, dtype, False, bytes(raw) if isinstance(raw, bytearray) else raw))
    return made


class _Unknown:
    """An object that nobody asks for, such as the state of a random generator."""

    def __init__(self, *args: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


KEPT = (_Dtype, Array, _Unknown)
"""Classes of stand-ins, besides `Inert`, whose objects take a state."""


def _path(*parts: object) -> str:
    return "/".join(part.rstrip("/\\") for part in parts if isinstance(part, str))


def _text(*args: object) -> str:
    return next((arg for arg in args if isinstance(arg, str)), "")


_PATHS = ("Path", "PurePath", "PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
_MADE: dict[str, Callable[..., Any]] = {
    "numpy.dtype": _Dtype,
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray._reconstruct": Array for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _from_buffer for core in ("core", "_core")},
    "numpy.ndarray": Array,
    **{f"{module}.{kind}": _path for module in ("pathlib", "pathlib._local") for kind in _PATHS},
    "collections.defaultdict": lambda *_: {},
    "collections.deque": lambda *_: [],
    "decimal.Decimal": _text,
}
"""Objects that a pickle makes by a call: what is made instead."""
_FIELDS = ("argparse.Namespace", "types.SimpleNamespace")
"""Classes of Python's own whose objects are fields."""
_AS_ARGUMENTS = ("list", "dict", "tuple", "set", "int", "float", "str", "bool", "object")
"""Python's own types, as the argument of a defaultdict or the type of a field: named, never called."""


class _InertDict(Inert):
    """A dict whose class was not imported."""

    def __new__(cls, *args: object) -> Any:
        return OrderedDict()


def stand_in(name: str, as_dict: bool = False) -> Callable[..., Any] | None:
    """Return what stands for a name in a pickle; None where that may be code. `as_dict`: its objects have entries.

    A class of the program that wrote the pickle is known by the capital letter that its name begins with; Python's own
    classes are code, but for those that are known as data.

    >>> stand_in("train_gpt2.GPTConfig").__name__, stand_in("posix.system"), stand_in("subprocess.Popen")
    ('GPTConfig', None, None)
    """
    if name in _MADE:
        return _MADE[name]
    if _UNASKED.fullmatch(name.removeprefix("builtins.")):
        return _Unknown
    module, _, last = name.removeprefix("builtins.").rpartition(".")
    root = module.partition(".")[0]
    own = not module and last in _AS_ARGUMENTS
    strangers = bool(module) and root not in {*sys.stdlib_module_names, "builtins", "torch", "numpy"}
    if name in _FIELDS or own or (strangers and last.lstrip("_")[:1].isupper()):
        return _Kept(last, (_InertDict if as_dict else Inert,), {"stands_for": name})
    return None
