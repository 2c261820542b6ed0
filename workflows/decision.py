"""What this installation makes of a request: asked once, at the beginning of a run, and so part of its history."""

from datetime import timedelta
from typing import TypeVar

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.audit_contract import FixFindingRequest
    from sovereign_dns.audit_messages import DECIDE_FIX, DecideFix
    from sovereign_dns.contract import ProvisionRequest
    from sovereign_dns.fix_intent import FixIntent
    from sovereign_dns.intent import ProvisioningIntent
    from sovereign_dns.lifecycle_messages import DECIDE_REMOVAL, DECIDE_RESTORING, DecideRemoval, DecideRestoring
    from sovereign_dns.lifecycle_requests import DeprovisionRequest, RemoveParentDomainRequest, RestoreRequest
    from sovereign_dns.messages import DECIDE_INTENT, DecideIntent
    from sovereign_dns.removal_intent import RemovalIntent
    from sovereign_dns.restoring_intent import RestoringIntent
    from sovereign_dns.wire import Message
    from workflows.step_runner import PATIENT

Intent = TypeVar("Intent", bound=Message)


async def decide(request: ProvisionRequest) -> ProvisioningIntent:
    """Hosts, records and certificates of a request.

    Raises:
        ActivityError: the request is refused.
    """
    return await _decided(DECIDE_INTENT, DecideIntent(request=request), ProvisioningIntent)


async def decide_removal(request: DeprovisionRequest | RemoveParentDomainRequest) -> RemovalIntent:
    """What shall be gone.

    Raises:
        ActivityError: the request is refused.
    """
    return await _decided(DECIDE_REMOVAL, DecideRemoval(request=request), RemovalIntent)


async def decide_restoring(request: RestoreRequest) -> RestoringIntent:
    """What is put back, and by which step.

    Raises:
        ActivityError: the request is refused.
    """
    return await _decided(DECIDE_RESTORING, DecideRestoring(request=request), RestoringIntent)


async def decide_fix(request: FixFindingRequest) -> FixIntent:
    """What is removed for a finding.

    Raises:
        ActivityError: the request is refused.
    """
    return await _decided(DECIDE_FIX, DecideFix(request=request), FixIntent)


async def _decided(decision: str, asked: Message, intent_type: type[Intent]) -> Intent:
    intent: Intent = await workflow.execute_local_activity(
        decision,
        asked,
        result_type=intent_type,
        start_to_close_timeout=timedelta(seconds=10),
        retry_policy=PATIENT,
        summary="what this installation makes of the request",
    )
    return intent
