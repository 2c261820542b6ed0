"""The story's Sovereign, as tests name it, and short ways to requests, intents and rrsets."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from sovereign_dns.contract import Comment, Owner, ProvisionRequest
from sovereign_dns.intent import DomainIntent, NamingRules, ProvisioningIntent, derive_intent
from sovereign_dns.rrsets import Record, RRset, owner_comment
from sovereign_dns.wire import explain

FQDN = "t110.omani.works"
PARENT = "omani.works"
LOAD_BALANCER = "77.42.11.95"
CONSOLE_LOAD_BALANCER = "77.42.11.96"
LOAD_BALANCER_V6 = "2a01:4f8::95"
STRANGER = "49.12.16.160"
STRANGER_V6 = "2a01:4f8::bad"

REQUIRED = {"deploymentId": "fe09897a1b6b3c1d", "sovereignFQDN": FQDN, "loadBalancerIP": LOAD_BALANCER}

OWNER = Owner(sovereign_fqdn=FQDN, deployment_id="fe09897a1b6b3c1d")
NEIGHBOUR = Owner(sovereign_fqdn="t112.omani.works", deployment_id="0123456789abcdef")


def request(**fields: Any) -> ProvisionRequest:
    """The request that the JSON of these fields (spelled as in the contract) makes."""
    return ProvisionRequest.model_validate_json(json.dumps(REQUIRED | fields))


def error_of(body: object) -> ValidationError:
    """The error that a request's JSON ends in."""
    text = body if isinstance(body, str) else json.dumps(body)
    with pytest.raises(ValidationError) as caught:
        ProvisionRequest.model_validate_json(text)
    return caught.value


def refusal(**fields: Any) -> str:
    """What a person is told of a request with these fields."""
    return explain(error_of(REQUIRED | fields))


def intent(rules: NamingRules | None = None, **fields: Any) -> ProvisioningIntent:
    return derive_intent(request(**fields), rules or NamingRules())


def domain_intent(**fields: Any) -> DomainIntent:
    """What shall be true under the first parent domain."""
    return intent(**fields).domains[0]


def rrset(
    name: str,
    rrtype: str,
    *values: str,
    ttl: int = 60,
    owner: Owner | None = None,
    disabled: tuple[str, ...] = (),
    comments: tuple[Comment, ...] = (),
) -> RRset:
    noted = [*comments, owner_comment(owner)] if owner else list(comments)
    records = [Record(content=value) for value in values] + [Record(content=v, disabled=True) for v in disabled]
    return RRset(name=name, type=rrtype, ttl=ttl, records=records, comments=noted)
