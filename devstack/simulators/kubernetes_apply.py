"""Server-side apply: which manager owns which field, conflicts, and the merge.

Maps merge key by key and lists are replaced as a whole, which is how the schemas of
cert-manager's types define all of the fields that are used here.
Rules: https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

import copy
from typing import Any

from devstack.simulators.kubernetes_objects import Object, timestamp
from devstack.simulators.kubernetes_status import apply_conflict

Path = tuple[str, ...]
# Of the server, or of the object's identity: never owned by a manager.
UNOWNED_METADATA = frozenset(
    {"name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"}
)


def apply(current: Object | None, applied: Object, manager: str, *, force: bool = False) -> Object:
    """Return the object after an apply; when nothing changes it is equal to ``current``.

    Args:
        current: The object as it is, None when there is none.
        applied: The fields that the manager wants, with apiVersion, kind and metadata.name.
        manager: The field manager.
        force: Take fields over from other managers.

    Raises:
        StatusError: 409, another manager owns a field and wants another value.
    """
    wanted = {path: value for path, value in _leaves(applied) if _ownable(path)}
    if current is None:
        made = copy.deepcopy(applied)
        made.pop("status", None)
        made["metadata"]["managedFields"] = [_entry(manager, applied["apiVersion"], set(wanted))]
        return made
    result = copy.deepcopy(current)
    entries: list[dict[str, Any]] = result["metadata"].setdefault("managedFields", [])
    others = [entry for entry in entries if (entry["manager"], entry["operation"]) != (manager, "Apply")]
    mine = next((e for e in entries if (e["manager"], e["operation"]) == (manager, "Apply")), None)
    _settle_conflicts(current, wanted, others, force=force)
    before = _paths(mine["fieldsV1"]) if mine else set()
    owned_by_others = {path for entry in others for path in _paths(entry["fieldsV1"])}
    for path in before - wanted.keys() - owned_by_others:
        _remove(result, path)
    for path, value in wanted.items():
        _set(result, path, copy.deepcopy(value))
    if mine is None or before != wanted.keys() or _content(result) != _content(current):
        kept = [entry for entry in others if entry["fieldsV1"]]
        result["metadata"]["managedFields"] = [*kept, _entry(manager, applied["apiVersion"], set(wanted))]
    return result


def _settle_conflicts(current: Object, wanted: dict[Path, Any], others: list[dict[str, Any]], *, force: bool) -> None:
    """Raise on conflicts with other managers, or take the fields away from them."""
    conflicts: list[tuple[str, str]] = []
    for entry in others:
        owned = _paths(entry["fieldsV1"])
        disputed = {
            path
            for path in owned
            for mine, value in wanted.items()
            if _overlap(path, mine) and _get(current, mine) != value
        }
        conflicts += [(_shown(entry), "." + ".".join(path)) for path in sorted(disputed)]
        if force and disputed:
            entry["fieldsV1"] = _fields(owned - disputed)
    if conflicts and not force:
        raise apply_conflict(conflicts)


def _overlap(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _shown(entry: dict[str, Any]) -> str:
    """Return a manager as conflict messages show it: with version and time, unless it applies too."""
    if entry["operation"] == "Apply":
        return f'"{entry["manager"]}"'
    return f'"{entry["manager"]}" using {entry["apiVersion"]} at {entry["time"]}'


def _entry(manager: str, api_version: str, paths: set[Path]) -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": api_version,
        "time": timestamp(),
        "fieldsType": "FieldsV1",
        "fieldsV1": _fields(paths),
    }


def _fields(paths: set[Path]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in sorted(paths):
        node = tree
        for key in path:
            node = node.setdefault(f"f:{key}", {})
    return tree


def _paths(tree: dict[str, Any], prefix: Path = ()) -> set[Path]:
    found: set[Path] = set()
    for key, below in tree.items():
        path = (*prefix, key.removeprefix("f:"))
        found |= _paths(below, path) if below else {path}
    return found


def _leaves(value: Any, prefix: Path = ()) -> list[tuple[Path, Any]]:
    if isinstance(value, dict) and (value or not prefix):
        return [leaf for key, below in value.items() for leaf in _leaves(below, (*prefix, key))]
    return [(prefix, value)]


def _ownable(path: Path) -> bool:
    if path[0] == "metadata":
        return len(path) > 1 and path[1] not in UNOWNED_METADATA
    return path[0] not in {"apiVersion", "kind", "status"}


def _get(obj: Object, path: Path) -> Any:
    node: Any = obj
    for key in path:
        if not isinstance(node, dict) or key not in node:
            return None
        node = node[key]
    return node


def _set(obj: Object, path: Path, value: Any) -> None:
    node = obj
    for key in path[:-1]:
        if not isinstance(node.get(key), dict):
            node[key] = {}
        node = node[key]
    node[path[-1]] = value


def _remove(obj: Object, path: Path) -> None:
    parents = [obj]
    for key in path[:-1]:
        below = parents[-1].get(key)
        if not isinstance(below, dict):
            return
        parents.append(below)
    parents[-1].pop(path[-1], None)
    for depth in range(len(path) - 1, 0, -1):
        if not parents[depth]:
            parents[depth - 1].pop(path[depth - 1], None)


def _content(obj: Object) -> Object:
    """Return an object without its managed fields."""
    metadata = {field: value for field, value in obj["metadata"].items() if field != "managedFields"}
    return obj | {"metadata": metadata}
