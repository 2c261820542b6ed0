"""The objects of the simulated API server: versions, owners, watches, and a file to survive a restart."""

import asyncio
import copy
import json
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devstack.simulators.kubernetes_status import Resource, expired

Object = dict[str, Any]
Key = tuple[str, str, str]  # plural with group, namespace ("" for cluster-scoped), name
EVENTS_KEPT = 5_000


@dataclass(frozen=True, slots=True)
class Event:
    """One change, as a watch shows it; ``type`` is ADDED, MODIFIED or DELETED."""

    version: int
    type: str
    key: Key
    object: Object


def timestamp(when: datetime | None = None) -> str:
    """Return a time, now by default, as Kubernetes writes it: UTC, whole seconds."""
    return (when or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def key_of(resource: Resource, namespace: str | None, name: str) -> Key:
    """Return where an object is kept."""
    return resource.qualified, namespace or "", name


class Objects:
    """All objects; each change gets the next resourceVersion and is told to the watches.

    Objects that are handed out are copies: only ``put`` and ``delete`` change anything.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._objects: dict[Key, Object] = {}
        self._version = 1
        self._events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self._changed = asyncio.Event()
        self._unsaved = False
        if file is not None and file.exists():
            data = json.loads(file.read_text())
            self._version = data["version"]
            self._objects = {(q, ns, n): obj for q, ns, n, obj in data["objects"]}
        # Events from before this process are gone: a watch that starts below this version gets 410.
        self._forgotten = self._version

    @property
    def version(self) -> int:
        """The version of the latest change."""
        return self._version

    def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """Return one object."""
        return copy.deepcopy(self._objects.get(key_of(resource, namespace, name)))

    def all(self, resource: Resource, namespace: str | None = None) -> list[Object]:
        """Return the objects of a type by namespace and name, of one namespace or of all."""
        found = sorted(key for key in self._objects if key[0] == resource.qualified and namespace in (None, key[1]))
        return [copy.deepcopy(self._objects[key]) for key in found]

    def owned_by(self, resource: Resource, owner: Object) -> list[Object]:
        """Return the objects of a type that belong to an owner, by name."""
        uid = owner["metadata"]["uid"]
        found = sorted(k for k, obj in self._objects.items() if k[0] == resource.qualified and uid in _owners(obj))
        return [copy.deepcopy(self._objects[key]) for key in found]

    def versions(self, resource: Resource) -> dict[Key, str]:
        """Return the keys of a type's objects with their resourceVersions, without copying the objects."""
        return {
            key: obj["metadata"]["resourceVersion"]
            for key, obj in self._objects.items()
            if key[0] == resource.qualified
        }

    def put(self, resource: Resource, obj: Object) -> Object:
        """Create or replace an object; one that is the same as before keeps its resourceVersion.

        ``metadata.generation`` grows when anything but metadata and status has changed.
        """
        metadata = obj["metadata"]
        key = key_of(resource, metadata.get("namespace"), metadata["name"])
        before = self._objects.get(key)
        after = copy.deepcopy(obj)
        if before is None:
            after["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": timestamp(), "generation": 1}
        elif before == after:
            return after
        elif _desired(before) != _desired(after):
            after["metadata"]["generation"] = before["metadata"]["generation"] + 1
        self._version += 1
        after["metadata"]["resourceVersion"] = str(self._version)
        self._objects[key] = after
        self._tell("ADDED" if before is None else "MODIFIED", key, after)
        return copy.deepcopy(after)

    def delete(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """Delete an object and what it owns, and return it; None when there was none."""
        deleted = self._objects.pop(key_of(resource, namespace, name), None)
        if deleted is None:
            return None
        self._tell_deleted(key_of(resource, namespace, name), deleted)
        orphans = {deleted["metadata"]["uid"]}
        while orphans:
            lost = [(key, obj) for key, obj in self._objects.items() if orphans & _owners(obj)]
            orphans = {obj["metadata"]["uid"] for _, obj in lost}
            for key, obj in lost:
                del self._objects[key]
                self._tell_deleted(key, obj)
        return deleted

    async def watch(self, since: int | None, wanted: Callable[[Key], bool]) -> AsyncIterator[Event]:
        """Yield changes for ever.

        Args:
            since: The version after which to start; None starts with everything there is, as ADDED.
            wanted: Which objects.

        Raises:
            StatusError: 410, the version is too old.
        """
        if since is None:
            since = self._version
            for key, obj in sorted(self._objects.items()):
                if wanted(key):
                    yield Event(since, "ADDED", key, obj)
        while True:
            if since < self._forgotten:
                raise expired(since, self._forgotten)
            changed = self._changed
            for event in [event for event in self._events if event.version > since]:
                since = event.version
                if wanted(event.key):
                    yield event
            await changed.wait()

    def save(self) -> None:
        """Write the file, if there is one and something has changed."""
        if self._file is None or not self._unsaved:
            return
        objects = [[*key, obj] for key, obj in self._objects.items()]
        written = self._file.with_suffix(".new")
        written.write_text(json.dumps({"version": self._version, "objects": objects}))
        written.replace(self._file)
        self._unsaved = False

    def _tell_deleted(self, key: Key, obj: Object) -> None:
        self._version += 1
        last = obj | {"metadata": obj["metadata"] | {"resourceVersion": str(self._version)}}
        self._tell("DELETED", key, last)

    def _tell(self, kind: str, key: Key, obj: Object) -> None:
        self._unsaved = True
        if len(self._events) == EVENTS_KEPT:
            self._forgotten = self._events[0].version
        self._events.append(Event(self._version, kind, key, obj))
        self._changed.set()
        self._changed = asyncio.Event()


def _desired(obj: Object) -> Object:
    return {field: value for field, value in obj.items() if field not in {"metadata", "status"}}


def _owners(obj: Object) -> set[str]:
    return {owner["uid"] for owner in obj["metadata"].get("ownerReferences", [])}
