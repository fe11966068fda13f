"""References in CRMs: written by the settings of their event type, with what went wrong told by moment."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from sqlmodel import Session

from syncd.connector.crm import CrmConnector
from syncd.errors import ConfigError, Problem, ProviderError, RetryError, WaitUntilError
from syncd.model.activity import Activity
from syncd.model.clock import Clock
from syncd.model.reference import Reference
from syncd.rules.crm.moments import from_notes, moments
from syncd.rules.crm.repair import outcome_of
from syncd.rules.crm.settings import CrmSettings
from syncd.settings import Settings
from syncd.store import sync_errors

from .crm import CrmWriter, Put
from .pool import as_park_error


class Activities:
    """Writes the activity of a reference. Safe for several threads."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._known: dict[tuple[int | None, int], CrmSettings] = {}

    def settings(self, event_type_id: int | None, connection_id: int) -> CrmSettings:
        """The settings of an event type in a CRM, as `crm_settings`."""
        key = (event_type_id, connection_id)
        if key not in self._known:
            self._known[key] = crm_settings(self._settings, *key)
        return self._known[key]

    def write(self, reference: Reference, connector: CrmConnector) -> Put:
        """Bring the CRM to what the reference wants.

        Raises:
            ProviderError: as `CrmWriter.put`.
        """
        desired, receipt = reference.desired, reference.receipt
        if desired is None and receipt is None and not reference.attempted:
            return Put(receipt=None)
        # A receipt without an id says that nobody had a record; a later attempt may have found one.
        unclear = reference.attempted and (receipt is None or not receipt.id)
        if desired is None:
            uids = (reference.subject, reference.event_uid.removesuffix("@syncd"))
            CrmWriter(connector, CrmSettings(), self._clock).withdraw(uids, receipt)
            return Put(receipt=None)
        assert isinstance(desired, Activity)
        try:
            own = self.settings(desired.booking.event_type_id, reference.place.connection_id)
        except ConfigError as error:
            raise as_park_error(error) from error
        return CrmWriter(connector, own, self._clock).put(desired, receipt, unclear=unclear)

    def tell(self, session: Session, reference: Reference, put: Put | None, error: ProviderError | None) -> None:
        """Open, renew and close the sync errors of an event type by how a write ended. A passing trouble is none."""
        desired = reference.desired
        if not isinstance(desired, Activity) or isinstance(error, (RetryError, WaitUntilError)):
            return
        told = put.outcomes if put else ()
        if error is not None:
            before = from_notes(reference.receipt.notes) if reference.receipt else None
            told = tuple(
                outcome_of(moment, self._clock(), (), error.code, str(error)) for moment in moments(desired, before)
            )
        sync_errors.follow(session, reference.place.connection_id, desired.booking.event_type_id, told)


def crm_settings(settings: Settings, event_type_id: int | None, connection_id: int) -> CrmSettings:
    """The settings of an event type in a CRM; the defaults where there are none.

    Raises:
        ConfigError: with every problem of theirs.
    """
    values = settings.event_type(event_type_id).crm.get(str(connection_id), {})
    return _checked(values, f"event_types.{event_type_id}.crm.{connection_id}")


def _checked(values: dict[str, Any], where: str) -> CrmSettings:
    try:
        return CrmSettings.model_validate(values)
    except ValidationError as error:
        problems = tuple(
            Problem(f"{where}.{'.'.join(map(str, e['loc']))}", f"{e['msg']}.", "See config.example.toml.")
            for e in error.errors(include_url=False, include_input=False, include_context=False)
        )
        raise ConfigError(f"{len(problems)} problem(s) in the configuration.", problems=problems) from None
