"""octoDNS with its YAML and PowerDNS providers, as somebody uses it who keeps a zone in a file."""

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from octodns.manager import Manager

from benchmarks.planted_zones import NAMESERVER, Row

TIMEOUT_SECONDS = 60
"""Its default of 5 s would end a PATCH of a big zone on a busy machine."""


class OctoDNSSync:
    """A folder with octoDNS' configuration and its source of one zone."""

    def __init__(self, folder: Path, zone: str) -> None:
        self._folder = folder
        self._zone = zone

    def keep(self, rows: Iterable[Row], api_url: str, api_key: str) -> None:
        """Writes what the zone shall hold, besides its NS set, and where it shall hold it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        address = urlsplit(api_url)
        (self._folder / "config.yaml").write_text(
            _CONFIGURATION.format(
                folder=self._folder,
                zone=self._zone,
                host=address.hostname,
                port=address.port,
                api_key=api_key,
                timeout=TIMEOUT_SECONDS,
            ),
            encoding="utf-8",
        )
        entries = [f"'':\n  ttl: 3600\n  type: NS\n  values: [{NAMESERVER}]\n"]
        entries += [
            f"{row.name.removesuffix(f'.{self._zone}')}:\n"
            f"  ttl: {row.ttl}\n  type: {row.type}\n  values: [{', '.join(row.values)}]\n"
            for row in rows
        ]
        (self._folder / f"{self._zone}.yaml").write_text("".join(entries), encoding="utf-8")

    def run(self) -> None:
        """Plans and applies, as `octodns-sync --config-file=config.yaml --doit`, without the interpreter's start."""
        Manager(str(self._folder / "config.yaml")).sync(dry_run=False)


_CONFIGURATION = """\
providers:
  source:
    class: octodns.provider.yaml.YamlProvider
    directory: {folder}
    enforce_order: false
  powerdns:
    class: octodns_powerdns.PowerDnsProvider
    scheme: http
    host: {host}
    port: {port}
    api_key: {api_key}
    timeout: {timeout}
    enable_dynamic: false
zones:
  {zone}.:
    sources: [source]
    targets: [powerdns]
"""
