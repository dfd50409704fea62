"""Reading WAV files and tensors: windows, quantisation, bounds, and files that were damaged at random."""

from __future__ import annotations

import dataclasses
import io
import re
import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from mcu_deploy.errors import InputError
from mcu_deploy.frontend import FrontendSpec, load_spec
from mcu_deploy.graph.builder import GraphBuilder, affine
from mcu_deploy.graph.ir import DataType, Tensor
from mcu_deploy.input_tensors import integer_input, model_inputs, read_tensor
from mcu_deploy.inputs import InputVector, read_inputs, read_stream, stream_windows, stride_hops, window_count

MODEL_INPUT = Tensor(0, "x", (1, 49, 10, 1), DataType.INT8, affine(0.5, 10), None)
SPEC = load_spec("micronet-kws")
WINDOW = SPEC.clip_samples


def _read(
    *files: Path | str,
    random: int = 0,
    seed: int = 0,
    frontend: FrontendSpec | None = SPEC,
    hop: float | None = None,
    pad: bool = False,
) -> list[InputVector]:
    return read_inputs(
        [str(file) for file in files], random, seed, [integer_input(MODEL_INPUT)], frontend, hop, pad
    )


def _wav(path: Path, samples: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(np.arange(samples, dtype="<u2").tobytes())
    return path


def test_the_window_is_what_the_front_end_reads() -> None:
    assert WINDOW == 640 + 48 * 320 == 16000


@pytest.mark.parametrize(
    ("samples", "hop", "pad", "starts"),
    [
        (WINDOW, None, False, [0]),
        (WINDOW, None, True, [0]),
        (2 * WINDOW - 1, None, False, [0]),
        (2 * WINDOW - 1, None, True, [0, WINDOW]),
        (2 * WINDOW, None, True, [0, WINDOW]),
        (2 * WINDOW, 0.25, False, [0, 4000, 8000, 12000, 16000]),
        (WINDOW + 1, 1 / 16000, False, [0, 1]),
        (1, None, True, [0]),
        (3 * WINDOW, 2.0, False, [0, 32000]),
    ],
)
def test_windows(samples: int, hop: float | None, pad: bool, starts: list[int], tmp_path: Path) -> None:
    found = _read(_wav(tmp_path / "a.WAV", samples), hop=hop, pad=pad)
    assert [vector.start_seconds for vector in found] == [start / 16000 for start in starts]
    whole = np.concatenate([np.arange(samples, dtype=np.uint16).view(np.int16), np.zeros(WINDOW, np.int16)])
    for vector, start in zip(found, starts, strict=True):
        assert vector.tensors == ()
        assert vector.pcm is not None
        assert vector.pcm.dtype == np.int16
        np.testing.assert_array_equal(vector.pcm, whole[start : start + WINDOW])


def test_a_hop_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    path = _wav(tmp_path / "a.wav", 2 * WINDOW)
    with pytest.raises(InputError, match="more than 256 MiB") as caught:
        _read(path, hop=1 / 16000)
    assert caught.value.hint == "give a longer --hop"
    with pytest.raises(InputError, match="shorter than one sample"):
        _read(path, hop=1e-9)


def test_random_tensors_are_those_of_the_stated_generator() -> None:
    found = _read(random=3, seed=7)
    rng = np.random.default_rng(7)
    for number, vector in enumerate(found):
        assert vector.source == f"random[{number}]"
        np.testing.assert_array_equal(vector.tensors[0], rng.integers(-128, 128, size=MODEL_INPUT.shape))
    with pytest.raises(InputError, match="--random"):
        _read(random=10**6)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(1, 49, 10, 1), (49, 10, 1)])
def test_tensors_by_either_type(order: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    wanted = np.random.default_rng(1).integers(-128, 128, shape, dtype=np.int8)
    real = (wanted.astype(np.float32) - 10) * np.float32(0.5)
    np.save(tmp_path / "q.npy", np.array(wanted, order=order))
    np.save(tmp_path / "f.npy", np.array(real, order=order))
    for vector in _read(tmp_path / "q.npy", tmp_path / "f.npy", frontend=None):
        assert vector.pcm is None and vector.start_seconds is None
        assert vector.tensors[0].tobytes() == wanted.tobytes()
        assert vector.tensors[0].shape == MODEL_INPUT.shape


def test_float_tensors_saturate(tmp_path: Path) -> None:
    values = np.full((1, 49, 10, 1), 1e30, np.float32)
    values[0, 0, 0, 0] = -3e38
    np.save(tmp_path / "f.npy", values)
    tensor = _read(tmp_path / "f.npy")[0].tensors[0].reshape(-1)
    assert (tensor[0], tensor[1]) == (-128, 127)


def test_tensors_of_16_bits(tmp_path: Path) -> None:
    wide = Tensor(1, "y", (2, 3), DataType.INT16, affine(0.25, 0), None)
    (vector,) = read_inputs([], 1, 7, [integer_input(MODEL_INPUT), integer_input(wide)], None, None, False)
    rng = np.random.default_rng(7)
    rng.integers(-128, 128, size=MODEL_INPUT.shape)
    assert vector.tensors[1].dtype == np.int16
    np.testing.assert_array_equal(vector.tensors[1], rng.integers(-32768, 32768, size=wide.shape))
    values = np.array([[-32768, -1, 0], [1, 300, 32767]], np.int16)
    np.save(tmp_path / "q.npy", values)
    np.save(tmp_path / "f.npy", values.astype(np.float32) / 4)
    np.save(tmp_path / "far.npy", np.float32([[1e30, -1e30, 0.125], [-0.125, 8192, -8193]]))
    files = [str(tmp_path / f"{name}.npy") for name in ("q", "f", "far")]
    found = [one.tensors[0] for one in read_inputs(files, 0, 0, [integer_input(wide)], None, None, False)]
    assert {tensor.dtype for tensor in found} == {np.dtype(np.int16)}
    np.testing.assert_array_equal(found[0], values)
    np.testing.assert_array_equal(found[1], values)
    assert found[2].tolist() == [[32767, -32768, 1], [-1, 32767, -32768]]
    np.save(tmp_path / "q.npy", values.astype(np.int8))
    with pytest.raises(InputError, match="holds int8, expected int16 or float32"):
        read_inputs(files[:1], 0, 0, [integer_input(wide)], None, None, False)


def test_a_float_input_takes_floats_in_the_range_that_the_model_quantises(tmp_path: Path) -> None:
    builder = GraphBuilder()
    source = builder.input((1, 500), dtype=DataType.FLOAT32)
    graph = builder.build(
        [builder.operator("QUANTIZE", [source], dtype=DataType.INT8, scale=0.5, zero_point=-8)]
    )
    (given,) = model_inputs(graph)
    (vector,) = read_inputs([], 1, 3, [given], None, None, False)
    (values,) = vector.tensors
    assert values.dtype == np.float32 and values.shape == (1, 500)
    np.testing.assert_array_equal(
        values, np.random.default_rng(3).uniform(-60.5, 68, (1, 500)).astype(np.float32)
    )
    far = np.linspace(-1e9, 1e9, 500, dtype=np.float32)
    np.save(tmp_path / "far.npy", far)
    assert read_tensor(str(tmp_path / "far.npy"), given).tobytes() == far.tobytes()
    for name, array, message in (
        ("beyond", far * 2, "holds -2e+09, the model takes -1.07371e+09 to 1.07371e+09"),
        ("nan", far * np.float32("nan"), "holds NaN or infinity"),
        ("double", far.astype(np.float64), "holds float64, expected float32"),
        ("short", far[:7], "has shape"),
    ):
        np.save(tmp_path / f"{name}.npy", array)
        with pytest.raises(InputError, match=re.escape(message)):
            read_tensor(str(tmp_path / f"{name}.npy"), given)


def test_an_input_of_32_bits(tmp_path: Path) -> None:
    given = integer_input(Tensor(1, "y", (2, 3), DataType.INT32, affine(0.25, 0), None))
    (vector,) = read_inputs([], 1, 3, [given], None, None, False)
    wanted = np.random.default_rng(3).integers(-(2**31), 2**31, (2, 3))
    np.testing.assert_array_equal(vector.tensors[0], wanted)
    np.save(tmp_path / "a.npy", wanted.astype(np.int32))
    assert read_tensor(str(tmp_path / "a.npy"), given).tobytes() == wanted.astype(np.int32).tobytes()
    np.save(tmp_path / "a.npy", wanted.astype(np.float32))
    with pytest.raises(InputError, match="holds float32, expected int32"):
        read_tensor(str(tmp_path / "a.npy"), given)


def test_indices_lie_in_their_axis(tmp_path: Path) -> None:
    builder = GraphBuilder()
    source, indices = builder.input((3, 4), 0.1, 0), builder.input((50,), dtype=DataType.INT32)
    graph = builder.build([builder.operator("GATHER", [source, indices], axis=0)])
    given = model_inputs(graph)[1]
    (vector,) = read_inputs([], 1, 3, [given], None, None, False)
    assert set(vector.tensors[0].tolist()) == {0, 1, 2}
    np.save(tmp_path / "a.npy", np.full(50, 3, np.int32))
    with pytest.raises(InputError, match="holds 3, the model takes 0 to 2"):
        read_tensor(str(tmp_path / "a.npy"), given)


def test_a_name_that_is_no_text_is_shown_escaped(tmp_path: Path) -> None:
    path = _wav(tmp_path / "a\nb\udcff.wav", WINDOW)
    assert _read(path)[0].source == f"{tmp_path}/a\\nb\\udcff.wav"


GUID = bytes.fromhex("0000000010008000 00aa00389b71")


def _extensible(samples: bytes, channels: int, subtype: int, size: int | None = None) -> bytes:
    """As sox writes it, with a chunk of odd size before the format."""
    form = struct.pack("<HHIIHHHHI", 0xFFFE, channels, 16000, 32000 * channels, 2 * channels, 16, 22, 16, 3)
    form += struct.pack("<H", subtype) + GUID
    chunks = [(b"LIST", b"abc\0", 3), (b"fmt ", form, 40), (b"data", samples, size or len(samples))]
    body = b"".join(name + struct.pack("<I", stated) + data for name, data, stated in chunks)
    return b"RIFF" + struct.pack("<I", min(4 + len(body), 2**32 - 1)) + b"WAVE" + body


def test_the_extensible_header_of_more_channels(tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, channels=3)
    pcm = np.arange(3 * WINDOW, dtype=np.uint16).view(np.int16)
    path = tmp_path / "three.wav"
    path.write_bytes(_extensible(pcm.tobytes(), 3, 1))
    (vector,) = _read(path, frontend=spec)
    assert vector.pcm is not None and (vector.pcm == pcm).all()
    path.write_bytes(_extensible(pcm.tobytes(), 3, 3))
    with pytest.raises(InputError, match=r"not a PCM WAV file: its samples are floats"):
        _read(path, frontend=spec)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000])
def test_a_recording_from_a_pipe_has_the_samples_that_are_there(size: int, tmp_path: Path) -> None:
    pcm = np.arange(WINDOW + 5, dtype="<i2")
    path = tmp_path / "piped.wav"
    path.write_bytes(_extensible(pcm.tobytes() + b"\1", 1, 1, size))
    stream = read_stream(str(path), SPEC, 1, None)
    assert (stream.pcm == pcm).all()
    path.write_bytes(_extensible(b"", 1, 1, size))
    with pytest.raises(InputError, match="holds no samples"):
        _read(path)


def test_a_recording_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = _wav(tmp_path / "a.wav", WINDOW)
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(InputError, match=r"states 16000 samples and holds 15999"):
        _read(path)


def _damaged(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        changed[int(rng.integers(min(len(changed), 130)))] = int(rng.integers(256))
    return bytes(changed[: int(rng.integers(1, len(changed) + 1))] if rng.random() < 0.3 else changed)


@pytest.mark.parametrize("suffix", [".npy", ".wav"])
def test_files_damaged_at_random_are_read_or_refused(suffix: str, tmp_path: Path) -> None:
    if suffix == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, np.zeros((1, 49, 10, 1), np.int8))
        good = buffer.getvalue()
    else:
        good = _wav(tmp_path / "good.wav", WINDOW).read_bytes()
    rng = np.random.default_rng(11)
    path = tmp_path / f"bad{suffix}"
    refused = 0
    for _ in range(1500):
        path.write_bytes(_damaged(good, rng))
        try:
            assert len(_read(path)) == 1
        except InputError as error:
            refused += 1
            assert error.hint
    assert refused > 300


@pytest.mark.parametrize(
    ("samples", "stride", "starts"),
    [
        (WINDOW, 1, [0]),
        (WINDOW + 319, 1, [0]),
        (WINDOW + 320, 1, [0, 320]),
        (WINDOW + 3199, 5, [0, 1600]),
        (4 * WINDOW, 60, [0, 19200, 38400]),
    ],
)
def test_windows_of_a_stream(samples: int, stride: int, starts: list[int], tmp_path: Path) -> None:
    stream = read_stream(str(_wav(tmp_path / "a.wav", samples)), SPEC, stride, None)
    windows = stream_windows(stream, SPEC)
    assert [window.start_seconds for window in windows] == [start / 16000 for start in starts]
    assert window_count(SPEC, samples, stride) == len(starts)
    for window, start in zip(windows, starts, strict=True):
        assert window.pcm is not None
        assert (window.pcm == stream.pcm[start : start + WINDOW]).all()


def test_a_stream_window_is_no_longer_than_its_frames(tmp_path: Path) -> None:
    """Unless it is padded at its ends, where those are."""
    longer = dataclasses.replace(SPEC, clip_samples=WINDOW + 319)
    stream = read_stream(str(_wav(tmp_path / "a.wav", WINDOW)), longer, 1, None)
    assert [window.pcm.size for window in stream_windows(stream, longer) if window.pcm is not None] == [
        WINDOW
    ]
    centred = load_spec("dcase2020-task1b")
    assert window_count(centred, 480_000 - 1, 3) == 0
    assert window_count(centred, 480_000 + 3 * 1024, 3) == 2


@pytest.mark.parametrize(
    ("seconds", "name", "hops"),
    [
        (None, "micronet-kws", 5),
        (None, "micronet-ad", 6),
        (0.02, "micronet-kws", 1),
        (0.3, "micronet-kws", 15),
    ],
)
def test_strides(seconds: float | None, name: str, hops: int) -> None:
    assert stride_hops(seconds, load_spec(name)) == hops
