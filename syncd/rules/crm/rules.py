"""The rules of account resolution that an event type's settings and its connection's make."""

from __future__ import annotations

from syncd.rules.routing import (
    ExcludedRecordTypes,
    FieldRule,
    OwnerBooking,
    RecordCreation,
    Rules,
    Tiebreaker,
    Waterfall,
)

from .settings import CrmSettings, EmptiedStep


def rules_of(settings: CrmSettings, *, fuzzy: bool) -> Rules:
    """The rules that routing and record creation follow; `fuzzy` is the connection's."""
    routing, excluded = settings.routing, settings.exclude_record_types
    return Rules(
        waterfall=Waterfall(fuzzy=fuzzy, search_on=routing.emptied_step is EmptiedStep.NEXT_STEP),
        tiebreaker=Tiebreaker(
            on=settings.tiebreaker.enabled,
            order=settings.tiebreaker.rules,
            geo=settings.tiebreaker.geo,
            sub_region_field=settings.tiebreaker.sub_region_field,
        ),
        excluded=ExcludedRecordTypes(contacts=excluded.contact, leads=excluded.lead, accounts=excluded.account),
        owner_booking=OwnerBooking(
            source=routing.source,
            lookup_field=routing.account_field,
            fallback_to_lead=routing.fall_back_to_lead,
            skip_free_mail=routing.skip_free_mail,
            field_rules=tuple(
                FieldRule(field=rule.field, value=rule.value, action=rule.action) for rule in routing.field_rules
            ),
        ),
        creation=RecordCreation(
            attendee_record=settings.attendee_record,
            skip_creation=settings.skip_contact_creation,
            check_contact=settings.check_existing_contact,
            create_contact_under_account=settings.create_contact_under_account,
            create_lead_if_no_account=settings.create_lead_when_no_account,
        ),
    )
