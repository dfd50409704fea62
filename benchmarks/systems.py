"""The five systems: what each costs on the CPU and with an NPU, every tensor compared with the reference.

    python benchmarks/systems.py [--markdown] [--json FILE] [--npu NAMES] [SYSTEM...]

Each system is deployed natively and on QEMU with its front end and real or synthetic sounds, and every layer
that exists is compared with TFLM; one bit that differs is an error. Models that are not int8 are quantised
first, and kept in build/systems: delete that folder to make them anew. A model whose file is not
on this computer is left out, and named. NPU cycles are Vela's estimates.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from system_checks import (
    SCENES_LIMIT_BYTES,
    anomaly_scores,
    heard,
    published_differences,
    wrong_labels,
)
from system_models import CACHE, SYSTEMS, System, board_file, system_inputs, system_model

from mcu_deploy.cli.table import table
from mcu_deploy.errors import McuDeployError
from mcu_deploy.pipeline.deploy import deploy
from mcu_deploy.pipeline.options import DeployOptions, GenerateOptions, RunOptions
from mcu_deploy.pipeline.progress import Progress
from mcu_deploy.verify.document import empty_document

CONFIGURATIONS = ("none", "ethos-u55-128")
LARGE_CONFIGURATIONS = (*CONFIGURATIONS, "ethos-u65-256")
TIMEOUT_SECONDS = 1800.0


def configurations(system: System) -> tuple[str, ...]:
    """What a system is measured on."""
    return LARGE_CONFIGURATIONS if system.large else CONFIGURATIONS


def measure(system: System, model: Path, npu: str, cache: Path, folder: Path) -> dict[str, Any]:
    """The documents of one system on one configuration."""
    generate = GenerateOptions(
        model=str(model),
        board=board_file(system, cache),
        npu=npu,
        frontend=system.model_card.frontend,
        output_dir=folder / f"{system.name}-{npu}",
    )
    inputs = system_inputs(system, cache)
    result: dict[str, Any] = {"system": system.name, "npu": npu}
    for simulator, few in (("native", False), ("qemu", system.large)):
        run = RunOptions(
            simulator=simulator,
            inputs=inputs[:1] if few else inputs,
            hop=system.hop,
            pad=True,
            layers=True,
            timeout=TIMEOUT_SECONDS,
        )
        document = empty_document()
        deploy(DeployOptions(generate, run), Progress(sys.stderr), document)
        wrong = wrong_labels(system, document)
        if document["verdict"] != "verified" or wrong:
            raise McuDeployError(
                f"{system.name}, {npu}, {simulator}: {document['first_difference'] or wrong}"
            )
        result[simulator] = document
    result["arena_memory"] = arena_memory(generate.output_dir or folder)
    if system.name.startswith("dcase") and result["qemu"]["memory"]["flash_bytes"] > SCENES_LIMIT_BYTES:
        raise McuDeployError(f"{system.name}, {npu}: more than the task's {SCENES_LIMIT_BYTES:,} bytes")
    return result


def arena_memory(project: Path) -> str:
    """The memory that the linker script puts the arena into."""
    script = (project / "generated" / "firmware.ld").read_text(encoding="utf-8")
    return script.partition("*(.arena ")[2].partition("> md_")[2].split()[0]


def _milliseconds(npu: dict[str, Any] | None) -> str:
    if npu is None or npu["estimated_cycles"] is None:
        return "-"
    return f"{npu['estimated_cycles']:,} ({1000 * npu['estimated_seconds']:.2f} ms)"


def summary(results: list[dict[str, Any]], markdown: bool) -> str:
    """One line a system and configuration."""
    header = ["system", "NPU", "MACs", "flash", "model", "RAM", "arena", "in", "front end", "inference",
              "NPU cycles, estimated", "left to the CPU", "windows"]  # fmt: skip
    rows = []
    for result in results:
        native, qemu = result["native"], result["qemu"]
        memory, counts = qemu["memory"], qemu["runs"][0]["simulated_instructions"]
        rows.append([
            result["system"], result["npu"], f"{qemu['model']['macs']:,}", f"{memory['flash_bytes']:,}",
            f"{memory['flash_constant_bytes']:,}", f"{memory['ram_bytes']:,}", f"{memory['arena_bytes']:,}",
            result["arena_memory"], f"{counts['frontend']:,}",
            "-" if qemu["npu"] else f"{counts['inference']:,}", _milliseconds(qemu["npu"]),
            _left(qemu["npu"]), f"{len(native['runs'])} + {len(qemu['runs'])}",
        ])  # fmt: skip
    return _shown(header, rows, markdown, range(2, len(header)))


def _left(npu: dict[str, Any] | None) -> str:
    return "-" if npu is None else ", ".join(sorted(set(npu["cpu_operators"]))) or "nothing"


def quantisation(reports: dict[str, dict[str, Any]], markdown: bool) -> str:
    """One line a model that was made int8: what that cost, on sounds that gave no ranges."""
    header = ["model", "of", "bytes", "int8", "windows", "SNR", "largest error", "top-1 agreement"]
    rows = []
    for name, report in reports.items():
        output = report["held_out"]["outputs"][0]
        rows.append([
            name, report["model"]["format"], f"{report['model']['bytes']:,}", f"{report['int8']['bytes']:,}",
            str(report["held_out"]["inputs"]), f"{output['snr_db']:.1f} dB",
            f"{output['largest_error']:.3f}", f"{100 * output['top1_agreement']:.0f} %",
        ])  # fmt: skip
    return _shown(header, rows, markdown, range(2, len(header)))


def answers(results: list[dict[str, Any]]) -> str:
    """What each system heard, once."""
    systems = {system.name: system for system in SYSTEMS}
    lines = []
    for result in results:
        if result["npu"] != "none":
            continue
        labels = systems[result["system"]].model_card.labels
        document = result["native"]
        if not labels:
            scores = ", ".join(f"{start:g} s {score:.6f}" for start, score in anomaly_scores(document))
            lines.append(f"{result['system']}: the target machine's softmax: {scores}")
            continue
        heards = ", ".join(f"{Path(run['input']).stem} {heard(labels, run)}" for run in document["runs"])
        lines.append(f"{result['system']}: {heards}")
    return "\n".join(lines)


def _shown(header: list[str], rows: list[list[str]], markdown: bool, right: range) -> str:
    if not markdown:
        return table(header, rows, right=right)
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *rows])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("systems", nargs="*", metavar="SYSTEM", help=", ".join(one.name for one in SYSTEMS))
    parser.add_argument("--npu", metavar="NAMES", help="comma-separated; none: the CPU alone")
    parser.add_argument("--markdown", action="store_true", help="the tables in Markdown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all documents to FILE")
    options = parser.parse_args()
    names = {system.name for system in SYSTEMS}
    if not set(options.systems) <= names:
        parser.error(f"the systems are {', '.join(sorted(names))}")
    results: list[dict[str, Any]] = []
    reports: dict[str, dict[str, Any]] = {}
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for system in SYSTEMS:
            if options.systems and system.name not in options.systems:
                continue
            made = system_model(system, CACHE)
            if made is None:
                print(f"left out: {system.name}: mcu-deploy models fetch {system.card}", file=sys.stderr)
                continue
            model, report = made
            if report is not None:
                reports[system.name] = report
            if system.name.startswith("audio-sound-event") and (found := published_differences(model)):
                raise McuDeployError(f"{system.name} is not as published: {found}")
            chosen = options.npu.split(",") if options.npu else configurations(system)
            results += [measure(system, model, npu, CACHE, Path(folder)) for npu in chosen]
    if options.json:
        text = json.dumps({"deployments": results, "quantised": reports}, indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")
    print(summary(results, options.markdown) + "\n")
    if reports:
        print(quantisation(reports, options.markdown) + "\n")
    print(answers(results))
    print(
        "\nEvery output, feature and layer equals the reference's. Windows: native + QEMU. Instructions are"
    )
    print("simulated, cycles are Vela's estimates, sizes are bytes.")


if __name__ == "__main__":
    try:
        main()
    except McuDeployError as error:
        sys.exit(f"error: {error.message}\n  hint: {error.hint}")
