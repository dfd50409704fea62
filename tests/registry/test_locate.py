"""Where files are found, and what a command's MODEL means."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mcu_deploy.errors import InputError
from mcu_deploy.registry import locate
from mcu_deploy.registry.cards import ModelCard
from mcu_deploy.registry.locate import cached_path, find, require, resolve_model


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_file_is_found_by_its_content(
    card: ModelCard, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    put(first / card.file, bytes(card.size))
    os.mkfifo(first / "a pipe")
    named_otherwise = put(second / "renamed.bin", content)
    monkeypatch.setenv("MCU_DEPLOY_MODEL_PATH", f"{tmp_path / 'nowhere'}:{first}::{second}")
    assert find(card) == locate.Found("on the search path", named_otherwise)
    named_so = put(second / card.file, content)
    assert find(card).path == named_so


def test_search_path_then_cache_then_bundled(
    card: ModelCard, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locate, "resource_dir", lambda name: tmp_path / name)
    card = dataclasses.replace(card, bundled="toy/toy.tflite")
    assert find(card) == locate.Found("to be fetched", None)
    assert find(dataclasses.replace(card, url=None)) == locate.Found("missing", None)
    bundled = put(tmp_path / "models/toy/toy.tflite", content)
    assert find(card) == locate.Found("bundled", bundled)
    cached = put(cached_path(card), content)
    assert find(card) == locate.Found("cached", cached)
    own = put(tmp_path / "own/x", content)
    monkeypatch.setenv("MCU_DEPLOY_MODEL_PATH", str(tmp_path / "own"))
    assert find(card) == locate.Found("on the search path", own)
    for path in (own, cached, bundled):
        put(path, content[:-1] + b"?")
    assert find(card).path is None


def test_a_missing_file_names_the_way_out_and_the_impostor(
    card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    impostor = put(tmp_path / card.file, bytes(card.size))
    monkeypatch.setenv("MCU_DEPLOY_MODEL_PATH", str(tmp_path))
    with pytest.raises(InputError, match="toy is not on this computer") as caught:
        require(card)
    assert caught.value.hint == "run: mcu-deploy models fetch toy"
    assert [str(impostor) in line for line in caught.value.details] == [True]
    with pytest.raises(InputError) as caught:
        require(dataclasses.replace(card, url=None, bundled="toy/toy.tflite"))
    assert "install it again" in caught.value.hint


def test_a_file_wins_over_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kws-micronet-m").mkdir()
    with pytest.raises(InputError, match="kws-micronet-m is not on this computer"):
        resolve_model("kws-micronet-m")
    put(tmp_path / "kws-micronet-l", b"mine")
    assert resolve_model("kws-micronet-l") == Path("kws-micronet-l")


def test_a_name_is_its_file(model_path: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = model_path("kws_micronet_m.tflite")
    monkeypatch.setenv("MCU_DEPLOY_MODEL_PATH", str(path.parent))
    assert resolve_model("kws-micronet-m") == path


@pytest.mark.parametrize("text", ["no.tflite", "./kws-micronet-m", "folder/kws-micronet-x", "/"])
def test_a_path_is_left_to_the_reader(text: str) -> None:
    assert resolve_model(text) == Path(text)


@pytest.mark.parametrize(("text", "hint"), [("kws-micronet", "did you mean"), ("zzz", "known models: ")])
def test_neither_file_nor_name(text: str, hint: str) -> None:
    with pytest.raises(InputError, match=f'no file and no known model is named "{text}"') as caught:
        resolve_model(text)
    assert caught.value.hint.startswith(hint)


def test_an_onnx_file_is_refused_at_once() -> None:
    with pytest.raises(InputError, match=r"aclnet_des_53_fp32\.onnx, is not a TFLite model") as caught:
        resolve_model("aclnet")
    assert "mcu-deploy quantize aclnet --calibration" in caught.value.hint
