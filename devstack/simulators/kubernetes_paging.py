"""A list in parts: `limit` and `continue`."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from devstack.simulators.kubernetes_objects import Object
from devstack.simulators.kubernetes_status import bad_request


def page_of(items: list[Object], query: Mapping[str, str], version: int) -> tuple[list[Object], dict[str, Any]]:
    """Return the part of a list that was asked for, and the list's metadata.

    Unlike a real server's, later parts show what has changed since the first one.

    Args:
        items: all of them, by namespace and name.
        query: the request's.
        version: of the list.

    Raises:
        StatusError: 400, a token or a limit that no server gave or takes.
    """
    limit = _limit(query.get("limit", ""))
    rest = items
    if token := query.get("continue", ""):
        version, start = _read(token)
        rest = [obj for obj in items if _key(obj) > start]
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    page = rest[:limit] if limit else rest
    if len(page) < len(rest):
        metadata["continue"] = _token(version, page[-1])
        if not query.get("labelSelector") and not query.get("fieldSelector"):
            metadata["remainingItemCount"] = len(rest) - len(page)
    return page, metadata


def _limit(text: str) -> int:
    if not text.isdecimal() and text:
        raise bad_request(f"limit: {text} is no count")
    return int(text or 0)


def _key(obj: Object) -> list[str]:
    metadata = obj["metadata"]
    return [metadata.get("namespace", ""), metadata["name"]]


def _token(version: int, last: Object) -> str:
    content = {"v": "meta.k8s.io/v1", "rv": version, "start": _key(last)}
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


def _read(token: str) -> tuple[int, list[str]]:
    try:
        content = json.loads(base64.urlsafe_b64decode(token))
        namespace, name = content["start"]
        return int(content["rv"]), [str(namespace), str(name)]
    except (ValueError, KeyError, TypeError):
        raise bad_request("continue key is not valid: it is none that this server gave") from None
