"""Checking CRM settings and field mappings, as they are and against what the CRMs say of their objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from syncd.errors import ConfigError, Problem, ProviderError
from syncd.model.crm import ObjectKind
from syncd.model.schema import ObjectSchema
from syncd.rules.crm.finding import Finding, Severity
from syncd.rules.crm.settings import CrmSettings
from syncd.rules.crm.settings_check import OrgSchema, check_settings
from syncd.rules.crm.static import check_values
from syncd.settings import Settings

from .activities import crm_settings
from .pool import ConnectorPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What is wrong with the settings of an event type in a CRM; `unread` says why the CRM was not asked."""

    event_type_id: str
    connection_id: int
    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()
    unread: str = ""

    @property
    def wrong(self) -> bool:
        """Whether something must be mended."""
        return bool(self.problems) or any(f.severity is Severity.ERROR for f in self.findings)


@dataclass(slots=True)
class Mappings:
    """Checks mappings. `offline` asks no CRM."""

    settings: Settings
    pool: ConnectorPool
    offline: bool = False
    _schemas: dict[int, OrgSchema | str] = field(default_factory=dict)

    def check(self, event_type_id: str | None = None, connection_id: int | None = None) -> Iterator[Checked]:
        """Every section of the configuration, or those of an event type or connection."""
        for event_type, rules in self.settings.event_types.items():
            for connection in rules.crm:
                if event_type_id not in (None, event_type) or connection_id not in (None, int(connection)):
                    continue
                yield self._checked(event_type, int(connection))

    def schemas(self, connection_id: int) -> Mapping[ObjectKind, ObjectSchema]:
        """The objects of a CRM.

        Raises:
            ProviderError: they cannot be read.
        """
        return self.pool.run_crm(connection_id, lambda connector: connector.schema(list(ObjectKind)))

    def _checked(self, event_type: str, connection_id: int) -> Checked:
        try:
            settings = crm_settings(self.settings, int(event_type), connection_id)
        except ConfigError as error:
            return Checked(event_type_id=event_type, connection_id=connection_id, problems=error.problems)
        org = "not asked" if self.offline else self._org(connection_id)
        return Checked(
            event_type_id=event_type,
            connection_id=connection_id,
            findings=self._findings(settings, connection_id, org),
            unread=org if isinstance(org, str) else "",
        )

    def _findings(self, settings: CrmSettings, connection_id: int, org: OrgSchema | str) -> tuple[Finding, ...]:
        if isinstance(org, str):
            return tuple(check_values(settings.fields))
        uid_field = self.pool.run_crm(connection_id, lambda connector: connector.settings.booking_uid_field)
        return check_settings(settings, org, booking_uid_field=uid_field)

    def _org(self, connection_id: int) -> OrgSchema | str:
        if connection_id not in self._schemas:
            try:
                told = self.schemas(connection_id)
                self._schemas[connection_id] = OrgSchema(**{kind.value: schema for kind, schema in told.items()})
            except ProviderError as error:
                self._schemas[connection_id] = str(error)
        return self._schemas[connection_id]
