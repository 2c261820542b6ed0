"""The search attributes of the contract, registered where the worker may.

A workflow that upserts an unknown attribute hangs, so a run is told whether they can be used.
"""

import asyncio

import structlog
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from workflows.publication import SEARCH_ATTRIBUTES

_log = structlog.get_logger(__name__)


async def register(client: Client) -> bool:
    """Makes the namespace know the attributes. Returns whether it does; where not, says so and how to mend it."""
    wanted = {key.name for key in SEARCH_ATTRIBUTES}
    try:
        missing = wanted - await _known_when_reachable(client)
        if missing:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(
                    namespace=client.namespace,
                    search_attributes=dict.fromkeys(sorted(missing), IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD),
                )
            )
            missing = wanted - await _known(client)
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
        _log.warning("the namespace was told of search attributes and doesn't list them yet", missing=sorted(missing))
    return not missing


async def _known_when_reachable(client: Client) -> set[str]:
    """A moment without Temporal says nothing of what the worker may do: it is waited for."""
    while True:
        try:
            return await _known(client)
        except RPCError as error:
            if error.status not in {RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED}:
                raise
            await asyncio.sleep(1)


async def _known(client: Client) -> set[str]:
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return set(listed.custom_attributes)
