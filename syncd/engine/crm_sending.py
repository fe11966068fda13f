"""Sending a write, and sending again what is left of it after a refusal.

    what is refused                 fields that it names           then
    ------------------------------  -----------------------------  ------------------------------------------------
    any part                        mapped, or the connector's     without exactly these
                                    own that it can do without
    any part                        none, and it has mapped ones   without all of those: one of them may be why
    a change of a person, account                                  not at all
    a new record of a guest                                        not at all; the guest is named in the activity
    the first attendee's new        others                         the write fails
    record; the activity
    a part that refers to another                                  with that one again
    a new record that is another's                                 that other record is taken, and its fields are
                                                                   resolved anew, for it may have values

What was written is not written again, and everything left out is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from syncd.connector.crm import ActivityWrite, CrmConnector, Fields, Part, PartRefusal, PersonWrite, Write, Written
from syncd.errors import ProviderError, ReconnectError, RefreshError, RefusedError, RetryError, UnclearError
from syncd.model.calendar import Receipt
from syncd.model.crm import NewValue, PersonKind
from syncd.rules.crm.repair import MOST_ROUNDS, Dropped, Next, Refusal, repair

Fill = Callable[[int, PersonKind, str], Mapping[str, NewValue]]
"""The mapped fields of an attendee whose record turned out to be there: by number, kind and id."""


@dataclass(slots=True, kw_only=True)
class Sent:
    """What became of a write. `people`: kind and id by number, without guests that were left out."""

    people: dict[int, tuple[PersonKind, str]] = field(default_factory=dict)
    receipt: Receipt | None = None
    occurrences: Mapping[str, str] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)


def send(connector: CrmConnector, write: Write, fill: Fill) -> Sent:
    """Write, in as many calls as refusals ask for.

    Raises:
        ProviderError: as `CrmConnector.write`; RefusedError: what must be written is refused; UnclearError: the
            activity is written and something else is not, and a repeat may do it.
    """
    sending = _Sending(connector, write, fill)
    for round_ in range(1, MOST_ROUNDS + 2):
        try:
            if sending.once(round_):
                return sending.sent
        except ProviderError as error:
            if sending.sent.receipt is None:
                raise
            sending.give_up(error)
            return sending.sent
    raise RefusedError(f"The CRM refused it {MOST_ROUNDS + 1} times, each time otherwise.", code="refused_often")


class _Sending:
    """A write on its way: `people` by number, as far as they are part of it."""

    def __init__(self, connector: CrmConnector, write: Write, fill: Fill) -> None:
        self.sent = Sent()
        self._connector = connector
        self._fill = fill
        self._people = dict(enumerate(write.people))
        self._rest = write

    def once(self, round_: int) -> bool:
        """Send what is left; whether nothing is left afterwards."""
        numbers = list(self._people)
        written = self._connector.write(replace(self._rest, people=tuple(self._people.values())))
        self._note(numbers, written)
        if not written.refused and not written.taken:
            return True
        refused = _by_part(written.refused)
        self._after_people(numbers, written, refused, round_)
        self._after_account(refused.get((Part.ACCOUNT, 0), []), round_)
        self._after_activity(written, refused.get((Part.ACTIVITY, 0), []), round_)
        if any(refusal.code == "INVALID_FIELD" for refusal in written.refused):
            self._connector.forget_schema()
        return False

    def give_up(self, error: ProviderError) -> None:
        """End with the activity written and the rest not, which is told as dropped.

        Raises:
            UnclearError: the rest may be written later. What was made must be looked for then, for its receipt is not
                kept.
        """
        if isinstance(error, (RetryError, RefreshError, ReconnectError)):
            raise UnclearError(f"The activity is written, and not all that goes with it: {error}", code=error.code)
        names = [*self._rest.account_fields, *(name for person in self._people.values() for name in person.fields)]
        self.sent.dropped.extend(Dropped(field=name, code=error.code, message=str(error)) for name in names)

    def _note(self, numbers: Sequence[int], written: Written) -> None:
        made = written.people or ("",) * len(numbers)
        for number, identity in zip(numbers, made, strict=True):
            person = self._people[number]
            self._people[number] = replace(person, id=identity or person.id)
            self.sent.people[number] = (person.kind, identity or person.id)
        if written.receipt is not None:
            self.sent.receipt, self.sent.occurrences = written.receipt, written.occurrences
        self._rest = replace(self._rest, delete_activity="", delete_also=())

    def _after_people(
        self,
        numbers: Sequence[int],
        written: Written,
        refused: Mapping[tuple[Part, int], list[PartRefusal]],
        round_: int,
    ) -> None:
        for place, number in enumerate(numbers):
            person = self._people[number]
            told = refused.get((Part.PERSON, place), [])
            if place in written.taken:
                kind, identity = written.taken[place]
                self.sent.people[number] = (kind, identity)
                fields = self._fill(number, kind, identity) if person.fields else {}
                self._people[number] = PersonWrite(kind=kind, id=identity, email=person.email, fields=fields)
            elif not told:
                self._people[number] = replace(person, fields={}, owner_id="", account_id="")
            else:
                self._after_person(number, person, told, round_)

    def _after_person(self, number: int, person: PersonWrite, told: Sequence[PartRefusal], round_: int) -> None:
        if all(refusal.depends for refusal in told):
            return
        fields, own = self._left(person.fields, told, round_)
        if fields is not None:
            self._people[number] = replace(person, fields=fields, without=person.without | own)
        elif person.id:
            parts = (
                *person.fields,
                *(["owner"] if person.owner_id else []),
                *(["account"] if person.account_id else []),
            )
            self._drop(parts, told[0])
            self._people[number] = replace(person, fields={}, owner_id="", account_id="")
        elif number == 0:
            raise _refused(f"the {person.kind}", told)
        else:
            self._drop([str(person.kind)], told[0])
            del self._people[number], self.sent.people[number]
            if self._rest.activity is not None:
                guests = (*self._rest.activity.guests, person.email)
                self._rest = replace(self._rest, activity=replace(self._rest.activity, guests=guests))

    def _after_account(self, told: Sequence[PartRefusal], round_: int) -> None:
        fields: Fields = {}
        if told:
            left, _ = self._left(self._rest.account_fields, told, round_)
            fields = left if left is not None else {}
            if left is None:
                self._drop(self._rest.account_fields, told[0])
        self._rest = replace(self._rest, account_fields=fields)

    def _after_activity(self, written: Written, told: Sequence[PartRefusal], round_: int) -> None:
        activity: ActivityWrite | None = self._rest.activity
        if activity is None or written.receipt is not None:
            self._rest = replace(self._rest, activity=None)
            return
        if not told or all(refusal.depends for refusal in told):
            return
        fields, own = self._left(activity.fields, told, round_)
        if fields is None:
            raise _refused("the activity", told)
        left = replace(activity, fields=fields, without=activity.without | own)
        self._rest = replace(self._rest, activity=left)

    def _left(
        self, fields: Fields, told: Sequence[PartRefusal], round_: int
    ) -> tuple[dict[str, NewValue] | None, frozenset[str]]:
        """The mapped fields to send next, and which of the connector's own to leave out; None: nothing helps."""
        refusals = [Refusal(code=each.code, message=each.message, fields=each.fields) for each in told]
        next_ = repair(dict(fields), refusals, round_)
        own = frozenset(name for each in told for name in each.own)
        if next_.next is not Next.GIVE_UP:
            self.sent.dropped.extend(next_.dropped)
            self._drop(own, told[0])
            return next_.fields, own
        if own:
            self._drop(own, told[0])
            return dict(fields), own
        if fields and not any(each.fields for each in told):
            self._drop(fields, told[0])
            return {}, own
        return None, own

    def _drop(self, names: Iterable[str], why: PartRefusal) -> None:
        self.sent.dropped.extend(Dropped(field=name, code=why.code, message=why.message) for name in sorted(names))


def _by_part(refused: Iterable[PartRefusal]) -> dict[tuple[Part, int], list[PartRefusal]]:
    found: dict[tuple[Part, int], list[PartRefusal]] = {}
    for refusal in refused:
        found.setdefault((refusal.part, refusal.index), []).append(refusal)
    return found


def _refused(what: str, told: Sequence[PartRefusal]) -> RefusedError:
    first = next((each for each in told if not each.depends), told[0])
    return RefusedError(f"The CRM does not take {what}: {first.message} [{first.code}]", code=first.code.casefold())
