"""Every workflow that the worker runs and recorded histories are replayed with, and the sandbox that they run in."""

from temporalio.worker.workflow_sandbox import SandboxRestrictions

from workflows.add_parent_domain import AddParentDomain
from workflows.audit_zones import AuditZones
from workflows.deprovision_sovereign import DeprovisionSovereign
from workflows.fix_finding import FixFinding
from workflows.provision_sovereign import ProvisionSovereign
from workflows.remove_parent_domain import RemoveParentDomain
from workflows.restore_records import RestoreRecords
from workflows.sandbox import ContextFreeSandbox
from workflows.verify_sovereign import VerifySovereign

ALL_WORKFLOWS: list[type] = [
    ProvisionSovereign,
    VerifySovereign,
    DeprovisionSovereign,
    AddParentDomain,
    RemoveParentDomain,
    RestoreRecords,
    AuditZones,
    FixFinding,
]

SANDBOX = ContextFreeSandbox(
    # It imports its tables when it first needs them, which is when a request is read.
    restrictions=SandboxRestrictions.default.with_passthrough_modules("idna")
)
