"""Registering search attributes beside other workers, with a server that is away for a moment or lags behind."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesResponse
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from service import search_attributes

ALL = ("SovereignDeployment", "SovereignFQDN", "SovereignPhase")


def failing(status: RPCStatusCode) -> RPCError:
    return RPCError("the server's words", status, b"")


class Operator:
    """Temporal's operator service: answers as scripted, the last answer again and again."""

    def __init__(self, *, lists: Sequence[Sequence[str] | RPCError], adds: Sequence[RPCError | None] = (None,)) -> None:
        self._lists = list(lists)
        self._adds = list(adds)
        self.added: list[list[str]] = []
        self.listed = 0

    async def list_search_attributes(self, _: Any, **__: Any) -> ListSearchAttributesResponse:
        self.listed += 1
        answer = self._lists.pop(0) if len(self._lists) > 1 else self._lists[0]
        if isinstance(answer, RPCError):
            raise answer
        return ListSearchAttributesResponse(
            custom_attributes=dict.fromkeys(answer, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD)
        )

    async def add_search_attributes(self, request: AddSearchAttributesRequest, **_: Any) -> None:
        self.added.append(sorted(request.search_attributes))
        answer = self._adds.pop(0) if len(self._adds) > 1 else self._adds[0]
        if answer is not None:
            raise answer


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_attributes, "PAUSE_SECONDS", 0.0)


async def registered(operator: Operator) -> bool:
    return await search_attributes.register(
        cast("Client", SimpleNamespace(namespace="default", operator_service=operator))
    )


async def test_what_the_namespace_knows_is_not_added() -> None:
    operator = Operator(lists=[[*ALL, "Another"]])
    assert await registered(operator)
    assert operator.added == []


async def test_only_what_is_missing_is_added() -> None:
    operator = Operator(lists=[["SovereignFQDN"], ALL])
    assert await registered(operator)
    assert operator.added == [["SovereignDeployment", "SovereignPhase"]]


async def test_another_worker_that_was_faster_is_no_failure() -> None:
    assert await registered(Operator(lists=[[], ALL], adds=[failing(RPCStatusCode.ALREADY_EXISTS)]))


@pytest.mark.parametrize(
    "status",
    [
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.ABORTED,
        RPCStatusCode.UNKNOWN,  # a connection that broke
        RPCStatusCode.INTERNAL,
    ],
)
async def test_a_moment_without_temporal_is_waited_out_in_every_call(status: RPCStatusCode) -> None:
    away = failing(status)
    operator = Operator(lists=[away, away, [], away, away, ALL], adds=[away, away, None])
    assert await registered(operator)
    assert len(operator.added) == 3


async def test_a_list_that_lags_behind_is_looked_at_again() -> None:
    operator = Operator(lists=[[], [], ["SovereignFQDN"], ALL])
    assert await registered(operator)
    assert len(operator.added) == 1


async def test_a_list_that_never_catches_up_is_given_up() -> None:
    operator = Operator(lists=[[]])
    assert not await registered(operator)
    assert operator.listed == 1 + search_attributes.LOOKS_AFTER_ADDING


@pytest.mark.parametrize("status", [RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED])
async def test_a_worker_that_may_not_register_goes_without(status: RPCStatusCode) -> None:
    assert not await registered(Operator(lists=[[]], adds=[failing(status)]))
    assert not await registered(Operator(lists=[failing(status)]))
