"""Lambda layers are understood without running them."""

from __future__ import annotations

import base64
import marshal
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcu_deploy.quantize.lambdas import NotUnderstood, sliced_part

_WHOLE = slice(None, None, None)
# LOAD_FAST 0; (None, None), (0, 64), whole, whole as slices; BUILD_TUPLE 4; BINARY_SUBSCR; RETURN_VALUE.
_SLICES = "7c00 6400 6400 8502 6401 6402 8502 6400 6400 8502 6400 6400 8502 6604 1900 5300"


def _code(instructions: str, constants: tuple[object, ...], fields: int = 5, arguments: int = 1) -> str:
    """The code object that an old Python marshals: its integers, bytecode, constants, and six names."""
    numbers = [arguments] + [0] * (fields - 1)
    raw = bytes.fromhex(instructions)
    names = b")\x00" * 4 + b"z\x01f" * 2
    parts = [b"\xe3", struct.pack(f"<{fields}i", *numbers), b"s", struct.pack("<I", len(raw)), raw]
    return base64.b64encode(b"".join([*parts, marshal.dumps(constants), names])).decode()


@pytest.mark.parametrize("fields", [5, 6])  # Python 3.6 and 3.7, and later
def test_slices(fields: int) -> None:
    index = sliced_part(_code(_SLICES, (None, 0, 64), fields))
    assert index == (_WHOLE, slice(0, 64, None), _WHOLE, _WHOLE)


def test_an_import_that_is_not_used_does_not_matter() -> None:
    imported = "6401 6400 6c00 7d01 "
    index = sliced_part(_code(imported + _SLICES, (None, 0, 64)))
    assert index == (_WHOLE, slice(0, 64, None), _WHOLE, _WHOLE)


@pytest.mark.parametrize(
    "instructions",
    [
        "7c00 5300",  # return x
        "7c00 7c00 1700 5300",  # x + x
        "7c00 6a00 5300",  # x.attribute
        "6401 6400 6c00 5300",  # an imported module
        "7c00 8301 5300",  # x()
        "7c00 6401 1900",  # no end
        "1900",  # an empty stack
        "7c09",  # no such variable
    ],
)
def test_anything_else_is_not_understood(instructions: str) -> None:
    with pytest.raises(NotUnderstood):
        sliced_part(_code(instructions, (None, 0, 64)))


@given(st.binary(max_size=300))
def test_damaged_code_is_not_understood(data: bytes) -> None:
    with pytest.raises(NotUnderstood):
        sliced_part(base64.b64encode(b"\xe3" + data).decode())


@given(st.data())
def test_a_changed_byte_does_no_harm(data: st.DataObject) -> None:
    raw = bytearray(base64.b64decode(_code(_SLICES, (None, 0, 64))))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        index = sliced_part(base64.b64encode(bytes(raw)).decode())
    except NotUnderstood:
        return
    assert isinstance(index, tuple)


def test_text_that_is_no_base64() -> None:
    with pytest.raises(NotUnderstood):
        sliced_part("é")
