"""Rows of Salesforce's answers as our values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from syncd.model.crm import Account, FieldValue, Owner, Person, PersonKind, Questions


def user(row: Mapping[str, Any]) -> Owner:
    """A user."""
    return Owner(id=str(row["Id"]), email=str(row.get("Email") or ""), name=str(row.get("Name") or ""))


def owner(row: Mapping[str, Any]) -> Owner | None:
    """Whose a record is; None where it does not say."""
    identity = str(row.get("OwnerId") or "")
    told = row.get("Owner")
    of: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    if not identity:
        return None
    return Owner(
        id=identity,
        email=str(of.get("Email") or ""),
        name=str(of.get("Name") or ""),
        active=of.get("IsActive") is not False,
        is_queue=identity.startswith("00G") or of.get("Type") == "Queue",
    )


def person(row: Mapping[str, Any], kind: PersonKind, fields: Sequence[str]) -> Person:
    """A contact or lead."""
    return Person(
        id=str(row["Id"]),
        kind=kind,
        email=str(row.get("Email") or ""),
        name=str(row.get("Name") or ""),
        owner=owner(row),
        account_id=str(row.get("AccountId") or "") if kind is PersonKind.CONTACT else "",
        record_type=_type_of(row),
        last_activity=_moment(row.get("LastActivityDate")),
        created=_moment(row.get("CreatedDate")),
        converted=row.get("IsConverted") is True,
        converted_contact_id=str(row.get("ConvertedContactId") or ""),
        converted_account_id=str(row.get("ConvertedAccountId") or ""),
        fields=plain(row, fields),
    )


def account(row: Mapping[str, Any], questions: Questions) -> Account:
    """An account."""
    return Account(
        id=str(row["Id"]),
        name=str(row.get("Name") or ""),
        website=str(row.get("Website") or ""),
        owner=owner(row),
        record_type=_type_of(row),
        parent_id=str(row.get("ParentId") or ""),
        country=str(row.get("BillingCountry") or ""),
        country_code=str(row.get("BillingCountryCode") or ""),
        state=str(row.get("BillingState") or ""),
        state_code=str(row.get("BillingStateCode") or ""),
        last_activity=_moment(row.get("LastActivityDate")),
        created=_moment(row.get("CreatedDate")),
        fields=plain(row, questions.account_fields),
        lookups=_looked_up(row, questions.lookup_field),
    )


def account_of_contact(row: Mapping[str, Any], questions: Questions) -> Account | None:
    """The account that a contact brings along; None for none."""
    told, identity = row.get("Account"), str(row.get("AccountId") or "")
    return account({**told, "Id": identity}, questions) if isinstance(told, Mapping) and identity else None


def converted_contact(row: Mapping[str, Any], fields: Sequence[str]) -> Person | None:
    """The contact that a lead became; None where it did not, or may not be seen."""
    told = row.get("ConvertedContact")
    return person(told, PersonKind.CONTACT, fields) if isinstance(told, Mapping) and told.get("Id") else None


def number_of(row: Mapping[str, Any], children: str) -> int:
    """How many records a child query found; Salesforce tells null for none."""
    told = row.get(children)
    return int(told.get("totalSize") or 0) if isinstance(told, Mapping) else 0


def _looked_up(row: Mapping[str, Any], field: str) -> dict[str, Owner]:
    """The user that a lookup field names. A field that names something else than a user is absent."""
    if not field:
        return {}
    related = f"{field.removesuffix('__c')}__r" if field.endswith("__c") else field.removesuffix("Id")
    identity, told = str(row.get(field) or ""), row.get(related)
    if not identity.startswith("005") or not isinstance(told, Mapping):
        return {}
    return {field: owner({"OwnerId": identity, "Owner": told}) or Owner(id=identity)}


def _type_of(row: Mapping[str, Any]) -> str:
    told = row.get("RecordType")
    return str(told.get("Name") or "") if isinstance(told, Mapping) else ""


def plain(row: Mapping[str, Any], fields: Iterable[str]) -> dict[str, FieldValue]:
    """Fields as they were read, under the names they were asked by."""
    given = {name.casefold(): value for name, value in row.items()}
    found = {name: given[name.casefold()] for name in fields if name.casefold() in given}
    return {name: v for name, v in found.items() if v is None or isinstance(v, str | bool | int | float)}


def _moment(text: Any) -> datetime | None:
    """A time or a date; a date is its midnight UTC."""
    try:
        told = datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None
    return told.replace(tzinfo=UTC) if told is not None and told.tzinfo is None else told
