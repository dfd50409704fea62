"""The cards that are in the repository, and what makes a card."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mcu_deploy.errors import InputError, McuDeployError
from mcu_deploy.frontend import load_spec
from mcu_deploy.graph.reader import read_model
from mcu_deploy.registry.cards import ModelCard, card_by_hash, card_by_name, model_cards, parse_card
from mcu_deploy.resources import resource_dir

PUBLISHED = {
    "aclnet",
    "aclnet-int8",
    "ad-micronet-l",
    "ad-micronet-m",
    "ad-micronet-s",
    "audio-sound-event-1.0.2",
    "audio-sound-event-1.0.2-float",
    "audio-sound-event-1.001.000",
    "dcase2020-mobnet",
    "dcase2020-mobnet-keras",
    "dcase2020-smallfcnn",
    "dcase2020-smallfcnn-keras",
    "kws-micronet-l",
    "kws-micronet-m",
    "kws-micronet-s",
}
GIVEN = (
    "ad-micronet-s",
    "audio-sound-event-1.0.2",
    "audio-sound-event-1.0.2-float",
    "audio-sound-event-1.001.000",
    "dcase2020-mobnet",
    "dcase2020-mobnet-keras",
    "dcase2020-smallfcnn",
    "dcase2020-smallfcnn-keras",
    "kws-micronet-l",
    "kws-micronet-m",
)


def test_the_published_models_are_known() -> None:
    assert {card.name for card in model_cards()} >= PUBLISHED


@pytest.mark.parametrize("key", ["name", "file", "sha256"])
def test_no_two_cards_are_of_the_same(key: str) -> None:
    values = [getattr(card, key) for card in model_cards()]
    assert len(set(values)) == len(values)


@pytest.mark.parametrize("card", model_cards(), ids=lambda card: card.name)
def test_a_card_leads_to_its_file(card: ModelCard) -> None:
    assert (resource_dir("models") / f"{card.name}.toml").is_file()
    assert card_by_hash(card.sha256) is card
    assert card_by_name(card.name) is card
    if card.bundled:
        assert card.sha256 == hashlib.sha256((resource_dir("models") / card.bundled).read_bytes()).hexdigest()
    else:
        assert card.url is not None and card.url.startswith("https://")
        assert card.page is not None and card.page.startswith("https://")
    if card.frontend:
        load_spec(card.frontend)


@pytest.mark.parametrize("name", GIVEN)
def test_a_card_says_the_truth(name: str, model_path: Callable[[str], Path]) -> None:
    card = card_by_name(name)
    path = model_path(card.file)
    content = path.read_bytes()
    assert len(content) == card.size
    assert hashlib.sha256(content).hexdigest() == card.sha256
    assert hashlib.sha1(content).hexdigest() == card.sha1
    if not card.file.endswith(".tflite"):
        assert content.startswith(b"\x89HDF") and card.quantisation == "none (float32, Keras)"
        return
    graph = read_model(path)
    (output,) = [graph.tensors[index] for index in graph.outputs]
    assert len(card.labels) in (0, output.shape[-1])
    float_inside = any(tensor.dtype.value == "float32" for tensor in graph.tensors)
    assert float_inside == (card.quantisation in ("dynamic range", "none (float32)"))


def test_aclnet_has_its_labels(model_path: Callable[[str], Path]) -> None:
    lines = model_path("aclnet_53cl.txt").read_text(encoding="utf-8").split("\n")
    for name in ("aclnet", "aclnet-int8"):
        assert list(card_by_name(name).labels) == [line.strip() for line in lines if line.strip()]


def table(**changes: Any) -> dict[str, Any]:
    card = dataclasses.asdict(card_by_name("kws-micronet-m"))
    return {key: value for key, value in {**card, **changes}.items() if value is not None}


def test_a_card_is_read_as_it_is_written() -> None:
    assert parse_card(table(), "x.toml") == card_by_name("kws-micronet-m")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"sha256": None}, "missing key 'sha256'"),
        ({"sha256": "ABC"}, "sha256 = 'ABC' makes no sense"),
        ({"sha1": "12"}, "sha1 = '12' makes no sense"),
        ({"size": 0}, "size = 0 makes no sense"),
        ({"size": "12"}, "size = '12' makes no sense"),
        ({"file": "../x.tflite"}, "file = '../x.tflite' makes no sense"),
        ({"file": ""}, "file = '' makes no sense"),
    ],
)
def test_what_is_no_card(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(McuDeployError, match=f"x.toml: {message}"):
        parse_card(table(**changes), "x.toml")


def test_a_wrong_name_gets_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        card_by_name("KWS-micronet_m")
    assert caught.value.hint == "did you mean kws-micronet-m?"
    with pytest.raises(InputError) as caught:
        card_by_name("?")
    assert "kws-micronet-m" in caught.value.hint and "aclnet" in caught.value.hint
