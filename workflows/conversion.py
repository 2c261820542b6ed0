"""JSON in and out of Temporal, so that bad input ends in a failed run which says what is wrong.

With the stock converter an argument that doesn't validate fails the workflow *task*, which is retried for ever.
A Temporal failure raised in a converter fails the run at once, with its message on top. Only the contract's own
inputs are treated so: for everything else a decoding error is a bug, and fix-and-resume must stay possible.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import PydanticPayloadConverter, pydantic_data_converter
from temporalio.converter import DefaultFailureConverter, PayloadConverter
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from pydantic import ValidationError

    from sovereign_dns.failures import InvalidInput
    from sovereign_dns.wire import StrictMessage, explain


def invalid_input(message: str) -> ApplicationError:
    """The failure of a run, or of an update, whose input can't be used."""
    return ApplicationError(message, type=InvalidInput.__name__, non_retryable=True)


class ContractPayloadConverter(PydanticPayloadConverter):
    """Pydantic JSON, with the contract's inputs refused in the words of the contract."""

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """As the stock converter.

        Raises:
            ApplicationError: of type `InvalidInput`, where an input of the contract can't be read.
        """
        try:
            return super().from_payloads(payloads, type_hints)
        except ValidationError as error:
            if _reads_contract(type_hints) or _is_no_json(error):
                raise invalid_input(explain(error)) from None
            raise
        except (KeyError, RuntimeError) as error:  # an encoding that no converter knows
            if _reads_contract(type_hints):
                raise invalid_input(f"input: must be one JSON object (encoding json/plain): {error}") from None
            raise


def _reads_contract(type_hints: list[type] | None) -> bool:
    return any(isinstance(hint, type) and issubclass(hint, StrictMessage) for hint in type_hints or [])


def _is_no_json(error: ValidationError) -> bool:
    """What isn't JSON was never written by a converter, so no new code could ever read it."""
    return any(item["type"] == "json_invalid" for item in error.errors(include_url=False, include_input=False))


class ReadableFailureConverter(DefaultFailureConverter):
    """Failures as people read them: one that we have worded says it all, and a stack trace would bury that.

    The Web UI and `temporal` show the trace with the message, many lines of the SDK's own. What nobody foresaw keeps
    its trace.
    """

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """As the stock converter, but for the trace."""
        super().to_failure(exception, payload_converter, failure)
        if isinstance(exception, ApplicationError):
            failure.ClearField("stack_trace")


contract_data_converter = replace(
    pydantic_data_converter,
    payload_converter_class=ContractPayloadConverter,
    failure_converter_class=ReadableFailureConverter,
)
"""What the worker, and every replay, must use."""
