"""What others allow, as they publish it, and what is assumed where nothing is published."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """A figure that is not ours."""

    what: str
    figure: float
    unit: str
    source: str


LETS_ENCRYPT = "https://letsencrypt.org/docs/rate-limits/"

CERTIFICATES_PER_DOMAIN = Limit(
    "Let's Encrypt: new certificates per registered domain", 50, "in 7 days; one more each 202 min", LETS_ENCRYPT
)
ORDERS_PER_ACCOUNT = Limit(
    "Let's Encrypt: new orders per account", 300, "in 3 h; one more each 36 s; overrides by account", LETS_ENCRYPT
)
SAME_NAMES = Limit("Let's Encrypt: certificates for exactly the same names", 5, "in 7 days; no override", LETS_ENCRYPT)
FAILED_AUTHORIZATIONS = Limit(
    "Let's Encrypt: failed authorizations per name and account", 5, "an hour; no override", LETS_ENCRYPT
)
GOOGLE = Limit(
    "Google Public DNS: questions from one IPv4 address (IPv6: /64)",
    1_500,
    "a second, averaged over one or two; more on request",
    "https://developers.google.com/speed/public-dns/docs/isp",
)
CERT_MANAGER_CALLS = Limit(
    "cert-manager: its own calls of the Kubernetes API",
    20,
    "a second unless `kubernetesAPIQPS` says otherwise",
    "https://cert-manager.io/docs/devops-tips/scaling-cert-manager/",
)
PUBLISHED = (
    CERTIFICATES_PER_DOMAIN,
    ORDERS_PER_ACCOUNT,
    SAME_NAMES,
    FAILED_AUTHORIZATIONS,
    GOOGLE,
    CERT_MANAGER_CALLS,
)

LIFETIME_DAYS = (90, 45)
"""Of a certificate now, and from February 2028 on (https://letsencrypt.org/2025/12/02/from-90-to-45)."""

RENEWED_AT = 2 / 3
"""Of its lifetime: cert-manager's default."""

CALLS_PER_CERTIFICATE = 40
"""Assumed: cert-manager's calls for a Certificate with two challenges (CertificateRequest, Order, two Challenges and a
Secret, with the status of each)."""

PERSISTENCE_SECONDS = 0.01
"""Assumed: one write of a history shard, which makes them one after the other, into PostgreSQL over a network."""

SHARD_USE = 0.5
"""Assumed: the part of its time for which a shard may be busy."""

RETENTION_DAYS = 30
"""Assumed: for how long the namespace keeps closed runs."""

CHECKS_A_DAY = 1
"""Assumed: `VerifySovereign` for each Sovereign; counted with a whole provisioning's CPU, which is more."""

AUDITS_A_DAY = 24
"""`audit enable --every 1h`, as the README shows."""

WITHIN_SECONDS = 3600
"""The goal for a rerun of all."""
