"""What this installation makes of a request: asked once, at the beginning of a run, and so part of its history."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.contract import ProvisionRequest
    from sovereign_dns.intent import ProvisioningIntent
    from sovereign_dns.lifecycle_requests import DeprovisionRequest, RemoveParentDomainRequest, RestoreRequest
    from sovereign_dns.messages import (
        DECIDE_INTENT,
        DECIDE_REMOVAL,
        DECIDE_RESTORING,
        DecideIntent,
        DecideRemoval,
        DecideRestoring,
    )
    from sovereign_dns.removal_intent import RemovalIntent
    from sovereign_dns.restoring_intent import RestoringIntent
    from workflows.step_runner import PATIENT


async def decide(request: ProvisionRequest) -> ProvisioningIntent:
    """Hosts, records and certificates of a request.

    Raises:
        ActivityError: the request is refused.
    """
    intent: ProvisioningIntent = await workflow.execute_local_activity(
        DECIDE_INTENT,
        DecideIntent(request=request),
        result_type=ProvisioningIntent,
        start_to_close_timeout=timedelta(seconds=10),
        retry_policy=PATIENT,
        summary="what this installation makes of the request",
    )
    return intent


async def decide_removal(request: DeprovisionRequest | RemoveParentDomainRequest) -> RemovalIntent:
    """What shall be gone.

    Raises:
        ActivityError: the request is refused.
    """
    intent: RemovalIntent = await workflow.execute_local_activity(
        DECIDE_REMOVAL,
        DecideRemoval(request=request),
        result_type=RemovalIntent,
        start_to_close_timeout=timedelta(seconds=10),
        retry_policy=PATIENT,
        summary="what this installation makes of the request",
    )
    return intent


async def decide_restoring(request: RestoreRequest) -> RestoringIntent:
    """What is put back, and by which step.

    Raises:
        ActivityError: the request is refused.
    """
    intent: RestoringIntent = await workflow.execute_local_activity(
        DECIDE_RESTORING,
        DecideRestoring(request=request),
        result_type=RestoringIntent,
        start_to_close_timeout=timedelta(seconds=10),
        retry_policy=PATIENT,
        summary="what this installation makes of the request",
    )
    return intent
