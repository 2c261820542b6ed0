"""Every JSON object that others send or receive, by workflow and place: what `sovereign-dns schema` writes."""

from pydantic import BaseModel

from sovereign_dns.audit_contract import AuditRequest, AuditResult, FixFindingRequest
from sovereign_dns.contract import (
    AwaitStepRequest,
    Propagation,
    ProvisionRequest,
    ProvisionResult,
    SkipStepRequest,
    VerifyRequest,
)
from sovereign_dns.lifecycle_requests import (
    AddParentDomainRequest,
    DeprovisionRequest,
    RemoveParentDomainRequest,
    RestoreRequest,
)

CONTRACT_MODELS: dict[str, type[BaseModel]] = {
    "ProvisionSovereign.input": ProvisionRequest,
    "ProvisionSovereign.output": ProvisionResult,
    "ProvisionSovereign.skip_step": SkipStepRequest,
    "ProvisionSovereign.await_step": AwaitStepRequest,
    "ProvisionSovereign.propagation.output": Propagation,
    "VerifySovereign.input": VerifyRequest,
    "VerifySovereign.output": ProvisionResult,
    "VerifySovereign.propagation.output": Propagation,
    "DeprovisionSovereign.input": DeprovisionRequest,
    "DeprovisionSovereign.output": ProvisionResult,
    "RestoreRecords.input": RestoreRequest,
    "RestoreRecords.output": ProvisionResult,
    "AddParentDomain.input": AddParentDomainRequest,
    "AddParentDomain.output": ProvisionResult,
    "AddParentDomain.propagation.output": Propagation,
    "RemoveParentDomain.input": RemoveParentDomainRequest,
    "RemoveParentDomain.output": ProvisionResult,
    "AuditZones.input": AuditRequest,
    "AuditZones.output": AuditResult,
    "FixFinding.input": FixFindingRequest,
    "FixFinding.output": ProvisionResult,
}
