"""Firmware that hangs or crashes, runs that are interrupted, damaged or not alone: none of it a success."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command import COMMAND, FRONTEND, Result, assert_refused, contents, mcu_deploy

pytestmark = pytest.mark.qemu

ENTRY = "void md_model_invoke(md_model_observer_t observer, void *context) {\n"


def _insert(project: Path, code: str) -> None:
    """Into the model's function, which then misbehaves."""
    path = project / "generated" / "model.c"
    text = path.read_text(encoding="utf-8")
    assert text.count(ENTRY) == 1
    path.write_text(text.replace(ENTRY, ENTRY + code), encoding="utf-8")


LOOP = "    for (volatile int turn = 0; turn == 0;) {\n    }\n"


def _hang(project: Path) -> None:
    """With interrupts off, so that on the target only the wall clock ends it."""
    _insert(project, f'#if defined(__thumb__)\n    __asm__ volatile("cpsid i");\n#endif\n{LOOP}')


def test_firmware_that_loops_is_stopped_by_its_budget(project: Path) -> None:
    _insert(project, LOOP)
    assert_refused(mcu_deploy("run", project), 1, "instruction budget exhausted", "md_model_invoke", "loop")


def _running_in(folder: Path) -> list[int]:
    """Processes whose working directory this is: simulators."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if link.resolve(strict=True) == folder.resolve():
                found.append(int(link.parent.name))
        except OSError:
            continue  # ended meanwhile
    return found


@pytest.mark.parametrize("simulator", ["qemu", "native"])
def test_firmware_that_hangs_is_stopped(simulator: str, project: Path) -> None:
    _hang(project)
    options = ("--simulator", simulator, "--timeout", 1)
    assert_refused(mcu_deploy("run", project, *options), 1, "did not end within 1 s", "--timeout")
    assert _running_in(project / "run") == []
    assert_refused(mcu_deploy("verify", project), 2, "no finished run")


def test_firmware_that_faults_names_the_function(project: Path) -> None:
    _insert(project, '    __asm__ volatile("udf #1");\n')
    assert_refused(mcu_deploy("run", project), 1, "faulted in entry 0", "md_model_invoke")


def test_firmware_that_crashes_natively(project: Path) -> None:
    _insert(project, "    *(volatile int *)(sizeof(char) - 1) = 1;\n")
    assert_refused(mcu_deploy("run", project, "--simulator", "native"), 1, "SIGSEGV")


def test_generated_code_that_does_not_compile(project: Path) -> None:
    _insert(project, "    this is not C;\n")
    for step in ("build", "run"):
        assert_refused(mcu_deploy(step, project), 1, "model.c", "the whole output is in")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_kills_the_simulator(number: signal.Signals, project: Path) -> None:
    _hang(project)
    process = subprocess.Popen(
        [*COMMAND, "run", str(project)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 60
        while not _running_in(project / "run"):  # also in the moment in which it is being started
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
        left = _running_in(project / "run")
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "error: interrupted"
    assert "Traceback" not in err
    assert left == []


def test_an_early_interruption_leaves_nothing_or_all(keyword_model: Path, tmp_path: Path) -> None:
    """From the start of Python's own imports to the end of the generation."""
    for number in range(10):
        folder = tmp_path / str(number) / "project"
        process = subprocess.Popen(
            [*COMMAND, "generate", str(keyword_model), *FRONTEND, "--output-dir", str(folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(0.1 + 0.06 * number)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        # Python itself dies of the signal while it starts or ends.
        assert process.returncode in (0, 130, -signal.SIGINT), err
        assert process.returncode == -signal.SIGINT or "Traceback" not in err
        left = list(folder.parent.iterdir()) if folder.parent.exists() else []
        assert left in ([], [folder])
        assert not left or (folder / "deployment.json").is_file()


@pytest.mark.parametrize("keep", [0, 40, -1])
def test_a_record_file_cut_short_is_no_success(keep: int, project: Path) -> None:
    assert mcu_deploy("run", project, "--simulator", "native").code == 0
    records = project / "run" / "records.bin"
    records.write_bytes(records.read_bytes()[:keep])
    result = mcu_deploy("verify", project, "--json")
    assert result.code == 1
    assert result.document["error"]["code"] == "simulation_failed"
    assert len([line for line in result.err.splitlines() if line.startswith("error: ")]) == 1


def test_a_changed_output_is_caught_by_its_checksum(project: Path) -> None:
    assert mcu_deploy("run", project, "--simulator", "native").code == 0
    records = project / "run" / "records.bin"
    data = bytearray(records.read_bytes())
    data[len(data) // 2] ^= 1
    records.write_bytes(data)
    assert mcu_deploy("verify", project).code == 1


def test_a_run_of_another_generation_is_not_compared(
    keyword_model: Path, tmp_path: Path, tools: None
) -> None:
    project = tmp_path / "project"
    options = ("--simulator", "native", "--output-dir", project)
    assert mcu_deploy("deploy", keyword_model, *options).code == 0
    generate = ("generate", keyword_model, *FRONTEND, "--output-dir", project, "--force")
    assert mcu_deploy(*generate).code == 0
    assert_refused(mcu_deploy("verify", project), 2, "generated again", "mcu-deploy run")


def test_damaged_state_files(project: Path) -> None:
    assert mcu_deploy("run", project, "--simulator", "native").code == 0
    manifest = project / "run" / "run.json"
    good = json.loads(manifest.read_text())
    for bad in ("", "{", "[" * 100_000, json.dumps({**good, "inputs": [{"source": 1}]})):
        manifest.write_text(bad)
        assert_refused(mcu_deploy("verify", project), 2, "damaged", "mcu-deploy run")
    state = project / "deployment.json"
    text = state.read_text()
    for bad in (text[: len(text) // 2], text.replace('"cortex-m55"', '"z80"')):
        state.write_text(bad)
        assert_refused(mcu_deploy("build", project), 2, "deployment.json")
    state.write_text(text)
    model = project / "model" / "model.tflite"
    model.write_bytes(model.read_bytes()[:-1] + b"\x55")
    assert_refused(mcu_deploy("build", project), 2, "not the model")


def test_two_at_once_in_one_folder(project: Path, keyword_model: Path) -> None:
    """The second says so, and disturbs nothing."""
    _hang(project)
    first = subprocess.Popen([*COMMAND, "run", str(project), "--timeout", "20"], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not _running_in(project / "run"):
            assert first.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        before = contents(project / "generated")
        for command in (
            ("run", project, "--simulator", "native"),
            ("deploy", keyword_model, "--output-dir", project, "--force"),
        ):
            result = mcu_deploy(*command)
            assert_refused(result, 1, "another mcu-deploy is at work", "wait for its end")
        assert first.poll() is None
        assert contents(project / "generated") == before
    finally:
        first.send_signal(signal.SIGTERM)
        assert first.wait(30) == 130


def test_two_at_once_in_a_new_folder(dense_model: Path, tmp_path: Path, tools: None) -> None:
    """Whatever the order: at least one is verified, and none calls the other's results different."""
    command = [*COMMAND, "deploy", str(dense_model), "--simulator", "native", "--random", "3", "--json"]
    both = [
        subprocess.Popen(
            [*command, "--seed", seed], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for seed in "12"
    ]
    results = []
    for process in both:
        out, err = process.communicate(timeout=120)
        results.append(Result(process.returncode, out.decode(), err.decode()))
    assert sorted(result.code for result in results) in ([0, 0], [0, 1]), results
    for result in results:
        assert result.document["verdict"] == ("verified" if result.code == 0 else "failed")
    assert [path.name for path in (tmp_path / "mcu-deploy-out").iterdir()] == ["dense-corstone-300"]


def test_a_project_may_be_moved_and_needs_no_mcu_deploy(built: Path, tmp_path: Path) -> None:
    """Its CMake presets build it, with a space in its path too."""
    assert mcu_deploy("build", built).code == 0
    moved = tmp_path / "another place"
    shutil.copytree(built, moved, ignore=shutil.ignore_patterns("build", "run"))
    for preset in ("host", "target"):
        for arguments in (("cmake", "--preset", preset), ("cmake", "--build", "--preset", preset)):
            subprocess.run(arguments, cwd=moved, check=True, stdout=subprocess.DEVNULL, timeout=300)
    elf = (moved / "build/target/firmware.elf").read_bytes()
    assert elf == (built / "build/target/firmware.elf").read_bytes()
    assert os.access(moved / "build/host/firmware", os.X_OK)
