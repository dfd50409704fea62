"""What runs where: every board, on each of its simulators, with each runtime and each model.

    python benchmarks/boards.py [--board NAME]... [--tflm CPU=FOLDER]... [--markdown] [--json FILE] [MODEL...]

TFLite Micro is looked for where ``--tflm`` says for the board's core, else where MCU_DEPLOY_TFLM_DIR does.

A cell is the instructions of one inference where a simulator counts them, of a deployment that was verified
against the Python reference, every stage of the front end and every tensor: noise through the front end,
where the model has one, and a random tensor. Elsewhere it says why there is none. A deployment that fails in
any other way is an error.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

from measured import noise

from mcu_deploy.boards.layout import format_bytes
from mcu_deploy.boards.reader import board_names, load_board
from mcu_deploy.boards.types import Board
from mcu_deploy.cli.table import table
from mcu_deploy.errors import InputError, McuDeployError, MemoryOverflowError, ToolMissingError
from mcu_deploy.frontend import load_spec
from mcu_deploy.pipeline.deploy import deploy
from mcu_deploy.pipeline.generate import prepare
from mcu_deploy.pipeline.options import RUNTIMES, DeployOptions, GenerateOptions, RunOptions
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.registry.cards import ModelCard, card_by_name
from mcu_deploy.registry.locate import locate
from mcu_deploy.tflm.library import DIR_VARIABLE, find_library
from mcu_deploy.tflm.plan import TFLM
from mcu_deploy.verify.document import empty_document

DEFAULT_MODELS = ("kws-demo", "kws-micronet-l", "kws-micronet-m", "ad-micronet-s")
HARDWARE = "the board itself"
MODELS = (*DEFAULT_MODELS, "audio-sound-event-1.0.2")
_NEEDS = re.compile(r": ([0-9]+) bytes \([^)]*\) needed; (.*)")
_FREE = re.compile(r"has ([0-9]+) free")


@dataclass(frozen=True)
class Cell:
    """One deployment.

    Attributes:
        outcome: ``verified``, ``not run here`` or ``does not fit``.
        instructions: of the inference of a random tensor, where they are counted.
        reason: what stands in the way.
    """

    board: str
    simulator: str
    runtime: str
    model: str
    outcome: str
    instructions: int | None = None
    reason: str = ""

    @property
    def text(self) -> str:
        """For a table."""
        if self.outcome == "verified" and self.instructions:
            return f"verified: {self.instructions:,}"
        return f"{self.outcome} ({self.reason})" if self.outcome == "does not fit" else self.outcome


def simulators(board: Board) -> list[str]:
    """Those that run the board's own firmware; of the development machine, its program."""
    if board.core is None:
        return ["native"]
    found = [simulator.name for simulator in board.simulators if simulator.name != "native"]
    return found or [HARDWARE]


def runtimes(board: Board) -> tuple[str, ...]:
    """Those that run on it."""
    return RUNTIMES if board.core is not None else RUNTIMES[:1]


def tflm_missing(board: Board) -> str | None:
    """Why TFLite Micro cannot be linked into the board's firmware, or None."""
    assert board.core is not None
    try:
        find_library(board.core, (), uses_npu=False)
    except (ToolMissingError, InputError) as error:
        return error.message
    return None


def measure(board: Board, simulator: str, runtime: str, card: ModelCard, path: Path, folder: Path) -> Cell:
    """Deploys, if it fits, and the simulator and the runtime are there."""

    def cell(outcome: str, instructions: int | None = None, reason: str = "") -> Cell:
        return Cell(board.name, simulator, runtime, card.name, outcome, instructions, reason)

    missing = tflm_missing(board) if runtime == TFLM else None
    if missing is not None:
        return cell("not run here", reason=missing)
    output_dir = folder / f"{card.name}-{board.name}-{runtime}"
    generate = GenerateOptions(model=str(path), board=board.name, output_dir=output_dir, runtime=runtime)
    try:
        prepare(generate, Progress(None))
    except MemoryOverflowError as error:
        return cell("does not fit", reason=overflow(error))
    if simulator == HARDWARE:
        return cell("not run here")
    inputs: tuple[str, ...] = ()
    if card.frontend:
        inputs = (str(noise(load_spec(card.frontend), folder / "noise.wav")),)
    document = empty_document()
    run = RunOptions(simulator=simulator, inputs=inputs, random=1, layers=True)
    try:
        deploy(DeployOptions(generate, run), Progress(sys.stderr), document)
    except ToolMissingError as error:
        return cell("not run here", reason=error.message)
    if document["verdict"] != "verified":
        raise McuDeployError(f"{card.name} on {board.name} ({runtime}): {document['first_difference']}")
    return cell("verified", document["runs"][-1]["simulated_instructions"]["inference"])


def overflow(error: MemoryOverflowError) -> str:
    """What the first part that finds no room needs, and what the largest of its memories has."""
    for text in (error.message, *error.details):
        found = _NEEDS.search(text)
        if found:
            free = max(map(int, _FREE.findall(found[2])))
            return f"needs {format_bytes(int(found[1]))}, has {format_bytes(free)}"
    return error.message


def summary(cells: list[Cell], markdown: bool) -> str:
    """A line for each board, simulator and runtime, a column for each model."""
    models = list(dict.fromkeys(cell.model for cell in cells))
    places = list(dict.fromkeys((cell.board, cell.simulator, cell.runtime) for cell in cells))
    found = {(cell.board, cell.simulator, cell.runtime, cell.model): cell.text for cell in cells}
    header = ["board", "simulator", "runtime", *models]
    rows = [[*place, *(found[(*place, model)] for model in models)] for place in places]
    if markdown:
        return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *rows])
    return table(header, rows)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--board", action="append", metavar="NAME", help="only this one; repeatable")
    parser.add_argument(
        "--tflm",
        action="append",
        default=[],
        metavar="CPU=FOLDER",
        help="TFLite Micro for a core; repeatable",
    )
    parser.add_argument("--markdown", action="store_true", help="the table as the README has it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the cells to FILE")
    options = parser.parse_args()
    models = [(card, locate(card)) for card in map(card_by_name, options.models or MODELS)]
    common = os.environ.get(DIR_VARIABLE, "")
    libraries = dict(one.split("=", 1) for one in options.tflm)
    cells = []
    with tempfile.TemporaryDirectory() as folder:
        for board in map(load_board, options.board or board_names()):
            os.environ[DIR_VARIABLE] = libraries.get(board.core.cpu if board.core else "", common)
            for simulator, runtime in product(simulators(board), runtimes(board)):
                for card, path in models:
                    if path is not None:
                        cells.append(measure(board, simulator, runtime, card, path, Path(folder)))
    if not cells:
        sys.exit("no model found: set MCU_DEPLOY_MODEL_PATH, or fetch one by mcu-deploy models fetch")
    if options.json:
        options.json.write_text(
            json.dumps([asdict(cell) for cell in cells], indent=1) + "\n", encoding="utf-8"
        )
    print(summary(cells, options.markdown))
    print("\nNumbers are simulated instructions of one inference (QEMU -icount).")


if __name__ == "__main__":
    try:
        main()
    except McuDeployError as error:
        sys.exit(f"error: {error.message}\n  hint: {error.hint}")
