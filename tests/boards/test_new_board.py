"""docs/boards.md, followed to the letter: its board, from its own text, runs a model on QEMU."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command import assert_refused, dense_model, mcu_deploy, small_keyword_model

from mcu_deploy.boards.reader import board_names

PAGE = Path(__file__).parents[2] / "docs" / "boards.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the page's file was saved."""
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "an511.toml").write_text(text)
    return tmp_path


@pytest.mark.qemu
def test_the_board_of_the_page_runs(tools: None, folder: Path) -> None:
    shown = mcu_deploy("boards", "show", "./an511.toml", cwd=folder)
    assert shown.code == 0, shown.err
    assert "simulators: qemu, native" in shown.out
    (folder / "keyword.tflite").write_bytes(small_keyword_model())
    options = ("--board", "./an511.toml", "--random", 1, "--layers", "--json")
    result = mcu_deploy("deploy", "keyword.tflite", *options, cwd=folder)
    assert result.code == 0, result.err
    assert (result.document["verdict"], result.document["board"]) == ("verified", "an511")
    assert (
        result.document["runs"][0]["simulated_instructions"]["inference"] > result.document["model"]["macs"]
    )


def test_what_does_not_fit_is_told_in_bytes(folder: Path) -> None:
    path = folder / "an511.toml"
    path.write_text(path.read_text().replace('"16 MiB"', '"1 KiB"').replace('"128 KiB"', '"18 KiB"'))
    (folder / "dense.tflite").write_bytes(dense_model(units=4000))
    result = mcu_deploy("generate", "dense.tflite", "--board", "./an511.toml", cwd=folder)
    words = ("no room on an511", "needed", "psram has 1024 free of 1024")
    assert_refused(result, 2, *words)


def test_the_page_lists_every_board() -> None:
    listed = set(re.findall(r"^\| `([a-z0-9-]+)` \|", PAGE.read_text(), re.MULTILINE))
    assert listed == set(board_names())
