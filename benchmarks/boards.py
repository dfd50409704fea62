"""What runs where: every board, on each of its simulators, with each model.

    python benchmarks/boards.py [--board NAME]... [--markdown] [--json FILE] [MODEL...]

A cell is the instructions of one inference where a simulator counts them, of a deployment that was verified
against the Python reference: noise through the front end, where the model has one, and a random tensor.
Elsewhere it says why there is none. A deployment that fails in any other way is an error.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from deployments import DEFAULT_MODELS, noise

from mcu_deploy.boards.layout import format_bytes
from mcu_deploy.boards.reader import board_names, load_board
from mcu_deploy.boards.types import Board
from mcu_deploy.cli.table import table
from mcu_deploy.errors import McuDeployError, MemoryOverflowError, ToolMissingError
from mcu_deploy.frontend import load_spec
from mcu_deploy.pipeline.deploy import deploy
from mcu_deploy.pipeline.generate import prepare
from mcu_deploy.pipeline.options import DeployOptions, GenerateOptions, RunOptions
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.registry.cards import ModelCard, card_by_name
from mcu_deploy.registry.locate import locate
from mcu_deploy.verify.document import empty_document

HARDWARE = "the board itself"
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


def measure(board: Board, simulator: str, card: ModelCard, path: Path, folder: Path) -> Cell:
    """Deploys, if it fits and the simulator is there."""
    generate = GenerateOptions(model=str(path), board=board.name, output_dir=folder / card.name / board.name)
    try:
        prepare(generate, Progress(None))
    except MemoryOverflowError as error:
        return Cell(board.name, simulator, card.name, "does not fit", reason=overflow(error))
    if simulator == HARDWARE:
        return Cell(board.name, simulator, card.name, "not run here")
    inputs: tuple[str, ...] = ()
    if card.frontend:
        inputs = (str(noise(load_spec(card.frontend), folder / "noise.wav")),)
    document = empty_document()
    run = RunOptions(simulator=simulator, inputs=inputs, random=1)
    try:
        deploy(DeployOptions(generate, run), Progress(sys.stderr), document)
    except ToolMissingError as error:
        return Cell(board.name, simulator, card.name, "not run here", reason=error.message)
    if document["verdict"] != "verified":
        raise McuDeployError(f"{card.name} on {board.name}: {document['first_difference']}")
    instructions = document["runs"][-1]["simulated_instructions"]["inference"]
    return Cell(board.name, simulator, card.name, "verified", instructions)


def overflow(error: MemoryOverflowError) -> str:
    """What the first part that finds no room needs, and what the largest of its memories has."""
    for text in (error.message, *error.details):
        found = _NEEDS.search(text)
        if found:
            free = max(map(int, _FREE.findall(found[2])))
            return f"needs {format_bytes(int(found[1]))}, has {format_bytes(free)}"
    return error.message


def summary(cells: list[Cell], markdown: bool) -> str:
    """A line for each board and simulator, a column for each model."""
    models = list(dict.fromkeys(cell.model for cell in cells))
    places = list(dict.fromkeys((cell.board, cell.simulator) for cell in cells))
    found = {(cell.board, cell.simulator, cell.model): cell.text for cell in cells}
    header = ["board", "simulator", *models]
    rows = [[*place, *(found[(*place, model)] for model in models)] for place in places]
    if markdown:
        return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *rows])
    return table(header, rows)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--board", action="append", metavar="NAME", help="only this one; repeatable")
    parser.add_argument("--markdown", action="store_true", help="the table as the README has it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the cells to FILE")
    options = parser.parse_args()
    models = [(card, locate(card)) for card in map(card_by_name, options.models or DEFAULT_MODELS)]
    cells = []
    with tempfile.TemporaryDirectory() as folder:
        for board in map(load_board, options.board or board_names()):
            for simulator in simulators(board):
                for card, path in models:
                    if path is not None:
                        cells.append(measure(board, simulator, card, path, Path(folder)))
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
