"""Where resolvers are asked, as people write it."""

import pytest

from sovereign_dns.clients.resolver_places import Do53, DoH, DoT, parse_resolver, parse_resolvers
from sovereign_dns.settings import DEFAULT_RESOLVERS


@pytest.mark.parametrize(
    ("place", "protocol"),
    [
        ("8.8.8.8", Do53("8.8.8.8", 53)),
        ("127.0.0.1:5301", Do53("127.0.0.1", 5301)),
        ("2606:4700:4700::1111", Do53("2606:4700:4700::1111", 53)),
        ("[2606:4700:4700::1111]:5353", Do53("2606:4700:4700::1111", 5353)),
        ("tls://1.1.1.1", DoT("1.1.1.1", 853, "1.1.1.1")),
        ("tls://9.9.9.9#dns.quad9.net", DoT("9.9.9.9", 853, "dns.quad9.net")),
        ("TLS://9.9.9.9:8853#DNS.quad9.net.", DoT("9.9.9.9", 8853, "dns.quad9.net")),
        ("tls://[2620:fe::fe]#dns.quad9.net", DoT("2620:fe::fe", 853, "dns.quad9.net")),
        ("tls://127.0.0.1:8853#resolver", DoT("127.0.0.1", 8853, "resolver")),
        ("tls://127.0.0.1#10.0.0.1", DoT("127.0.0.1", 853, "10.0.0.1")),
        ("https://dns.google/dns-query", DoH("https://dns.google/dns-query")),
        ("https://1.1.1.1:8443/dns-query?token=a", DoH("https://1.1.1.1:8443/dns-query?token=a")),
    ],
)
def test_a_place_says_the_protocol_and_where(place: str, protocol: Do53 | DoT | DoH) -> None:
    found = parse_resolver(place)
    assert (found.label, found.protocol) == (place, protocol)


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("", "names no host"),
        ("dns.google", "'dns.google' names no IP address"),
        ("8.8.8", "names no IP address"),
        ("8.8.8.8:0", "no valid port"),
        ("8.8.8.8:dns", "no valid port"),
        ("[::1", "no [address]:port"),
        ("udp://8.8.8.8", "unknown scheme"),
        ("http://dns.google/dns-query", "unknown scheme"),
        ("tls://dns.google", "names no IP address"),
        ("tls://", "names no host"),
        ("tls://1.1.1.1:x#one.one", "no valid port"),
        ("tls://1.1.1.1#", "no host after '#'"),
        ("tls://1.1.1.1#a b", "no host after '#'"),
        ("tls://1.1.1.1#*.example", "no host after '#'"),
        ("https://", "no URL of a DNS-over-HTTPS server"),
        ("https:///dns-query", "no URL of a DNS-over-HTTPS server"),
        ("https://dns.google/dns-query{?dns}", "no URL of a DNS-over-HTTPS server"),
        ("https://dns.google/dns-query#x", "no URL of a DNS-over-HTTPS server"),
        ("https://dns.google:port/", "no URL"),
    ],
)
def test_what_is_no_place_is_refused_with_what_is_expected(place: str, told: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        parse_resolver(place)
    assert told in str(caught.value)


def test_a_password_in_a_url_is_refused_and_not_shown() -> None:
    with pytest.raises(ValueError, match="neither user nor password") as caught:
        parse_resolver("https://user:s3cret@dns.example/dns-query")
    assert "s3cret" not in str(caught.value)


def test_a_resolver_that_is_named_twice_is_asked_once() -> None:
    found = parse_resolvers(["8.8.8.8", "8.8.8.8:53", "tls://8.8.8.8", "8.8.8.8:5353"])
    assert [resolver.label for resolver in found] == ["8.8.8.8", "tls://8.8.8.8", "8.8.8.8:5353"]


def test_the_defaults_are_places() -> None:
    assert len(parse_resolvers(DEFAULT_RESOLVERS)) == 5
