"""From the command line's options, and a file where one is given, to a request."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from temporalio.client import WorkflowExecutionStatus
from typer.testing import CliRunner

from cli import recorded
from cli.main import app
from cli.recorded import NothingToRepeatError, RecordedRequest
from cli.removal_request import build_deprovision
from cli.request import build_request
from sovereign_dns.contract import ProvisionRequest

FQDN = "t1.omani.works"
IP = "77.42.11.95"
WIDE = {"COLUMNS": "500"}
IN_FILE: dict[str, Any] = {
    "deploymentId": "from-file",
    "sovereignFQDN": FQDN,
    "loadBalancerIP": IP,
    "ttl": 300,
    "certificate": {"issuer": "letsencrypt-staging", "deadlineSeconds": 60},
    "verification": {"deadlineSeconds": 60},
}


def build_over(folder: Path, body: object, **options: Any) -> ProvisionRequest:
    file = folder / "request.json"
    file.write_text(json.dumps(body), encoding="utf-8")
    return build_request(options.pop("fqdn", None), request_file=str(file), **options)


def test_without_a_file_or_options_the_defaults_are_the_contracts_own() -> None:
    assert build_request(FQDN, ip=IP) == ProvisionRequest.model_validate(
        {"deploymentId": "manual", "sovereignFQDN": FQDN, "loadBalancerIP": IP}
    )


def test_a_file_alone_is_the_request(tmp_path: Path) -> None:
    assert build_over(tmp_path, IN_FILE) == ProvisionRequest.model_validate(IN_FILE)


@pytest.mark.parametrize(
    ("option", "changed"),
    [
        ({"fqdn": "t2.omani.works"}, {"sovereignFQDN": "t2.omani.works"}),
        ({"ip": "77.42.11.96"}, {"loadBalancerIP": "77.42.11.96"}),
        ({"deployment_id": "from-option"}, {"deploymentId": "from-option"}),
        ({"ttl": 30}, {"ttl": 30}),
        ({"certificate": False}, {"certificate": {**IN_FILE["certificate"], "enabled": False}}),
        ({"certificate": True}, {"certificate": {**IN_FILE["certificate"], "enabled": True}}),
        (
            {"issuer": "letsencrypt-dns01-prod"},
            {"certificate": {**IN_FILE["certificate"], "issuer": "letsencrypt-dns01-prod"}},
        ),
        ({"takeover": True}, {"takeover": True}),
        ({"level": "authoritative"}, {"verification": {"deadlineSeconds": 60, "level": "authoritative"}}),
    ],
)
def test_an_option_overrides_what_it_names_and_nothing_else(
    tmp_path: Path, option: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert build_over(tmp_path, IN_FILE, **option) == ProvisionRequest.model_validate(IN_FILE | changed)


def test_certificate_turns_on_what_a_file_turns_off(tmp_path: Path) -> None:
    off = IN_FILE | {"certificate": {"enabled": False}}

    assert build_over(tmp_path, off, certificate=True).certificate.enabled


def test_an_option_fits_into_a_null_of_the_file(tmp_path: Path) -> None:
    assert not build_over(tmp_path, IN_FILE | {"certificate": None}, certificate=False).certificate.enabled


def test_a_mistyped_object_in_the_file_is_refused_whatever_the_options_say(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="certificate: "):
        build_over(tmp_path, IN_FILE | {"certificate": False}, certificate=False)


def test_a_pool_names_who_claims_it_by_the_deployment() -> None:
    pool = build_request(FQDN, ip=IP, pool="omani.works").pool

    assert pool is not None
    assert (pool.subdomain, pool.created_by) == ("t1", "sovereign-dns-cli-manual")


@pytest.mark.parametrize("in_file", [{}, {"pool": None}])
def test_a_pool_option_is_understood_beside_a_file(tmp_path: Path, in_file: dict[str, Any]) -> None:
    pool = build_over(tmp_path, IN_FILE | in_file, pool="omani.works").pool

    assert pool is not None
    assert (pool.domain, pool.subdomain, pool.created_by) == ("omani.works", "t1", "sovereign-dns-cli-from-file")


def test_a_token_goes_into_the_pool_of_the_file(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("the-token\n", encoding="utf-8")
    in_file = {"domain": "omani.works", "subdomain": "t1", "createdBy": "catalyst-api"}

    pool = build_over(tmp_path, IN_FILE | {"pool": in_file}, token_file=token).pool

    assert pool is not None
    assert (pool.reservation_token, pool.created_by) == ("the-token", "catalyst-api")


def test_a_token_without_a_pool_is_refused(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("the-token", encoding="utf-8")

    with pytest.raises(typer.BadParameter, match=r"pool\.domain \(--pool\): is required"):
        build_request(FQDN, ip=IP, token_file=token)


@pytest.mark.parametrize("command", ["provision", "plan"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"{not json", "Expecting property name"),
        (b"\xff\xfe", "utf-8"),
        (b"[" * 100_000, "recursion"),
        (b'["an", "array"]', "must be one JSON object"),
        (b"null", "must be one JSON object"),
        (b'{"sovereignFqdn": "t1.omani.works"}', "sovereignFqdn: is not a field of this request"),
    ],
)
def test_a_file_that_is_no_request_exits_2_and_says_why(
    tmp_path: Path, command: str, content: bytes | None, words: str
) -> None:
    file = tmp_path / "request.json"
    if content is not None:
        file.write_bytes(content)

    ended = CliRunner().invoke(app, [command, "--request", str(file)], env=WIDE)

    assert ended.exit_code == 2
    assert words in ended.stderr


@pytest.mark.parametrize("place", ["", "."])
def test_a_folder_is_no_request(place: str) -> None:
    ended = CliRunner().invoke(app, ["plan", "--request", place], env=WIDE)

    assert ended.exit_code == 2
    assert "Is a directory" in ended.stderr


@pytest.mark.parametrize("command", ["provision", "plan"])
def test_both_commands_take_every_option_of_a_request(command: str) -> None:
    told = CliRunner().invoke(app, [command, "--help"], env=WIDE).stdout

    for option in (
        "--ip", "--ipv6", "--console-ip", "--parent", "--deployment-id", "--pool", "--reservation-token-file",
        "--subdomain", "--ttl", "--certificate", "--no-certificate", "--issuer", "--remove-wildcard", "--takeover",
        "--request", "--again", "--json",
    ):  # fmt: skip
        assert f"{option} " in told
    assert ("--no-wait" in told) == (command == "provision")


@pytest.mark.parametrize(("fqdn", "pool"), [("T5.Omani.Works", "omani.works"), ("t5.omani.works.", "omani.works.")])
def test_a_pool_name_is_found_however_it_is_spelled(fqdn: str, pool: str) -> None:
    built = build_request(fqdn, ip=IP, pool=pool)
    assert built.pool is not None
    assert (built.pool.subdomain, built.pool.domain) == ("t5", "omani.works")


def test_a_token_file_that_holds_no_text_is_wrong_usage(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(typer.BadParameter, match="reservation-token-file"):
        build_request(FQDN, ip=IP, pool="omani.works", token_file=file)


def recorded_as(monkeypatch: pytest.MonkeyPatch, **body: Any) -> None:
    """The newest run was started with this."""
    found = RecordedRequest(
        {"deploymentId": "d9", "sovereignFQDN": FQDN, "loadBalancerIP": IP} | body,
        "run-1",
        datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        WorkflowExecutionStatus.FAILED,
    )
    monkeypatch.setattr(recorded, "newest_request", lambda fqdn: found if fqdn == FQDN else None)


def test_again_takes_the_recorded_input_with_options_over_it(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded_as(monkeypatch, ttl=30, takeover=True, certificate={"issuer": "ours"})

    built = build_request(FQDN.upper(), again=True, ip="77.42.11.99", takeover=False, certificate=False)

    assert built.load_balancer_ip == "77.42.11.99"
    assert (built.deployment_id, built.ttl, built.takeover) == ("d9", 30, False)
    assert (built.certificate.issuer, built.certificate.enabled) == ("ours", False)


def test_a_removal_tells_what_it_takes_from_the_recorded_input_as_people_type_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parents = [{"name": "omani.works", "role": None}, {"name": "omani.homes", "role": None}]
    recorded_as(monkeypatch, parentDomains=parents)

    wanted = build_deprovision(FQDN)

    assert wanted.parent_domains is not None
    assert [parent.name for parent in wanted.parent_domains] == ["omani.works", "omani.homes"]
    assert f"loadBalancerIP {IP}; parentDomains omani.works, omani.homes" in " ".join(capsys.readouterr().err.split())


def test_again_shows_what_it_starts_but_no_reservation_token(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    subdomain, _, domain = FQDN.partition(".")
    recorded_as(monkeypatch, pool={"domain": domain, "subdomain": subdomain, "reservationToken": "canary"})

    built = build_request(FQDN, again=True)

    assert built.pool is not None
    assert built.pool.reservation_token == "canary"
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "run run-1, started 2026-01-02 03:04 UTC, FAILED" in shown.err
    assert f'"loadBalancerIP":"{IP}"' in shown.err
    assert "canary" not in shown.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"issuer": "letsencrypt-dns01-prod", "parents": ["omani.works"], "console_ip": "77.42.11.96", "ttl": 60},
            (
                'consoleLoadBalancerIP not given -> 77.42.11.96; parentDomains [] -> [{"name": "omani.works"}]; '
                "certificate.issuer letsencrypt-dns01-staging -> letsencrypt-dns01-prod"
            ),
        ),
        ({"takeover": True}, "takeover false -> true"),
    ],
)
def test_again_says_what_the_options_change(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: dict[str, Any], told: str
) -> None:
    recorded_as(monkeypatch, certificate={"issuer": "letsencrypt-dns01-staging"})

    build_request(FQDN, again=True, **options)

    assert f"changed against the recorded run: {told}\n" in capsys.readouterr().err


def test_again_says_that_the_options_change_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded_as(monkeypatch)

    build_request(FQDN, again=True, ip=IP, takeover=False)

    assert "nothing is changed against the recorded run\n" in capsys.readouterr().err


@pytest.mark.parametrize("token", ["canary-1", {"canary-1": "canary-1"}])
def test_a_token_that_is_changed_is_said_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, token: object
) -> None:
    recorded_as(monkeypatch, pool={"domain": "omani.works", "subdomain": "t1", "reservationToken": token})
    file = tmp_path / "token"
    file.write_text("canary-2", encoding="utf-8")

    build_request(FQDN, again=True, token_file=file)

    shown = capsys.readouterr().err
    assert "changed against the recorded run: pool.reservationToken (not shown)\n" in shown
    assert "canary" not in shown


def test_what_mends_a_recorded_input_that_is_refused_by_now_is_told_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded_as(monkeypatch, loadBalancerIP="nonsense")

    build_request(FQDN, again=True, ip=IP)

    assert f"changed against the recorded run: loadBalancerIP nonsense -> {IP}\n" in capsys.readouterr().err


def test_a_recorded_input_that_the_contract_refuses_by_now_says_so_unless_an_option_mends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded_as(monkeypatch, loadBalancerIP="nonsense")

    with pytest.raises(NothingToRepeatError, match=r"recorded input \(run run-1.* is refused .*loadBalancerIP"):
        build_request(FQDN, again=True)
    assert build_request(FQDN, again=True, ip=IP).load_balancer_ip == IP


def test_an_option_that_makes_no_sense_is_wrong_usage_with_again_too(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded_as(monkeypatch)

    with pytest.raises(typer.BadParameter, match="loadBalancerIP"):
        build_request(FQDN, again=True, ip="nonsense")


def test_again_needs_a_name_and_no_other_request(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="needs the Sovereign's FQDN"):
        build_request(again=True)
    with pytest.raises(typer.BadParameter, match="--request"):
        build_request(FQDN, again=True, request_file=str(tmp_path / "any"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["zone-create", "--reason", "x"], "zone-create"),
        (["dns-verify"], "--reason"),
        (["dns-verify", "--reason", ""], "reason"),
        (["dns-verify", "--reason", "x", "--domain", "*.works"], "domain"),
    ],
)
def test_what_may_not_be_skipped_is_wrong_usage(arguments: list[str], words: str) -> None:
    ended = CliRunner().invoke(app, ["skip", FQDN, *arguments], env=WIDE)

    assert ended.exit_code == 2
    assert words in ended.output
