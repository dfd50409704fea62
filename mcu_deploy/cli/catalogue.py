"""``boards`` and ``models``: what there is."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from mcu_deploy.boards.reader import board_names, load_board
from mcu_deploy.boards.types import Board
from mcu_deploy.cli.table import table
from mcu_deploy.registry.cards import card_by_name, locate, model_cards

_JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


@click.group(no_args_is_help=False)
def boards() -> None:
    """The boards that firmware can be generated for."""


@boards.command("list")
@_JSON_OPTION
def list_boards(as_json: bool) -> None:
    """All boards, a line each."""
    found = [load_board(name) for name in board_names()]
    if as_json:
        click.echo(json.dumps([asdict(board) for board in found], indent=2))
        return
    rows = [[board.name, _core(board), _simulators(board), board.description] for board in found]
    click.echo(table(["board", "core", "simulators", ""], rows))


@boards.command("show")
@click.argument("name")
@_JSON_OPTION
def show_board(name: str, as_json: bool) -> None:
    """One board: core, memories, placement, simulators. NAME may be a TOML file."""
    board = load_board(name)
    if as_json:
        click.echo(json.dumps(asdict(board), indent=2))
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
    """The published models that are known by their hash, with front end and labels."""


@models.command("list")
@_JSON_OPTION
def list_models(as_json: bool) -> None:
    """All known models, a line each."""
    found = [(card, locate(card)) for card in model_cards()]
    if as_json:
        documents = [{**asdict(card), "path": str(path) if path else None} for card, path in found]
        click.echo(json.dumps(documents, indent=2))
        return
    rows = [
        [
            card.name,
            card.title,
            card.task,
            f"{card.size:,}",
            str(path) if path else "not on MCU_DEPLOY_MODEL_PATH",
        ]
        for card, path in found
    ]
    click.echo(table(["model", "", "task", "bytes", "file"], rows, right=(3,)))


@models.command("show")
@click.argument("name")
@_JSON_OPTION
def show_model(name: str, as_json: bool) -> None:
    """One model's card."""
    card = card_by_name(name)
    document: dict[str, Any] = {**asdict(card), "path": str(locate(card) or "") or None}
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    for key, value in document.items():
        text = ", ".join(value) if isinstance(value, list | tuple) else value
        click.echo(f"{key + ':':<13} {'-' if text in (None, '') else text}")
