"""How a run stands, in a sentence: what it is complete with depends on what the run was for. Pure."""

from sovereign_dns.contract import DEPROVISION_SOVEREIGN, REMOVE_PARENT_DOMAIN, ProvisionResult


def removal_of(status: ProvisionResult) -> str | None:
    """The workflow type of a run that takes away; None of any other. Its steps tell."""
    steps = {step.step for step in status.steps}
    if "records-find" not in steps:
        return None
    return DEPROVISION_SOVEREIGN if "pool-release" in steps else REMOVE_PARENT_DOMAIN


def is_fix(status: ProvisionResult) -> bool:
    """Whether the run takes away what a finding of an audit names, and nothing else."""
    steps = [step.step for step in status.steps]
    return bool(steps) and set(steps) == {"records-remove", "dns-verify"}


def subject_of(status: ProvisionResult) -> str:
    """What a run is about: a Sovereign, what is its under one parent domain, or what an audit has found."""
    if is_fix(status):
        removed = [f"{record.name} {record.type}" for record in status.records]
        return " and ".join(removed) or "What an audit found"
    under = _parent_domain_of(status)
    return f"{status.sovereign_fqdn} under {under}" if under else status.sovereign_fqdn or "what is no Sovereign's"


def _parent_domain_of(status: ProvisionResult) -> str | None:
    """Of a run for one parent domain, or of the part of one that holds the lock: only a provisioning has a pool."""
    domains = {step.step: step.domain for step in reversed(status.steps)}
    if removal_of(status) == REMOVE_PARENT_DOMAIN:
        return domains.get("dns-verify")
    if "records-upsert" in domains and "pool-commit" not in domains:
        return domains["records-upsert"]
    return domains.get("nameservers-set")


def standing(status: ProvisionResult) -> str:
    """Such as `t1.omani.works is complete`."""
    return f"{_stands(status)}: nothing was changed" if status.phase == "planned" else _stands(status)


def _has_removed(status: ProvisionResult) -> bool:
    """Whether anything was there to be taken away; a mistyped name has nothing."""
    parts = (status.records, status.zones, status.certificates, status.pool_names)
    return any(one.change in {"removed", "released"} for part in parts for one in part)


def _stands(status: ProvisionResult) -> str:
    if is_fix(status):
        return f"the removal of {subject_of(status)} is {status.phase}"
    match removal_of(status), status.phase:
        case None, phase:
            return f"{subject_of(status)} is {phase}"
        case kind, "complete":
            done = "deprovisioned" if kind == DEPROVISION_SOVEREIGN else "removed"
            return f"{subject_of(status)} is {done}{'' if _has_removed(status) else ': nothing of it was found'}"
        case _, phase:
            return f"the removal of {subject_of(status)} is {phase}"
