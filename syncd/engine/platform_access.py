"""What is shared with the platform, from the configuration, systemd or the environment, checked before it is used.

The names of the environment are Cal.com's, of both generations (facts: calcom-calendars, 3.3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from syncd.errors import ConfigError
from syncd.secrets import Secret, find_secret
from syncd.settings import CredentialSync
from syncd.source.credential_sync import PlatformAccess
from syncd.vault.calcom import check_legacy_key

SECRET_VARIABLES = ("CALCOM_CREDENTIAL_SYNC_SECRET", "CALCOM_WEBHOOK_SECRET")
HEADER_VARIABLES = ("CALCOM_CREDENTIAL_SYNC_HEADER_NAME", "CALCOM_WEBHOOK_HEADER_NAME")
KEY_VARIABLES = ("CALCOM_APP_CREDENTIAL_ENCRYPTION_KEY",)
STORAGE_KEY_VARIABLES = ("CALENDSO_ENCRYPTION_KEY",)
ENDPOINT_VARIABLE = "CALCOM_CREDENTIAL_SYNC_ENDPOINT"
DEFAULT_HEADER, OLD_DEFAULT_HEADER = "calcom-credential-sync-secret", "calcom-webhook-secret"
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def load_access(settings: CredentialSync, environ: Mapping[str, str]) -> PlatformAccess:
    """What is configured. Without secret or key the access `is_on` not.

    Raises:
        ConfigError: a secret, key, header name or address that cannot be used.
    """
    secret = find_secret("syncd-credential-sync-secret", SECRET_VARIABLES, environ, settings.secret_file)
    key = find_secret("syncd-credential-sync-key", KEY_VARIABLES, environ, settings.encryption_key_file)
    storage_key = find_secret("syncd-storage-key", STORAGE_KEY_VARIABLES, environ, settings.storage_key_file)
    for found in (key, storage_key):
        if found:
            _check_key(found)
    return PlatformAccess(
        secret=_header_value(secret) if secret else "",
        key=key.value if key else "",
        storage_key=storage_key.value if storage_key else "",
        headers=_header_names(settings, environ, secret),
        endpoint=check_address(settings.endpoint or environ.get(ENDPOINT_VARIABLE, ""), "credential_sync.endpoint"),
    )


def check_address(address: str, name: str) -> str:
    """An address that a secret may be sent to, or "".

    Raises:
        ConfigError: it is not one, or holds user info.
    """
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        usable = False
    if address and not usable:
        raise ConfigError(f"{name} is not an address.", remedy="Give https://HOST/PATH, without user name or password.")
    return address


def _header_names(settings: CredentialSync, environ: Mapping[str, str], secret: Secret | None) -> tuple[str, ...]:
    """The configured name alone; else both defaults, beginning with the one that goes with the secret's variable."""
    name = settings.header_name or next((environ[v] for v in HEADER_VARIABLES if environ.get(v)), "")
    if name and not HEADER_NAME.fullmatch(name):
        raise ConfigError("credential_sync.header_name is not the name of an HTTP header.", remedy="Mend it.")
    if name:
        return (name.lower(),)
    if secret and secret.source == f"${SECRET_VARIABLES[1]}":
        return (OLD_DEFAULT_HEADER, DEFAULT_HEADER)
    return (DEFAULT_HEADER, OLD_DEFAULT_HEADER)


def _header_value(secret: Secret) -> str:
    value = secret.value.strip()
    if not value or not (value.isascii() and value.isprintable()):
        raise ConfigError(
            f"The credential sync secret of {secret.source} cannot be sent in a header.",
            remedy="Make one of visible ASCII characters: openssl rand -base64 32",
        )
    return value


def _check_key(key: Secret) -> None:
    try:
        check_legacy_key(key.value)
    except ConfigError as error:
        raise ConfigError(f"{key.source}: {error.message}", remedy=error.remedy) from None
