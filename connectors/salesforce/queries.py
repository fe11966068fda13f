"""The queries and reads that answer what decisions ask.

Only fields that the org has, and shows to the connection's user, are named in them: one that is not there would fail
the whole query.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote

from syncd.connector.crm import Look
from syncd.model.crm import CountKind, ObjectKind, PersonKind, Question, Questions
from syncd.model.schema import ObjectSchema

from .api import Part
from .soql import containing, quoted_all, select

MOST_ROWS = 2000
"""Of one query: its first page. More accounts than that for one domain are no match but a provider of mail."""

MOST_ACCOUNTS, MOST_COUNTED = 200, 200
"""Of a contact domain: its accounts, and the contacts that each of them is counted by."""

OWNER = ("OwnerId", "Owner.Email", "Owner.Name")
PERSON = ("Id", "Email", "Name", *OWNER, "LastActivityDate", "CreatedDate")
ACCOUNT = (
    "Id", "Name", "Website", *OWNER, "Owner.IsActive", "ParentId", "BillingCountry", "BillingState",
    "BillingCountryCode", "BillingStateCode", "LastActivityDate", "CreatedDate",
)  # fmt: skip
CONVERTED = ("IsConverted", "ConvertedContactId", "ConvertedAccountId")

GROUPED: Mapping[CountKind, tuple[str, str]] = {
    CountKind.CHILD_ACCOUNTS: ("Account", "ParentId"),
    CountKind.OPPORTUNITIES: ("Opportunity", "AccountId"),
    CountKind.CONTACTS: ("Contact", "AccountId"),
}
"""What is counted, and by which of its fields."""

PREFIXES = {"003": PersonKind.CONTACT, "00Q": PersonKind.LEAD}
"""Key prefixes of ids (facts: salesforce-rest)."""

NAMES = {PersonKind.CONTACT: "Contact", PersonKind.LEAD: "Lead"}
KINDS = {PersonKind.CONTACT: ObjectKind.CONTACT, PersonKind.LEAD: ObjectKind.LEAD}
CREATED_LATELY = "LAST_N_DAYS:30"
"""How long ago an attempt without an answer may have been made."""


ABOUT: Mapping[Question, tuple[ObjectKind, ...]] = {
    Question.CONTACTS: (ObjectKind.CONTACT,),
    Question.LEADS: (ObjectKind.LEAD,),
    Question.WEBSITES: (ObjectKind.ACCOUNT,),
    Question.BASE_DOMAIN: (ObjectKind.ACCOUNT,),
    Question.CONTACT_DOMAIN: (ObjectKind.ACCOUNT, ObjectKind.CONTACT),
}
"""The objects that a question is about."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Which fields may be read: those of the schemas, without those the org has refused since. An object without a
    schema is not shown to the connection.
    """

    schemas: Mapping[ObjectKind, ObjectSchema]
    refused: Collection[str] = ()

    def there(self, kind: ObjectKind, names: Iterable[str]) -> tuple[str, ...]:
        """The readable ones of `names`, as the org spells them; those of a related record are taken as they are."""
        schema, refused = self.schemas.get(kind), {name.casefold() for name in self.refused}
        if schema is None:
            return ()
        found = (name if "." in name else getattr(schema.meant(name), "name", "") for name in names)
        return tuple(dict.fromkeys(name for name in found if name and name.casefold() not in refused))

    def typed(self, kind: ObjectKind) -> tuple[str, ...]:
        """The record type's name, where the object has any."""
        schema = self.schemas.get(kind)
        return ("RecordType.Name",) if schema is not None and schema.field("RecordTypeId") else ()

    def answers(self, question: Question) -> bool:
        """Whether the objects that a question is about are shown."""
        return all(kind in self.schemas for kind in ABOUT[question])


def query_part(name: str, query: str) -> Part:
    """A query as a part of a composite request."""
    return Part(name, "GET", f"/query?q={quote(query, safe='')}", query=True)


def people_parts(questions: Sequence[Questions], emails: Sequence[str], fields: Fields) -> list[Part]:
    """The contacts, with their accounts, and the leads, with the contacts they became, of all attendees at once."""
    asked = {question for each in questions for question in each.asked}
    extra = tuple(field for each in questions for field in each.person_fields)
    of_account = tuple(field for each in questions for field in each.account_fields)
    contact = contact_fields(extra, of_account, fields) if asked & {Question.CONTACTS, Question.LEADS} else ()
    parts = []
    if Question.CONTACTS in asked and fields.answers(Question.CONTACTS):
        parts.append(query_part(str(Question.CONTACTS), _by_email(contact, "Contact", emails)))
    if Question.LEADS in asked and fields.answers(Question.LEADS):
        names = (*PERSON, "Owner.Type", "Owner.IsActive", *CONVERTED, *extra)
        became = [f"ConvertedContact.{name}" for name in contact if not name.startswith("Account.")]
        lead = (*fields.there(ObjectKind.LEAD, names), *fields.typed(ObjectKind.LEAD), *became)
        parts.append(query_part(str(Question.LEADS), _by_email(lead, "Lead", emails)))
    return parts


def contact_fields(extra: Iterable[str], of_account: Iterable[str], fields: Fields) -> tuple[str, ...]:
    """What is read of a contact."""
    account = (*fields.there(ObjectKind.ACCOUNT, (*ACCOUNT[1:], *of_account)), *fields.typed(ObjectKind.ACCOUNT))
    own = fields.there(ObjectKind.CONTACT, (*PERSON, "Owner.IsActive", "AccountId", *extra))
    return (*own, *fields.typed(ObjectKind.CONTACT), *(f"Account.{name}" for name in account))


def users_part(wanted: Sequence[str]) -> Part:
    """Active users by e-mail or id; of several with one e-mail the smallest id comes last."""
    emails, ids = [w for w in wanted if "@" in w], [w for w in wanted if "@" not in w]
    conditions = [f"Email IN {quoted_all(emails)}"] if emails else []
    conditions += [f"Id IN {quoted_all(ids)}"] if ids else []
    condition = f"({' OR '.join(conditions)}) AND IsActive = true"
    return query_part("users", select(("Id", "Email", "Name"), "User", condition, "ORDER BY Id DESC"))


def account_parts(questions: Sequence[Questions], fields: Fields) -> list[Part]:
    """The queries about accounts; people of one domain share them."""
    parts: dict[str, Part] = {}
    for each in questions:
        if asks_accounts(each) and fields.answers(Question.WEBSITES):
            name = name_of("accounts", each)
            parts.setdefault(name, query_part(name, _accounts_query(each, fields)))
        if Question.CONTACT_DOMAIN in each.asked and fields.answers(Question.CONTACT_DOMAIN):
            name = name_of("domain", each)
            parts.setdefault(name, query_part(name, _domain_query(each, fields)))
    return list(parts.values())


def asks_accounts(questions: Questions) -> bool:
    """Whether accounts are asked for by their websites."""
    return Question.WEBSITES in questions.asked or Question.BASE_DOMAIN in questions.asked


def name_of(what: str, questions: Questions) -> str:
    """The name of a part about a domain, which letters, digits and underscores make; another for each domain."""
    return f"{what}_{sha256(f'{questions.domain} {questions.base_domain}'.encode()).hexdigest()[:16]}"


def count_name(kind: CountKind) -> str:
    """The name of a part that counts."""
    return str(kind).replace("-", "_")


def count_part(kind: CountKind, account_ids: Sequence[str]) -> Part:
    """How many records of a kind each account has."""
    source, field = GROUPED[kind]
    query = select(
        (f"{field} owning", "COUNT(Id) number"), source, f"{field} IN {quoted_all(account_ids)}", f"GROUP BY {field}"
    )
    return query_part(count_name(kind), query)


def lost_part(look: Look, fields: Fields, uid_field: str) -> Part:
    """The event that an attempt without an answer may have made: by its external id, else among the latest."""
    wanted = ("Id", "WhoId", "Description", "IsRecurrence2", *fields.there(ObjectKind.EVENT, look.activity_fields))
    if uid_field:
        query = select(wanted, "Event", f"{uid_field} IN {quoted_all(look.uids)}", "ORDER BY CreatedDate, Id LIMIT 1")
    else:
        query = select(wanted, "Event", f"CreatedDate = {CREATED_LATELY}", "ORDER BY CreatedDate, Id")
    return query_part("lost", query)


def record_parts(look: Look, fields: Fields) -> list[Part]:
    """The activity with its first person, the people and the account that are named by id."""
    parts = []
    if look.activity:
        parts.append(_record("activity", "Event", look.activity, ("Id", "WhoId"), look.activity_fields, fields))
    if look.activity and look.who:
        for each, name in NAMES.items():
            parts.append(_record(f"who_{each}", name, "@{activity.WhoId}", ("Id",), look.person_fields, fields))
    for number, identity in enumerate(look.people):
        if (kind := PREFIXES.get(identity[:3])) is not None:
            parts.append(_record(f"person_{number}", NAMES[kind], identity, ("Id",), look.person_fields, fields))
    if look.account:
        parts.append(_record("account", "Account", look.account, ("Id",), look.account_fields, fields))
    return parts


def _record(name: str, entity: str, identity: str, own: Sequence[str], asked: Sequence[str], fields: Fields) -> Part:
    chosen = ",".join(dict.fromkeys((*own, *fields.there(ObjectKind(entity.lower()), asked))))
    return Part(name, "GET", f"/sobjects/{entity}/{identity}?fields={chosen}")


def _by_email(fields: Iterable[str], source: str, emails: Sequence[str]) -> str:
    return select(fields, source, f"Email IN {quoted_all(emails)}", "ORDER BY Id")


def _accounts_query(questions: Questions, fields: Fields) -> str:
    conditions = []
    if questions.spellings:
        conditions.append(f"Website IN {quoted_all(questions.spellings)}")
    if questions.domain:
        conditions.append(f"Website LIKE {containing(questions.domain)}")
    if questions.base_domain:
        conditions.append(f"Website LIKE {containing(questions.base_domain)}")
    return select(_account_fields(questions, fields), "Account", " OR ".join(conditions), f"LIMIT {MOST_ROWS}")


def _domain_query(questions: Questions, fields: Fields) -> str:
    """The accounts of contacts in a domain, with those contacts: counting them apart would be one query too many for
    one request (`api.MOST_QUERIES`).
    """
    contacts = f"Email LIKE {containing('@' + questions.domain, after='')}"
    if questions.excluded_contact_types and fields.typed(ObjectKind.CONTACT):
        contacts += (
            f" AND (RecordTypeId = null OR RecordType.Name NOT IN {quoted_all(questions.excluded_contact_types)})"
        )
    theirs = f"({select(('Id',), 'Contacts', contacts, f'LIMIT {MOST_COUNTED}')})"
    owning = select(("AccountId",), "Contact", f"{contacts} AND AccountId != null")
    wanted = (*_account_fields(questions, fields), theirs)
    return select(wanted, "Account", f"Id IN ({owning})", f"LIMIT {MOST_ACCOUNTS}")


def _account_fields(questions: Questions, fields: Fields) -> tuple[str, ...]:
    lookup = questions.lookup_field
    related = f"{lookup.removesuffix('__c')}__r" if lookup.endswith("__c") else lookup.removesuffix("Id")
    user = (lookup, f"{related}.Email", f"{related}.Name", f"{related}.IsActive") if lookup else ()
    own = fields.there(ObjectKind.ACCOUNT, (*ACCOUNT, *questions.account_fields))
    return (*own, *fields.typed(ObjectKind.ACCOUNT), *user)
