"""The connection to the Kubernetes API, made anew whenever what it was made of has changed."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from lightkube import AsyncClient, KubeConfig
from lightkube.config.kubeconfig import SERVICE_ACCOUNT, SingleConfig
from lightkube.core.exceptions import ConfigError

from sovereign_dns.failures import KubernetesNotConfigured

FIELD_MANAGER = "sovereign-dns"

TIMEOUT = httpx2.Timeout(15.0, connect=5.0)

_Stamp = tuple[int, int, int] | None
"""Of a file: whatever replaces or rewrites it changes one of these. None where there is none."""


@dataclass
class _Opened:
    client: AsyncClient
    made_of: dict[Path, _Stamp]
    users: int = 0


class KubernetesConnection:
    """Opened at first use, so that a worker starts without a cluster; opened anew where a file of it has changed.

    So a mended kubeconfig, and a rotated token or certificate that it names, need no restart.
    """

    def __init__(self, kubeconfig: Path | None) -> None:
        self._kubeconfig = kubeconfig
        self._opened: _Opened | None = None

    @asynccontextmanager
    async def client(self) -> AsyncIterator[AsyncClient]:
        """The client for one piece of work. It is closed when nobody uses it any more.

        Raises:
            KubernetesNotConfigured: there is no usable kubeconfig or service account.
        """
        opened = await self._current()
        opened.users += 1
        try:
            yield opened.client
        finally:
            opened.users -= 1
            if opened is not self._opened and opened.users == 0:
                await opened.client.close()

    async def renew(self, refused: AsyncClient) -> None:
        """The next use opens it anew, unless that has happened since."""
        if self._opened is not None and self._opened.client is refused:
            await self.close()

    async def close(self) -> None:
        """Closes it as soon as nobody uses it."""
        opened, self._opened = self._opened, None
        if opened is not None and opened.users == 0:
            await opened.client.close()

    async def _current(self) -> _Opened:
        if self._opened is not None and _stamps(self._opened.made_of) != self._opened.made_of:
            await self.close()
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> _Opened:
        source = self._kubeconfig or Path(SERVICE_ACCOUNT, "token")
        made_of = _stamps([source])  # before it is read: what changes meanwhile is noticed at the next use
        try:
            config = self._read()
            made_of |= _stamps(_files_named_by(config))
            client = AsyncClient(config=config, timeout=TIMEOUT, field_manager=FIELD_MANAGER)
        except KeyError as error:
            raise self.not_configured(f"{error} is missing") from error
        except (ConfigError, OSError, ValueError) as error:
            raise self.not_configured(error) from error
        except Exception as error:  # noqa: BLE001 (the parser's, and what comes of a YAML of another form)
            # Without its cause and its text, which quotes the file, and so perhaps the secret.
            mark = getattr(error, "problem_mark", None)
            line = f" near line {mark.line + 1}" if mark else ""
            raise self.not_configured(f"it is no kubeconfig: {type(error).__name__}{line}") from None
        return _Opened(client, made_of)

    def _read(self) -> SingleConfig:
        every = KubeConfig.from_file(self._kubeconfig) if self._kubeconfig else KubeConfig.from_service_account()
        config = every.get()
        if config is None or config.user is None:
            raise ConfigError("its context names no user")
        return config

    def not_configured(self, reason: object) -> KubernetesNotConfigured:
        """Says which configuration can't be used, and why."""
        source = f"the kubeconfig {self._kubeconfig}" if self._kubeconfig else "the in-cluster service account"
        return KubernetesNotConfigured(
            f"no Kubernetes API is configured: {source} can't be used ({reason}). Mend it, and the next attempt reads "
            "it afresh; or set KUBECONFIG, or run the worker in the cluster with a service account. "
            'A request with "certificate": {"enabled": false} does without.'
        )


def _files_named_by(config: SingleConfig) -> list[Path]:
    named = [config.cluster.certificate_auth]
    if config.user is not None:
        named += [config.user.token_file, config.user.client_cert, config.user.client_key]
    return [Path(config.abs_file(name)) for name in named if name]


def _stamps(files: Iterable[Path]) -> dict[Path, _Stamp]:
    return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> _Stamp:
    try:
        found = file.expanduser().stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
