"""Where the C sources, boards and model cards are: in the repository, or inside an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_WHEEL_DATA = _PACKAGE / "_data"


def resource_dir(name: str) -> Path:
    """The folder ``firmware_templates``, ``boards`` or ``models``.

    A wheel carries them in ``mcu_deploy/_data``; an editable install uses the repository's own.
    """
    root = _WHEEL_DATA if _WHEEL_DATA.is_dir() else _PACKAGE.parent
    return root / name
