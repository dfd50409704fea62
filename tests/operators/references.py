"""TFLM's interpreter on many models in one process: to start it takes longer than to run a small model."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from firmware import Runs

from mcu_deploy.graph.ir import Graph
from mcu_deploy.graph.writer import write_model
from mcu_deploy.reference import worker
from mcu_deploy.reference.tflm import ReferenceRun, read_results, write_job

PROCESS_SECONDS = 600
# TFLM's SPACE_TO_BATCH_ND pads with a number that it never sets: what its arena holds. In a new process that
# is zero; this has glibc clear what models before have used.
CLEARED_MEMORY = {"MALLOC_PERTURB_": "255"}
REFUSAL = "refusal.txt"


def references(jobs: Sequence[tuple[Graph, Runs]]) -> list[list[ReferenceRun] | str]:
    """For each model all tensors of its runs, or why the interpreter does not take it."""
    with tempfile.TemporaryDirectory(prefix="mcu-deploy-test-") as name:
        folders = [Path(name) / str(number) for number in range(len(jobs))]
        for folder, (graph, runs) in zip(folders, jobs, strict=True):
            folder.mkdir()
            write_job(folder, write_model(graph), graph, runs, True)
        left = folders
        while left:
            command = [sys.executable, __file__, *map(str, left)]
            done = subprocess.run(
                command,
                capture_output=True,
                timeout=PROCESS_SECONDS,
                check=False,
                env=os.environ | CLEARED_MEMORY,
            )
            left = [folder for folder in left if not _is_done(folder)]
            if left:
                (left[0] / REFUSAL).write_text(f"the interpreter ended with {done.returncode}")
                left = left[1:]
        return [
            (folder / REFUSAL).read_text()
            if (folder / REFUSAL).exists()
            else read_results(folder, graph, len(runs), True)
            for folder, (graph, runs) in zip(folders, jobs, strict=True)
        ]


def _is_done(folder: Path) -> bool:
    return (folder / "outputs.npz").exists() or (folder / REFUSAL).exists()


def _work(folders: Sequence[str]) -> None:
    for name in folders:
        try:
            worker.main(Path(name))
        except (RuntimeError, ValueError) as error:
            (Path(name) / REFUSAL).write_text(str(error))


if __name__ == "__main__":
    _work(sys.argv[1:])
