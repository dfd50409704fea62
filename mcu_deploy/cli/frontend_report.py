"""What the ``frontend`` commands found, as text for people."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from mcu_deploy.cli.table import table


def listing(documents: list[dict[str, Any]]) -> str:
    """The presets, a line each."""
    rows = [
        [
            one["name"],
            one["kind"],
            f"{one['sample_rate_hz']:,}",
            str(one["channels"]),
            f"{one['frame_samples']} / {one['hop_samples']}",
            _shape(one["feature_shape"]),
            one["precision"] or "-",
        ]
        for one in documents
    ]
    header = ["front end", "kind", "Hz", "channels", "frame / hop", "features", "precision"]
    return table(header, rows, right=(2, 3))


def described(document: dict[str, Any]) -> str:
    """Keys, what follows from them, stages, and the tables where the document has them."""
    derived = document["derived"]
    keys = [[one["key"], _value(one["value"]), one["meaning"]] for one in document["parameters"]]
    parts = [f"{document['name']}\n" + table(["key", "value", ""], keys)]
    clip = f"clip {derived['clip_seconds']:g} s"
    if derived["shortest_clip_seconds"] < derived["clip_seconds"]:
        clip += f" (at least {derived['shortest_clip_seconds']:g} s)"
    lines = [
        f"{clip}, frames of {1000 * derived['frame_seconds']:g} ms every "
        f"{1000 * derived['hop_seconds']:g} ms: {derived['frames_per_second']:g} a second",
        f"features int8 {_shape(derived['feature_shape'])}",
    ]
    if derived["bin_hz"] is not None:
        lines.append(f"spectrum of {derived['spectrum_bins']} bins of {derived['bin_hz']:g} Hz")
    helium = derived["flash_helium_table_bytes"]
    part = f" ({helium:,} of them on a core with Helium only)" if helium else ""
    lines.append(f"tables {derived['flash_table_bytes']:,} bytes{part}, RAM {derived['ram_bytes']:,} bytes")
    parts.append("\n".join(lines))
    rows = [
        [one["stage"], one["dtype"], _shape(one["shape"]), str(one["vectors"])] for one in document["stages"]
    ]
    parts.append(table(["stage", "type", "vector", "vectors a clip"], rows, right=(3,)))
    if "tables" in document:
        parts.append(_tables(document["tables"]))
    return "\n\n".join(parts)


def _tables(tables: dict[str, Any]) -> str:
    if not tables["window"]:
        return "no tables: the samples are the features"
    filters = [
        [
            str(number),
            str(one["first"]),
            str(one["length"]),
            f"{one['low_hz']:.1f}",
            f"{one['centre_hz']:.1f}",
            f"{one['high_hz']:.1f}",
            f"{max(one['weights'], default=0.0):.4g}",
        ]
        for number, one in enumerate(tables["mel_filters"])
    ]
    header = ["filter", "first bin", "bins", "from Hz", "centre Hz", "to Hz", "largest weight"]
    parts = [
        f"window, {len(tables['window'])} values\n" + _numbers(tables["window"]),
        table(header, filters, right=range(7)),
    ]
    if tables["dct"]:
        rows = [f"DCT row {number}\n" + _numbers(row) for number, row in enumerate(tables["dct"])]
        parts.append("\n".join(rows))
    return "\n\n".join(parts)


def _numbers(values: list[float]) -> str:
    texts = [f"{value:11.8f}" for value in values]
    return "\n".join("  " + " ".join(texts[start : start + 8]) for start in range(0, len(texts), 8))


def checked(check: dict[str, Any]) -> str:
    """Stages, instructions, memory, the first difference if there is one, and the verdict."""
    other_bits = check["verdict"] == "measured"
    header = ["stage", "vectors", "target = Python", "Python - float64", "SNR"]
    header += ["target - float64", "SNR"] if other_bits else []
    rows = []
    for stage in check["stages"]:
        differing, elements = stage["differing"], stage["elements"]
        bits = "every bit" if stage["bits_equal"] else f"{differing:,} of {elements:,} differ"
        row = [stage["stage"], f"{stage['vectors']:,}", bits, *_deviation(stage["python_against_float64"])]
        rows.append(row + (_deviation(stage["target_against_float64"]) if other_bits else []))
    parts = [table(header, rows, right=(1, 3, 4, 5, 6)), "\n".join(_costs(check))]
    if check["first_difference"]:
        parts.append(difference(check["first_difference"]))
    parts.append(_verdict(check))
    return "\n\n".join(parts)


def _costs(check: dict[str, Any]) -> list[str]:
    lines = []
    count, memory = check["simulated_instructions"], check["memory"]
    if count is not None:
        lines.append(
            f"{count['per_frame']:,} simulated instructions a frame "
            f"({count['clip']:,} for the {count['frames']} frames of {PurePath(count['input']).name})"
        )
    if memory["flash_bytes"] is not None:
        lines.append(
            f"flash {memory['flash_bytes']:,} bytes: code {memory['flash_code_bytes']:,}, the rest constants"
        )
    else:
        lines.append(f"tables {memory['flash_table_bytes']:,} bytes (a build for this computer has no flash)")
    stack = f", stack {memory['stack_bytes']:,}" if memory["stack_bytes"] is not None else ""
    lines.append(f"RAM {memory['ram_bytes']:,} bytes{stack}")
    wheel = check["wheel_against_python"]
    if wheel is not None:
        error, snr = _deviation(wheel)
        lines.append(
            f"the cmsisdsp package's arm_mfcc_f32 (fast-math; it adds 1e-6 before the logarithm) is within "
            f"{error} of Python that does so too, {snr}"
        )
    return lines


def difference(entry: dict[str, Any]) -> str:
    """Where target and Python first differ."""
    index = ", ".join(map(str, entry["index"]))
    start = "" if entry["start_seconds"] is None else f" at {entry['start_seconds']:.2f} s"
    return (
        f"first difference: {PurePath(entry['input']).name}{start}, {entry['name']} [{index}]: "
        f"Python {entry['expected_hex']} ({entry['expected']}), "
        f"target {entry['actual_hex']} ({entry['actual']}); "
        f"{entry['differing']:,} of {entry['elements']:,} elements differ"
    )


def _verdict(check: dict[str, Any]) -> str:
    count = len(check["inputs"])
    inputs = f"{count} clip{'s' if count != 1 else ''}"
    kind = [text for text in (check["precision"], check["arithmetic"]) if text]
    what = f"{', '.join([check['frontend'], *kind])} on {check['board']} ({check['simulator']})"
    if check["verdict"] == "verified":
        return f"VERIFIED: {what}: {inputs}, every bit of every stage equals the Python reference"
    if check["verdict"] == "measured" and check["simulator"] == "native":
        return f"MEASURED: {what}: {inputs}; a build for this computer has no Helium: this is scalar code"
    if check["verdict"] == "measured":
        return f"MEASURED: {what}: {inputs}; this arithmetic has bits of its own"
    return f"DIFFERS: {what}: not the bits of the Python reference"


def _deviation(entry: dict[str, Any] | None) -> list[str]:
    """The largest error and the SNR."""
    if entry is None:
        return ["-", "-"]
    error, snr = entry["max_error"], entry["snr_db"]
    if error is None:
        return ["not finite", "-"]
    if snr is None:
        return [f"{error:.2g}", "-" if error else "exact"]
    return [f"{error:.2g}", f"{snr:.1f} dB"]


def _shape(shape: list[int]) -> str:
    return " x ".join(map(str, shape)) or "1"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def precisions(document: dict[str, Any]) -> str:
    """A line for each precision, and what was heard."""
    header = ["precision", "SNR", "largest error", "inputs that differ", "by at most", "same answer"]
    labelled = document["labelled"]
    header += ["correct", "change in points"] if labelled else []
    rows = []
    for one in document["precisions"]:
        error, snr = _deviation(one["features_against_float64"])
        step = one["largest_input_step"]
        row = [
            one["precision"],
            snr,
            error,
            f"{100 * one['inputs_differing']:.2f} %",
            f"{step} step{'s' if step != 1 else ''}",
            f"{100 * one['top1_agreement']:.2f} %",
        ]
        if labelled:
            row += [f"{100 * one['accuracy']:.2f} %", f"{100 * one['accuracy_change']:+.2f}"]
        rows.append(row)
    windows = document["windows"]
    text = f"{document['model']['name']} with {document['frontend']}: {windows:,} windows of "
    text += f"{document['recordings']:,} recordings, {labelled:,} of them labelled"
    explanation = (
        "SNR and largest error: of the features against float64; inputs: int8, against float32's; "
        "answer: the first of the model's classes, against float32's"
    )
    return "\n\n".join([table(header, rows, right=range(1, 8)), explanation, text])
