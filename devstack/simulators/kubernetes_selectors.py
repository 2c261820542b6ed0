"""Label and field selectors of list and watch."""

from devstack.simulators.kubernetes_objects import Object
from devstack.simulators.kubernetes_status import bad_request

Requirement = tuple[str, str, str | None]  # key, operator (= or !=), value; None asks for presence only


def parse_labels(selector: str) -> list[Requirement]:
    """Read a label selector of the forms ``a=b``, ``a==b``, ``a!=b``, ``a`` and ``!a``.

    Raises:
        StatusError: 400, another form, such as ``a in (b)``, which real servers know too.
    """
    requirements = [_requirement(part.strip()) for part in selector.split(",") if part.strip()]
    for key, _, _ in requirements:
        if any(character in key for character in " ()"):
            raise bad_request(f"{selector}: the simulator selects by equality and presence only")
    return requirements


def parse_fields(selector: str) -> list[Requirement]:
    """Read a field selector; custom resources have the fields metadata.name and metadata.namespace.

    Raises:
        StatusError: 400, another field.
    """
    requirements = [_requirement(part.strip()) for part in selector.split(",") if part.strip()]
    for key, _, _ in requirements:
        if key not in {"metadata.name", "metadata.namespace"}:
            raise bad_request(f"{key}: no field to select by")
    return requirements


def selects(labels: list[Requirement], fields: list[Requirement], obj: Object) -> bool:
    """Tell whether an object meets all requirements."""
    metadata = obj["metadata"]
    present = metadata.get("labels") or {}
    named = {"metadata.name": metadata["name"], "metadata.namespace": metadata.get("namespace", "")}
    return all(_meets(r, present) for r in labels) and all(_meets(r, named) for r in fields)


def _requirement(part: str) -> Requirement:
    if "!=" in part:
        key, _, value = part.partition("!=")
        return key.strip(), "!=", value.strip()
    if "=" in part:
        key, _, value = part.partition("=")
        return key.strip(), "=", value.removeprefix("=").strip()
    return (part[1:], "!=", None) if part.startswith("!") else (part, "=", None)


def _meets(requirement: Requirement, values: dict[str, str]) -> bool:
    key, operator, value = requirement
    equal = key in values if value is None else values.get(key) == value
    return equal if operator == "=" else not equal
