"""Read a pickled batch of a Python 2 era data set, building nothing but dicts, lists, strings, numbers and arrays.

A pickle is a program that may call anything. Here every instruction is looked at before any is carried out, only those
that such a batch is written with are let through, and the three NumPy names that it refers to are stood in for by
classes of our own, so not even NumPy's reconstruction runs on what the file says.
"""

import io
import math
import pickle
import pickletools
from typing import Any

import numpy as np
from numpy.typing import NDArray

NAMES = (
    "PROTO STOP MARK POP EMPTY_DICT SETITEM SETITEMS EMPTY_LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 "
    "NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 SHORT_BINSTRING BINSTRING SHORT_BINUNICODE BINUNICODE "
    "BINPUT LONG_BINPUT BINGET LONG_BINGET GLOBAL REDUCE BUILD"
)
OPCODES = frozenset(NAMES.split())


class PickleError(ValueError):
    """A pickle is damaged or holds something else than a batch of arrays."""


def read(data: bytes) -> Any:
    """The pickled object; arrays are uint8 and read-only, Python 2 strings are bytes.

    Raises PickleError, with nothing executed, for a pickle that holds anything else than what the module says.
    """
    try:
        for opcode, argument, place in pickletools.genops(data):
            _check(opcode.name, argument, place, len(data))
        return _plain(_Unpickler(io.BytesIO(data), encoding="bytes").load())
    except PickleError:
        raise
    except Exception as error:  # hostile bytes make pickle raise almost anything
        raise PickleError(f"damaged or cut short ({str(error) or type(error).__name__})") from None


def _check(opcode: str, argument: Any, place: int | None, size: int) -> None:
    if opcode == "GLOBAL" and tuple(argument.split(" ", 1)) not in _STAND_INS:
        raise PickleError(
            f"calls for {argument.replace(' ', '.')!a} at byte {place}, which no batch does; not executed"
        )
    if opcode not in OPCODES:
        raise PickleError(f"instruction {opcode} at byte {place}, which no batch holds; not executed")
    if opcode == "LONG_BINPUT" and argument > size:  # pickle makes room for as many objects
        raise PickleError(f"refers to object {argument} in a file of {size} bytes; not executed")


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise PickleError(f"calls for {f'{module}.{name}'!a}, which no batch does; not executed") from None


class _Array:
    """What numpy.core.multiarray._reconstruct makes in a batch: an empty array, filled by its state."""

    __slots__ = ("values",)

    def __init__(self, *_: Any) -> None:
        self.values: NDArray[np.uint8] | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, content = state
        if not isinstance(dtype, _Uint8) or not isinstance(content, bytes) or not all(type(n) is int for n in shape):
            raise PickleError("an array of something else than uint8")
        if math.prod(shape) != len(content) or min(shape, default=0) < 0:
            raise PickleError(f"an array of shape {shape} with {len(content)} bytes")
        self.values = np.frombuffer(content, np.uint8).reshape(shape, order="F" if fortran else "C")


class _Uint8:
    """What numpy.dtype makes in a batch."""

    __slots__ = ()

    def __init__(self, code: Any, *_: Any) -> None:
        if code not in (b"u1", "u1"):
            raise PickleError(f"an array of type {code!r}, not uint8")

    def __setstate__(self, _: Any) -> None:
        """Byte order and alignment, which one byte does not have."""


_STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): None,  # an argument of _reconstruct
    ("numpy", "dtype"): _Uint8,
}


def _plain(value: Any) -> Any:
    """Our stand-ins at the top level of a dict replaced by the arrays that they hold."""
    if not isinstance(value, dict):
        raise PickleError(f"holds a {type(value).__name__}, not a dict")
    return {key: v.values if isinstance(v, _Array) else v for key, v in value.items()}
