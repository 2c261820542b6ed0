"""The search attributes of the contract, registered where the worker may.

A workflow that upserts an unknown attribute hangs, so a run is told whether they can be used.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from typing import TypeVar

import structlog
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from workflows.publication import SEARCH_ATTRIBUTES

PAUSE_SECONDS = 1.0

LOOKS_AFTER_ADDING = 5
"""A server's frontends learn one after the other of what was added through one of them."""

_ANSWER_TIMEOUT = timedelta(seconds=10)

# What the server has decided; anything else, such as UNKNOWN for a broken connection, says only that it could not.
_VERDICTS = frozenset(
    {
        RPCStatusCode.ALREADY_EXISTS,
        RPCStatusCode.FAILED_PRECONDITION,
        RPCStatusCode.INVALID_ARGUMENT,
        RPCStatusCode.NOT_FOUND,
        RPCStatusCode.PERMISSION_DENIED,
        RPCStatusCode.UNAUTHENTICATED,
        RPCStatusCode.UNIMPLEMENTED,
    }
)

_log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")


async def register(client: Client) -> bool:
    """Makes the namespace know the attributes. Returns whether it does; where not, says so and how to mend it."""
    wanted = {key.name for key in SEARCH_ATTRIBUTES}
    try:
        missing = await _missing(client, wanted)
        if missing:
            await _add(client, missing)
            missing = await _missing_after_adding(client, wanted)
    except RPCError as error:
        _log.warning(
            "search attributes can't be registered: runs go without them, and can't be found by Sovereign or phase",
            reason=error.message,
            mend=" ; ".join(
                f"temporal operator search-attribute create --namespace {client.namespace} --name {name} --type Keyword"
                for name in sorted(wanted)
            ),
        )
        return False
    if missing:
        _log.warning(
            "the namespace doesn't list these search attributes as Keyword, although it was told to: runs go without "
            "any. Look at: temporal operator search-attribute list",
            missing=sorted(missing),
            namespace=client.namespace,
        )
    return not missing


async def _missing(client: Client, wanted: Collection[str]) -> set[str]:
    listed = await _when_reachable(
        lambda: client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace), timeout=_ANSWER_TIMEOUT
        )
    )
    keywords = {
        name
        for name, kind in listed.custom_attributes.items()
        if kind == IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD  # of another kind it would hang a run as well
    }
    return set(wanted) - keywords


async def _missing_after_adding(client: Client, wanted: Collection[str]) -> set[str]:
    missing = await _missing(client, wanted)
    for _ in range(LOOKS_AFTER_ADDING - 1):
        if not missing:
            break
        await asyncio.sleep(PAUSE_SECONDS)
        missing = await _missing(client, wanted)
    return missing


async def _add(client: Client, names: Collection[str]) -> None:
    """Adds the attributes. One that another worker has added in the meantime is as good."""
    request = AddSearchAttributesRequest(
        namespace=client.namespace,
        search_attributes=dict.fromkeys(sorted(names), IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD),
    )
    try:
        await _when_reachable(lambda: client.operator_service.add_search_attributes(request, timeout=_ANSWER_TIMEOUT))
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise


async def _when_reachable(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """A moment without Temporal says nothing of what the worker may do: it is waited for."""
    while True:
        try:
            return await call()
        except RPCError as error:
            if error.status in _VERDICTS:
                raise
            _log.warning(
                "Temporal can't be asked for its search attributes, tried again",
                reason=error.message,
                seconds=PAUSE_SECONDS,
            )
            await asyncio.sleep(PAUSE_SECONDS)
