"""Every workflow takes exactly one JSON object: none, two, or `null` fail the run instead of hanging it.

With another number of arguments the SDK drops the type hints, and `null` is passed as None without validation,
so the converter can't see either.
"""

from typing import Any

from temporalio import workflow
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.wire import StrictMessage
    from workflows.conversion import invalid_input


class OneRequestEach(Interceptor):
    """Insists on one model of the contract as a workflow's input."""

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002, ARG002 (the SDK's name)
    ) -> type[WorkflowInboundInterceptor]:
        """Temporal's hook."""
        return _InsistOnOneRequest


class _InsistOnOneRequest(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002
        match input.args:
            case [StrictMessage()]:
                return await super().execute_workflow(input)
            case []:
                raise invalid_input(f"input: {input.type.__name__} takes exactly one JSON object, and got none")
            case [None]:
                raise invalid_input(f"input: {input.type.__name__} takes exactly one JSON object, and got null")
            case [_]:
                raise invalid_input(f"input: {input.type.__name__} takes exactly one JSON object (encoding json/plain)")
            case several:
                raise invalid_input(
                    f"input: {input.type.__name__} takes exactly one JSON object, and got {len(several)} inputs"
                )
