"""``boards`` and ``models``: what there is."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import Any

import click

from mcu_deploy.boards.reader import board_names, load_board
from mcu_deploy.boards.types import Board
from mcu_deploy.cli.options import JSON_OPTION, Seconds, json_text
from mcu_deploy.cli.table import table
from mcu_deploy.registry.cards import ModelCard, card_by_name, model_cards
from mcu_deploy.registry.fetch import STALL_SECONDS, Report, fetch
from mcu_deploy.registry.locate import find


@click.group(no_args_is_help=False)
def boards() -> None:
    """The boards that firmware can be generated for."""


@boards.command("list")
@JSON_OPTION
def list_boards(as_json: bool) -> None:
    """All boards, a line each."""
    found = [load_board(name) for name in board_names()]
    if as_json:
        click.echo(json_text([asdict(board) for board in found]))
        return
    rows = [[board.name, _core(board), _simulators(board), board.description] for board in found]
    click.echo(table(["board", "core", "simulators", ""], rows))


@boards.command("show")
@click.argument("name")
@JSON_OPTION
def show_board(name: str, as_json: bool) -> None:
    """One board: core, memories, placement, simulators. NAME may be a TOML file."""
    board = load_board(name)
    if as_json:
        click.echo(json_text(asdict(board)))
        return
    lines = [f"{board.name}: {board.description}", f"core: {_core(board)}"]
    if board.memories:
        rows = [[m.name, f"0x{m.origin:08x}", f"{m.size:,}"] for m in board.memories]
        lines.append(table(["memory", "origin", "bytes"], rows, right=(2,)))
    lines += [f"{part}: {', '.join(memories)}" for part, memories in board.placement.items()]
    if board.stack_bytes:
        lines.append(f"stack size: {board.stack_bytes:,} bytes")
    lines.append(f"simulators: {_simulators(board)}")
    click.echo("\n".join(lines))


def _core(board: Board) -> str:
    if board.core is None:
        return "this computer's"
    return " ".join([board.core.cpu, *(f"+{extension}" for extension in board.core.extensions)])


def _simulators(board: Board) -> str:
    return ", ".join(simulator.name for simulator in board.simulators)


@click.group(no_args_is_help=False)
def models() -> None:
    """The models that are known by their hash: bundled, or published by others and fetched."""


@models.command("list")
@JSON_OPTION
def list_models(as_json: bool) -> None:
    """All known models, a line each, and where the file is."""
    documents = [_model(card) for card in model_cards()]
    if as_json:
        click.echo(json_text(documents))
        return
    rows = [
        [one["name"], one["title"], one["task"], one["quantisation"], f"{one['size']:,}", one["state"]]
        for one in documents
    ]
    click.echo(table(["model", "", "task", "quantised", "bytes", "file"], rows, right=(4,)))


@models.command("show")
@click.argument("name")
@JSON_OPTION
def show_model(name: str, as_json: bool) -> None:
    """One model's card, and where the file is."""
    document = _model(card_by_name(name))
    if as_json:
        click.echo(json_text(document))
        return
    for key, value in document.items():
        text = ", ".join(value) if isinstance(value, list | tuple) else value
        click.echo(f"{key + ':':<14} {'-' if text in (None, '') else text}")


@models.command("fetch")
@click.argument("name")
@click.option(
    "--from",
    "source",
    metavar="FOLDER|FILE|URL",
    help="Take the file from there in place of its publisher. To a URL ending with / the file name is added.",
)
@click.option(
    "--timeout",
    type=Seconds(),
    default=STALL_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="Give up after so long without progress.",
)
def fetch_model(name: str, source: str | None, timeout: float) -> None:
    """Bring a known model's file into the cache, verified by size and SHA-256, and print its path.

    A download that broke off is gone on with. Proxies: http_proxy, https_proxy, no_proxy.
    """
    shown = _Shown()
    try:
        path = fetch(card_by_name(name), source, Report(shown.note, shown.progress), timeout)
    finally:
        shown.clear()
    click.echo(path)


def _model(card: ModelCard) -> dict[str, Any]:
    found = find(card)
    return {**asdict(card), "state": found.state, "path": str(found.path) if found.path else None}


class _Shown:
    """Notes on stderr, and on a terminal a line that counts up."""

    def __init__(self) -> None:
        self._next = 0.0
        self._width = 0

    def note(self, text: str) -> None:
        self.clear()
        click.echo(text, err=True)

    def progress(self, present: int, size: int) -> None:
        if sys.stderr.isatty() and time.monotonic() >= self._next:
            text = f"{100 * present // size:3d} %  {present:,} of {size:,} bytes"
            click.echo("\r" + text.ljust(self._width), err=True, nl=False)
            self._width = len(text)
            self._next = time.monotonic() + 0.1

    def clear(self) -> None:
        if self._width:
            click.echo("\r" + " " * self._width + "\r", err=True, nl=False)
            self._width = 0
