"""Every problem of an event type's settings at once: its mappings (`check`), and the choices around them.

setting                          is compared with
-------------------------------  -------------------------------------------------------------------
no_show_field                    a checkbox of the event that can be changed
tiebreaker.sub_region_field      the fields of the account
routing.account_field            the fields of the account
routing.field_rules              the fields of the object whose owner is taken
exclude_record_types             the record types of each object, in any case
connection's booking_uid_field   the fields of the event
modes that exclude each other    each other: a setting that can have no effect is a warning
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from syncd.model.crm import RecordKind
from syncd.model.schema import ObjectSchema, SchemaType, closest
from syncd.rules.routing import AttendeeRecord, TieRule

from .check import check
from .finding import Code, Finding, Severity, ordered
from .mapping import Moment, Target
from .settings import Cancellation, CrmSettings, OwnerChange


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgSchema:
    """What a CRM says of the objects in use; None: it has none of the kind, or it is not known."""

    event: ObjectSchema | None = None
    contact: ObjectSchema | None = None
    lead: ObjectSchema | None = None
    account: ObjectSchema | None = None

    def object(self, source: RecordKind) -> ObjectSchema | None:
        """The object whose owner is taken."""
        return {
            RecordKind.CONTACT: self.contact,
            RecordKind.LEAD: self.lead,
            RecordKind.ACCOUNT: self.account,
        }[source]

    def written(self, settings: CrmSettings) -> dict[Target, tuple[ObjectSchema, ...]]:
        """The objects that mappings may write to under these settings."""
        contact, lead = PEOPLE[settings.attendee_record]
        with_contact = contact or settings.check_existing_contact
        with_lead = lead or (
            settings.attendee_record is AttendeeRecord.CONTACT_UNDER_ACCOUNT and settings.create_lead_when_no_account
        )
        people = (self.contact if with_contact else None, self.lead if with_lead else None)
        return {
            Target.EVENT: _known(self.event),
            Target.PERSON: _known(*people),
            Target.ACCOUNT: _known(self.account),
        }


PEOPLE = {
    AttendeeRecord.CONTACT: (True, False),
    AttendeeRecord.LEAD: (False, True),
    AttendeeRecord.CONTACT_UNDER_ACCOUNT: (True, False),
}
"""Whether attendees are contacts, leads."""


def check_settings(
    settings: CrmSettings,
    org: OrgSchema,
    *,
    booking_uid_field: str = "",
    filled: Mapping[Target, frozenset[str]] | None = None,
    questions: frozenset[str] | None = None,
) -> tuple[Finding, ...]:
    """Every problem of the settings of an event type: see `check` for `filled` and `questions`."""
    made = {Target.EVENT} | ({Target.PERSON} if _makes_people(settings) else set())
    findings = list(
        check(settings.fields, org.written(settings), made=frozenset(made), filled=filled, questions=questions)
    )
    findings += _no_show(settings, org.event)
    findings += _named("tiebreaker.sub_region_field", settings.tiebreaker.sub_region_field, org.account)
    findings += _named("routing.account_field", settings.routing.account_field, org.account)
    findings += _named("booking_uid_field", booking_uid_field, org.event)
    for rule in settings.routing.field_rules:
        findings += _named("routing.field_rules", rule.field, org.object(settings.routing.source))
    findings += _record_types(settings, org)
    findings += _together(settings)
    return ordered(findings)


def _known(*objects: ObjectSchema | None) -> tuple[ObjectSchema, ...]:
    return tuple(each for each in objects if each is not None)


def _makes_people(settings: CrmSettings) -> bool:
    if settings.attendee_record is AttendeeRecord.CONTACT:
        return not settings.skip_contact_creation
    if settings.attendee_record is AttendeeRecord.LEAD:
        return True
    return settings.create_contact_under_account or settings.create_lead_when_no_account


def _named(where: str, name: str, schema: ObjectSchema | None) -> Iterator[Finding]:
    """A field that a setting names."""
    if not name or schema is None or schema.field(name):
        return
    meant = schema.meant(name)
    near = meant.name if meant else schema.nearest(name)
    yield Finding(
        where=where,
        code=Code.WRONG_CASE if meant else Code.UNKNOWN_FIELD,
        message=f"{schema.name} spells it {near}." if meant else f"{schema.name} has no field {name}.",
        remedy=f"Write {near}." if meant else f"Did you mean {near}?" if near else "Name a field of the object.",
        nearest=near,
    )


def _no_show(settings: CrmSettings, event: ObjectSchema | None) -> Iterator[Finding]:
    yield from _named("no_show_field", settings.no_show_field, event)
    found = event.field(settings.no_show_field) if event else None
    if found is None:
        return
    if found.type is not SchemaType.CHECKBOX:
        message = f"It is a {found.type.value} field, and a no-show needs a checkbox."
        yield Finding(where="no_show_field", code=Code.WRONG_TYPE, message=message, remedy="Name a checkbox.")
    if not found.updateable:
        message, remedy = "It cannot be changed.", "Let the connection's user edit it."
        yield Finding(where="no_show_field", code=Code.NOT_UPDATEABLE, message=message, remedy=remedy)


def _record_types(settings: CrmSettings, org: OrgSchema) -> Iterator[Finding]:
    for source in RecordKind:
        schema = org.object(source)
        if schema is None:
            continue
        known = {each.name.casefold() for each in schema.record_types}
        for name in getattr(settings.exclude_record_types, source.value):
            if name.strip().casefold() not in known:
                near = closest(name, [each.name for each in schema.record_types])
                yield Finding(
                    where=f"exclude_record_types.{source.value}",
                    code=Code.UNKNOWN_RECORD_TYPE,
                    message=f"{schema.name} has no record type {name}.",
                    remedy=f"Did you mean {near}?" if near else "Remove it.",
                    nearest=near,
                    # A plain list names the types of all three objects.
                    severity=Severity.WARNING,
                )


def _together(settings: CrmSettings) -> Iterator[Finding]:
    """Settings that leave each other without effect, or incomplete."""
    mode = settings.attendee_record
    under_account = mode is AttendeeRecord.CONTACT_UNDER_ACCOUNT
    cancels = any(Moment.CANCELLATION in m.moments for m in settings.mappings(Target.EVENT))
    keeps = settings.cancellation is Cancellation.KEEP
    creates = settings.create_contact_under_account or settings.create_lead_when_no_account
    change, tiebreaker = settings.change_owner, settings.tiebreaker
    sub_region = tiebreaker.enabled and tiebreaker.geo and TieRule.SUB_REGION in tiebreaker.rules
    default = tiebreaker.rules == tuple(TieRule)
    conditions = (
        (cancels and not keeps, *NEVER_WRITTEN),
        (keeps and not cancels, *NOTHING_MARKS),
        (settings.skip_contact_creation and mode is not AttendeeRecord.CONTACT, *SKIP_CREATION),
        (settings.check_existing_contact and mode is not AttendeeRecord.LEAD, *CHECK_CONTACT),
        (settings.create_lead_when_no_account and not under_account, *CREATE_LEAD),
        (under_account and not creates, *NOTHING_MADE),
        (change.mode is OwnerChange.USER and not change.user.strip(), *NO_USER),
        (sub_region and not default and not tiebreaker.sub_region_field, *NO_SUB_REGION),
    )
    for holds, where, code, message, remedy, severity in conditions:
        if holds:
            yield Finding(where=where, code=code, message=message, remedy=remedy, severity=severity)


Told = tuple[str, Code, str, str, Severity]

NEVER_WRITTEN: Told = (
    "cancellation",
    Code.NEVER_WRITTEN,
    "The event of a cancelled booking is deleted, so what is mapped to it on cancellation is never written.",
    'Write cancellation = "keep", or remove those mappings.',
    Severity.ERROR,
)
NOTHING_MARKS: Told = (
    "cancellation",
    Code.INCOMPLETE,
    "The event of a cancelled booking is kept, and nothing marks it as cancelled.",
    "Map a field of the event on cancellation.",
    Severity.WARNING,
)
SKIP_CREATION: Told = (
    "skip_contact_creation",
    Code.NO_EFFECT,
    "It is for attendees as contacts only.",
    "Remove it.",
    Severity.WARNING,
)
CHECK_CONTACT: Told = (
    "check_existing_contact",
    Code.NO_EFFECT,
    "It is for attendees as leads only.",
    "Remove it.",
    Severity.WARNING,
)
CREATE_LEAD: Told = (
    "create_lead_when_no_account",
    Code.NO_EFFECT,
    "It is for contacts under accounts only.",
    "Remove it.",
    Severity.WARNING,
)
NOTHING_MADE: Told = (
    "attendee_record",
    Code.INCOMPLETE,
    "Nobody is made for an attendee who is not known, so their bookings are not written.",
    "Set create_contact_under_account or create_lead_when_no_account.",
    Severity.WARNING,
)
NO_USER: Told = (
    "change_owner.user",
    Code.INCOMPLETE,
    "The record's owner is to become a user, and none is named.",
    'Name one, or write mode = "organizer".',
    Severity.ERROR,
)
NO_SUB_REGION: Told = (
    "tiebreaker.sub_region_field",
    Code.INCOMPLETE,
    "The rule sub_region has no field to compare, and is skipped.",
    "Name the account's field.",
    Severity.WARNING,
)
