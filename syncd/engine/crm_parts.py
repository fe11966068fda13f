"""What is written of an activity, its people and its account.

Mappings of a booking, a reschedule and a cancellation are the first attendee's alone; those of a no-show everybody's
whose mark has changed. A value that cannot be written is left out and told as dropped, unless that is the mapping's
own rule: it is there already, or the booking has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from syncd.connector.crm import PersonWrite
from syncd.errors import ForbiddenError
from syncd.model.booking import Attendee
from syncd.model.crm import FieldValue, NewValue, ObjectKind, Owner, Person, PersonKind
from syncd.model.schema import ObjectSchema, SchemaType
from syncd.rules.crm.mapping import Moment, Target
from syncd.rules.crm.names import BookingFacts, name_parts
from syncd.rules.crm.owner import CrmUser, new_owner
from syncd.rules.crm.repair import Dropped
from syncd.rules.crm.resolve import Reason, resolve
from syncd.rules.crm.settings import CrmSettings
from syncd.rules.routing import creatable_record_type, email_domain, normalized_email

from .crm_reading import Case, Chosen

OBJECTS = {PersonKind.CONTACT: ObjectKind.CONTACT, PersonKind.LEAD: ObjectKind.LEAD}

MEANT = frozenset({Reason.NOT_EMPTY, Reason.NO_VALUE})
"""Why a mapping writes nothing without anything being wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What is written of one case.

    Attributes:
        owners: the users found, by what was asked; `organizer` the host among them.
        schemas: of the objects that are written, as far as that was needed.
        dropped: what was left out, filled as parts are made.
    """

    case: Case
    settings: CrmSettings
    facts: BookingFacts
    schemas: Mapping[ObjectKind, ObjectSchema]
    owners: Mapping[str, Owner] = field(default_factory=dict)
    organizer: Owner | None = None
    dropped: list[Dropped] = field(default_factory=list)

    def event(self, current: Mapping[str, FieldValue] | None) -> dict[str, NewValue]:
        """The mapped fields of the activity; `current` None: it is new."""
        fields = self._resolved(self.facts, Target.EVENT, self.case.happened, current, ObjectKind.EVENT)
        name = self.settings.no_show_field
        if Moment.NO_SHOW in self.case.happened and name and self._is_checkbox(name):
            fields[name] = any(attendee.absent for attendee in self.case.attendees)
        return fields

    def account(self, current: Mapping[str, FieldValue]) -> dict[str, NewValue]:
        """The mapped fields of the account."""
        return self._resolved(self.facts, Target.ACCOUNT, self.case.happened, current, ObjectKind.ACCOUNT)

    def fields_of(self, chosen: Chosen, number: int) -> dict[str, NewValue]:
        """The mapped fields of an attendee's record."""
        own = replace(self.facts, attendee=chosen.attendee)
        moments = self._moments_of(chosen.attendee, number)
        return self._resolved(own, Target.PERSON, moments, chosen.current, OBJECTS[chosen.kind])

    def person(self, chosen: Chosen, number: int) -> PersonWrite:
        """An attendee's record as it is to be.

        Raises:
            ForbiddenError: code `record_types_excluded`.
        """
        attendee, fields = chosen.attendee, self.fields_of(chosen, number)
        if chosen.id:
            return PersonWrite(
                kind=chosen.kind,
                id=chosen.id,
                email=attendee.email,
                account_id=chosen.account_id if chosen.link else "",
                owner_id=self._new_owner(chosen.person) if number == 0 and chosen.person else "",
                fields=fields,
            )
        first, last = name_parts(replace(self.facts, attendee=attendee))
        return PersonWrite(
            kind=chosen.kind,
            email=normalized_email(attendee.email),
            first_name=first,
            last_name=last or attendee.email,
            phone=attendee.phone,
            company=self._company(attendee) if chosen.kind is PersonKind.LEAD else "",
            account_id=chosen.account_id,
            owner_id=self.organizer.id if self.organizer else "",
            record_type_id=self._record_type(chosen.kind),
            fields=fields,
        )

    def _resolved(
        self,
        facts: BookingFacts,
        target: Target,
        moments: Sequence[Moment],
        current: Mapping[str, FieldValue] | None,
        kind: ObjectKind,
    ) -> dict[str, NewValue]:
        fields: dict[str, NewValue] = {}
        for moment in moments:
            found = resolve(
                self.settings.fields,
                facts,
                moment,
                current,
                self.schemas.get(kind),
                target=target,
                zone=self.settings.time_zone,
                missing=self.settings.missing,
            )
            fields |= found.fields
            self.dropped.extend(
                Dropped(field=remark.field, code=str(remark.reason), message=remark.message)
                for remark in found.skipped
                if remark.reason not in MEANT
            )
        return fields

    def _is_checkbox(self, name: str) -> bool:
        schema = self.schemas.get(ObjectKind.EVENT)
        found = schema.meant(name) if schema else None
        if schema is None or (found is not None and found.type is SchemaType.CHECKBOX):
            return True
        code = Reason.UNKNOWN_FIELD if found is None else Reason.WRONG_VALUE
        told = f"{schema.name} has no field {name}." if found is None else "No checkbox."
        self.dropped.append(Dropped(field=name, code=str(code), message=told))
        return False

    def _moments_of(self, attendee: Attendee, number: int) -> tuple[Moment, ...]:
        before = self.case.told.absent if self.case.told else ()
        changed = attendee.absent != (normalized_email(attendee.email) in before)
        return tuple(m for m in self.case.happened if (changed if m is Moment.NO_SHOW else number == 0))

    def _new_owner(self, person: Person) -> str:
        """Whose an existing record becomes; "" leaves it. What was the former host's by us may be replaced."""
        change, told = self.settings.change_owner, self.case.told
        if told is not None and self.case.moved and person.owner and person.owner.id == told.owner_id:
            change = change.model_copy(update={"only_from": ()})
        named = self.owners.get(change.user.strip().casefold()) or self.owners.get(change.user.strip())
        decided = new_owner(change, _user(person.owner), organizer=_user(self.organizer), named=_user(named))
        return decided.id if isinstance(decided, CrmUser) else ""

    def _record_type(self, kind: PersonKind) -> str:
        """The record type of a new record, where some are excluded.

        Raises:
            ForbiddenError: every one is.
        """
        excluded, schema = self.settings.exclude_record_types, self.schemas.get(OBJECTS[kind])
        names = excluded.contact if kind is PersonKind.CONTACT else excluded.lead
        if not names or schema is None or not schema.record_types:
            return ""
        found = creatable_record_type(schema.record_types, names)
        if found is None:
            raise ForbiddenError(
                f"Every record type of {schema.name} is excluded, so none can be made.",
                code="record_types_excluded",
                remedy="Leave one out of exclude_record_types.",
            )
        return found.id

    def _company(self, attendee: Attendee) -> str:
        """What the booker answered, else the name in the e-mail's domain: a lead must have one."""
        answers = self.facts.booking.answers.items()
        answered = next((v for k, v in answers if k.casefold() == "company" and isinstance(v, str)), "")
        return answered.strip() or email_domain(attendee.email).partition(".")[0] or "-"


def _user(owner: Owner | None) -> CrmUser | None:
    return CrmUser(id=owner.id, name=owner.name, email=owner.email, active=owner.active) if owner else None
