"""A deployment's document as text for people."""

from __future__ import annotations

from pathlib import PurePath
from statistics import median
from typing import Any

from mcu_deploy.cli.table import table
from mcu_deploy.graph.reader import NPU_OPERATOR


def report(document: dict[str, Any]) -> str:
    """Runs, memory, the first difference if there is one, and the verdict."""
    runs = _streams(document) if document["stream"] else _runs(document)
    parts = [runs, _absorbed(document), _memory(document["memory"]), _npu(document)]
    if document["first_difference"]:
        parts.append(_difference(document["first_difference"]))
    parts.append(_verdict(document))
    return "\n\n".join(part for part in parts if part)


def _runs(document: dict[str, Any]) -> str:
    header = ["input", "start", "label", "score", "features", "layers", "outputs", "front end", "inference"]
    rows = [
        [
            PurePath(run["input"]).name,
            "-" if run["start_seconds"] is None else f"{run['start_seconds']:.2f} s",
            run["label"] or "-",
            f"{max(run['scores']):.3f}",
            _features([run]),
            _equal(run["layers_bit_exact"]),
            _equal(run["outputs_bit_exact"]),
            _count(run["simulated_instructions"]["frontend"]),
            _count(run["simulated_instructions"]["inference"]),
        ]
        for run in document["runs"]
    ]
    text = table(header, rows, right=(1, 3, 7, 8))
    counted = any(run["simulated_instructions"]["inference"] for run in document["runs"])
    return text + ("\n(front end, inference: simulated instructions)" if counted else "")


def _streams(document: dict[str, Any]) -> str:
    """One line a recording, and its detections."""
    by_input: dict[str, list[dict[str, Any]]] = {}
    for run in document["runs"]:
        by_input.setdefault(run["input"], []).append(run)
    header = ["input", "windows", "apart", "features", "outputs", "front end", "inference"]
    rows = [
        [
            PurePath(name).name,
            str(len(runs)),
            f"{document['stream']['stride_seconds']:g} s",
            _features(runs),
            _equal(all(run["outputs_bit_exact"] for run in runs)),
            _count(_median(runs, "frontend")),
            _count(_median(runs, "inference")),
        ]
        for name, runs in by_input.items()
    ]
    text = table(header, rows, right=(1, 2, 5, 6))
    if any(run["simulated_instructions"]["inference"] for run in document["runs"]):
        text += "\n(front end, inference: simulated instructions, the median of the windows)"
    return f"{text}\n\n{_detections(document)}"


def _median(runs: list[dict[str, Any]], part: str) -> int | None:
    counts = [run["simulated_instructions"][part] for run in runs]
    return None if None in counts else round(median(counts))


def _detections(document: dict[str, Any]) -> str:
    found = document["detections"]
    if document["stream"]["detection"] is None:
        return "no detections: the model has no labels"
    if not found:
        return "nothing detected"
    rows = [
        [PurePath(d["input"]).name, f"{d['time_seconds']:.2f} s", d["label"], f"{d['score']:.2f}"]
        for d in found
    ]
    return table(["input", "heard at", "label", "score"], rows, right=(1, 3))


def _absorbed(document: dict[str, Any]) -> str:
    """Which tensors were not compared, because the step that reads them makes them as it goes."""
    compared = any(run["layers_bit_exact"] is not None for run in document["runs"])
    found = [
        f"operator {absorbed}"
        for layer in document["layers"]
        if compared and layer["kind"] != NPU_OPERATOR
        for absorbed in layer["not_compared"]
    ]
    if not found:
        return ""
    return f"layers: not compared is what became part of the next operator: {', '.join(found)}"


def _memory(memory: dict[str, Any]) -> str:
    if memory["flash_bytes"] is None:
        return f"arena {memory['arena_bytes']:,} bytes (built for this computer: no flash or RAM figures)"
    parts = [f"the front end {memory['flash_frontend_bytes']:,}"]
    if memory["flash_npu_driver_bytes"]:
        parts.append(f"the NPU's driver {memory['flash_npu_driver_bytes']:,}")
    if memory["flash_npu_model_bytes"]:
        parts.append(f"its functional model {memory['flash_npu_model_bytes']:,}")
    flash = (
        f"flash {memory['flash_bytes']:,} bytes: model {memory['flash_constant_bytes']:,}, "
        f"code {memory['flash_code_bytes']:,} (of it {', '.join(parts)})"
    )
    stack = memory["stack_bytes"]
    arena = f"arena {memory['arena_bytes']:,}{_used(memory)}"
    ram = f"RAM {memory['ram_bytes']:,} bytes: {arena}, stack {stack:,}"
    return f"{flash}\n{ram}, the rest variables"


def _used(memory: dict[str, Any]) -> str:
    """What TFLite Micro takes of the arena."""
    used = memory["arena_used_bytes"]
    return "" if used is None else f" (used: {used:,})"


def _npu(document: dict[str, Any]) -> str:
    npu = document["npu"]
    if npu is None:
        return ""
    left = ", ".join(dict.fromkeys(npu["cpu_operators"])) or "nothing"
    if not npu["npu_steps"]:
        return f"nothing runs on the {npu['configuration']}: Vela left every operator to the CPU"
    text = (
        f"NPU {npu['configuration']}, compiled by Vela {npu['vela']} for {npu['system_config']}, "
        f"{npu['memory_mode']}; left to the CPU: {left}"
    )
    if npu["estimated_cycles"] is not None:
        milliseconds = f"{npu['estimated_seconds'] * 1e3:.3g} ms at {npu['clock_hz'] / 1e6:g} MHz"
        text += f"\nan inference, estimated by Vela: {npu['estimated_cycles']:,} cycles, {milliseconds}"
    if npu["counted"] is not None:
        text += f"\n{_counted(npu['counted'])}"
    if any(run["layers_bit_exact"] is not None for run in document["runs"]):
        text += "\nlayers: compared are the tensors between NPU and CPU; others do not exist as in the model"
    return text


def _counted(counted: dict[str, Any]) -> str:
    """The NPU's work in an inference, two lines."""
    read = ", ".join(f"{name} {count:,}" for name, count in counted["bytes_read"].items())
    return (
        f"an inference, counted by the functional model: {counted['macs']:,} MACs in "
        f"{counted['operations']:,} operations\n"
        f"  bytes read: {read}; written: arena {counted['bytes_written']['arena']:,}"
    )


def _difference(difference: dict[str, Any]) -> str:
    index = ", ".join(map(str, difference["index"]))
    where = f"{PurePath(difference['input']).name}, {difference['stage']} {difference['name']}"
    return (
        f"first difference: {where} [{index}]: "
        f"Python {difference['expected_hex']} ({difference['expected']}), "
        f"target {difference['actual_hex']} ({difference['actual']}); "
        f"{difference['differing']} of {difference['elements']} elements differ"
    )


def _verdict(document: dict[str, Any]) -> str:
    count = len(document["runs"])
    inputs = f"{count} {'window' if document['stream'] else 'input'}{'s' if count != 1 else ''}"
    where = f"{document['model']['name']} on {document['board']} ({document['simulator']})"
    if document["verdict"] == "verified":
        what = "every compared bit equals the Python reference"
        if document["arithmetic"] == "cmsis-helium":
            what += ", given the features that the target made (cmsis-helium promises no bits"
            no_helium = "; a build for this computer has no Helium: this is scalar code"
            what += f"{no_helium if document['simulator'] == 'native' else ''})"
        return f"VERIFIED: {where}: {inputs}, {what}"
    return f"DIFFERS: {where}: not the bits of the Python reference"


def _features(runs: list[dict[str, Any]]) -> str:
    """Equal bits, or where they are not promised the largest error."""
    exact = [run["features_bit_exact"] for run in runs]
    if None in exact or all(exact):
        return _equal(None if None in exact else True)
    errors = [run["features_max_error"] for run in runs]
    return "DIFFER" if None in errors else f"DIFFER by {max(errors):.2g}"


def _equal(value: bool | None) -> str:
    return {None: "-", True: "equal", False: "DIFFER"}[value]


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"
