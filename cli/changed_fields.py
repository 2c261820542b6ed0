"""What a provisioning that is started again changes against its recorded input, field by field. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from sovereign_dns.contract import ProvisionRequest

_NEVER_SHOWN = "pool.reservationToken"


def changed_fields(recorded: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Each field that differs, with both values: `certificate.issuer staging -> production`.

    A default counts as given, unless today's contract refuses the recorded input: then both are compared as they stand.
    The reservation token's value is never among them.
    """
    before, after = (dict(_leaves(body)) for body in _comparable(recorded, wanted))
    return [
        _told(path, before.get(path), after.get(path))
        for path in dict.fromkeys([*after, *before])
        if before.get(path) != after.get(path)
    ]


def _comparable(*bodies: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    try:
        read = [ProvisionRequest.model_validate(body) for body in bodies]
    except ValidationError:
        return list(bodies)
    return [request.model_dump(mode="json", exclude_none=True) for request in read]


def _leaves(body: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no object, by its path. The token counts as one value, whatever it is."""
    for key, value in body.items():
        path = f"{above}{key}"
        if isinstance(value, Mapping) and path != _NEVER_SHOWN:
            yield from _leaves(value, f"{path}.")
        elif value is not None:
            yield path, value


def _told(path: str, before: object, after: object) -> str:
    if path == _NEVER_SHOWN:
        return f"{path} (not shown)"
    return f"{path} {shown(before)} -> {shown(after)}"


def shown(value: object) -> str:
    """A value as people read it."""
    if value is None:
        return "not given"
    return value if isinstance(value, str) else json.dumps(value)
