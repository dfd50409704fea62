"""Showing untrusted text, from a model file or the name of one: of any length, with any character."""

from __future__ import annotations


def printable(text: str, limit: int = 60) -> str:
    """The text in double quotes, as one line of ASCII of at most ``limit`` characters between them.

    Control characters, quotes, backslashes and everything beyond ASCII are shown as Python escapes, and a
    comment's end ``*/`` is broken up, so that the result is harmless in a terminal, a log, or a C comment.
    A cut text ends with ``...``.
    """
    cut = text[: limit + 1]
    escaped = cut.encode("unicode_escape").decode("ascii")
    escaped = escaped.replace('"', '\\"').replace("*/", "*\\/")
    if len(escaped) > limit:
        escaped = escaped[: limit - 3].rstrip("\\") + "..."
    return f'"{escaped}"'


def one_line(text: str) -> str:
    """The text with every character that is not printable, such as a line break, as a Python escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
