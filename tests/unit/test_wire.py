"""How models travel: the spelling of keys, what strict and lenient reading mean, and errors made for people."""

import pytest
from pydantic import ValidationError

from sovereign_dns.wire import Message, StrictMessage, explain, wire_name


class Parcel(StrictMessage):
    load_balancer_ip: str
    dry_run: bool = False
    ttl: int = 60


class Letter(Message):
    sovereign_fqdn: str
    asked_at: str | None = None


@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("deployment_id", "deploymentId"),
        ("sovereign_fqdn", "sovereignFQDN"),
        ("load_balancer_ip", "loadBalancerIP"),
        ("load_balancer_ipv6", "loadBalancerIPv6"),
        ("console_load_balancer_ip", "consoleLoadBalancerIP"),
        ("protected_fqdns", "protectedFQDNs"),
        ("before_ttl", "beforeTTL"),
        ("ttl", "ttl"),
        ("dns_names", "dnsNames"),
        ("not_after", "notAfter"),
    ],
)
def test_keys_are_spelled_as_the_contract_spells_them(field: str, key: str) -> None:
    assert wire_name(field) == key


def test_what_is_written_carries_the_contracts_keys() -> None:
    assert Letter(sovereign_fqdn="a.b").model_dump_json() == '{"sovereignFQDN":"a.b","askedAt":null}'


def test_between_our_own_parts_an_unknown_field_is_passed_over() -> None:
    letter = Letter.model_validate_json('{"sovereignFQDN": "a.b", "fromANewerWorker": 1}')
    assert letter == Letter(sovereign_fqdn="a.b")


def test_a_changed_copy_leaves_the_original_alone() -> None:
    letter = Letter(sovereign_fqdn="a.b")
    assert letter.changed(sovereign_fqdn="c.d").sovereign_fqdn == "c.d"
    assert letter.sovereign_fqdn == "a.b"


def test_null_means_the_default_only_where_there_is_one() -> None:
    parcel = Parcel.model_validate_json('{"loadBalancerIP": "x", "dryRun": null, "ttl": null}')
    assert (parcel.dry_run, parcel.ttl) == (False, 60)
    assert parcel_error('{"loadBalancerIP": null}') == "loadBalancerIP: Input should be a valid string"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "loadBalancerIP: is required"),
        ('{"load_balancer_ip": "x", "loadBalancerIP": "x"}', "load_balancer_ip: is not a field of this request"),
        ('{"loadBalancerIP": "x", "unknown": null}', "unknown: is not a field of this request; check its spelling"),
        ('{"loadBalancerIP": "x", "ttl": "60"}', "ttl: Input should be a valid integer"),
        ("[]", "input: must be one JSON object"),
        ("null", "input: must be one JSON object"),
        ('"text"', "input: must be one JSON object"),
        ("{", "input: is not valid JSON"),
    ],
)
def test_an_error_names_the_field_and_says_what_is_wrong(text: str, told: str) -> None:
    assert parcel_error(text).startswith(told)


def test_every_wrong_field_is_named_at_once() -> None:
    told = parcel_error('{"loadBalancerIP": 1, "ttl": true, "more": 1}')
    assert [part.partition(":")[0] for part in told.split("; ") if ":" in part] == ["loadBalancerIP", "ttl", "more"]


def test_an_error_does_not_show_what_was_sent() -> None:
    with pytest.raises(ValidationError) as caught:
        Parcel.model_validate_json('{"loadBalancerIP": ["hunter2"], "hunter": "hunter2"}')
    assert "hunter2" not in f"{caught.value} {explain(caught.value)}"


def parcel_error(text: str) -> str:
    with pytest.raises(ValidationError) as caught:
        Parcel.model_validate_json(text)
    return explain(caught.value)
