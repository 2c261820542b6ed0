"""Every workflow that the worker runs and recorded histories are replayed with, and the sandbox that they run in."""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from workflows.deprovision_sovereign import DeprovisionSovereign
from workflows.provision_sovereign import ProvisionSovereign
from workflows.remove_parent_domain import RemoveParentDomain
from workflows.verify_sovereign import VerifySovereign

ALL_WORKFLOWS: list[type] = [ProvisionSovereign, VerifySovereign, DeprovisionSovereign, RemoveParentDomain]

SANDBOX = SandboxedWorkflowRunner(
    # It imports its tables when it first needs them, which is when a request is read.
    restrictions=SandboxRestrictions.default.with_passthrough_modules("idna")
)
