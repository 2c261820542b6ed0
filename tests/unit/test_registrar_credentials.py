"""Registrars' tokens are read afresh, and from nowhere but their folder."""

import os
from pathlib import Path

import pytest

from sovereign_dns.failures import RegistrarNotConfigured
from sovereign_dns.registrar_credentials import LARGEST_FILE_OCTETS, RegistrarCredentials


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "registrars"
    made.mkdir()
    return made


def read(folder: Path, reference: str = "cloudflare") -> str:
    return RegistrarCredentials(folder).token(reference).secret.get_secret_value()


def test_a_rotated_token_is_read_at_the_next_use(folder: Path) -> None:
    (folder / "cloudflare").write_text(" first\n")
    credentials = RegistrarCredentials(folder)
    assert credentials.token("cloudflare").secret.get_secret_value() == "first"
    (folder / "cloudflare").write_text("second\nline")
    token = credentials.token("cloudflare")
    assert token.secret.get_secret_value() == "second\nline"
    assert "second" not in repr(token) + str(token)


def test_a_secret_that_kubernetes_mounts_is_read_also_after_it_has_changed(folder: Path) -> None:
    """Its files are links into `..data`, itself a link to the folder of the newest version."""
    for version in ("one", "two"):
        (folder / f"..{version}").mkdir()
        (folder / f"..{version}" / "cloudflare").write_text(version)
    (folder / "cloudflare").symlink_to("..data/cloudflare")
    (folder / "..data").symlink_to("..one")
    assert read(folder) == "one"
    (folder / "..next").symlink_to("..two")
    (folder / "..next").rename(folder / "..data")
    assert read(folder) == "two"


def test_a_folder_that_is_a_link_itself_is_followed(folder: Path, tmp_path: Path) -> None:
    (folder / "cloudflare").write_text("token")
    (tmp_path / "mounted").symlink_to(folder)
    assert read(tmp_path / "mounted") == "token"


def outside(folder: Path) -> None:
    (folder.parent / "elsewhere").write_text("somebody's secret")
    (folder / "cloudflare").symlink_to("../elsewhere")


def by_way_of_a_folder(folder: Path) -> None:
    (folder.parent / "other").mkdir()
    (folder.parent / "other" / "cloudflare").write_text("somebody's secret")
    (folder / "..data").symlink_to(folder.parent / "other")
    (folder / "cloudflare").symlink_to("..data/cloudflare")


def itself(folder: Path) -> None:
    (folder / "cloudflare").symlink_to("cloudflare")


@pytest.mark.parametrize(
    ("prepare", "trouble"),
    [
        (lambda _: None, "can't be read (No such file or directory)"),
        (lambda folder: (folder / "cloudflare").write_text(" \n"), "is empty"),
        (lambda folder: (folder / "cloudflare").write_bytes(b"\xff\xfe"), "is no UTF-8 text"),
        (lambda folder: (folder / "cloudflare").write_text("x" * (LARGEST_FILE_OCTETS + 1)), "is larger than 64 KiB"),
        (lambda folder: (folder / "cloudflare").mkdir(), "can't be read|is no file"),
        (lambda folder: os.mkfifo(folder / "cloudflare"), "is no file"),
        (outside, "leads out of the folder"),
        (by_way_of_a_folder, "leads out of the folder"),
        (itself, "leads to itself|Too many levels of symbolic links"),
    ],
)
def test_what_is_no_token_is_told_with_its_file_and_without_its_content(
    folder: Path, prepare: object, trouble: str
) -> None:
    prepare(folder)  # type: ignore[operator]
    with pytest.raises(RegistrarNotConfigured) as caught:
        read(folder)
    told = str(caught.value)
    assert any(words in told for words in trouble.split("|")), told
    assert str(folder / "cloudflare") in told
    assert "secret" not in told
    assert "xxx" not in told


def test_without_the_setting_it_is_named() -> None:
    with pytest.raises(RegistrarNotConfigured, match="CATALYST_REGISTRAR_CREDENTIALS_DIR is not set"):
        RegistrarCredentials(None).token("cloudflare")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RegistrarNotConfigured, match="No such file or directory"):
        read(tmp_path / "gone")
