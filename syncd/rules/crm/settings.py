"""What an event type's owner chooses for a CRM.

    [event_types.123.crm.7]                     # the connection's id
    attendee_record = "lead"
    fields = [{ target = "person", field = "Last_Booking__c", type = "date", value = "booking_start_date" }]

Every setting of the page "Salesforce integration" is here under a name of no CRM, with the page's defaults. Which
fields and record types a CRM has is not known here: `check` compares.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from syncd.model.crm import RecordKind
from syncd.rules.routing import DEFAULT_ORDER, TIE_RULES, AttendeeRecord, FieldAction, TieRule
from syncd.rules.routing.ruleset import Category

from .mapping import FieldMapping, Missing, Target
from .names import ATTENDEE_ZONE, ORGANIZER_ZONE, zone_named


class OwnerChange(StrEnum):
    """Who becomes the owner of the attendee's record."""

    OFF = "off"
    USER = "user"
    ORGANIZER = "organizer"


class Cancellation(StrEnum):
    """What becomes of the event of a cancelled booking: it is deleted, or kept and written."""

    DELETE = "delete"
    KEEP = "keep"


class EmptiedStep(StrEnum):
    """What follows when no owner of the accounts found is a host: round robin (the page), or the next search."""

    ROUND_ROBIN = "round_robin"
    NEXT_STEP = "next_step"


GEO = frozenset(rule for rule, facts in TIE_RULES.items() if facts.category is Category.GEO)
"""Rules that need the booker's place."""


def _zone(name: str) -> str:
    if name not in (ORGANIZER_ZONE, ATTENDEE_ZONE) and zone_named(name) is None:
        raise PydanticCustomError("zone", "neither organizer, attendee nor the IANA name of a time zone")
    return name


def _once(rules: tuple[TieRule, ...]) -> tuple[TieRule, ...]:
    if len(set(rules)) < len(rules):
        raise PydanticCustomError("rules", "a rule is listed twice")
    return rules


def _objects(value: Any) -> Any:
    """A plain list is for all three objects."""
    return dict.fromkeys(("contact", "lead", "account"), value) if isinstance(value, list | tuple) else value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ExcludedRecordTypes(_Section):
    """Names of record types that are neither found nor made, in any case."""

    contact: tuple[str, ...] = ()
    lead: tuple[str, ...] = ()
    account: tuple[str, ...] = ()

    def excludes(self, object: RecordKind, record_type: str | None) -> bool:
        """Whether a record of this type is left out. One without a type never is."""
        names: tuple[str, ...] = getattr(self, object.value)
        return bool(record_type) and (record_type or "").strip().casefold() in {n.strip().casefold() for n in names}


class ChangeOwner(_Section):
    """Changing the owner of the attendee's record on booking.

    Attributes:
        user: e-mail or id of the new owner, for mode `user`.
        only_from: names, e-mails or ids of owners that may be replaced; empty: any.
    """

    mode: OwnerChange = OwnerChange.OFF
    user: str = ""
    only_from: tuple[str, ...] = ()

    def replaces(self, *current: str) -> bool:
        """Whether an owner with these names, e-mails or ids may be replaced. Compared whole, in any case."""
        named = {each.strip().casefold() for each in self.only_from}
        held = {each.strip().casefold() for each in current if each.strip()}
        return self.mode is not OwnerChange.OFF and (not named or bool(named & held))


class FieldRule(_Section):
    """A condition on the record whose owner a booking is routed to; compared in any case."""

    field: str = Field(min_length=1)
    value: str
    action: FieldAction


class OwnerRouting(_Section):
    """Booking directly with the owner of the attendee's record.

    Attributes:
        account_field: a field of the account that names the host instead of its owner; "" for the owner.
        fall_back_to_lead: take the lead's owner where no contact is found.
        skip_free_mail: bookers with an address of a free mail service are never routed.
        time_budget_seconds: after it the answer is round robin.
    """

    enabled: bool = False
    source: RecordKind = RecordKind.CONTACT
    account_field: str = ""
    fall_back_to_lead: bool = False
    skip_free_mail: bool = False
    field_rules: tuple[FieldRule, ...] = ()
    emptied_step: EmptiedStep = EmptiedStep.ROUND_ROBIN
    time_budget_seconds: float = Field(2.0, gt=0, le=30)


class Tiebreaker(_Section):
    """Choosing among accounts that match equally well. A rule that is not listed is removed.

    Attributes:
        sub_region_field: the account's field with its sub-region; without one that rule is skipped.
        geo: use the booker's place.
    """

    enabled: bool = True
    rules: Annotated[tuple[TieRule, ...], AfterValidator(_once)] = DEFAULT_ORDER
    sub_region_field: str = ""
    geo: bool = True

    @property
    def active(self) -> tuple[TieRule, ...]:
        """The rules that run, in order; none when it is off."""
        return tuple(rule for rule in self.rules if self.enabled and self._usable(rule))

    def _usable(self, rule: TieRule) -> bool:
        if rule is TieRule.SUB_REGION and not self.sub_region_field:
            return False
        return self.geo or rule not in GEO


class CrmSettings(_Section):
    """What holds for the bookings of one event type in one CRM.

    Attributes:
        skip_contact_creation: for attendees as contacts.
        check_existing_contact: for attendees as leads: a contact that is there is taken instead of making a lead.
        create_contact_under_account: contacts are made, and under the account found.
        create_lead_when_no_account: where none is found, a lead is made.
        no_show_field: the event's checkbox that is set for a no-show; "" for none.
        time_zone: `organizer`, `attendee` or an IANA name: where the days of date fields are those of.
        missing: see `template`; a mapping may say otherwise.
    """

    attendee_record: AttendeeRecord = AttendeeRecord.CONTACT
    ignore_guests: bool = False
    skip_contact_creation: bool = False
    check_existing_contact: bool = False
    create_contact_under_account: bool = False
    create_lead_when_no_account: bool = False
    exclude_record_types: Annotated[ExcludedRecordTypes, BeforeValidator(_objects)] = ExcludedRecordTypes()
    change_owner: ChangeOwner = ChangeOwner()
    no_show_field: str = ""
    cancellation: Cancellation = Cancellation.DELETE
    routing: OwnerRouting = OwnerRouting()
    tiebreaker: Tiebreaker = Tiebreaker()
    time_zone: Annotated[str, AfterValidator(_zone)] = ORGANIZER_ZONE
    missing: Missing = Missing.SKIP
    fields: tuple[FieldMapping, ...] = ()

    def mappings(self, target: Target) -> tuple[FieldMapping, ...]:
        """The mappings that write to one kind of record, in their order."""
        return tuple(mapping for mapping in self.fields if mapping.target is target)
