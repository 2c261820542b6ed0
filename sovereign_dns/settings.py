"""The environment, read once by the worker. The names are those that the Catalyst pods mount already.

A secret, or the URL of PowerDNS, PDM or Hetzner Cloud, also comes as `<NAME>_FILE`, a path that is read afresh at each
use.
"""

import ipaddress
import os
import re
import ssl
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from sovereign_dns import names
from sovereign_dns.audit_contract import Network
from sovereign_dns.clients.authoritative import split_host_port
from sovereign_dns.clients.powerdns import WRITES_AT_ONCE
from sovereign_dns.clients.resolver_places import parse_resolver
from sovereign_dns.intent import CANONICAL_SUBDOMAINS, CONSOLE_GATEWAY_SUBDOMAINS, NamingRules
from sovereign_dns.mounted import MountedURL, checked_url
from sovereign_dns.secrets import Secret

Given = TypeVar("Given")

DEFAULT_PDM_URL = "http://pool-domain-manager.openova-system.svc.cluster.local:8080"
DEFAULT_HCLOUD_ENDPOINT = "https://api.hetzner.cloud/v1"
DEFAULT_NAMESERVERS = ("ns1.openova.io", "ns2.openova.io", "ns3.openova.io")
DEFAULT_RESOLVERS = ("8.8.8.8", "1.1.1.1", "9.9.9.9", "208.67.222.222", "4.2.2.1")
DEFAULT_PROTECTED_FQDNS = ("openova.io", "console.openova.io", "api.openova.io")


class SettingsError(Exception):
    """The environment can't be used; the message names the variable and what is wrong with it."""


def _split(value: Any) -> Any:
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value


def _checked_place(text: str) -> str:
    split_host_port(text)
    return text


def _checked_listening_place(text: str) -> str:
    host, _ = split_host_port(text)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"{text[:80]!r} is not an IP address and a port, such as 0.0.0.0:9092") from None
    return text


def _checked_resolver(text: str) -> str:
    parse_resolver(text)
    return text


def _checked_ca_file(path: Path) -> Path:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:
        raise ValueError(f"{path} can't be read as a file of PEM certificates ({error.strerror or error})") from None
    return path


def _here_or_in_a_file(given: Given, info: ValidationInfo) -> Given:
    """A required setting that may come by file too."""
    if given is None and info.data[f"{info.field_name}_file"] is None:
        raise ValueError(f"or {str(info.field_name).upper()}_FILE is required")
    return given


def _checked_deployment_name(text: str) -> str:
    if text.startswith("__") or set(text) & set(".:"):
        raise ValueError(
            f"is {text[:80]!r}. Temporal takes no name that starts with '__' or holds a '.' or a ':'; "
            "a worker of such a deployment would poll, and never get a task"
        )
    return text


def _checked_page(text: str) -> str:
    """An address that Markdown takes as a link."""
    if re.search(r"[()<>]", text):
        raise ValueError("is not an http:// or https:// URL without parentheses and angle brackets")
    return checked_url(text)


def _resolvers_where_unset() -> list[str]:
    """The public ones, but none where the variable is there and empty, which `env_ignore_empty` takes for unset."""
    return [] if "CATALYST_DNS_PROPAGATION_RESOLVERS" in os.environ else list(DEFAULT_RESOLVERS)


Url = Annotated[str, AfterValidator(checked_url)]
FqdnList = Annotated[list[Annotated[str, AfterValidator(names.normalise_fqdn)]], NoDecode, BeforeValidator(_split)]
SubdomainList = Annotated[
    list[Annotated[str, AfterValidator(names.normalise_relative)]], NoDecode, BeforeValidator(_split)
]
PlaceList = Annotated[list[Annotated[str, AfterValidator(_checked_place)]], NoDecode, BeforeValidator(_split)]
NetworkList = Annotated[list[Network], NoDecode, BeforeValidator(_split)]
TextList = Annotated[list[str], NoDecode, BeforeValidator(_split)]
ResolverList = Annotated[list[Annotated[str, AfterValidator(_checked_resolver)]], NoDecode, BeforeValidator(_split)]


class Settings(BaseSettings):
    """Everything that the environment decides, but how Temporal is reached: the SDK reads that (`TEMPORAL_*`)."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    # A file stands before its variable, whose check looks at it.
    catalyst_powerdns_api_url_file: Path | None = None
    catalyst_powerdns_api_url: Annotated[Url | None, AfterValidator(_here_or_in_a_file)] = Field(
        default=None, validate_default=True
    )
    catalyst_powerdns_api_key_file: Path | None = None
    catalyst_powerdns_api_key: Annotated[SecretStr | None, AfterValidator(_here_or_in_a_file)] = Field(
        default=None, validate_default=True
    )
    catalyst_powerdns_server_id: str = "localhost"
    pool_domain_manager_url: Url = DEFAULT_PDM_URL
    pool_domain_manager_url_file: Path | None = None
    catalyst_pdm_basic_auth_user: SecretStr | None = None
    catalyst_pdm_basic_auth_user_file: Path | None = None
    catalyst_pdm_basic_auth_pass: SecretStr | None = None
    catalyst_pdm_basic_auth_pass_file: Path | None = None
    catalyst_registrar_credentials_dir: Path | None = None
    catalyst_expected_ns: FqdnList = Field(default_factory=lambda: list(DEFAULT_NAMESERVERS), min_length=1)
    catalyst_dns_authoritative: PlaceList = []
    catalyst_dns_root_servers: PlaceList = []
    catalyst_dns_trust_anchors: TextList = []
    catalyst_dns_propagation_resolvers: ResolverList = Field(default_factory=_resolvers_where_unset)
    catalyst_dns_ca_file: Annotated[Path, AfterValidator(_checked_ca_file)] | None = None
    catalyst_sovereign_subdomains: SubdomainList = Field(default_factory=lambda: list(CANONICAL_SUBDOMAINS))
    catalyst_console_gateway_subdomains: SubdomainList = Field(default_factory=lambda: list(CONSOLE_GATEWAY_SUBDOMAINS))
    catalyst_allowed_parent_domains: FqdnList = []
    catalyst_protected_fqdns: FqdnList = Field(default_factory=lambda: list(DEFAULT_PROTECTED_FQDNS))
    catalyst_allow_non_public_ips: bool = False
    catalyst_owned_networks: NetworkList = []
    hcloud_endpoint: Url = DEFAULT_HCLOUD_ENDPOINT
    hcloud_endpoint_file: Path | None = None
    hcloud_token: SecretStr | None = None
    hcloud_token_file: Path | None = None
    kubeconfig: Path | None = None
    temporal_deployment_name: Annotated[str, AfterValidator(_checked_deployment_name)] | None = None
    temporal_worker_build_id: str | None = None
    sovereign_dns_powerdns_activities_per_second: Annotated[float, Field(ge=0.1, le=1000)] = 200
    sovereign_dns_powerdns_writes_at_once: Annotated[int, Field(gt=0)] = WRITES_AT_ONCE
    sovereign_dns_health_address: Annotated[str, AfterValidator(_checked_place)] = "127.0.0.1:8092"
    sovereign_dns_metrics_address: Annotated[str, AfterValidator(_checked_listening_place)] | None = None
    sovereign_dns_runbook_url: Annotated[str, AfterValidator(_checked_page)] | None = None
    sovereign_dns_log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")

    @property
    def powerdns_api_url(self) -> MountedURL:
        """Where PowerDNS' API is."""
        return MountedURL(
            "CATALYST_POWERDNS_API_URL", self.catalyst_powerdns_api_url, self.catalyst_powerdns_api_url_file
        )

    @property
    def pdm_url(self) -> MountedURL:
        """Where PDM is."""
        return MountedURL("POOL_DOMAIN_MANAGER_URL", self.pool_domain_manager_url, self.pool_domain_manager_url_file)

    @property
    def hetzner_url(self) -> MountedURL:
        """Where the Hetzner Cloud API is."""
        return MountedURL("HCLOUD_ENDPOINT", self.hcloud_endpoint, self.hcloud_endpoint_file)

    @property
    def hetzner_tokens(self) -> Secret:
        """The tokens of the Hetzner Cloud projects whose addresses are ours, separated by white space."""
        return Secret("HCLOUD_TOKEN", self.hcloud_token, self.hcloud_token_file)

    @model_validator(mode="after")
    def _is_versioned_or_not(self) -> "Settings":
        versioning = {
            "TEMPORAL_DEPLOYMENT_NAME": self.temporal_deployment_name,
            "TEMPORAL_WORKER_BUILD_ID": self.temporal_worker_build_id,
        }
        missing = [name for name, value in versioning.items() if value is None]
        if len(missing) == 1:
            (present,) = versioning.keys() - set(missing)
            raise ValueError(f"{present} is set, but not {missing[0]}: worker versioning needs both, or neither")
        return self

    @property
    def powerdns_api_key(self) -> Secret:
        """The key of PowerDNS' API."""
        return Secret("CATALYST_POWERDNS_API_KEY", self.catalyst_powerdns_api_key, self.catalyst_powerdns_api_key_file)

    @property
    def pdm_user(self) -> Secret:
        """The basic-auth user of PDM's public ingress, where it is used."""
        return Secret(
            "CATALYST_PDM_BASIC_AUTH_USER", self.catalyst_pdm_basic_auth_user, self.catalyst_pdm_basic_auth_user_file
        )

    @property
    def pdm_password(self) -> Secret:
        """The basic-auth password of PDM's public ingress, where it is used."""
        return Secret(
            "CATALYST_PDM_BASIC_AUTH_PASS", self.catalyst_pdm_basic_auth_pass, self.catalyst_pdm_basic_auth_pass_file
        )

    @property
    def naming_rules(self) -> NamingRules:
        """The environment's part in deciding a request."""
        return NamingRules(
            subdomains=self.catalyst_sovereign_subdomains,
            console_gateway_subdomains=self.catalyst_console_gateway_subdomains,
            nameservers=self.catalyst_expected_ns,
            allowed_parent_domains=self.catalyst_allowed_parent_domains,
            protected_fqdns=self.catalyst_protected_fqdns,
            allow_non_public_ips=self.catalyst_allow_non_public_ips,
        )


def read_settings() -> Settings:
    """Reads the environment.

    Raises:
        SettingsError: a variable is missing or can't be understood.
    """
    try:
        return Settings()  # filled from the environment
    except ValidationError as error:
        problems = [_problem(dict(item)) for item in error.errors(include_url=False, include_input=False)]
        raise SettingsError("; ".join(problems)) from None


def _problem(item: dict[str, Any]) -> str:
    variable = str(item["loc"][0]).upper() if item["loc"] else ""
    reason = "is required" if item["type"] == "missing" else str(item["msg"]).removeprefix("Value error, ")
    return f"{variable} {reason}".strip()
