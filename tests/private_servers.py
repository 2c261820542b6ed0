"""Fixtures of servers that are a test process' own: a private DNS with a root of its own, and a private CA."""

import secrets
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.dns_bench import PARENT, Bench
from tests.dns_servers import LOOPBACK

HOSTNAME = "resolver.example"


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A root, a parent zone and name servers; each test makes a zone of its own below them."""
    with Bench(tmp_path_factory.mktemp("bench")) as bench:
        yield bench


@pytest.fixture
def zone() -> str:
    """A name for a zone of the test's own below the private root's parent zone."""
    return f"z{secrets.token_hex(4)}.{PARENT}"


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


@pytest.fixture(scope="session")
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """A TLS server's side, for the loopback address and for `HOSTNAME`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(LOOPBACK, HOSTNAME).configure_cert(context)
    return context
