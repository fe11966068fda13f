"""Writing an activity and its people into a CRM: read once, decide, write once.

    the CRM was told            and the activity          then
    --------------------------  ------------------------  ---------------------------------------------------------
    nothing                     is scheduled              each attendee's record is found or made, and the activity
    nothing                     is cancelled              nothing
    of it                       is scheduled              the activity is changed; people where a moment says so, or
                                                          where others attend than before
    of it                       is cancelled              it is deleted, or kept and written; the person it is with
                                                          and the account are written
    that nobody has a record    is scheduled              as with nothing

After an unclear answer the activity is looked for by its booking before anything is written. What the CRM refuses of a
part is dropped from that part alone (`crm_sending`), and the rest is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from syncd.connector.crm import ActivityWrite, CrmConnector, Found, Look, Write
from syncd.errors import NotFoundError
from syncd.model.activity import Activity, ActivityState
from syncd.model.booking import Attendee
from syncd.model.calendar import Receipt
from syncd.model.clock import Clock
from syncd.model.crm import FieldValue, NewValue, ObjectKind, PersonKind
from syncd.model.schema import ObjectSchema
from syncd.rules.crm.mapping import Moment, Target
from syncd.rules.crm.moments import Told, absent, from_notes, host_of, moments, start_of, to_notes
from syncd.rules.crm.names import BookingFacts, links_of
from syncd.rules.crm.repair import Dropped, SyncOutcome, outcome_of
from syncd.rules.crm.rules import rules_of
from syncd.rules.crm.settings import Cancellation, CrmSettings
from syncd.rules.routing import Recorded, normalized_email

from .crm_parts import OBJECTS, Parts
from .crm_reading import Case, Chosen, Reading, uids_of
from .crm_sending import Fill, Sent, send


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """How an activity was written. `receipt` None: nothing of ours is there.

    `outcomes` tell for each moment what was dropped; `decisions` whose records were chosen, and why.
    """

    receipt: Receipt | None
    outcomes: tuple[SyncOutcome, ...] = ()
    decisions: tuple[Recorded, ...] = ()


class CrmWriter:
    """Writes activities through one connector, by the settings of an event type and of the connection."""

    def __init__(self, connector: CrmConnector, settings: CrmSettings, clock: Clock) -> None:
        self._connector = connector
        self._settings = settings
        self._reading = Reading(connector, settings, rules_of(settings, fuzzy=connector.settings.fuzzy_domain_matching))
        self._clock = clock

    def put(self, activity: Activity, applied: Receipt | None, *, unclear: bool) -> Put:
        """Make the activity what is wanted. `unclear`: an attempt of which nothing is known may have made it.

        Raises:
            ProviderError: as `CrmConnector`; ForbiddenError, code `lookup_denied`: who the attendees are cannot be
                looked up; RefusedError: the CRM does not take the activity or the first attendee's record, whatever is
                left out; NotFoundError, code `event_gone`: a person deleted the activity.
        """
        told = from_notes(applied.notes) if applied is not None and applied.id else None
        if activity.state is ActivityState.SCHEDULED:
            return self._schedule(activity, applied if told else None, told, unclear=unclear)
        if told is None and not unclear:
            return Put(receipt=None)
        return self._cancel(activity, applied if told else None, told)

    def withdraw(self, uids: Sequence[str], applied: Receipt | None) -> None:
        """Delete the activity, and tell nobody: it moved elsewhere. Without a receipt it is looked for by `uids`."""
        if applied is not None and applied.id:
            told = from_notes(applied.notes)
            self._connector.write(_deletion(applied.id, told.occurrences, series=bool(told.occurrences)))
            return
        found = self._connector.look(Look(uids=tuple(uids))).activity
        if found is not None:
            self._connector.write(_deletion(found.id, {}, series=found.series))

    # the two ways

    def _schedule(self, activity: Activity, applied: Receipt | None, told: Told | None, *, unclear: bool) -> Put:
        case = self._case(activity, applied, told, moments(activity, told))
        found = self._reading.found(case, unclear=unclear and applied is None)
        if case.id and found.activity is None and self._was_read(case):
            raise _gone()
        chosen, decisions = self._reading.chosen(case, found)
        if not chosen and told is None:
            nobody = Receipt(id="", uid=activity.uid, notes={"state": "nobody"})
            return Put(receipt=nobody, decisions=tuple(decisions))
        account_id = chosen[0].account_id if chosen else told.account_id if told else ""
        parts = self._parts(case, found, chosen, account_id)
        write = Write(
            people=tuple(parts.person(each, number) for number, each in enumerate(chosen)),
            activity=self._activity(case, found, chosen, parts, account_id),
            account_id=account_id,
            account_fields=parts.account(_of_account(found, account_id)) if account_id else {},
        )
        sent = send(self._connector, write, self._filling(parts, chosen))
        return self._told(case, sent, parts, chosen, account_id, applied, decisions)

    def _cancel(self, activity: Activity, applied: Receipt | None, told: Told | None) -> Put:
        """Delete the activity, or keep and write it; write the person that the activity itself names."""
        happened = moments(activity, told) if told is not None else (Moment.CANCELLATION,)
        if not happened:
            return Put(receipt=applied)
        case = replace(self._case(activity, applied, told, happened), attendees=())
        case, there = self._cancelled_case(case)
        chosen = _whom_it_was_with(activity, there, told)
        parts = self._parts(case, there, chosen, told.account_id if told else "")
        write = self._written_of_cancelled(case, there, chosen, parts)
        sent = send(self._connector, write, lambda *_: {})
        dropped = (*parts.dropped, *sent.dropped)
        outcomes = self._outcomes(happened, dropped)
        if write.activity is None:
            return Put(receipt=None, outcomes=outcomes)
        now_told = replace(told or Told(), start=start_of(activity), host=host_of(activity), state=str(activity.state))
        receipt = applied or Receipt(id=write.activity.id)
        receipt = replace(receipt, uid=activity.uid, dropped=_names(dropped), notes=to_notes(now_told))
        return Put(receipt=receipt, outcomes=outcomes)

    def _written_of_cancelled(self, case: Case, there: Found, chosen: Sequence[Chosen], parts: Parts) -> Write:
        """Either the activity with its mapped fields, or its deletion; and what is written of others."""
        found, told = there.activity, case.told
        identity = case.id or (found.id if found else "")
        occurrences = told.occurrences if told else {}
        account_id = told.account_id if told else ""
        persons = (parts.person(each, number) for number, each in enumerate(chosen))
        others = Write(
            people=tuple(person for person in persons if person.fields),
            account_id=account_id,
            account_fields=parts.account(there.account or {}) if account_id else {},
        )
        if self._settings.cancellation is Cancellation.KEEP and found is not None:
            fields = parts.event(found.fields)
            kept = ActivityWrite(
                activity=case.activity, id=identity, fields=fields, mapped_only=True, occurrences=occurrences
            )
            return replace(others, activity=kept)
        deletion = _deletion(identity, occurrences, series=bool(occurrences) or bool(found and found.series))
        return replace(deletion, people=others.people, account_id=account_id, account_fields=others.account_fields)

    # reading

    def _case(
        self, activity: Activity, applied: Receipt | None, told: Told | None, happened: tuple[Moment, ...]
    ) -> Case:
        first = next(iter(told.people), "") if told else ""
        # Whom the activity is with comes first, in whatever order a later delivery names them.
        attendees = tuple(
            sorted(self._reading.attendees(activity), key=lambda each: normalized_email(each.email) != first)
        )
        return Case(
            activity=activity, told=told, happened=happened, attendees=attendees, id=applied.id if applied else ""
        )

    def _was_read(self, case: Case) -> bool:
        read = self._reading
        return bool(read.to_read(Target.EVENT, case.happened)) or read.writes(Target.PERSON, case.happened)

    def _cancelled_case(self, case: Case) -> tuple[Case, Found]:
        """What is read before a cancellation; an activity that had to be looked for is then read like any other."""
        look = self._look_of_cancelled(case)
        there = self._connector.look(look) if look.asks else Found()
        if case.id or there.activity is None or not look.who:
            return case, there
        case = replace(case, id=there.activity.id)
        again = self._connector.look(self._look_of_cancelled(case))
        if again.activity is not None:
            again = replace(again, activity=replace(again.activity, series=there.activity.series))
        return case, again

    def _look_of_cancelled(self, case: Case) -> Look:
        """What is read before a cancellation is written; nothing before a mere deletion."""
        read, happened, told = self._reading, case.happened, case.told
        people = read.writes(Target.PERSON, happened)
        keep = self._settings.cancellation is Cancellation.KEEP
        first = next(iter(told.people.values()), "") if told else ""
        account_fields = read.to_read(Target.ACCOUNT, happened)
        return Look(
            activity=case.id if people or keep else "",
            who=people,
            uids=() if case.id else uids_of(case.activity),
            activity_fields=read.to_read(Target.EVENT, happened) if keep else (),
            people=(first,) if people and first else (),
            person_fields=read.to_read(Target.PERSON, happened),
            account=told.account_id if told and account_fields else "",
            account_fields=account_fields,
        )

    def _schemas(self, case: Case, chosen: Sequence[Chosen], account_id: str) -> Mapping[ObjectKind, ObjectSchema]:
        """The schemas that mappings and record types need; none where nothing of them is written."""
        excluded = self._settings.exclude_record_types
        typed = bool(excluded.contact or excluded.lead) and any(not each.id for each in chosen)
        marks = Moment.NO_SHOW in case.happened and bool(self._settings.no_show_field)
        mapped = {target for target in Target if self._reading.writes(target, case.happened)}
        kinds: set[ObjectKind] = set()
        if Target.EVENT in mapped or marks:
            kinds.add(ObjectKind.EVENT)
        if Target.PERSON in mapped or typed:
            kinds |= {OBJECTS[each.kind] for each in chosen}
        if Target.ACCOUNT in mapped and account_id:
            kinds.add(ObjectKind.ACCOUNT)
        return self._connector.schema(sorted(kinds)) if kinds else {}

    # writing

    def _parts(self, case: Case, found: Found, chosen: Sequence[Chosen], account_id: str) -> Parts:
        organizer = found.owners.get(host_of(case.activity))
        before = case.told.owner_id if case.told and not case.moved else ""
        booking = case.activity.booking
        facts = BookingFacts(
            booking=booking,
            form=booking.form,
            utm=booking.utm,
            links=links_of(booking),
            assignment_reason=booking.assignment_reason,
            organizer_crm_id=organizer.id if organizer else before,
            account_crm_id=account_id,
        )
        return Parts(
            case=case,
            settings=self._settings,
            facts=facts,
            schemas=self._schemas(case, chosen, account_id),
            owners=found.owners,
            organizer=organizer,
        )

    def _activity(
        self, case: Case, found: Found, chosen: Sequence[Chosen], parts: Parts, account_id: str
    ) -> ActivityWrite:
        told, there = case.told, found.activity
        current: Mapping[str, FieldValue] | None = there.fields if there else {} if case.id else None
        have = {normalized_email(each.attendee.email) for each in chosen}
        guests = (a for a in case.attendees if normalized_email(a.email) not in have)
        now = {normalized_email(each.attendee.email): each.id for each in chosen}
        return ActivityWrite(
            activity=case.activity,
            id=case.id or (there.id if there else ""),
            owner_id=parts.organizer.id if parts.organizer else "",
            account_id=account_id if told is None or account_id != told.account_id else "",
            attach=told is None or not set(now.items()) <= set(told.people.items()) or len(now) < len(told.people),
            guests=tuple(_shown(guest) for guest in guests),
            fields=parts.event(current),
            occurrences=told.occurrences if told else {},
            moved_from=told.start if told else "",
        )

    def _filling(self, parts: Parts, chosen: Sequence[Chosen]) -> Fill:
        def fill(number: int, kind: PersonKind, identity: str) -> Mapping[str, NewValue]:
            current = self._reading.current(identity, parts.case.happened)
            return parts.fields_of(replace(chosen[number], kind=kind, id=identity, current=current), number)

        return fill

    def _told(
        self,
        case: Case,
        sent: Sent,
        parts: Parts,
        chosen: Sequence[Chosen],
        account_id: str,
        applied: Receipt | None,
        decisions: Sequence[Recorded],
    ) -> Put:
        """The result, with what the CRM was told."""
        written = {normalized_email(chosen[n].attendee.email): person for n, person in sorted(sent.people.items())}
        before = case.told.owner_id if case.told and not case.moved else ""
        told = Told(
            start=start_of(case.activity),
            host=host_of(case.activity),
            state=str(case.activity.state),
            people={email: identity for email, (_, identity) in written.items()},
            kinds={email: str(kind) for email, (kind, _) in written.items()},
            absent=absent(case.activity),
            account_id=account_id,
            owner_id=parts.organizer.id if parts.organizer else before,
            occurrences=dict(sent.occurrences),
        )
        made = sent.receipt or applied
        assert made is not None
        dropped = (*parts.dropped, *sent.dropped)
        receipt = replace(made, uid=case.activity.uid, dropped=_names(dropped), notes=to_notes(told))
        return Put(receipt=receipt, outcomes=self._outcomes(case.happened, dropped), decisions=tuple(decisions))

    def _outcomes(self, happened: Sequence[Moment], dropped: Sequence[Dropped]) -> tuple[SyncOutcome, ...]:
        """How each moment went: with the fields its own mappings name, and those that no mapping does."""
        now = self._clock()
        mapped: dict[str, set[Moment]] = {self._settings.no_show_field.casefold(): {Moment.NO_SHOW}}
        for mapping in self._settings.fields:
            mapped.setdefault(mapping.field.strip().casefold(), set()).update(mapping.moments)
        everywhere = set(Moment)
        return tuple(
            outcome_of(m, now, [d for d in dropped if m in mapped.get(d.field.casefold(), everywhere)])
            for m in happened
        )


def _whom_it_was_with(activity: Activity, there: Found, told: Told | None) -> list[Chosen]:
    """The person that a cancelled activity is with: as it says itself, else as it was told."""
    attendee = next(iter(activity.booking.attendees), Attendee(email=""))
    found = there.activity
    if found is not None and found.person_id and found.person_kind is not None and found.person_fields is not None:
        return [Chosen(attendee=attendee, kind=found.person_kind, id=found.person_id, current=found.person_fields)]
    if told is None or (found is not None and found.person_id):
        return []
    email, identity = next(iter(told.people.items()), ("", ""))
    if identity not in there.people:
        return []
    return [Chosen(attendee=attendee, kind=PersonKind(told.kinds[email]), id=identity, current=there.people[identity])]


def _deletion(identity: str, occurrences: Mapping[str, str], *, series: bool) -> Write:
    also = tuple(each for each in occurrences.values() if each and each != identity)
    return Write(delete_activity=identity, delete_series=series and not also, delete_also=also)


def _of_account(found: Found, account_id: str) -> Mapping[str, FieldValue]:
    """The fields of the account as they were read, with the attendees or by themselves."""
    if found.account is not None:
        return found.account
    accounts = {account.id: account for evidence in found.evidence for account in evidence.accounts}
    return accounts[account_id].fields if account_id in accounts else {}


def _shown(attendee: Attendee) -> str:
    return f"{attendee.name} <{attendee.email}>".strip()


def _names(dropped: Sequence[Dropped]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.field for each in dropped))


def _gone() -> NotFoundError:
    return NotFoundError(
        "The activity is not in the CRM any more.",
        code="event_gone",
        remedy="Somebody deleted it. To write it again: syncd bookings retry UID",
    )
