"""What a connector to a CRM implements.

Two calls write a booking in the common cases: `look` reads everything that the decisions need, and `write` carries them
out. What is decided between them (whose record, which fields) is `syncd.rules`' and the same for every CRM.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from syncd.model.activity import Activity
from syncd.model.calendar import Receipt
from syncd.model.crm import (
    CountRequest,
    Counts,
    Evidence,
    FieldValue,
    NewValue,
    ObjectKind,
    Owner,
    PersonKind,
    Questions,
)
from syncd.model.schema import ObjectSchema

from . import ConnectionSettings, Connector

Fields = Mapping[str, NewValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What to read, in one call where the provider can.

    Attributes:
        questions: about each attendee.
        owners: e-mails or ids of users to find, active ones only.
        activity: the activity's id, to read `activity_fields`; "" for none.
        who: read the first person of the activity with it, and `person_fields` of that person.
        uids: what an activity made by an attempt without an answer is known by; empty where none may have been made.
        activity_fields: of the activity, as the mappings need them.
        people: ids of people to read `person_fields` of.
        account: id of the account to read `account_fields` of; "" for none.
    """

    questions: tuple[Questions, ...] = ()
    owners: tuple[str, ...] = ()
    activity: str = ""
    who: bool = False
    uids: tuple[str, ...] = ()
    activity_fields: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    person_fields: tuple[str, ...] = ()
    account: str = ""
    account_fields: tuple[str, ...] = ()

    @property
    def asks(self) -> bool:
        """Whether anything is to be read."""
        return bool(self.questions or self.owners or self.activity or self.uids or self.people or self.account)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundActivity:
    """An activity that is there. `person_id` is whom it is about, "" where it says nobody or was not asked;
    `person_fields` None: that person is not there. `series`: it is the first of several.
    """

    id: str
    series: bool = False
    fields: dict[str, FieldValue] = field(default_factory=dict)
    person_id: str = ""
    person_kind: PersonKind | None = None
    person_fields: dict[str, FieldValue] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was read. `evidence` is by the questions' order; `owners` by what was asked; `activity` None: not there;
    `people` are the fields of the people asked for, by id, without those that are not there; `account` None: not
    there.
    """

    evidence: tuple[Evidence, ...] = ()
    owners: dict[str, Owner] = field(default_factory=dict)
    activity: FoundActivity | None = None
    people: dict[str, dict[str, FieldValue]] = field(default_factory=dict)
    account: dict[str, FieldValue] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonWrite:
    """A contact or lead to make (`id` "") or to change.

    Attributes:
        email, name, phone: of the attendee; names are for a new record.
        first_name, last_name: the name in two parts.
        company: of a new lead.
        account_id: what a contact belongs to; "" leaves it as it is.
        owner_id: whose it becomes; "" leaves it as it is.
        record_type_id: of a new record; "" takes the connection's default.
        fields: mapped fields, by the provider's names.
        without: the connector's own fields to leave out, as `PartRefusal.own` named them.
    """

    kind: PersonKind
    id: str = ""
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    phone: str = ""
    company: str = ""
    account_id: str = ""
    owner_id: str = ""
    record_type_id: str = ""
    fields: Fields = field(default_factory=dict)
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityWrite:
    """The activity to make (`id` "") or to change.

    Attributes:
        owner_id: whose it becomes; "" leaves it as it is, and a new one to the connection's user.
        account_id: what it is about; "" for none.
        attach: write whom it is with; else people who are there stay as they are.
        guests: attendees without a record, as "name <e-mail>", for the description.
        fields: mapped fields, by the provider's names.
        mapped_only: write those and nothing else.
        occurrences: ids of a series' own records, by where the rule puts them (ISO 8601); "" for a cancelled one.
        moved_from: when the series began so far, as in `occurrences`; "" for a new one.
        without: as of a person.
    """

    activity: Activity
    id: str = ""
    owner_id: str = ""
    account_id: str = ""
    attach: bool = True
    guests: tuple[str, ...] = ()
    fields: Fields = field(default_factory=dict)
    mapped_only: bool = False
    occurrences: Mapping[str, str] = field(default_factory=dict)
    moved_from: str = ""
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Everything that one booking changes, in one call where the provider can.

    Attributes:
        people: whom the activity is with, the first being the one it is about; several only where it can hold them.
        activity: None: it stays as it is, or is deleted (`delete_activity`).
        delete_activity: its id; "" deletes none. One that is not there is deleted.
        delete_series: delete its later occurrences too; `delete_also`: their ids, as far as they are known.
        account_id, account_fields: mapped fields of the account; "" for none.
    """

    people: tuple[PersonWrite, ...] = ()
    activity: ActivityWrite | None = None
    delete_activity: str = ""
    delete_series: bool = False
    delete_also: tuple[str, ...] = ()
    account_id: str = ""
    account_fields: Fields = field(default_factory=dict)


class Part(StrEnum):
    """A part of a write."""

    ACTIVITY = "activity"
    PERSON = "person"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRefusal:
    """The provider does not take a part of a write: of the person `index`, or of the activity or account.

    `fields` are those it names; empty: it names none. `own` are those among them that are the connector's own and may
    be left out. `depends`: it was not tried, for another part was refused.
    """

    part: Part
    index: int = 0
    fields: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    code: str = ""
    message: str = ""
    depends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of a write.

    `people` are the ids, in order; "" for one that was not made. `taken`: the record that the provider holds for the
    same as a new one, which was therefore not made, by the person's number; what hangs on that one was not written
    either. `receipt` is the activity's, None where it was not written; `occurrences` as they are now. `refused`: what
    was not written, and why; what is not named there was.
    """

    people: tuple[str, ...] = ()
    taken: Mapping[int, tuple[PersonKind, str]] = field(default_factory=dict)
    receipt: Receipt | None = None
    occurrences: Mapping[str, str] = field(default_factory=dict)
    refused: tuple[PartRefusal, ...] = ()


class CrmConnectionSettings(ConnectionSettings):
    """What holds for every event type that uses a connection.

    Attributes:
        fuzzy_domain_matching: an account is found under another top-level domain too.
        booking_uid_field: the activity's unique field that takes the booking's uid; "" for none.
    """

    fuzzy_domain_matching: bool = False
    booking_uid_field: str = ""


class CrmConnector(Connector):
    """One connection to one CRM."""

    settings: CrmConnectionSettings

    @property
    def spare(self) -> bool:
        """Whether calls are left for other things than bookings, which keep a reserve of what a day allows."""
        return True

    @abstractmethod
    def look(self, look: Look) -> Found:
        """Read what decisions about a booking need. A question that fails is an error, never an empty answer."""

    @abstractmethod
    def counts(self, request: CountRequest) -> Counts:
        """The numbers that a tie between accounts needs."""

    @abstractmethod
    def write(self, write: Write) -> Written:
        """Write people, activity and account.

        Raises:
            UnclearError: the answer was lost; look by key before writing again.
            NotFoundError: code `event_gone`: a person deleted the activity.
        """

    @abstractmethod
    def schema(self, kinds: Sequence[ObjectKind]) -> Mapping[ObjectKind, ObjectSchema]:
        """The fields of objects, as the provider says now or said lately."""

    @abstractmethod
    def forget_schema(self) -> None:
        """Ask anew next time: the provider has refused a field that the schema has."""
