"""What decisions about a booking need, in one composite call where five queries do.

    question              query
    --------------------  -----------------------------------------------------------------------------
    contacts, leads       by e-mail, of all attendees at once; a contact brings its account along, a lead the
                          contact it became
    users                 by e-mail or id, active ones; known for a while afterwards
    websites, base domain accounts whose website is a spelling of the domain, or contains it
    contact domain        accounts of contacts in the domain, with those contacts, up to 200 each
    the activity          the record by its id, its first person by reference to it

What the org refuses of an object (`INVALID_TYPE`) is an answer of its own: denied. A field that it refuses although its
metadata had it (`INVALID_FIELD`) is left out, and the metadata asked for anew. Any other trouble is raised.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from syncd.connector.crm import Found, FoundActivity, Look
from syncd.errors import NotFoundError, ProviderError
from syncd.model.crm import (
    Account,
    CountKind,
    CountRequest,
    Counts,
    Evidence,
    FieldValue,
    ObjectKind,
    Owner,
    Person,
    PersonKind,
    Question,
    Questions,
)

from . import rows
from .api import Api, Part, PartAnswer, records_of
from .bodies import MARK
from .queries import (
    KINDS,
    PREFIXES,
    Fields,
    account_parts,
    asks_accounts,
    count_name,
    count_part,
    lost_part,
    name_of,
    people_parts,
    record_parts,
    users_part,
)
from .refusals import Complaint, error_of
from .schema import Schemas

USERS_KEPT_FOR = timedelta(minutes=15)

DENIED = frozenset({"INVALID_TYPE", "ENTITY_NOT_QUERYABLE", "INSUFFICIENT_ACCESS"})
MOST_ROUNDS = 8
"""Of one reading, each without the fields that the last one was refused for; more are no drift of the schema."""

_MARKED = re.compile(rf"^{MARK}(\S+)$", re.MULTILINE)


class _FieldRefusedError(Exception):
    """The org refuses to read fields."""

    def __init__(self, names: Sequence[str], error: ProviderError) -> None:
        super().__init__(", ".join(names))
        self.names = frozenset(names)
        self.error = error


class Reader:
    """Reads for one connection. Safe for several threads."""

    def __init__(self, api: Api, schemas: Schemas, uid_field: str) -> None:
        self._api = api
        self._schemas = schemas
        self._uid_field = uid_field
        self._users: dict[str, tuple[datetime, Owner | None]] = {}
        self._lock = threading.Lock()

    def look(self, look: Look) -> Found:
        """Everything that is asked for, without fields that the org refuses to read."""
        left_out: frozenset[str] = frozenset()
        for _ in range(MOST_ROUNDS):
            try:
                return self._looked(look, left_out)
            except _FieldRefusedError as refused:
                error, left_out = refused.error, left_out | refused.names
                self._schemas.forget()
        raise error

    def counts(self, request: CountRequest) -> Counts:
        """The numbers a tie needs, by aggregate queries of one call."""
        parts = [count_part(kind, request.account_ids) for kind in request.kinds]
        answers = self._api.composite("count", parts, safe=True)
        found: dict[CountKind, dict[str, int]] = {}
        denied: dict[CountKind, str] = {}
        for kind in request.kinds:
            told = self._rows(answers[count_name(kind)], "count")
            if isinstance(told, str):
                denied[kind] = told
            else:
                found[kind] = {str(row["owning"]): int(row["number"]) for row in told if row.get("owning")}
        return Counts(account_ids=request.account_ids, found=found, denied=denied)

    def _looked(self, look: Look, left_out: frozenset[str]) -> Found:
        fields = Fields(self._schemas.shown(sorted(_objects(look))), left_out)
        emails = sorted({q.email for q in look.questions if q.email})
        users = self._unknown_users(look.owners)
        parts = [
            *people_parts(look.questions, emails, fields),
            *([users_part(users)] if users else ()),
            *account_parts(look.questions, fields),
            *([lost_part(look, fields, self._uid_field)] if look.uids else ()),
            *record_parts(look, fields),
        ]
        answers = self._api.composite("look up", parts, safe=True) if parts else {}
        self._check_fields(parts, answers)
        self._learn_users(users, answers)
        return Found(
            evidence=tuple(self._evidence(q, answers) for q in look.questions),
            owners={each: owner for each in look.owners if (owner := self._known_user(each))},
            activity=self._activity(look, answers),
            people=self._people(look, answers),
            account=self._record(answers.get("account"), look.account_fields, "read the account"),
        )

    def _check_fields(self, parts: Sequence[Part], answers: Mapping[str, PartAnswer]) -> None:
        """Raises _FieldRefusedError."""
        refused = [answers[part.name] for part in parts if not answers[part.name].ok]
        wrong = [(c, a) for a in refused for c in a.complaints if c.code == "INVALID_FIELD"]
        if wrong:
            names = [name for complaint, _ in wrong for name in complaint.fields]
            raise _FieldRefusedError(names, self._error(wrong[0][1], "look up"))

    # users, who are known for a while

    def _unknown_users(self, wanted: Iterable[str]) -> list[str]:
        now = self._api.now()
        with self._lock:
            return sorted(e for e in wanted if e not in self._users or self._users[e][0] + USERS_KEPT_FOR < now)

    def _learn_users(self, asked: Sequence[str], answers: Mapping[str, PartAnswer]) -> None:
        if not asked:
            return
        told = self._rows(answers["users"], "look up users")
        found: dict[str, Owner] = {}
        for each in [] if isinstance(told, str) else [rows.user(row) for row in told]:
            found |= {each.email.casefold(): each, each.id: each, each.id[:15]: each}
        now = self._api.now()
        with self._lock:
            self._users.update({each: (now, found.get(each)) for each in asked})

    def _known_user(self, wanted: str) -> Owner | None:
        with self._lock:
            return self._users[wanted][1] if wanted in self._users else None

    # what is answered

    def _evidence(self, questions: Questions, answers: Mapping[str, PartAnswer]) -> Evidence:
        denied: dict[Question, str] = {}
        people, accounts = self._found_people(questions, answers, denied)
        counts: dict[str, int] = {}
        if asks_accounts(questions):
            told = self._all(answers, name_of("accounts", questions), "look up accounts")
            if isinstance(told, str):
                denied |= {q: told for q in (Question.WEBSITES, Question.BASE_DOMAIN) if q in questions.asked}
            else:
                accounts |= {str(row["Id"]): rows.account(row, questions) for row in told}
        if Question.CONTACT_DOMAIN in questions.asked:
            told = self._all(answers, name_of("domain", questions), "look up accounts")
            if isinstance(told, str):
                denied[Question.CONTACT_DOMAIN] = told
            else:
                counts = {str(row["Id"]): rows.number_of(row, "Contacts") for row in told}
                accounts |= {str(row["Id"]): rows.account(row, questions) for row in told}
        return Evidence(
            people=tuple(people),
            accounts=tuple(accounts.values()),
            contact_counts=counts,
            asked=questions.asked,
            denied=denied,
        )

    def _found_people(
        self, questions: Questions, answers: Mapping[str, PartAnswer], denied: dict[Question, str]
    ) -> tuple[list[Person], dict[str, Account]]:
        people: list[Person] = []
        accounts: dict[str, Account] = {}
        for question, kind in ((Question.CONTACTS, PersonKind.CONTACT), (Question.LEADS, PersonKind.LEAD)):
            if question not in questions.asked:
                continue
            told = self._all(answers, str(question), "look up people")
            if isinstance(told, str):
                denied[question] = told
                continue
            mine = [row for row in told if str(row.get("Email") or "").strip().casefold() == questions.email]
            people += [rows.person(row, kind, questions.person_fields) for row in mine]
            if kind is PersonKind.CONTACT:
                accounts |= {a.id: a for row in mine if (a := rows.account_of_contact(row, questions))}
            else:
                known = {person.id for person in people}
                became = (rows.converted_contact(row, questions.person_fields) for row in mine)
                people += [contact for contact in became if contact is not None and contact.id not in known]
        return people, accounts

    def _activity(self, look: Look, answers: Mapping[str, PartAnswer]) -> FoundActivity | None:
        if not look.activity:
            return self._lost(look, answers)
        row = self._record(answers["activity"], ("Id", "WhoId", *look.activity_fields), "read the event")
        if row is None:
            return None
        who = str(row["WhoId"] or "")
        kind = PREFIXES.get(who[:3])
        told = answers.get(f"who_{kind}") if kind else None
        return FoundActivity(
            id=str(row["Id"]),
            fields={name: row[name] for name in look.activity_fields if name in row},
            person_id=who if kind else "",
            person_kind=kind,
            person_fields=self._record(told, look.person_fields, "read the person"),
        )

    def _lost(self, look: Look, answers: Mapping[str, PartAnswer]) -> FoundActivity | None:
        for row in self._pages(answers["lost"], "look for the event") if "lost" in answers else ():
            if self._uid_field or set(look.uids) & set(_MARKED.findall(str(row.get("Description") or ""))):
                fields = rows.plain(row, look.activity_fields)
                return FoundActivity(id=str(row["Id"]), series=row.get("IsRecurrence2") is True, fields=fields)
        return None

    def _people(self, look: Look, answers: Mapping[str, PartAnswer]) -> dict[str, dict[str, FieldValue]]:
        found = {}
        for number, identity in enumerate(look.people):
            told = self._record(answers.get(f"person_{number}"), look.person_fields, "read the person")
            if told is not None:
                found[identity] = told
        return found

    def _record(self, answer: PartAnswer | None, fields: Sequence[str], operation: str) -> dict[str, FieldValue] | None:
        """The fields of a record that was read; None where it is not there."""
        if answer is None:
            return None
        if answer.ok:
            return rows.plain(answer.record, fields)
        error = self._error(answer, operation)
        if isinstance(error, NotFoundError):
            return None
        raise error

    def _all(self, answers: Mapping[str, PartAnswer], name: str, operation: str) -> list[dict[str, Any]] | str:
        """The rows of a query, all pages; or why the org denies them."""
        if name not in answers:
            return "Salesforce does not show the object to this connection"
        answer = answers[name]
        told = self._rows(answer, operation)
        return told if isinstance(told, str) else list(self._api.records(operation, answer.record))

    def _rows(self, answer: PartAnswer, operation: str) -> list[dict[str, Any]] | str:
        if answer.ok:
            return records_of(answer.body, operation)
        for complaint in answer.complaints:
            if complaint.code in DENIED:
                return complaint.message or complaint.code
        raise self._error(answer, operation)

    def _pages(self, answer: PartAnswer, operation: str) -> Iterable[dict[str, Any]]:
        if not answer.ok:
            raise self._error(answer, operation)
        return self._api.records(operation, answer.record)

    def _error(self, answer: PartAnswer, operation: str) -> ProviderError:
        told = answer.complaints or [Complaint("UNKNOWN_EXCEPTION", "no reason given")]
        return error_of(told[0], answer.status, operation, self._api.now())


def _objects(look: Look) -> set[ObjectKind]:
    """Those whose schemas say which fields may be read."""
    asked = {question for each in look.questions for question in each.asked}
    kinds = set()
    if asked:
        kinds |= {ObjectKind.CONTACT, ObjectKind.ACCOUNT}
    if Question.LEADS in asked:
        kinds.add(ObjectKind.LEAD)
    if look.activity or look.uids:
        kinds.add(ObjectKind.EVENT)
    if look.who:
        kinds |= set(KINDS.values())
    kinds |= {KINDS[kind] for identity in look.people if (kind := PREFIXES.get(identity[:3]))}
    return kinds | ({ObjectKind.ACCOUNT} if look.account else set())
