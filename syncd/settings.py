"""The configuration file: every setting, its default, and checking them all at once.

A TOML file; unknown keys are errors. Secrets are never in it: keys come from a file, the environment or systemd, and a
database password may be given as `SYNCD_DATABASE_URL`, which wins over the file.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, IPvAnyNetwork, ValidationError
from pydantic_core import PydanticCustomError

from syncd.errors import ConfigError, Problem
from syncd.model.busy import BusyPolicy
from syncd.model.drift import DriftPolicy

CONFIG_VARIABLE = "SYNCD_CONFIG"
DATABASE_VARIABLE = "SYNCD_DATABASE_URL"
DEFAULT_PATHS = ("syncd.toml", "/etc/syncd/config.toml")

DATABASE = re.compile(r"(sqlite|postgres(ql)?)(\+\w+)?://")
NUMBER = re.compile(r"0|[1-9][0-9]*")


def _database_url(url: str) -> str:
    if not DATABASE.match(url):
        raise PydanticCustomError("database_url", "not the URL of a SQLite or PostgreSQL database")
    return url


def _address(url: str) -> str:
    try:
        usable = urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname
    except ValueError:
        usable = None
    if url and not usable:
        raise PydanticCustomError("address", "not an HTTP address")
    return url


def _required(url: str) -> str:
    if not url:
        raise PydanticCustomError("address", "not an HTTP address")
    return url


def _connection_id(key: str) -> str:
    if not NUMBER.fullmatch(key):
        raise PydanticCustomError("connection_id", "not the id of a connection")
    return key


def _event_type_id(key: str) -> str:
    if not NUMBER.fullmatch(key):
        raise PydanticCustomError("event_type_id", "not the id of an event type")
    return key


Address = Annotated[str, AfterValidator(_address)]
RequiredAddress = Annotated[Address, AfterValidator(_required)]
ConnectionId = Annotated[str, AfterValidator(_connection_id)]
EventTypeId = Annotated[str, AfterValidator(_event_type_id)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Keys(_Section):
    """Where the vault's keys come from."""

    file: str = ""


class Log(_Section):
    """How syncd logs."""

    format: Literal["auto", "json", "text"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Busy(_Section):
    """Reading busy times."""

    horizon_days: int = Field(180, ge=1, le=730)
    past_days: int = Field(7, ge=0, le=365)
    refresh_minutes: int = Field(5, ge=1, le=1440)
    refresh_minutes_pushed: int = Field(30, ge=1, le=1440)
    stale_minutes: int = Field(60, ge=1, le=10080)
    audit_hours: int = Field(24, ge=1, le=720)
    policy: BusyPolicy = BusyPolicy.LAST_KNOWN
    last_known_hours: int = Field(24, ge=1, le=720)


class Writes(_Section):
    """Writing bookings."""

    threads: int = Field(32, ge=1, le=256)
    lease_seconds: int = Field(300, ge=60, le=3600)
    first_retry_seconds: float = Field(2.0, gt=0, le=3600)
    longest_retry_minutes: float = Field(15.0, gt=0, le=1440)
    give_up_hours: float = Field(72.0, gt=0, le=8760)


class Tokens(_Section):
    """Refreshing access tokens."""

    refresh_ahead_minutes: float = Field(10.0, gt=0, le=1440)
    jitter_minutes: float = Field(5.0, ge=0, le=1440)
    lock_seconds: int = Field(120, ge=60, le=3600)
    wait_seconds: float = Field(45.0, gt=0, le=600)


class Jobs(_Section):
    """How often scheduled jobs run, in seconds."""

    take_in: float = Field(5.0, gt=0, le=3600)
    reconcile: float = Field(5.0, gt=0, le=3600)
    busy_sync: float = Field(15.0, gt=0, le=3600)
    sweep: float = Field(60.0, gt=0, le=86400)
    clean_up: float = Field(3600.0, gt=0, le=604800)
    tokens: float = Field(60.0, gt=0, le=3600)
    limits: float = Field(15.0, gt=0, le=3600)
    channels: float = Field(60.0, gt=0, le=3600)


class Http(_Section):
    """The HTTP server. Browsers and providers reach it at `public_url`, and may be sent on to `redirect_allow`."""

    host: str = "127.0.0.1"
    port: int = Field(8600, ge=0, le=65535)
    public_url: Address = ""
    redirect_allow: tuple[RequiredAddress, ...] = ()
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    max_body_kb: int = Field(512, ge=1, le=65536)
    max_json_depth: int = Field(32, ge=4, le=200)
    requests_per_minute: int = Field(6000, ge=1, le=1_000_000)
    failures_per_minute: int = Field(30, ge=1, le=100_000)
    stop_seconds: float = Field(25.0, gt=0, le=600)


class Webhooks(_Section):
    """Booking webhooks. Secrets come from `secrets_file`, systemd or the environment, never from here."""

    secrets_file: str = ""
    allow_unsigned: bool = False


class CredentialSync(_Section):
    """Receiving credentials from a platform, and asking it for fresh tokens."""

    header_name: str = ""
    secret_file: str = ""
    encryption_key_file: str = ""
    storage_key_file: str = ""
    endpoint: Address = ""
    create_users: bool = True
    require_timestamp: bool = False
    tolerance_seconds: int = Field(300, ge=1, le=86_400)
    token_minutes: int = Field(10, ge=1, le=1440)


class Calcom(_Section):
    """The Cal.com instance that syncd is the platform of: where new credentials are pushed to. Empty: none."""

    url: Address = ""


class Keep(_Section):
    """How long records are kept, in days."""

    deliveries: int = Field(30, ge=1, le=3650)
    log: int = Field(90, ge=1, le=3650)
    audit: int = Field(365, ge=1, le=3650)


class App(_Section):
    """One app: its limits, unset ones being the connector's own, and `client`, how we are registered with its provider.

    Which keys `client` has is the connector's to say.
    """

    concurrency: int | None = Field(None, ge=1, le=64)
    requests_per_minute: int | None = Field(None, ge=1, le=100_000)
    app_requests_per_minute: int | None = Field(None, ge=1, le=10_000_000)
    timeout_seconds: float | None = Field(None, gt=0, le=600)
    client: dict[str, Any] = Field(default_factory=dict)


class EventType(_Section):
    """Rules of one event type, by its id. `crm` are its rules in each CRM it is written to, by the connection's id;
    which keys they have is `rules.crm.settings`' to say.
    """

    write_requests: bool = False
    calendar_changes: DriftPolicy = DriftPolicy.REPORT
    crm: dict[ConnectionId, dict[str, Any]] = Field(default_factory=dict)


class Settings(_Section):
    """Every setting of syncd."""

    database_url: Annotated[str, AfterValidator(_database_url)] = "sqlite:////var/lib/syncd/syncd.db"
    keys: Keys = Keys()
    log: Log = Log()
    busy: Busy = Busy()
    writes: Writes = Writes()
    tokens: Tokens = Tokens()
    jobs: Jobs = Jobs()
    http: Http = Http()
    webhooks: Webhooks = Webhooks()
    credential_sync: CredentialSync = CredentialSync()
    calcom: Calcom = Calcom()
    keep: Keep = Keep()
    apps: dict[str, App] = Field(default_factory=dict)
    event_types: dict[EventTypeId, EventType] = Field(default_factory=dict)

    @property
    def horizon(self) -> timedelta:
        """How far ahead busy times are kept."""
        return timedelta(days=self.busy.horizon_days)

    def event_type(self, event_type_id: int | None) -> EventType:
        """The rules of an event type; the defaults when none are set."""
        return self.event_types.get(str(event_type_id), EventType())


REMEDIES = {
    "extra_forbidden": "Remove it, or mend its spelling; config.example.toml lists every setting.",
    "missing": "Add it.",
    "database_url": "Write sqlite:///FILE or postgresql://USER@HOST/NAME.",
    "address": "Write https://HOST/PATH, or leave it out.",
    "connection_id": "Write the connection's number, as in [event_types.123.crm.7]; see: syncd connections list",
    "event_type_id": "Write the event type's number, as in [event_types.123].",
}


def find_config(path: str | None, environment: Mapping[str, str]) -> Path | None:
    """The configuration file: the one named, else $SYNCD_CONFIG, else the first default that exists, else None.

    Raises:
        ConfigError: a file that was named is not there.
    """
    named = path or environment.get(CONFIG_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise ConfigError(
                f"No configuration file {named}.", remedy="Name an existing file, or copy config.example.toml there."
            )
        return Path(named)
    return next((Path(p) for p in DEFAULT_PATHS if Path(p).is_file()), None)


def load(path: str | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of a file (`find_config`), or the defaults when there is none.

    Raises:
        ConfigError: with every problem of the file at once.
    """
    environment = os.environ if environment is None else environment
    found = find_config(path, environment)
    values = parse(found) if found else {}
    if environment.get(DATABASE_VARIABLE):
        values["database_url"] = environment[DATABASE_VARIABLE]
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = tuple(_problem(found, e, environment) for e in error.errors(include_url=False, include_input=False))
        raise ConfigError(f"{found or 'Settings'}: {len(problems)} problem(s).", problems=problems) from error


def parse(path: Path) -> dict[str, Any]:
    """What a configuration file says, whether or not it is of use.

    Raises:
        ConfigError: it cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} is not TOML.", problems=(Problem(str(path), f"{error}."),), remedy="Mend the line named."
        ) from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error


def _problem(path: Path | None, error: Any, environment: Mapping[str, str]) -> Problem:
    key = ".".join(str(part) for part in error["loc"] if part != "[key]")
    from_environment = key == "database_url" and environment.get(DATABASE_VARIABLE)
    reason = "unknown setting." if error["type"] == "extra_forbidden" else f"{error['msg']}."
    where = f"${DATABASE_VARIABLE}" if from_environment else f"{path}: {key}"
    return Problem(where, reason, REMEDIES.get(error["type"], "See config.example.toml."))
