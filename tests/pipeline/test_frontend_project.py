"""Front ends as firmware without a model: they fit what is kept free for them, and are reproducible."""

import dataclasses
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mcu_deploy.boards.reader import load_board
from mcu_deploy.errors import InputError, MemoryOverflowError, ModelError, ToolMissingError
from mcu_deploy.frontend import FrontendSpec, load_spec, preset_names
from mcu_deploy.frontend.cmsis import ensure_cmsis_dsp
from mcu_deploy.frontend.codegen import frontend_ram_bytes, frontend_table_bytes, helium_table_bytes
from mcu_deploy.graph.builder import GraphBuilder
from mcu_deploy.pipeline import frontend_project
from mcu_deploy.pipeline.frontend_project import (
    InputQuantisation,
    build_frontend,
    pass_through,
    project_files,
    quantisation_of,
)
from mcu_deploy.pipeline.frontend_variants import own_quantisation, variants
from mcu_deploy.pipeline.generate import reserves
from mcu_deploy.pipeline.progress import Progress

QUANTISATION = InputQuantisation(0.25, -3)


@pytest.fixture(scope="module")
def cmsis_dir() -> Path:
    try:
        return ensure_cmsis_dsp(print)
    except ToolMissingError as error:
        pytest.skip(f"CMSIS-DSP's sources: {error.message}")


def test_what_goes_in_comes_out() -> None:
    spec = load_spec("micronet-kws")
    graph, plan = pass_through(spec, QUANTISATION)
    assert graph.inputs == graph.outputs == (0,)
    assert graph.tensors[0].shape == (1, 49, 10)
    assert plan.steps == () and plan.macs == 0 and plan.arena_bytes == 496
    assert quantisation_of(graph) == QUANTISATION


@pytest.mark.parametrize("name", preset_names())
def test_the_same_front_end_is_the_same_project(name: str, cmsis_dir: Path) -> None:
    spec, board = load_spec(name), load_board("corstone-300")
    files = project_files(spec, QUANTISATION, board, cmsis_dir)
    assert files == project_files(spec, QUANTISATION, board, cmsis_dir)
    assert files != project_files(spec, InputQuantisation(0.5, -3), board, cmsis_dir)
    assert not any(str(cmsis_dir).encode() in data for data in files.values())


@dataclasses.dataclass(frozen=True)
class Symbol:
    """A line of ``nm``."""

    name: str
    kind: str
    size: int


def linked(project: Path, kinds: str) -> dict[str, list[Symbol]]:
    """The variables or constants (by ``nm``'s letters) that the firmware has of the front end's sets."""
    kept = {symbol.name for symbol in symbols(project / "build/target/firmware.elf")}
    found = {}
    for name in ("frontend", "cmsis_dsp"):
        objects = (project / f"build/target/CMakeFiles/{name}.dir").glob("**/*.obj")
        listed = [symbol for path in objects for symbol in symbols(path)]
        found[name] = [symbol for symbol in listed if symbol.kind in kinds and symbol.name in kept]
    return found


def symbols(path: Path) -> list[Symbol]:
    command = ["arm-none-eabi-nm", "-S", str(path)]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in listing.splitlines()]
    return [Symbol(row[3], row[2], int(row[1], 16)) for row in rows if len(row) == 4]


def total(listed: Iterable[Symbol]) -> int:
    return sum(symbol.size for symbol in listed)


def changed(spec: FrontendSpec, **changes: Any) -> FrontendSpec:
    return dataclasses.replace(spec, **({"clip_samples": 0, "min_frames": 0} | changes))


def others() -> Iterator[FrontendSpec]:
    """Every step over a clip, every arithmetic, and many channels."""
    kws = load_spec("micronet-kws")
    yield changed(kws, name="channels", channels=8)
    yield changed(kws, name="odd", frame_samples=639, normalization="mean", deltas=2)
    yield changed(kws, name="standard", normalization="standard", centring="zeros", clip_samples=48 * 320)
    resized = {"resize": "bilinear", "resize_frames": 5, "resize_coefficients": 7}
    yield changed(kws, name="min-max", normalization="min-max", **resized)
    yield changed(kws, name="scalar", arithmetic="scalar")
    for precision in ("float32", "q31", "q15"):
        for spec in (kws, load_spec("audio-sound-event")):
            name = f"{spec.name}-helium"
            yield changed(spec, name=name, precision=precision, arithmetic="cmsis-helium")


ALL = [
    variant
    for preset in map(load_spec, preset_names())
    for variant in variants(preset, ("float32", "q31", "q15") if preset.spectral else (), ())
]


@pytest.mark.parametrize("spec", [*ALL, *others()], ids=lambda spec: f"{spec.name}-{spec.precision}")
def test_the_firmware_needs_what_is_stated(spec: FrontendSpec, cmsis_dir: Path, tmp_path: Path) -> None:
    """RAM and tables to the byte; the reserves, which are for all else too, are a little more."""
    built = build_frontend(spec, QUANTISATION, "corstone-300", "qemu", Progress(None), tmp_path / "project")
    memory = built.firmware.memory
    assert memory is not None
    variables, constants = linked(built.folder, "bBdD"), linked(built.folder, "rR")
    assert total(one for listed in variables.values() for one in listed) == frontend_ram_bytes(spec)
    tables = [one for one in constants["frontend"] if one.name.startswith("md_frontend_")]
    assert total(tables) + total(constants["cmsis_dsp"]) == frontend_table_bytes(spec)
    helium = [one for one in tables if "_helium_" in one.name]
    assert total(helium) == helium_table_bytes(spec)
    kept = reserves(spec)
    assert memory.data_bytes <= kept["data"] < memory.data_bytes + 2048
    assert memory.code_bytes <= kept["code"] < memory.code_bytes + 24 * 1024


def test_a_folder_of_its_own_is_replaced(tmp_path: Path, cmsis_dir: Path) -> None:
    for name in ("aclnet", "micronet-kws"):
        spec = load_spec(name)
        built = build_frontend(spec, QUANTISATION, "host", "native", Progress(None), tmp_path / "project")
        assert built.folder == tmp_path / "project" and built.firmware.executable.is_file()
        assert ("cmsis_dsp" in (built.folder / "CMakeLists.txt").read_text()) == spec.spectral


def test_variables_that_do_not_fit_the_first_memory_take_the_next(cmsis_dir: Path) -> None:
    files = project_files(load_spec("dcase2020-task1b"), QUANTISATION, load_board("corstone-300"), cmsis_dir)
    script = next(data.decode() for path, data in files.items() if path.name == "firmware.ld")
    assert "> md_isram AT > md_isram" in script.split(".bss", 1)[1].split(".arena", 1)[0]


def test_what_fits_nowhere_is_refused(cmsis_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.toml"
    path.write_text(
        "preset = 'micronet-ad'\nframes = 8000\nfft_size = 1024\nmel_filters = 200\n"
        "resize_frames = 9\nresize_coefficients = 9\n"
    )
    with pytest.raises(MemoryOverflowError, match="no room on corstone-300 for the variables"):
        project_files(load_spec(path), QUANTISATION, load_board("corstone-300"), cmsis_dir)


def test_a_quantisation_that_no_model_has_is_refused(cmsis_dir: Path) -> None:
    spec, board = load_spec("aclnet"), load_board("host")
    for quantisation in (InputQuantisation(0.0, 0), InputQuantisation(0.1, 200)):
        with pytest.raises(InputError, match="the model's input"):
            project_files(spec, quantisation, board, cmsis_dir)


def test_a_model_without_quantisation_is_refused() -> None:
    builder = GraphBuilder("plain", 0)
    x = builder.input((1, 4), 0.1, 0)
    graph = builder.build([builder.operator("RELU", [x])])
    tensors = tuple(
        type(tensor)(tensor.index, tensor.name, tensor.shape, tensor.dtype) for tensor in graph.tensors
    )
    bare = type(graph)(graph.name, tensors, graph.operators, graph.inputs, graph.outputs)
    with pytest.raises(ModelError, match="has no quantisation"):
        quantisation_of(bare)


@pytest.mark.parametrize("name", preset_names())
def test_the_own_quantisation_holds_the_features(name: str) -> None:
    quantisation = own_quantisation(load_spec(name))
    assert 2**-20 <= quantisation.scale < 4 and -128 <= quantisation.zero_point <= 127


def test_the_cache_is_bounded(cmsis_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCU_DEPLOY_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("MCU_DEPLOY_CMSIS_DSP_DIR", str(cmsis_dir))
    monkeypatch.setattr(frontend_project, "_KEPT_PROJECTS", 2)
    spec = load_spec("aclnet")

    def build(scale: float) -> Path:
        quantisation = InputQuantisation(scale, 0)
        return build_frontend(spec, quantisation, "host", "native", Progress(None)).folder

    first, second = build(0.5), build(0.25)
    assert build(0.5) == first  # used again, so that the second is the oldest
    third = build(0.125)
    assert sorted((tmp_path / "frontends").iterdir()) == sorted([first, third])
    assert second not in (first, third)
