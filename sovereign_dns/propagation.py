"""The resolvers' part of a proof, in the shape that catalyst-api's panel shows. Pure."""

from collections.abc import Sequence
from datetime import datetime

from sovereign_dns.contract import Propagation, ProvisionResult, ResolverPropagation, ServerVerdict


def propagation_of(status: ProvisionResult, now: datetime, expected_nameservers: Sequence[str] = ()) -> Propagation:
    """How far the resolvers have come for a Sovereign, as of `now`."""
    resolvers = [_resolver(server) for server in status.verification.servers if server.kind == "resolver"]
    converged = sum(resolver.status == "converged" for resolver in resolvers)
    return Propagation(
        domain=status.sovereign_fqdn,
        expected_ns=list(expected_nameservers),
        resolvers=resolvers,
        converged=converged,
        total=len(resolvers),
        percentage=round(100 * converged / len(resolvers), 1) if resolvers else 0.0,
        generated_at=now,
    )


def _resolver(server: ServerVerdict) -> ResolverPropagation:
    return ResolverPropagation(
        resolver=server.server,
        status=server.state,
        ns=server.nameservers,
        queried_at=server.asked_at,
        latency_ms=server.latency_ms,
        error=None if server.state == "converged" else server.detail,
    )
