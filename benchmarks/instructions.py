"""What inferences cost: simulated instructions by layer and in all, flash and RAM, against TFLite Micro.

    python benchmarks/instructions.py [--board NAME]... [--optimise NAME]... [--layers] [MODEL...]
    python benchmarks/instructions.py --systems   the scenes and AclNet, too (quantised first: minutes)
    python benchmarks/instructions.py --toml      the lines of tests/instructions/instruction_counts.toml

MODEL is a name of `mcu-deploy models list` or a system of benchmarks/systems.py; by default those below
whose file is on this computer, on each board below, and on the Corstone-300 with --optimise ram, too. All
runs on QEMU under -icount, where counts are exact and repeatable, with every tensor compared with the Python
reference; one that differs is an error. Weighted instructions count each 128-bit Helium operation as two
(beats.py).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from goals import DEFAULT, DSP, HELIUM, LEAST_RAM, goals
from measured import Layer, Measured, Subject, measure
from system_models import CACHE, SYSTEMS, System, board_file, system_model

from mcu_deploy.boards.reader import load_board
from mcu_deploy.cli.table import table
from mcu_deploy.errors import McuDeployError, MemoryOverflowError
from mcu_deploy.plan.types import Optimise
from mcu_deploy.registry.cards import card_by_name
from mcu_deploy.registry.locate import locate

MODELS = ("kws-demo", "kws-micronet-l", "kws-micronet-m", "ad-micronet-s", "audio-sound-event-1.0.2")
LARGE = ("dcase2020-mobnet-int8", "dcase2020-smallfcnn-int8", "aclnet-seeded-int8")
BASELINE = Path(__file__).with_name("baseline_tflm.toml")

Table = tuple[list[str], list[list[str]]]


def subjects(names: Sequence[str], boards: Sequence[str], optimise: Sequence[str]) -> Iterator[Subject]:
    """What to measure; a model whose file is not on this computer is left out, and named.

    Args:
        names: of models and systems.
        boards: their names.
        optimise: modes; () for the default, and on the Corstone-300 for the least RAM, too.
    """
    systems = {system.name: system for system in SYSTEMS}
    for name in names:
        system = systems.get(name, System(name, name))
        card = system.model_card
        made = system_model(system, CACHE) if system.quantised else None
        path = made[0] if made else None if system.quantised else locate(card)
        if path is None:
            print(f"left out: {name}: mcu-deploy models fetch {card.name}", file=sys.stderr)
            continue
        for board in boards:
            place = board_file(system, CACHE) if board == HELIUM else board
            least = (DEFAULT, LEAST_RAM) if board == HELIUM else (DEFAULT,)
            for chosen in optimise or least:
                yield Subject(name, path, place, card.frontend, chosen)


def measure_all(wanted: Iterator[Subject], whole: bool) -> list[Measured]:
    """Measures what fits the memories of its board."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for subject in wanted:
            where = f"{subject.name} on {load_board(subject.board).name}, {subject.optimise}"
            print(where, file=sys.stderr)
            try:
                found.append(measure(subject, Path(folder), whole))
            except MemoryOverflowError as error:
                print(f"left out: {where}: {error.message}", file=sys.stderr)
    return found


def instruction_table(measured: Sequence[Measured], baseline: dict[str, Any]) -> Table:
    """One line a model, board and mode."""
    header = ["model", "board", "optimise", "MACs", "instructions", "a MAC", "to TFLM", "weighted", "a MAC",
              "front end"]  # fmt: skip
    rows = []
    for one in measured:
        base = _base(one, baseline)
        rows.append([
            one.name, one.board, one.optimise, f"{one.macs:,}", f"{one.instructions:,}",
            f"{one.instructions / one.macs:.3f}", _ratio(one.instructions, base.get("instructions")),
            f"{one.weighted:,}", f"{one.weighted / one.macs:.3f}",
            f"{one.frontend_instructions:,}" if one.frontend_instructions else "-",
        ])  # fmt: skip
    return header, rows


def memory_table(measured: Sequence[Measured], baseline: dict[str, Any]) -> Table:
    """One line a model, board and mode."""
    header = ["model", "board", "optimise", "model", "kernels", "runtime", "both", "to TFLM",
              "with front end", "arena", "to TFLM", "stack", "RAM", "to TFLM", "with front end"]  # fmt: skip
    rows = []
    for one in measured:
        base, memory = _base(one, baseline), one.memory
        flash = baseline["flash"]["without_model_bytes"] if one.board == HELIUM else None
        kernels = memory.parts.get("md_kernels", 0)
        rows.append([
            one.name, one.board, one.optimise, f"{memory.model:,}", f"{kernels:,}",
            f"{memory.code - kernels:,}", f"{memory.code:,}", _ratio(memory.code, flash),
            _optional(memory.code_with_frontend), f"{memory.arena:,}",
            _ratio(memory.arena, base.get("arena_bytes")), f"{memory.stack:,}", f"{memory.ram:,}",
            _ratio(memory.ram, base.get("ram_bytes")), _optional(memory.ram_with_frontend),
        ])  # fmt: skip
    return header, rows


def layer_table(measured: Measured) -> Table:
    """One line a step."""
    header = ["step", "operator", "channels", "kernel", "MACs", "instructions", "share", "a MAC", "weighted"]
    rows = [
        [
            str(layer.index),
            layer.label,
            str(layer.channels),
            layer.kernel,
            f"{layer.macs:,}",
            f"{layer.instructions:,}",
            f"{100 * layer.instructions / measured.instructions:.1f} %",
            f"{layer.rate:.3f}" if layer.macs else "-",
            f"{layer.weighted:,}",
        ]
        for layer in measured.layers
    ]
    return header, rows


def operator_table(measured: Sequence[Measured]) -> Table:
    """One line a kind of layer, those with the most instructions first; of the default mode."""
    header = [
        "model",
        "board",
        "layers",
        "number",
        "MACs",
        "instructions",
        "share",
        "a MAC",
        "weighted a MAC",
    ]
    rows = []
    for one in measured:
        if one.optimise != DEFAULT:
            continue
        alike: dict[str, list[Layer]] = {}
        for layer in one.layers:
            alike.setdefault(layer.label, []).append(layer)
        sums = {
            label: (sum(x.macs for x in group), sum(x.instructions for x in group), group)
            for label, group in alike.items()
        }
        for label, (macs, count, group) in sorted(sums.items(), key=lambda item: -item[1][1]):
            weighted = sum(layer.weighted for layer in group)
            rates = [f"{value / macs:.3f}" if macs else "-" for value in (count, weighted)]
            share = f"{100 * count / one.instructions:.1f} %"
            rows.append(
                [one.name, one.board, label, str(len(group)), f"{macs:,}", f"{count:,}", share, *rates]
            )
    return header, rows


def goal_table(measured: Sequence[Measured], baseline: dict[str, Any]) -> Table:
    """One line a goal."""
    header = ["goal, on the Corstone-300 unless stated", "TFLM", "here", "at most", "aim", "verdict"]
    return header, [goal.cells for goal in goals(measured, baseline)]


def toml_lines(measured: Sequence[Measured]) -> str:
    """The counts as the regression test has them."""
    lines = []
    for one in measured:
        kinds = ", ".join(f'"{kind}" = {count:_}' for kind, count in one.kinds().items())
        lines += [
            f'[counts."{one.name}".{one.board}.{one.optimise}]',
            f"instructions = {one.instructions:_}",
            f"operators = {{ {kinds} }}",
            "",
        ]
    return "\n".join(lines)


def _base(measured: Measured, baseline: dict[str, Any]) -> dict[str, int]:
    """The baseline is that of Helium kernels."""
    found: dict[str, int] = baseline["models"].get(measured.name, {}) if measured.board == HELIUM else {}
    return found


def _ratio(value: float, base: float | None) -> str:
    return f"{value / base:.2f}" if base else "-"


def _optional(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _shown(content: Table, markdown: bool, words: int) -> str:
    """A table whose first columns are words."""
    header, rows = content
    if markdown:
        rule = ["---"] * words + ["---:"] * (len(header) - words)
        return "\n".join(f"| {' | '.join(line)} |" for line in [header, rule, *rows])
    return table(header, rows, right=range(words, len(header)))


def _versions(measured: Sequence[Measured]) -> Iterator[str]:
    for name, version in measured[0].versions.items():
        yield version if name in version.lower() else f"{name} {version}"


def report(measured: Sequence[Measured], markdown: bool, layers: bool) -> str:
    """All tables."""
    baseline = tomllib.loads(BASELINE.read_text(encoding="utf-8"))
    parts = []
    if layers:
        for one in measured:
            title = f"{one.name}, {one.board}, {one.optimise}"
            parts += [title, _shown(layer_table(one), markdown, 2)]
    tables = {
        "Simulated instructions of one inference, and of a clip's front end:": instruction_table(
            measured, baseline
        ),
        "Where they go, with --optimise balanced:": operator_table(measured),
        "Bytes: flash for the model and without it, RAM. Without a front end unless stated:": memory_table(
            measured, baseline
        ),
    }
    for title, content in tables.items():
        if content[1]:
            parts += [title, _shown(content, markdown, 3)]
    parts += [
        "Goals:",
        _shown(goal_table(measured, baseline), markdown, 1),
        f"TFLM: TFLite Micro with CMSIS-NN ({BASELINE.name}). {', '.join(_versions(measured))}",
    ]
    return "\n\n".join(parts)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--board", action="append", default=[], help="only on this one; repeatable")
    modes = [one.value for one in Optimise]
    parser.add_argument("--optimise", action="append", default=[], choices=modes, help="repeatable")
    parser.add_argument("--systems", action="store_true", help=f"also {', '.join(LARGE)}")
    parser.add_argument("--layers", action="store_true", help="a table of the layers of each, too")
    parser.add_argument("--markdown", action="store_true", help="tables in Markdown")
    parser.add_argument("--toml", action="store_true", help="print the counts for the regression test only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    options = parser.parse_args()
    known = {system.name for system in SYSTEMS}
    for name in options.models:
        if name not in known:
            card_by_name(name)
    names = options.models or [*MODELS, *(LARGE if options.systems else ())]
    if any(name in LARGE for name in names):
        CACHE.mkdir(parents=True, exist_ok=True)
    boards = options.board or [HELIUM, *(DSP[:1] if options.toml else DSP)]
    measured = measure_all(subjects(names, boards, options.optimise), whole=not options.toml)
    if not measured:
        sys.exit("no model found: set MCU_DEPLOY_MODEL_PATH, or fetch one by mcu-deploy models fetch")
    if options.json:
        text = json.dumps([asdict(one) for one in measured], indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")
    print(toml_lines(measured) if options.toml else report(measured, options.markdown, options.layers))


if __name__ == "__main__":
    try:
        main()
    except McuDeployError as error:
        sys.exit(f"error: {error.message}\n  hint: {error.hint}")
