"""People, the event and the account of a booking, in one composite call; parts refer to what others make.

An event is for up to 50 contacts, or for one lead (`EventWhoIds`, where the org has Shared Activities); without those,
for one person. Who finds no place there is named in the description, as are guests without a record.

A contact or lead that a duplicate rule holds for another's (`DUPLICATES_DETECTED`) is told as taken, with that other's
id; the event that refers to it is then not written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from syncd.connector.crm import ActivityWrite, Part, PartRefusal, PersonWrite, Write, Written
from syncd.errors import NotFoundError, ProviderError, UnclearError
from syncd.model.calendar import Receipt
from syncd.model.crm import ObjectKind, PersonKind

from .api import Api, PartAnswer
from .api import Part as Request
from .bodies import EVENT_OPTIONAL, OBJECTS, PERSON_OPTIONAL, SHARED, event_body, mapped_body, person_body
from .queries import PREFIXES
from .refusals import DEPENDS, Complaint, error_of
from .schema import Schemas
from .series import RULE, TIMES, changed_places, occurrence_requests, occurrences_of

GONE = frozenset({"NOT_FOUND", "ENTITY_IS_DELETED"})
UNRESOLVED = ("invalid reference specified", "provided external id", "@{")
"""How the refusal of a part begins that refers to one that failed."""


class Writer:
    """Writes for one connection. Safe for several threads."""

    def __init__(self, api: Api, schemas: Schemas, uid_field: str) -> None:
        self._api = api
        self._schemas = schemas
        self._uid_field = uid_field

    def write(self, write: Write) -> Written:
        """See the module.

        Raises:
            NotFoundError: code `event_gone`: a person deleted the event.
        """
        requests = self._requests(write)
        answers = self._api.composite("write", requests, safe=False) if requests else {}
        refused: list[PartRefusal] = []
        people, taken = _people(write.people, answers, refused)
        receipt = self._receipt(write, answers, refused)
        if "account" in answers and not answers["account"].ok:
            refused += _refusals(Part.ACCOUNT, 0, answers["account"])
        self._check_deleted(answers)
        occurrences = self._settled(write, receipt, people)
        if receipt is not None and occurrences and receipt.id not in occurrences.values():
            # Its own record was an occurrence that was cancelled: the next one stands for the series.
            receipt = replace(receipt, id=next((each for each in occurrences.values() if each), receipt.id))
        return Written(people=people, taken=taken, receipt=receipt, occurrences=occurrences, refused=tuple(refused))

    def _requests(self, write: Write) -> list[Request]:
        requests = []
        for number, person in enumerate(write.people):
            body = person_body(person)
            if not person.id:
                requests.append(Request(f"person_{number}", "POST", f"/sobjects/{OBJECTS[person.kind]}", body))
            elif body:
                path = f"/sobjects/{OBJECTS[person.kind]}/{person.id}"
                requests.append(Request(f"person_{number}", "PATCH", path, body))
        if write.activity is not None and not _says_nothing(write.activity):
            requests.append(self._event_request(write.activity, write.people))
        requests += _deletions(write)
        if write.account_id and write.account_fields:
            body = mapped_body(write.account_fields)
            requests.append(Request("account", "PATCH", f"/sobjects/Account/{write.account_id}", body))
        return requests

    def _event_request(self, activity: ActivityWrite, people: Sequence[PersonWrite]) -> Request:
        if activity.mapped_only:
            return Request("event", "PATCH", f"/sobjects/Event/{activity.id}", mapped_body(activity.fields))
        body = self._event_body(activity, people)
        uid = activity.activity.booking.subject
        if activity.id:
            own = {self._uid_field: uid} if self._uid_field and self._uid_field not in activity.without else {}
            left_out = RULE | TIMES if activity.occurrences else RULE
            kept = {name: value for name, value in body.items() if name not in left_out}
            return Request("event", "PATCH", f"/sobjects/Event/{activity.id}", kept | own)
        if self._uid_field:
            return Request("event", "PATCH", f"/sobjects/Event/{self._uid_field}/{quote(uid, safe='')}", body)
        return Request("event", "POST", "/sobjects/Event", body)

    def _event_body(self, activity: ActivityWrite, people: Sequence[PersonWrite]) -> dict[str, Any]:
        schema = self._schemas.get((ObjectKind.EVENT,))[ObjectKind.EVENT]
        return event_body(activity, people, shared=schema.field(SHARED) is not None)

    def _receipt(self, write: Write, answers: Mapping[str, PartAnswer], refused: list[PartRefusal]) -> Receipt | None:
        if write.activity is None:
            return None
        uid = write.activity.activity.uid
        if "event" not in answers:
            return Receipt(id=write.activity.id, uid=uid)
        answer = answers["event"]
        if answer.ok:
            return Receipt(id=write.activity.id or str(answer.record.get("id") or ""), uid=uid)
        told = answer.complaints
        if write.activity.id and any(c.code in GONE and not c.fields for c in told):
            raise NotFoundError(
                "The event is not in Salesforce any more.",
                code="event_gone",
                status=404,
                remedy="Somebody deleted it. To write it again: syncd bookings retry UID",
            )
        unmade = any(not p.id and not answers[f"person_{n}"].ok for n, p in enumerate(write.people))
        referred = any(c.message.casefold().startswith(UNRESOLVED) for c in told)
        optional = EVENT_OPTIONAL | {self._uid_field}
        if write.activity.activity.event.private:
            optional -= {"IsPrivate"}
        refused += [
            replace(r, depends=r.depends or (unmade and referred and not r.fields))
            for r in _refusals(Part.ACTIVITY, 0, answer, optional - set(write.activity.fields))
        ]
        return None

    def _series(self, write: Write, receipt: Receipt | None, people: Sequence[str]) -> Mapping[str, str]:
        """Bring the occurrences of a recurring event to what is wanted."""
        activity = write.activity
        if activity is None or receipt is None:
            return {}
        if activity.mapped_only or not (activity.activity.event.rrule or activity.occurrences):
            return activity.occurrences
        known = bool(activity.occurrences)
        places = changed_places(activity) if known else occurrences_of(self._api, activity, receipt.id)
        with_ids = [replace(p, id=i or p.id) for p, i in zip(write.people, people, strict=True)]
        body = self._event_body(replace(activity, id=receipt.id), with_ids)
        requests, after = occurrence_requests(activity, places, body, changed=known)
        answers = self._api.composite("write the series", requests, safe=False) if requests else {}
        for answer in answers.values():
            self._raise_unless_gone(answer, "write an occurrence")
        return after

    def _settled(self, write: Write, receipt: Receipt | None, people: Sequence[str]) -> Mapping[str, str]:
        """As `_series`; where the series was made just now, trouble must not hide that: whoever repeats must look."""
        try:
            return self._series(write, receipt, people)
        except ProviderError as error:
            if write.activity is None or write.activity.id:
                raise
            raise UnclearError(f"The series is there, and not all of it is right: {error}", code=error.code) from error

    def _check_deleted(self, answers: Mapping[str, PartAnswer]) -> None:
        for name, answer in answers.items():
            if name.startswith("deleted"):
                self._raise_unless_gone(answer, "delete the event")

    def _raise_unless_gone(self, answer: PartAnswer, operation: str) -> None:
        if answer.ok or any(c.code in GONE for c in answer.complaints):
            return
        complaint = (answer.complaints or [Complaint("UNKNOWN_EXCEPTION", "")])[0]
        raise error_of(complaint, answer.status, operation, self._api.now())


def _says_nothing(activity: ActivityWrite) -> bool:
    return activity.mapped_only and not activity.fields


def _deletions(write: Write) -> list[Request]:
    if not write.delete_activity:
        return []
    onwards = "/fromThisEventOnwards" if write.delete_series else ""
    first = Request("deleted", "DELETE", f"/sobjects/Event/{write.delete_activity}{onwards}")
    return [first] + [
        Request(f"deleted_{number}", "DELETE", f"/sobjects/Event/{identity}")
        for number, identity in enumerate(write.delete_also)
    ]


def _people(
    people: Sequence[PersonWrite], answers: Mapping[str, PartAnswer], refused: list[PartRefusal]
) -> tuple[tuple[str, ...], dict[int, tuple[PersonKind, str]]]:
    """The ids of people, and the records that new ones turned out to be, by number."""
    ids, taken = [], {}
    for number, person in enumerate(people):
        answer = answers.get(f"person_{number}")
        made = str(answer.record.get("id") or "") if answer is not None and answer.ok and not person.id else ""
        ids.append(person.id or made)
        if answer is None or answer.ok:
            continue
        same = _same(person, answer)
        if same is not None:
            taken[number] = same
        else:
            refused += _refusals(Part.PERSON, number, answer, PERSON_OPTIONAL - set(person.fields))
    return tuple(ids), taken


def _same(person: PersonWrite, answer: PartAnswer) -> tuple[PersonKind, str] | None:
    """The record that a duplicate rule says a new one is: of the same object before another, then the smallest id."""
    if person.id:
        return None
    found = [(PREFIXES[i[:3]], i) for c in answer.complaints for i in c.duplicates if i[:3] in PREFIXES]
    return min(found, key=lambda each: (each[0] is not person.kind, each[1]), default=None)


def _refusals(part: Part, index: int, answer: PartAnswer, optional: frozenset[str] = frozenset()) -> list[PartRefusal]:
    told = answer.complaints or [Complaint("UNKNOWN_EXCEPTION", f"[{answer.status}]")]
    return [
        PartRefusal(
            part=part,
            index=index,
            fields=c.fields,
            own=tuple(name for name in c.fields if name in optional),
            code=c.code,
            message=c.message,
            depends=c.code in DEPENDS,
        )
        for c in told
    ]
