# mypy: disable-error-code="untyped-decorator"
"""Sixty-four bytes at once, for numba.

Plain LLVM vectors: the compiler turns them into AVX2, AVX-512 or NEON.  Every function reads
past ``at`` by its whole width, so arrays are padded (see ``PADDING``).
"""

import hashlib
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

PADDING = 64
"""Zero bytes that must follow the last byte of an array that is read here."""

F = TypeVar("F", bound=Callable[..., Any])

_BYTE = ir.IntType(8)
_BLOCK = ir.VectorType(_BYTE, 64)
_WORD = ir.IntType(64)


def compiled(function: F) -> F:
    """Compile ``function`` at its first call, keep the machine code on disk, free the GIL.

    It must not make an array: references are not counted, since an atomic addition for each array
    of each tuple at every call takes as long as all the rest.

    What is kept holds for these sources only: numba itself looks at the file of a function, and
    not at those of the functions that were compiled into it.
    """
    options: Any = {"nogil": True, "error_model": "numpy", "boundscheck": False, "_nrt": False}
    try:
        decorated: Any = numba.njit(cache=True, **options)(function)
        kept = decorated._cache._cache_file
        # not in the stamp: that lies behind what may name a class which is no longer there
        kept._source_stamp, kept._version = "", f"{kept._version} {_sources()}"
    except (RuntimeError, AttributeError):
        # no folder to keep it in, or another numba inside: compiled anew in each process
        decorated = numba.njit(**options)(function)
    compiled_function: F = decorated
    return compiled_function


def is_kept(function: Any) -> bool:
    """Tell whether machine code of a compiled function is on the disk, of these sources."""
    try:
        kept = function._cache._cache_file
        with open(kept._index_path, "rb") as file:
            return bool(pickle.load(file) == kept._version)
    except (AttributeError, OSError, EOFError, ValueError, pickle.UnpicklingError):
        return False


@cache
def _sources() -> str:
    """Return the digest of all modules whose code may be compiled into one another."""
    found = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def _pointer(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    array = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=args[0])
    return builder.gep(array.data, [args[1]])


def _block(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    pointer = builder.bitcast(_pointer(context, builder, signature, args), _BLOCK.as_pointer())
    block = builder.load(pointer)
    block.align = 1
    return block


def _all(value: int) -> Any:
    return ir.Constant(_BLOCK, [ir.Constant(_BYTE, value)] * 64)


def _within(builder: Any, block: Any, low: int, count: int) -> Any:
    below = builder.icmp_unsigned("<", builder.sub(block, _all(low)), _all(count))
    return builder.bitcast(below, _WORD)


@intrinsic
def letters(_context: Any, data: Any, at: Any) -> Any:
    """Return a bit for each of 64 bytes from ``at`` that is an ASCII letter."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block = builder.or_(_block(context, builder, signature, args), _all(0x20))
        return _within(builder, block, ord("a"), 26)

    return types.uint64(data, types.int64), code


@intrinsic
def digits(_context: Any, data: Any, at: Any) -> Any:
    """Return a bit for each of 64 bytes from ``at`` that is an ASCII digit."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _within(builder, _block(context, builder, signature, args), ord("0"), 10)

    return types.uint64(data, types.int64), code


@intrinsic
def high(_context: Any, data: Any, at: Any) -> Any:
    """Return a bit for each of 64 bytes from ``at`` that is no ASCII."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _within(builder, _block(context, builder, signature, args), 0x80, 0x80)

    return types.uint64(data, types.int64), code


@intrinsic
def control(_context: Any, data: Any, at: Any) -> Any:
    """Return a bit for each of 64 bytes from ``at`` that is an ASCII control code."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _within(builder, _block(context, builder, signature, args), 0, 0x20)

    return types.uint64(data, types.int64), code


@intrinsic
def copy(_context: Any, data: Any, at: Any, out: Any, to: Any) -> Any:
    """Write 64 bytes from ``data[at]`` to ``out[to]``."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block = _block(context, builder, signature, args)
        target = _pointer(context, builder, signature.replace(args=signature.args[2:]), args[2:])
        builder.store(block, builder.bitcast(target, _BLOCK.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(data, types.int64, out, types.int64), code


@intrinsic
def equal(_context: Any, data: Any, at: Any, byte: Any) -> Any:
    """Return a bit for each of 64 bytes from ``at`` that is ``byte``."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block = _block(context, builder, signature, args)
        wanted = builder.insert_element(
            ir.Constant(_BLOCK, ir.Undefined), args[2], ir.Constant(ir.IntType(32), 0)
        )
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), 64), None)
        wanted = builder.shuffle_vector(wanted, ir.Constant(_BLOCK, ir.Undefined), zeros)
        return builder.bitcast(builder.icmp_unsigned("==", block, wanted), _WORD)

    return types.uint64(data, types.int64, types.uint8), code


@intrinsic
def load8(_context: Any, data: Any, at: Any) -> Any:
    """Return eight bytes from ``at`` as a little-endian number."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.bitcast(_pointer(context, builder, signature, args), _WORD.as_pointer())
        value = builder.load(pointer)
        value.align = 1
        return value

    return types.uint64(data, types.int64), code


@intrinsic
def last_bit(_context: Any, mask: Any) -> Any:
    """Return the place of the highest bit of ``mask``; -1 for none."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        above = builder.ctlz(args[0], ir.Constant(ir.IntType(1), 0))
        return builder.sub(ir.Constant(_WORD, 63), above)

    return types.int64(types.uint64), code


@intrinsic
def first_bit(_context: Any, mask: Any) -> Any:
    """Return the number of zero bits below the lowest one of ``mask``; 64 for none."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), code
