"""Showing text from a model file: it is untrusted, may be of any length, and may hold any character."""

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
