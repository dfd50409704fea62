"""Reading a flatbuffer that nobody has verified: every offset, size and alignment is checked before use.

A table is described by ``schema.TABLES``; reading follows that description, which contains no cycle, so the
depth of nesting is bounded by it. Flatbuffers may share parts, which would let a small file describe an
enormous one: the number of tables and the bytes of all vectors and strings together are limited. Nothing here
raises anything but ``ModelError``.
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.schema import TABLES, UNIONS, Field, Scalar

# The limits of a sane file. Real audio models have some hundred tables and share a string at most.
MAX_TABLES = 100_000
MAX_SHARING = 4

_UOFFSET = Scalar("I")
_SOFFSET = Scalar("i")
_VOFFSET = Scalar("H")
_TYPE = Scalar("B")


def damaged(reason: str) -> ModelError:
    """The error for a file whose bytes contradict themselves."""
    return ModelError(
        f"the model file is damaged: {reason}",
        "export the model again, or check that its download was complete",
    )


class FlatBuffer:
    """The bytes of a file, and what may still be read of them."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._tables_left = MAX_TABLES
        self._bytes_left = MAX_SHARING * len(data)

    def root(self, table: str, identifier: bytes) -> Table:
        """The root table, after the file identifier (4 bytes at offset 4) was compared."""
        if self.data[4:8] != identifier:
            raise damaged(f"its identifier is not {identifier.decode()}")
        return Table(self, self.follow(0), table)

    def number(self, position: int, scalar: Scalar) -> int | float | bool:
        """The number at ``position``, which must be aligned to its size."""
        if position < 0 or position + scalar.size > len(self.data):
            raise damaged(f"an offset of {position} points outside of its {len(self.data)} bytes")
        if position % scalar.size:
            raise damaged(f"the number at offset {position} is not aligned to {scalar.size} bytes")
        value: int | float | bool = struct.unpack_from("<" + scalar.code, self.data, position)[0]
        return value

    def integer(self, position: int, scalar: Scalar) -> int:
        """The integer at ``position``."""
        return int(self.number(position, scalar))

    def follow(self, position: int) -> int:
        """The position that the forward offset at ``position`` leads to."""
        offset = self.integer(position, _UOFFSET)
        if offset == 0 or position + offset >= len(self.data):
            raise damaged(f"the reference at offset {position} leads to {position + offset}")
        return position + offset

    def vector(self, position: int, element: Scalar) -> tuple[int, int]:
        """``(position of the first element, number of elements)`` of the vector at ``position``."""
        count = self.integer(position, _UOFFSET)
        first = position + _UOFFSET.size
        size = count * element.size
        if first + size > len(self.data):
            raise damaged(f"the vector at offset {position} has {count} elements, which is beyond the end")
        if count and first % element.size:
            raise damaged(f"the vector at offset {position} is not aligned to {element.size} bytes")
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise damaged(f"its vectors together are more than {MAX_SHARING} times as long as the file")
        return first, count

    def count_table(self) -> None:
        """Note that one more table is read."""
        self._tables_left -= 1
        if self._tables_left < 0:
            raise damaged(f"it holds more than {MAX_TABLES} tables")


class Table:
    """A table at a position, read by the schema's field names; an absent field gives its default."""

    def __init__(self, buffer: FlatBuffer, position: int, name: str) -> None:
        buffer.count_table()
        self._buffer = buffer
        self._position = position
        self._fields = TABLES[name]
        self._vtable = position - buffer.integer(position, _SOFFSET)
        self._vtable_size = buffer.integer(self._vtable, _VOFFSET)
        self._size = buffer.integer(self._vtable + 2, _VOFFSET)
        if self._vtable_size < 4 or self._vtable_size % 2 or self._size < 4:
            raise damaged(f"the table at offset {position} has no valid list of fields")
        for first, size in ((self._vtable, self._vtable_size), (position, self._size)):
            if first + size > len(buffer.data):
                raise damaged(f"the table at offset {position} reaches beyond the end")

    def _slot(self, slot: int, size: int) -> int | None:
        """The position of the value in ``slot``, or None where the table does not have it."""
        entry = 4 + 2 * slot
        if entry + 2 > self._vtable_size:
            return None
        offset = self._buffer.integer(self._vtable + entry, _VOFFSET)
        if offset == 0:
            return None
        if offset < 4 or offset + size > self._size:
            raise damaged(f"a field of the table at offset {self._position} lies outside of it")
        return self._position + offset

    def _reference(self, slot: int) -> int | None:
        position = self._slot(slot, _UOFFSET.size)
        return None if position is None else self._buffer.follow(position)

    def _field(self, name: str, kind: str) -> Field:
        field = self._fields[name]
        assert field.kind == kind, f"{name} is a {field.kind}"
        return field

    def number(self, name: str) -> int | float | bool:
        """The value of a ``scalar`` field."""
        field = self._field(name, "scalar")
        assert field.scalar is not None
        position = self._slot(field.slot, field.scalar.size)
        return field.default if position is None else self._buffer.number(position, field.scalar)

    def integer(self, name: str) -> int:
        """The value of a ``scalar`` field that is an integer."""
        return int(self.number(name))

    def enumeration(self, name: str) -> str:
        """The schema's name for the value of a ``scalar`` field that is an enumeration."""
        scalar = self._fields[name].scalar
        assert scalar is not None
        value = self.integer(name)
        if not 0 <= value < len(scalar.names):
            raise damaged(f"{value} is not a known value of {name}")
        return scalar.names[value]

    def string(self, name: str) -> str:
        """The value of a ``string`` field; bytes that are not UTF-8 are replaced by U+FFFD."""
        position = self._reference(self._field(name, "string").slot)
        if position is None:
            return ""
        first, count = self._buffer.vector(position, _TYPE)
        return self._buffer.data[first : first + count].decode("utf-8", errors="replace")

    def has(self, name: str) -> bool:
        """Whether the reference field is present: so an empty vector differs from an absent one."""
        return self._reference(self._fields[name].slot) is not None

    def numbers(self, name: str) -> npt.NDArray[np.generic]:
        """The 1-D array in a ``scalars`` field: a read-only view of the file; empty where absent."""
        field = self._field(name, "scalars")
        assert field.scalar is not None
        dtype = np.dtype("<" + field.scalar.code)
        position = self._reference(field.slot)
        if position is None:
            return np.zeros(0, dtype)
        first, count = self._buffer.vector(position, field.scalar)
        return np.frombuffer(self._buffer.data, dtype, count, first)

    def table(self, name: str) -> Table | None:
        """The table in a ``table`` field."""
        field = self._field(name, "table")
        position = self._reference(field.slot)
        return None if position is None else Table(self._buffer, position, field.target)

    def tables(self, name: str) -> list[Table]:
        """The tables in a ``tables`` field; empty where absent."""
        field = self._field(name, "tables")
        position = self._reference(field.slot)
        if position is None:
            return []
        first, count = self._buffer.vector(position, _UOFFSET)
        if count > MAX_TABLES:
            raise damaged(f"it holds more than {MAX_TABLES} tables")
        return [
            Table(self._buffer, self._buffer.follow(first + _UOFFSET.size * index), field.target)
            for index in range(count)
        ]

    def union_type(self, name: str) -> str:
        """The name of the table in a ``union`` field; empty where there is none."""
        field = self._field(name, "union")
        position = self._slot(field.slot, _TYPE.size)
        number = 0 if position is None else self._buffer.integer(position, _TYPE)
        names = UNIONS[field.target]
        if number > len(names):
            raise damaged(f"{number} is not a known kind of {name}")
        return names[number - 1] if number else ""

    def union(self, name: str) -> Table | None:
        """The table in a ``union`` field."""
        table = self.union_type(name)
        position = self._reference(self._field(name, "union").slot + 1)
        return None if position is None or not table else Table(self._buffer, position, table)
