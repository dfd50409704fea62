"""Keras Lambda layers without running the code in them: an old file may hold anything.

A Lambda layer is stored as marshalled bytecode of the Python that wrote it. What is understood here is the
one use that models of signals have for it, taking a part of a tensor as in ``x[:, 0:64, :, :]``: the few
instructions of that are followed by hand, for the bytecode of Python 3.6 to 3.10. Nothing is executed.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Part = slice | int | None
Index = tuple[Any, ...]

_CODE_FIELDS = 5  # integers before the bytecode; Python 3.8 added one
_REFERENCE = 0x80
_MAX_DEPTH = 16

# Instructions, by the numbers that Python 3.6 to 3.10 share.
_POP_TOP, _BINARY_SUBSCR, _RETURN_VALUE = 1, 25, 83
_LOAD_CONST, _BUILD_TUPLE, _IMPORT_NAME, _IMPORT_FROM = 100, 102, 108, 109
_LOAD_FAST, _STORE_FAST, _BUILD_SLICE = 124, 125, 133


class NotUnderstood(ValueError):
    """The code does more than taking a part of its argument."""


@dataclass(frozen=True)
class _Code:
    """What is needed of a code object."""

    arguments: int
    instructions: bytes
    constants: tuple[Any, ...]


_ARGUMENT, _MODULE = object(), object()


@dataclass(frozen=True)
class _Taken:
    """The argument, subscripted."""

    index: Index


def sliced_part(stored: str) -> Index:
    """The index that a stored lambda takes of its argument.

    Args:
        stored: base64 of the marshalled code object, as Keras writes it.

    Raises:
        NotUnderstood: it is damaged, of another Python, or does anything else.
    """
    try:
        raw = base64.b64decode(stored)
    except ValueError:
        raise NotUnderstood("it is not base64") from None
    for fields in (_CODE_FIELDS, _CODE_FIELDS + 1):
        try:
            code = _Reader(raw, fields).value()
        except (NotUnderstood, struct.error, IndexError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(code, _Code):
            return _follow(code)
    raise NotUnderstood("it is not the bytecode of Python 3.6 to 3.10")


class _Reader:
    """Reads Python's marshal format, of code objects only what is needed."""

    def __init__(self, data: bytes, code_fields: int) -> None:
        self.data = data
        self.at = 0
        self.depth = 0
        self.code_fields = code_fields
        self.references: list[Any] = []
        self.readers: dict[str, Callable[[], Any]] = {
            "N": lambda: None,
            "T": lambda: True,
            "F": lambda: False,
            ".": lambda: Ellipsis,
            "i": lambda: self.number("<i"),
            "g": lambda: self.number("<d"),
            "r": lambda: self.references[self.number("<I")],
            "s": lambda: self.taken(self.number("<I")),
            "u": lambda: self.taken(self.number("<I")).decode("utf-8"),
            "t": lambda: self.taken(self.number("<I")).decode("latin-1"),
            "a": lambda: self.taken(self.number("<I")).decode("latin-1"),
            "A": lambda: self.taken(self.number("<I")).decode("latin-1"),
            "z": lambda: self.taken(self.number("<B")).decode("latin-1"),
            "Z": lambda: self.taken(self.number("<B")).decode("latin-1"),
            ")": lambda: self.sequence(self.number("<B")),
            "(": lambda: self.sequence(self.number("<I")),
            "c": self.code,
        }

    def value(self) -> Any:
        tag = self.number("<B")
        reader = self.readers.get(chr(tag & ~_REFERENCE))
        if reader is None or self.depth > _MAX_DEPTH:
            raise NotUnderstood("it holds values of other types")
        place = len(self.references)
        if tag & _REFERENCE:
            self.references.append(None)  # kept for it while what it holds is read
        self.depth += 1
        made = reader()
        self.depth -= 1
        if tag & _REFERENCE:
            self.references[place] = made
        return made

    def number(self, layout: str) -> Any:
        return struct.unpack(layout, self.taken(struct.calcsize(layout)))[0]

    def taken(self, size: int) -> bytes:
        if not 0 <= size <= len(self.data) - self.at:
            raise NotUnderstood("it is cut short")
        self.at += size
        return self.data[self.at - size : self.at]

    def sequence(self, count: int) -> tuple[Any, ...]:
        if count > len(self.data):
            raise NotUnderstood("it is cut short")
        return tuple(self.value() for _ in range(count))

    def code(self) -> _Code:
        numbers = [self.number("<i") for _ in range(self.code_fields)]
        instructions, constants = self.value(), self.value()
        if not isinstance(instructions, bytes) or not isinstance(constants, tuple):
            raise NotUnderstood("its code object has another layout")
        for _ in range(6):  # names, of variables and the file, which do not matter
            self.value()
        return _Code(numbers[0], instructions, constants)


def _follow(code: _Code) -> Index:
    """Goes through the instructions with a stack of what they would handle."""
    stack: list[Any] = []
    variables: dict[int, Any] = {0: _ARGUMENT}
    if code.arguments != 1:
        raise NotUnderstood("it has several arguments")
    for instruction, operand in zip(code.instructions[::2], code.instructions[1::2], strict=False):
        try:
            if instruction == _LOAD_CONST:
                stack.append(code.constants[operand])
            elif instruction == _LOAD_FAST:
                stack.append(variables[operand])
            elif instruction == _STORE_FAST:
                variables[operand] = stack.pop()
            elif instruction == _IMPORT_NAME:  # of what is then not used, or its use is not understood
                stack[-2:] = [_MODULE]
            elif instruction == _IMPORT_FROM:
                stack.append(_MODULE)
            elif instruction == _POP_TOP:
                stack.pop()
            elif instruction == _BUILD_SLICE:
                stack[-operand:] = [slice(*stack[-operand:])]
            elif instruction == _BUILD_TUPLE:
                stack[-operand:] = [tuple(stack[-operand:])]
            elif instruction == _BINARY_SUBSCR:
                index = stack.pop()
                stack.append(_subscripted(stack.pop(), index))
            elif instruction == _RETURN_VALUE and isinstance(stack[-1], _Taken):
                return stack[-1].index
            else:
                raise NotUnderstood("it does more than taking a part of its argument")
        except (IndexError, KeyError, TypeError):
            raise NotUnderstood("its bytecode makes no sense") from None
    raise NotUnderstood("its bytecode has no end")


def _subscripted(what: Any, index: Any) -> _Taken:
    parts = index if isinstance(index, tuple) else (index,)
    simple = all(part is Ellipsis or _plain(part) for part in parts)
    if what is not _ARGUMENT or not simple:
        raise NotUnderstood("it subscripts something else than its argument")
    return _Taken(parts)


def _plain(part: Any) -> bool:
    ends = (part.start, part.stop, part.step) if isinstance(part, slice) else (part,)
    return all(end is None or type(end) is int for end in ends)
