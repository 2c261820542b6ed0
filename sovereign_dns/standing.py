"""How a run stands, in a sentence: what it is complete with depends on what the run was for. Pure."""

from sovereign_dns.contract import DEPROVISION_SOVEREIGN, REMOVE_PARENT_DOMAIN, ProvisionResult


def removal_of(status: ProvisionResult) -> str | None:
    """The workflow type of a run that takes away; None of any other. Its steps tell."""
    steps = {step.step for step in status.steps}
    if "records-find" not in steps:
        return None
    return DEPROVISION_SOVEREIGN if "pool-release" in steps else REMOVE_PARENT_DOMAIN


def subject_of(status: ProvisionResult) -> str:
    """What a run is about: a Sovereign, or what is its under one parent domain."""
    if removal_of(status) != REMOVE_PARENT_DOMAIN:
        return status.sovereign_fqdn
    under = [step.domain for step in status.steps if step.step == "dns-verify"]
    return " ".join([status.sovereign_fqdn, *(f"under {domain}" for domain in under[:1])])


def standing(status: ProvisionResult) -> str:
    """Such as `t1.omani.works is complete`."""
    match removal_of(status), status.phase:
        case None, phase:
            return f"{status.sovereign_fqdn} is {phase}"
        case kind, "complete":
            return f"{subject_of(status)} is {'deprovisioned' if kind == DEPROVISION_SOVEREIGN else 'removed'}"
        case _, phase:
            return f"the removal of {subject_of(status)} is {phase}"
