"""A run hands its request on as JSON, and Go sends null for what it leaves out: both must mean the same request."""

import json
from typing import Any

import pytest
from hypothesis import given

from sovereign_dns.contract import ProvisionRequest
from sovereign_dns.published_models import CONTRACT_MODELS
from tests.unit.strategies import request_bodies

INPUTS = ["ProvisionSovereign.input", "ProvisionSovereign.skip_step", "ProvisionSovereign.await_step"]


@given(request_bodies())
def test_a_request_that_is_handed_on_is_the_same_request(body: dict[str, Any]) -> None:
    request = ProvisionRequest.model_validate_json(json.dumps(body))
    handed_on = request.model_dump_json(by_alias=True)
    again = ProvisionRequest.model_validate_json(handed_on)
    assert again == request
    assert again.model_dump_json(by_alias=True) == handed_on


@given(request_bodies())
def test_null_and_left_out_mean_the_same(body: dict[str, Any]) -> None:
    sparse = ProvisionRequest.model_validate_json(json.dumps(_without_nulls(body)))
    full_of_nulls = dict.fromkeys(ProvisionRequest.model_json_schema()["properties"]) | body
    assert ProvisionRequest.model_validate_json(json.dumps(full_of_nulls)) == sparse


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("place", INPUTS)
def test_the_schema_of_an_input_allows_null_exactly_where_a_field_may_be_left_out(place: str) -> None:
    schema = CONTRACT_MODELS[place].model_json_schema(by_alias=True)
    for described in [schema, *schema.get("$defs", {}).values()]:
        for key, field in described["properties"].items():
            nullable = field.get("type") == "null" or {"type": "null"} in field.get("anyOf", [])
            assert nullable is (key not in described.get("required", [])), f"{described['title']}.{key}"


@pytest.mark.parametrize("place", INPUTS)
def test_the_schema_of_an_input_forbids_unknown_fields(place: str) -> None:
    schema = CONTRACT_MODELS[place].model_json_schema(by_alias=True)
    for described in [schema, *schema.get("$defs", {}).values()]:
        assert described["additionalProperties"] is False


def test_the_schema_keeps_the_limits_and_the_defaults() -> None:
    ttl = ProvisionRequest.model_json_schema()["properties"]["ttl"]
    assert {"type": "integer", "minimum": 1, "maximum": 86400} in ttl["anyOf"]
    assert ttl["default"] == 60
