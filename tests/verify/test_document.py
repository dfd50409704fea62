"""The document's schema, and documents that it must refuse."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from mcu_deploy import errors
from mcu_deploy.verify.document import SCHEMA, empty_document, error_entry, json_schema


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$id"] == SCHEMA == "mcu-deploy/deployment/1"


def test_every_object_in_it_is_closed_or_says_of_what_it_is() -> None:
    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if node.get("type") == "object":
                assert "additionalProperties" in node, node
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(json_schema())


@pytest.mark.parametrize("kind", [errors.InputError, errors.UsageError, errors.InterruptedRunError])
def test_a_failure_before_anything_is_known_is_valid(kind: type[errors.McuDeployError]) -> None:
    document = empty_document() | {"error": error_entry(kind("what", "way out", details=("a", "b")))}
    jsonschema.validate(document, json_schema())
    assert document["error"] == {
        "code": kind.code,
        "message": "what",
        "hint": "way out",
        "details": ["a", "b"],
    }


def test_codes_are_one_for_each_kind_of_error() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert len({kind.code for kind in kinds}) == len(kinds) > 5


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "fine"},
        {"schema": "mcu-deploy/deployment/2"},
        {"extra": 1},
        {"model": {"name": "m", "sha256": "0", "macs": 1}},
        {"steps": [{"name": "a", "seconds": -1}]},
        {"error": {"code": "x"}},
        {"runs": [{}]},
    ],
)
def test_what_is_not_a_deployment_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(empty_document() | change, json_schema())
