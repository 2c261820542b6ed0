"""Cheap questions that tell whether a server serves yet."""

import ssl

import dns.exception
import dns.message
import dns.query
import httpx

# A server that is starting answers at once or not at all.
_TIMEOUT_SECONDS = 1.0

# All are asked over plain HTTP. By default every request would read the world's CAs anew, which takes 20 ms of CPU.
_TRUSTING_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def http_ok(url: str, headers: dict[str, str] | None = None) -> bool:
    """Say whether a GET of the URL answers 200."""
    try:
        answer = httpx.get(url, headers=headers, timeout=_TIMEOUT_SECONDS, trust_env=False, verify=_TRUSTING_NOBODY)
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK


def dns_answers(host: str, port: int) -> bool:
    """Say whether a DNS server answers over TCP and UDP, whatever it answers.

    `version.bind` is served by the server itself: it asks no backend, and leaves nothing in a cache.
    """
    query = dns.message.make_query("version.bind.", "TXT", "CH")
    try:
        # TCP first: a closed port refuses at once, where UDP would have to run into its timeout.
        dns.query.tcp(query, host, timeout=_TIMEOUT_SECONDS, port=port)
        dns.query.udp(query, host, timeout=_TIMEOUT_SECONDS, port=port)
    except (OSError, EOFError, dns.exception.DNSException):
        return False
    return True
