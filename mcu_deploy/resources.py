"""Where the C sources, boards and model cards are (in the repository, or inside an installed wheel), and
where downloads are kept.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "MCU_DEPLOY_CACHE_DIR"

_PACKAGE = Path(__file__).resolve().parent
_WHEEL_DATA = _PACKAGE / "_data"


def resource_dir(name: str) -> Path:
    """The folder ``firmware_templates``, ``boards`` or ``models``.

    A wheel carries them in ``mcu_deploy/_data``; an editable install uses the repository's own.
    """
    root = _WHEEL_DATA if _WHEEL_DATA.is_dir() else _PACKAGE.parent
    return root / name


def cache_dir() -> Path:
    """The folder for downloads, which need not exist: ``MCU_DEPLOY_CACHE_DIR``, or the user's cache."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return (Path(chosen) if chosen else Path(platformdirs.user_cache_dir("mcu-deploy"))).absolute()
