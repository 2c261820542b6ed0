"""The environment: how it is read, what is refused with the variable's name, and that secrets stay secret."""

import os
from pathlib import Path

import pytest
import trustme
from temporalio.common import WorkerDeploymentVersion

from service.versioning import deployment_config
from sovereign_dns.intent import CANONICAL_SUBDOMAINS, CONSOLE_GATEWAY_SUBDOMAINS
from sovereign_dns.mounted import UnusableURLError
from sovereign_dns.settings import Settings, SettingsError, read_settings

KEY = "s3cret-api-key"
URL = "http://powerdns.example:8081"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing set but what every worker needs."""
    for variable in os.environ:
        if variable.startswith(("CATALYST_", "POOL_DOMAIN_", "SOVEREIGN_DNS_", "TEMPORAL_", "KUBECONFIG", "HCLOUD_")):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("CATALYST_POWERDNS_API_URL", URL)
    monkeypatch.setenv("CATALYST_POWERDNS_API_KEY", KEY)


def read_with(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    return read_settings()


def told_of(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read_with(monkeypatch, **variables)
    return str(caught.value)


def test_an_address_and_a_key_are_enough() -> None:
    settings = read_settings()
    assert settings.catalyst_powerdns_api_url == URL
    assert settings.powerdns_api_key.read() == KEY
    assert settings.catalyst_powerdns_server_id == "localhost"
    assert settings.pool_domain_manager_url == "http://pool-domain-manager.openova-system.svc.cluster.local:8080"
    assert settings.catalyst_dns_authoritative == []
    assert settings.catalyst_dns_propagation_resolvers == ["8.8.8.8", "1.1.1.1", "9.9.9.9", "208.67.222.222", "4.2.2.1"]
    assert settings.pdm_user.read() == settings.pdm_password.read() == ""
    assert settings.kubeconfig is None


def test_the_rules_of_a_plain_environment() -> None:
    rules = read_settings().naming_rules
    assert rules.subdomains == list(CANONICAL_SUBDOMAINS)
    assert rules.console_gateway_subdomains == list(CONSOLE_GATEWAY_SUBDOMAINS)
    assert rules.nameservers == ["ns1.openova.io", "ns2.openova.io", "ns3.openova.io"]
    assert rules.allowed_parent_domains == []
    assert rules.protected_fqdns == ["openova.io", "console.openova.io", "api.openova.io"]
    assert rules.allow_non_public_ips is False


def test_lists_are_separated_by_commas_with_or_without_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = read_with(
        monkeypatch,
        CATALYST_SOVEREIGN_SUBDOMAINS="Console, auth ,,git-ea,",
        CATALYST_CONSOLE_GATEWAY_SUBDOMAINS="Console",
        CATALYST_EXPECTED_NS="NS1.openova.io., ns2.openova.io",
        CATALYST_ALLOWED_PARENT_DOMAINS="omani.works,Omani.Homes.",
        CATALYST_PROTECTED_FQDNS="openova.io",
        CATALYST_ALLOW_NON_PUBLIC_IPS="true",
    ).naming_rules
    assert rules.subdomains == ["console", "auth", "git-ea"]
    assert rules.console_gateway_subdomains == ["console"]
    assert rules.nameservers == ["ns1.openova.io", "ns2.openova.io"]
    assert rules.allowed_parent_domains == ["omani.works", "omani.homes"]
    assert rules.protected_fqdns == ["openova.io"]
    assert rules.allow_non_public_ips is True


def test_places_to_ask_may_have_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_with(
        monkeypatch,
        CATALYST_DNS_AUTHORITATIVE="127.0.0.1:5300, [::1]:5300,ns1.openova.io",
        CATALYST_DNS_PROPAGATION_RESOLVERS="127.0.0.1:5301,tls://9.9.9.9#dns.quad9.net, https://dns.example/dns-query",
    )
    assert settings.catalyst_dns_authoritative == ["127.0.0.1:5300", "[::1]:5300", "ns1.openova.io"]
    assert settings.catalyst_dns_propagation_resolvers == [
        "127.0.0.1:5301", "tls://9.9.9.9#dns.quad9.net", "https://dns.example/dns-query"
    ]  # fmt: skip


@pytest.mark.parametrize("nothing", ["", " ", ","])
def test_no_resolver_is_asked_where_none_is_named(monkeypatch: pytest.MonkeyPatch, nothing: str) -> None:
    assert read_with(monkeypatch, CATALYST_DNS_PROPAGATION_RESOLVERS=nothing).catalyst_dns_propagation_resolvers == []


def test_further_certificate_authorities_are_read_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert read_settings().catalyst_dns_ca_file is None
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    assert read_with(monkeypatch, CATALYST_DNS_CA_FILE=str(file)).catalyst_dns_ca_file == file


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_file_without_certificate_authorities_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    message = told_of(monkeypatch, CATALYST_DNS_CA_FILE=str(file))
    assert message.startswith(f"CATALYST_DNS_CA_FILE {file} can't be read as a file of PEM certificates")


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_with(
        monkeypatch, CATALYST_PROTECTED_FQDNS="", CATALYST_EXPECTED_NS="", KUBECONFIG="", CATALYST_POWERDNS_SERVER_ID=""
    )
    assert settings.catalyst_protected_fqdns == ["openova.io", "console.openova.io", "api.openova.io"]
    assert len(settings.catalyst_expected_ns) == 3
    assert settings.kubeconfig is None
    assert settings.catalyst_powerdns_server_id == "localhost"


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_key_names_both_variables(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is None:
        monkeypatch.delenv("CATALYST_POWERDNS_API_KEY")
    else:
        monkeypatch.setenv("CATALYST_POWERDNS_API_KEY", value)
    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert str(caught.value) == "CATALYST_POWERDNS_API_KEY or CATALYST_POWERDNS_API_KEY_FILE is required"


def test_a_missing_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CATALYST_POWERDNS_API_URL")
    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert str(caught.value) == "CATALYST_POWERDNS_API_URL or CATALYST_POWERDNS_API_URL_FILE is required"


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("CATALYST_POWERDNS_API_URL", "powerdns:8081", "holds no URL"),
        ("POOL_DOMAIN_MANAGER_URL", "http://", "holds no URL"),
        ("CATALYST_EXPECTED_NS", "ns1.openova.io,ns 2", "space"),
        ("CATALYST_EXPECTED_NS", ",", "at least 1"),
        ("CATALYST_SOVEREIGN_SUBDOMAINS", "console,*", "wildcard"),
        ("CATALYST_CONSOLE_GATEWAY_SUBDOMAINS", "console.", "trailing dot"),
        ("CATALYST_ALLOWED_PARENT_DOMAINS", "works", "not fully qualified"),
        ("CATALYST_PROTECTED_FQDNS", "https://openova.io", "'/'"),
        ("CATALYST_DNS_AUTHORITATIVE", "ns1.openova.io:dns", "no valid port"),
        ("CATALYST_DNS_PROPAGATION_RESOLVERS", "8.8.8.8,dns.google", "'dns.google' names no IP address"),
        ("CATALYST_DNS_PROPAGATION_RESOLVERS", "8.8.8.8:dns", "no valid port"),
        ("CATALYST_DNS_PROPAGATION_RESOLVERS", "udp://8.8.8.8", "unknown scheme"),
        ("CATALYST_ALLOW_NON_PUBLIC_IPS", "perhaps", "boolean"),
        ("SOVEREIGN_DNS_LOG_LEVEL", "chatty", "DEBUG|INFO"),
        ("SOVEREIGN_DNS_RUNBOOK_URL", "docs/runbook.md", "http"),
        ("SOVEREIGN_DNS_RUNBOOK_URL", "https://x.example/a)[b](https://y.example", "http"),
        ("SOVEREIGN_DNS_HEALTH_ADDRESS", "127.0.0.1:http", "no valid port"),
        ("SOVEREIGN_DNS_METRICS_ADDRESS", "localhost:9092", "not an IP address and a port"),
        ("CATALYST_OWNED_NETWORKS", "77.42.11.0/24,77.42.11.9/24", "77.42.11.9/24"),
        ("CATALYST_OWNED_NETWORKS", "77.42.11.0/24,0.0.0.0/0", "'0.0.0.0/0' is more than anybody owns"),
        ("CATALYST_OWNED_NETWORKS", "2000::/3", "'2000::/3' is more than anybody owns"),
        ("HCLOUD_ENDPOINT", "api.hetzner.cloud/v1", "no URL"),
    ],
)
def test_a_variable_that_cannot_be_understood_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    message = told_of(monkeypatch, **{variable: value})
    assert message.startswith(f"{variable} ")
    assert told in message


def test_all_wrong_variables_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("CATALYST_POWERDNS_API_URL", "CATALYST_POWERDNS_API_KEY"):
        monkeypatch.delenv(variable)
    message = told_of(monkeypatch, SOVEREIGN_DNS_LOG_LEVEL="chatty")
    assert "CATALYST_POWERDNS_API_URL or CATALYST_POWERDNS_API_URL_FILE is required" in message
    assert "CATALYST_POWERDNS_API_KEY or CATALYST_POWERDNS_API_KEY_FILE is required" in message
    assert "SOVEREIGN_DNS_LOG_LEVEL " in message


def test_a_secret_in_a_file_is_read_afresh_at_each_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("before\n")
    monkeypatch.delenv("CATALYST_POWERDNS_API_KEY")
    secret = read_with(monkeypatch, CATALYST_POWERDNS_API_KEY_FILE=str(file)).powerdns_api_key
    assert secret.read() == "before"
    file.write_text(" after the rotation \n")
    assert secret.read() == "after the rotation"
    file.unlink()
    assert secret.read() == ""


def test_a_file_counts_before_the_variable_and_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from the file")
    assert read_settings().powerdns_api_key.where == "the variable CATALYST_POWERDNS_API_KEY"
    secret = read_with(monkeypatch, CATALYST_POWERDNS_API_KEY_FILE=str(file)).powerdns_api_key
    assert secret.read() == "from the file"
    assert secret.where == f"the file {file} (CATALYST_POWERDNS_API_KEY_FILE)"


def test_a_url_in_a_file_is_read_afresh_at_each_use_and_counts_before_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "url"
    settings = read_with(monkeypatch, CATALYST_POWERDNS_API_URL_FILE=str(file), POOL_DOMAIN_MANAGER_URL_FILE=str(file))
    for url in (settings.powerdns_api_url, settings.pdm_url):
        file.write_text(" http://before.example:8081/ \n")
        assert url.read() == "http://before.example:8081"
        file.write_text("https://after.example")
        assert url.read() == "https://after.example"


@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        (None, "can't be read (No such file or directory)"),
        (b"\xff", "can't be read (it is no UTF-8 text)"),
        (b"\n", "is empty"),
        (b"powerdns:8081", "holds no URL"),
        (b"ftp://powerdns:8081", "holds no URL"),
        (b"http://:8081", "holds no URL"),
        (b"http://powerdns:99999", "holds no URL"),
        (b"http://power dns:8081", "holds no URL"),
        (b"http://[::1", "holds no URL"),
        (b"http://powerdns:8081\nhttp://other:8081", "holds no URL"),
        (KEY.encode(), "holds no URL"),
    ],
)
def test_a_file_without_a_url_says_which_file_to_mend_and_never_what_it_holds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, trouble: str
) -> None:
    file = tmp_path / "url"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.delenv("CATALYST_POWERDNS_API_URL")

    url = read_with(monkeypatch, CATALYST_POWERDNS_API_URL_FILE=str(file)).powerdns_api_url

    with pytest.raises(UnusableURLError) as caught:
        url.read()
    told = str(caught.value)
    assert told.startswith(f"put the right URL into the file {file} (CATALYST_POWERDNS_API_URL_FILE), which {trouble}")
    assert told.endswith("; the next attempt reads it afresh")
    assert KEY not in told


def test_how_to_mend_a_secret_says_when_its_file_holds_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "key"
    secret = read_with(monkeypatch, CATALYST_POWERDNS_API_KEY_FILE=str(file)).powerdns_api_key
    assert "which can't be read (No such file or directory)" in secret.how_to_mend("API key")
    file.write_text("wrong")
    assert "which" not in secret.how_to_mend("API key").partition(";")[0]
    assert "wrong" not in secret.how_to_mend("API key")


def test_pdms_credentials_come_by_variable_or_by_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from the file\n")
    settings = read_with(
        monkeypatch, CATALYST_PDM_BASIC_AUTH_USER="catalyst", CATALYST_PDM_BASIC_AUTH_PASS_FILE=str(file)
    )
    assert (settings.pdm_user.read(), settings.pdm_password.read()) == ("catalyst", "from the file")


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_with(
        monkeypatch, CATALYST_PDM_BASIC_AUTH_USER="s3cret-user", CATALYST_PDM_BASIC_AUTH_PASS="s3cret-pass"
    )
    secrets = (settings.powerdns_api_key, settings.pdm_user, settings.pdm_password)
    shown = [str(settings), repr(settings), settings.model_dump_json(), *map(str, secrets), *map(repr, secrets)]
    shown += [secret.where for secret in secrets]
    assert not any("s3cret" in text for text in shown)


def test_no_secret_is_in_the_error_of_another_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert KEY not in told_of(monkeypatch, SOVEREIGN_DNS_LOG_LEVEL="chatty")


def test_worker_versioning_is_off_unless_it_is_set_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert deployment_config(read_settings()) is None
    assert deployment_config(read_with(monkeypatch, TEMPORAL_DEPLOYMENT_NAME="", TEMPORAL_WORKER_BUILD_ID="")) is None

    told = told_of(monkeypatch, TEMPORAL_DEPLOYMENT_NAME="catalyst/sovereign-dns")
    assert told == (
        "TEMPORAL_DEPLOYMENT_NAME is set, but not TEMPORAL_WORKER_BUILD_ID: worker versioning needs both, or neither"
    )
    config = deployment_config(read_with(monkeypatch, TEMPORAL_WORKER_BUILD_ID="1.4.0"))
    assert config is not None
    assert config.use_worker_versioning
    assert config.version == WorkerDeploymentVersion("catalyst/sovereign-dns", "1.4.0")


@pytest.mark.parametrize("name", ["sovereign.dns", "sovereign:dns", "__sovereign-dns"])
def test_a_deployment_name_that_temporal_would_pass_over_in_silence_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    told = told_of(monkeypatch, TEMPORAL_DEPLOYMENT_NAME=name, TEMPORAL_WORKER_BUILD_ID="1")
    assert told.startswith(f"TEMPORAL_DEPLOYMENT_NAME is {name!r}. Temporal takes no name")


def test_at_least_one_write_at_a_time_goes_to_powerdns(monkeypatch: pytest.MonkeyPatch) -> None:
    variable = "SOVEREIGN_DNS_POWERDNS_WRITES_AT_ONCE"
    assert read_settings().sovereign_dns_powerdns_writes_at_once == 1
    assert read_with(monkeypatch, **{variable: "4"}).sovereign_dns_powerdns_writes_at_once == 4
    for not_one in ("0", "-1", "1.5"):
        assert told_of(monkeypatch, **{variable: not_one}).startswith(f"{variable} ")


def test_the_rate_at_powerdns_is_a_positive_number(monkeypatch: pytest.MonkeyPatch) -> None:
    variable = "SOVEREIGN_DNS_POWERDNS_ACTIVITIES_PER_SECOND"
    assert read_settings().sovereign_dns_powerdns_activities_per_second > 0
    assert read_with(monkeypatch, **{variable: "2.5"}).sovereign_dns_powerdns_activities_per_second == 2.5
    for not_one in ("0", "-1", "many", "inf", "nan", "1e-9"):
        assert told_of(monkeypatch, **{variable: not_one}).startswith(f"{variable} ")
