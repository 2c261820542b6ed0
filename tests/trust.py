"""Whom the tests' HTTP clients trust, read once: every client would read it anew, which takes 20 ms of CPU."""

import httpx

TRUST = httpx.create_ssl_context()
