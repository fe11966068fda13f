"""What is shared with the platform, found where it is configured."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.engine.platform_access import check_address, load_access
from syncd.errors import ConfigError
from syncd.settings import CredentialSync

from .conftest import KEY, SECRET, STORAGE_KEY

NEW, OLD = "calcom-credential-sync-secret", "calcom-webhook-secret"
NEW_SECRET, OLD_SECRET = {"CALCOM_CREDENTIAL_SYNC_SECRET": SECRET}, {"CALCOM_WEBHOOK_SECRET": SECRET}
KEYS = {"CALCOM_APP_CREDENTIAL_ENCRYPTION_KEY": KEY, "CALENDSO_ENCRYPTION_KEY": STORAGE_KEY}


@pytest.mark.parametrize(
    ("environ", "header_name", "headers"),
    [
        (NEW_SECRET, "", (NEW, OLD)),
        (OLD_SECRET, "", (OLD, NEW)),
        ({**OLD_SECRET, **NEW_SECRET}, "", (NEW, OLD)),
        ({**NEW_SECRET, "CALCOM_WEBHOOK_HEADER_NAME": "X-Old"}, "", ("x-old",)),
        ({**OLD_SECRET, "CALCOM_CREDENTIAL_SYNC_HEADER_NAME": "X-New"}, "", ("x-new",)),
        ({**NEW_SECRET, "CALCOM_WEBHOOK_HEADER_NAME": "X-Old"}, "X-Own", ("x-own",)),
    ],
)
def test_both_generations_of_the_environment_are_read(
    environ: dict[str, str], header_name: str, headers: tuple[str, ...]
) -> None:
    access = load_access(CredentialSync(header_name=header_name), {**environ, **KEYS})
    assert (access.headers, access.secret, access.key, access.storage_key) == (headers, SECRET, KEY, STORAGE_KEY)
    assert access.is_on


@pytest.mark.parametrize("environ", [{}, NEW_SECRET, KEYS])
def test_it_is_off_until_secret_and_key_are_there(environ: dict[str, str]) -> None:
    assert not load_access(CredentialSync(), environ).is_on


def test_files_win_over_the_environment(tmp_path: Path) -> None:
    names = ("secret_file", "encryption_key_file", "storage_key_file")
    for name in names:
        (tmp_path / name).write_text(f"{name:x<32}\n")
        (tmp_path / name).chmod(0o600)
    settings = CredentialSync(**{name: str(tmp_path / name) for name in names})
    access = load_access(settings, {**NEW_SECRET, **KEYS})
    assert [access.secret, access.key, access.storage_key] == [f"{name:x<32}" for name in names]


def test_the_endpoint_comes_from_the_settings_or_the_environment() -> None:
    environ = {"CALCOM_CREDENTIAL_SYNC_ENDPOINT": "https://platform.example/token"}
    assert load_access(CredentialSync(), environ).endpoint == "https://platform.example/token"
    own = CredentialSync(endpoint="http://127.0.0.1:9/t")
    assert load_access(own, environ).endpoint == "http://127.0.0.1:9/t"


@pytest.mark.parametrize(
    "environ",
    [
        {"CALCOM_APP_CREDENTIAL_ENCRYPTION_KEY": "canary-too-short"},
        {"CALENDSO_ENCRYPTION_KEY": f'"{KEY}"'},
        {"CALCOM_WEBHOOK_SECRET": "canary\nsecret"},
        {"CALCOM_WEBHOOK_SECRET": "canäry"},
        {"CALCOM_WEBHOOK_HEADER_NAME": "canary: header"},
        {"CALCOM_CREDENTIAL_SYNC_ENDPOINT": "https://ann:canary@platform.example/"},
    ],
)
def test_what_cannot_work_is_told_at_the_start_in_silence(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_access(CredentialSync(), environ)
    assert caught.value.remedy
    for secret in ("canary", KEY):
        assert secret not in repr(caught.value)


@pytest.mark.parametrize(
    "address", ["platform.example", "ftp://platform.example", "https://", "https://[x", "https://a:b/"]
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ConfigError):
        check_address(address, "calcom.url")
