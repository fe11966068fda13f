"""CRM values: people, accounts, owners, and the questions and answers account resolution is made of.

Nothing here knows a provider. A connector turns `Questions` and `CountRequest` into its own queries and its rows into
`Evidence` and `Counts`; the resolver (`syncd.rules.routing`) sees nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

FieldValue = str | bool | int | float | None
"""A provider's field as read; None is the provider's null."""

NewValue = str | bool | int | float | date | tuple[str, ...]
"""What a field is to become, a datetime (aware) among them; a tuple for several choices."""


class PersonKind(StrEnum):
    """What a person is in the CRM."""

    CONTACT = "contact"
    LEAD = "lead"


class RecordKind(StrEnum):
    """An object of the CRM that has an owner."""

    CONTACT = "contact"
    LEAD = "lead"
    ACCOUNT = "account"


class ObjectKind(StrEnum):
    """An object of the CRM that we write to."""

    EVENT = "event"
    CONTACT = "contact"
    LEAD = "lead"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose a record is: a CRM user, or a queue, which hosts no meeting."""

    id: str
    email: str = ""
    name: str = ""
    active: bool = True
    is_queue: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A contact or lead.

    Attributes:
        account_id: the account a contact belongs to; "" for none and for leads.
        last_activity, created: aware UTC; a provider's date is its midnight UTC.
        converted: a lead that became a contact; `converted_contact_id` and `converted_account_id` say which.
        fields: the fields asked for beyond these, by the provider's name.
    """

    id: str
    kind: PersonKind
    email: str = ""
    name: str = ""
    owner: Owner | None = None
    account_id: str = ""
    record_type: str = ""
    last_activity: datetime | None = None
    created: datetime | None = None
    converted: bool = False
    converted_contact_id: str = ""
    converted_account_id: str = ""
    fields: dict[str, FieldValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A company.

    Attributes:
        country, state: the billing address as text; `country_code` and `state_code` where the org keeps codes.
        last_activity, created: aware UTC; a provider's date is its midnight UTC.
        fields: the fields asked for beyond these, by the provider's name.
        lookups: the users that lookup fields name, by the field's name; a field that names no user is absent.
    """

    id: str
    name: str = ""
    website: str = ""
    owner: Owner | None = None
    record_type: str = ""
    parent_id: str = ""
    country: str = ""
    country_code: str = ""
    state: str = ""
    state_code: str = ""
    last_activity: datetime | None = None
    created: datetime | None = None
    fields: dict[str, FieldValue] = field(default_factory=dict)
    lookups: dict[str, Owner] = field(default_factory=dict)


class Question(StrEnum):
    """What a provider is asked about an e-mail, in one call.

    CONTACTS: contacts with the e-mail, with their accounts. LEADS: leads with it, converted ones with their contacts.
    WEBSITES: accounts whose website is one of the spellings or contains the domain. CONTACT_DOMAIN: the accounts of
    contacts in that e-mail domain, and how many such contacts each has. BASE_DOMAIN: accounts whose website contains
    the base domain.
    """

    CONTACTS = "contacts"
    LEADS = "leads"
    WEBSITES = "websites"
    CONTACT_DOMAIN = "contact-domain"
    BASE_DOMAIN = "base-domain"


class CountKind(StrEnum):
    """A number of related records that only a tie needs."""

    CHILD_ACCOUNTS = "child_accounts"
    OPPORTUNITIES = "opportunities"
    CONTACTS = "contacts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What to ask about one e-mail. A part is "" or empty where its question is not in `asked`.

    Attributes:
        email: trimmed and casefolded; compared without case.
        domain: of the e-mail, in lower-case ASCII (IDN as punycode).
        spellings: websites an index finds by equality.
        base_domain: the registrable label, as `acme` of `acme.co.uk`.
        not_asked: why a question is left out, by question.
        excluded_contact_types: contacts of these record types are not counted for CONTACT_DOMAIN (without case).
        account_fields, person_fields: fields to read beyond those of `Account` and `Person`.
        lookup_field: the account's field whose user to read; "" for none.
    """

    asked: tuple[Question, ...]
    email: str = ""
    domain: str = ""
    spellings: tuple[str, ...] = ()
    base_domain: str = ""
    not_asked: dict[Question, str] = field(default_factory=dict)
    excluded_contact_types: tuple[str, ...] = ()
    account_fields: tuple[str, ...] = ()
    person_fields: tuple[str, ...] = ()
    lookup_field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a provider (or the local index) answered about one e-mail. Row order and repetition carry no meaning.

    Attributes:
        people: contacts and leads with the e-mail, and the contacts that converted leads became; others do no harm.
        accounts: every account any question found, those of the contacts among them. The resolver itself decides which
            question an account answers.
        contact_counts: contacts in the e-mail's domain, by account id.
        asked: the questions answered; one left out is unknown, never "nothing found".
        denied: questions the provider refuses to this connection, and why. A failed question is an error, not this.
    """

    people: tuple[Person, ...] = ()
    accounts: tuple[Account, ...] = ()
    contact_counts: dict[str, int] = field(default_factory=dict)
    asked: tuple[Question, ...] = tuple(Question)
    denied: dict[Question, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRequest:
    """The counts a tie needs: `kinds` for each of `account_ids`, in one call."""

    account_ids: tuple[str, ...]
    kinds: tuple[CountKind, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The answer to a `CountRequest`.

    Attributes:
        account_ids: the accounts that were counted. One of them missing in `found` has none: that is 0.
        found: by kind, the number by account id. A kind missing here and in `denied` was not counted.
        denied: kinds the provider refuses to this connection, and why.
    """

    account_ids: tuple[str, ...] = ()
    found: dict[CountKind, dict[str, int]] = field(default_factory=dict)
    denied: dict[CountKind, str] = field(default_factory=dict)
