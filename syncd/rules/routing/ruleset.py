"""The rules a decision follows: what a connection and an event type configure, with a version of its own.

The tiebreaker's rules are the page's table. Their version is computed from their content, so two decisions with the
same version were made by the same rules, and nobody has to remember to raise a number.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from pydantic import TypeAdapter

from syncd.model.crm import CountKind, RecordKind


class Category(StrEnum):
    """What a tiebreaker rule looks at."""

    GEO = "geo"
    RELATIONSHIP = "relationship"
    ACTIVITY = "activity"


class TieRule(StrEnum):
    """A tiebreaker rule, by its name in the configuration."""

    COUNTRY = "country"
    STATE = "state"
    SUB_REGION = "sub_region"
    CHILD_ACCOUNTS = "child_accounts"
    OPPORTUNITIES = "opportunities"
    CONTACTS = "contacts"
    LAST_ACTIVITY = "last_activity"
    CREATED = "created"


@dataclass(frozen=True, slots=True, kw_only=True)
class TieRuleFacts:
    """A row of the page's table. `count`: the number the rule needs; None if the account itself holds its value."""

    priority: str
    category: Category
    description: str
    count: CountKind | None = None


TIE_RULES: dict[TieRule, TieRuleFacts] = {
    TieRule.COUNTRY: TieRuleFacts(
        priority="P1", category=Category.GEO, description="billing country is the booker's country"
    ),
    TieRule.STATE: TieRuleFacts(
        priority="P2", category=Category.GEO, description="billing state is the booker's state or region"
    ),
    TieRule.SUB_REGION: TieRuleFacts(
        priority="P3", category=Category.GEO, description="sub-region field names the booker's location"
    ),
    TieRule.CHILD_ACCOUNTS: TieRuleFacts(
        priority="P5",
        category=Category.RELATIONSHIP,
        description="most child accounts",
        count=CountKind.CHILD_ACCOUNTS,
    ),
    TieRule.OPPORTUNITIES: TieRuleFacts(
        priority="P6",
        category=Category.RELATIONSHIP,
        description="most opportunities",
        count=CountKind.OPPORTUNITIES,
    ),
    TieRule.CONTACTS: TieRuleFacts(
        priority="P7", category=Category.RELATIONSHIP, description="most contacts", count=CountKind.CONTACTS
    ),
    TieRule.LAST_ACTIVITY: TieRuleFacts(priority="P8", category=Category.ACTIVITY, description="most recent activity"),
    TieRule.CREATED: TieRuleFacts(priority="P9", category=Category.ACTIVITY, description="earliest created"),
}
"""In the default order. P4 is reserved by the page."""

DEFAULT_ORDER = tuple(TIE_RULES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiebreaker:
    """How a tie is decided. A rule missing in `order` is removed; a repeated one counts where it stands first.

    `on` False, or no rule left, takes the deterministic first account. `geo` False skips the geo rules wherever they
    stand. `sub_region_field` is the account's field for the sub-region rule; "" skips it.
    """

    on: bool = True
    order: tuple[TieRule, ...] = DEFAULT_ORDER
    geo: bool = True
    sub_region_field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcludedRecordTypes:
    """Record types, by name and without case, that are neither looked up nor created."""

    contacts: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """How an account is found.

    Attributes:
        fuzzy: match across top-level domains; a setting of the connection.
        own_account: the account of the attendee's own contact comes before any domain.
        contact_majority: of the accounts found by contact domain, only those with the most such contacts.
        search_on: when no owner of a step's accounts is a host, try the next step instead of round robin.
    """

    fuzzy: bool = False
    own_account: bool = True
    contact_majority: bool = False
    search_on: bool = False


class FieldAction(StrEnum):
    """What a field rule does with a record whose field has the value."""

    IGNORE = "ignore"
    MUST_INCLUDE = "must_include"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """IGNORE drops records whose `field` has `value`; MUST_INCLUDE drops the others. Every rule must let it pass."""

    field: str
    value: str
    action: FieldAction


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerBooking:
    """The settings of "book directly with the attendee's owner".

    Attributes:
        source: the record whose owner takes the meeting.
        lookup_field: with source ACCOUNT, the account's field naming who takes it instead of the account's owner.
        fallback_to_lead: with source CONTACT, the lead's owner when no contact is eligible.
        skip_free_mail: round robin for free-mail addresses, without a look.
        field_rules: on the record of `source`.
    """

    source: RecordKind = RecordKind.CONTACT
    lookup_field: str = ""
    fallback_to_lead: bool = False
    skip_free_mail: bool = False
    field_rules: tuple[FieldRule, ...] = ()


class AttendeeRecord(StrEnum):
    """The attendee record type of an event type."""

    CONTACT = "contact"
    LEAD = "lead"
    CONTACT_UNDER_ACCOUNT = "contact_under_account"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCreation:
    """Which record an attendee is written to, and which is created.

    Attributes:
        skip_creation: create no contact; contact mode only.
        check_contact: in lead mode, an existing contact comes before a lead.
        create_contact_under_account: a created contact belongs to the resolved account.
        create_lead_if_no_account: in contact-under-account mode, a lead when no account is resolved.
    """

    attendee_record: AttendeeRecord = AttendeeRecord.CONTACT
    skip_creation: bool = False
    check_contact: bool = False
    create_contact_under_account: bool = False
    create_lead_if_no_account: bool = False


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Everything a decision depends on besides the booker and the evidence."""

    waterfall: Waterfall = field(default_factory=Waterfall)
    tiebreaker: Tiebreaker = field(default_factory=Tiebreaker)
    excluded: ExcludedRecordTypes = field(default_factory=ExcludedRecordTypes)
    owner_booking: OwnerBooking = field(default_factory=OwnerBooking)
    creation: RecordCreation = field(default_factory=RecordCreation)

    @cached_property
    def version(self) -> str:
        """Twelve hexadecimal digits of these rules' content."""
        return hashlib.sha256(_RULES.dump_json(self)).hexdigest()[:12]


_RULES: TypeAdapter[Rules] = TypeAdapter(Rules)
