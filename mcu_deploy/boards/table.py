"""A TOML table that is the user's: every text is held to a pattern, every key must be known."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

from mcu_deploy.errors import InputError

NAME = re.compile(r"[a-z][a-z0-9_-]{0,47}")
_SIZE = re.compile(r"([0-9]{1,7}) (bytes|KiB|MiB|GiB)")
_UNITS = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
ADDRESS_END = 1 << 32


def suggestion(word: str, known: Sequence[str]) -> str:
    """What ``word`` may be a misspelling of, as a question; "" if nothing is near."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else ""


class Table:
    """A TOML table that knows where it stands and which of its keys were read.

    Every method that takes a key raises InputError where the value is missing or not as it must be.
    """

    def __init__(self, where: str, values: object) -> None:
        if not isinstance(values, dict):
            raise InputError(f"{where} must be a table")
        self.where = where
        self._values: dict[str, Any] = values
        self._known: list[str] = []

    def __contains__(self, key: str) -> bool:
        self._known.append(key)
        return key in self._values

    def free_keys(self) -> tuple[str, ...]:
        """All keys, checked as names, where a table's keys are free; marks them as known."""
        for key in self._values:
            if not NAME.fullmatch(key):
                raise InputError(f"{self.where}: {key!r} is not a name", "use a-z, 0-9, _ and -")
        self._known.extend(self._values)
        return tuple(self._values)

    def _get(self, key: str) -> Any:
        if key not in self:
            near = suggestion(key, [name for name in self._values if name not in self._known])
            raise InputError(f"{self.where}: {key!r} is missing", near)
        return self._values[key]

    def table(self, key: str) -> Table:
        """The table under a key."""
        return Table(f"{self.where}: [{key}]", self._get(key))

    def text(self, key: str, pattern: re.Pattern[str], what: str) -> str:
        """A text that matches ``pattern`` as a whole; ``what`` says what that means."""
        value = self._get(key)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise InputError(f"{self.where}: {key} = {value!r} is not {what}")
        return value

    def name(self, key: str) -> str:
        """A name."""
        return self.text(key, NAME, "a name of a-z, 0-9, _ and -")

    def choice(self, key: str, choices: Sequence[str]) -> str:
        """One of ``choices``."""
        value = self._get(key)
        if value not in choices:
            raise InputError(
                f"{self.where}: {key} = {value!r} is not known",
                suggestion(str(value), choices) or f"one of {', '.join(choices)}",
            )
        return str(value)

    def names(self, key: str, choices: Sequence[str]) -> tuple[str, ...]:
        """A list of ``choices``, none of them twice."""
        value = self._get(key)
        if not isinstance(value, list):
            raise InputError(f"{self.where}: {key} must be a list")
        for item in value:
            if item not in choices:
                raise InputError(
                    f"{self.where}: {key} names {item!r}, which is not known",
                    suggestion(str(item), choices) or f"one of {', '.join(choices)}",
                )
        if len(set(value)) != len(value):
            raise InputError(f"{self.where}: {key} names something twice")
        return tuple(value)

    def texts(self, key: str, pattern: re.Pattern[str], what: str) -> tuple[str, ...]:
        """A list of texts, each as ``text`` has it."""
        value = self._get(key)
        if not isinstance(value, list):
            raise InputError(f"{self.where}: {key} must be a list")
        for item in value:
            if not isinstance(item, str) or not pattern.fullmatch(item):
                raise InputError(f"{self.where}: {key} has {item!r}, which is not {what}")
        return tuple(value)

    def integer(self, key: str, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``."""
        value = self._get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise InputError(f"{self.where}: {key} = {value!r} is not a whole number from {low} to {high}")
        return value

    def word_lists(self, key: str, length: int) -> tuple[tuple[int, ...], ...]:
        """A list of lists of ``length`` numbers of 32 bits each; one at least."""
        value = self._get(key)
        if not isinstance(value, list) or not value:
            raise InputError(f"{self.where}: {key} must be a list of lists of {length} numbers")
        for row in value:
            if (
                not isinstance(row, list)
                or len(row) != length
                or any(type(word) is not int or not 0 <= word < 1 << 32 for word in row)
            ):
                raise InputError(f"{self.where}: {key} has {row!r}, which is not {length} numbers of 32 bits")
        return tuple(tuple(row) for row in value)

    def address(self, key: str) -> int:
        """An address of 32 bits that is a multiple of 16."""
        value = self.integer(key, 0, ADDRESS_END - 1)
        if value % 16:
            raise InputError(f"{self.where}: {key} = {value:#x} is not a multiple of 16")
        return value

    def size(self, key: str) -> int:
        """A size such as ``"512 KiB"``, in bytes; a multiple of 16."""
        value = self.text(key, _SIZE, 'a size such as "512 KiB"')
        number, unit = value.split(" ")
        size = int(number) * _UNITS[unit]
        if size == 0 or size % 16:
            raise InputError(f"{self.where}: {key} = {value!r} is not a positive multiple of 16 bytes")
        return size

    def finish(self) -> None:
        """Refuses keys that nobody has asked for."""
        for key in self._values:
            if key not in self._known:
                raise InputError(
                    f"{self.where}: unknown key {key!r}",
                    suggestion(key, self._known) or f"known: {', '.join(dict.fromkeys(self._known))}",
                )
