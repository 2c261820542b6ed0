"""The SDK's sandbox, without what it costs for each payload."""

from dataclasses import dataclass

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import Info

from workflows.conversion import contract_data_converter


@dataclass(frozen=True)
class ContextFreeSandbox(SandboxedWorkflowRunner):
    """For a data converter whose codec and external storage, having neither, ask for no context.

    The SDK enters the sandbox anew for each payload of a workflow task to ask for that context, which costs more than
    the workflow itself.
    """

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """The SDK's hook: its name and its argument's are its own."""
        return _ContextFree(super().create_instance(det))


class _ContextFree(WorkflowInstance):
    def __init__(self, sandboxed: WorkflowInstance) -> None:
        self._sandboxed = sandboxed

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        return self._sandboxed.activate(act)

    def get_serialization_context(self, command_info: object) -> SerializationContext | None:  # noqa: ARG002
        return None

    def get_external_store_context(self, command_info: object) -> StorageDriverStoreContext:  # noqa: ARG002
        return StorageDriverStoreContext(target=None)

    def get_info(self) -> Info:
        return self._sandboxed.get_info()

    def get_thread_id(self) -> int | None:
        return self._sandboxed.get_thread_id()


assert contract_data_converter.payload_codec is None, "it may need a context"  # noqa: S101
assert contract_data_converter.external_storage is None, "it may need a context"  # noqa: S101
