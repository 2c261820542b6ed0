"""How models travel as JSON: camelCase keys as the contract spells them, and how strictly they are read."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

_SPELLED_OTHERWISE = {"fqdn": "FQDN", "fqdns": "FQDNs", "ip": "IP", "ipv6": "IPv6", "ttl": "TTL"}


MOST_ERRORS_TOLD = 5
LONGEST_ERROR = 500
"""Characters. Temporal takes no failure of some megabytes, and tries for ever to tell it."""


def wire_name(field: str) -> str:
    """The JSON key of a field: `sovereign_fqdn` is `sovereignFQDN`, `load_balancer_ip` is `loadBalancerIP`."""
    first, *rest = field.split("_")
    return first + "".join(_SPELLED_OTHERWISE.get(word, word.capitalize()) for word in rest)


class Message(BaseModel):
    """What travels between our own workflows and activities, and what they answer.

    Read leniently (an unknown field is passed over), so that two versions of the worker may run side by side.
    """

    model_config = ConfigDict(
        alias_generator=wire_name,
        populate_by_name=True,
        serialize_by_alias=True,
        hide_input_in_errors=True,
    )

    def changed(self, **values: Any) -> Self:
        """A copy with some fields replaced."""
        return self.model_copy(update=values)


class StrictMessage(Message):
    """What others send us: an unknown or mistyped field is an error, never ignored.

    `null` for a field that has a default means the default: Go sends its nil slices and pointers so.
    """

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=False)

    @model_validator(mode="before")
    @classmethod
    def _null_means_default(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        optional = {wire_name(name) for name, field in cls.model_fields.items() if not field.is_required()}
        return {key: item for key, item in value.items() if item is not None or key not in optional}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = handler(schema)
        resolved = handler.resolve_ref_schema(described)
        required = resolved.get("required", [])
        for key, description in resolved.get("properties", {}).items():
            if key not in required:
                resolved["properties"][key] = _nullable(description)
        return described


def _nullable(description: JsonSchemaValue) -> JsonSchemaValue:
    if description.get("type") == "null" or {"type": "null"} in description.get("anyOf", []):
        return description
    annotations = {"default", "title", "description"}
    bare = {key: item for key, item in description.items() if key not in annotations}
    return {"anyOf": [bare, {"type": "null"}]} | {key: item for key, item in description.items() if key in annotations}


def explain(error: ValidationError, options: Mapping[str, str] | None = None) -> str:
    """One line for a person: each field that is wrong, by its JSON name, and why; the first ones of many.

    `options` are what sets a field besides, as people know it; an item of a list has its list's.
    """
    errors = error.errors(include_url=False, include_input=False)
    told = [_shortened(_explain_one(dict(item), options or {})) for item in errors[:MOST_ERRORS_TOLD]]
    more = [f"and {len(errors) - len(told)} more errors"] if len(errors) > len(told) else []
    return "; ".join(told + more)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_ERROR else f"{text[:LONGEST_ERROR]}..."


def _explain_one(item: dict[str, Any], options: Mapping[str, str]) -> str:
    field = ".".join(str(part) for part in item["loc"]) or "input"
    if option := options.get(".".join(part for part in item["loc"] if isinstance(part, str))):
        field += f" ({option})"
    match item["type"]:
        case "value_error" if not item["loc"]:  # the rule speaks of several fields, and names them itself
            return str(item["msg"]).removeprefix("Value error, ")
        case "extra_forbidden":
            reason = "is not a field of this request; check its spelling"
        case "missing":
            reason = "is required"
        case "model_type" | "model_attributes_type" | "dict_type":
            reason = "must be one JSON object"
        case "json_invalid":
            reason = f"is not valid JSON ({item['ctx']['error']})"
        case _:
            reason = str(item["msg"]).removeprefix("Value error, ")
    return f"{field}: {reason}"
