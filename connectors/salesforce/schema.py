"""What an org says of its objects, kept for an hour or until a field is refused."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from syncd.errors import ForbiddenError, NotFoundError
from syncd.model.crm import ObjectKind
from syncd.model.schema import Choice, FieldSchema, ObjectSchema, RecordType, SchemaType

from .api import Api, Part
from .refusals import Complaint, error_of

NAMES: Mapping[ObjectKind, str] = {
    ObjectKind.EVENT: "Event",
    ObjectKind.CONTACT: "Contact",
    ObjectKind.LEAD: "Lead",
    ObjectKind.ACCOUNT: "Account",
}

KEPT_FOR = timedelta(hours=1)

TYPES: Mapping[str, SchemaType] = {
    "string": SchemaType.TEXT,
    "textarea": SchemaType.TEXTAREA,
    "date": SchemaType.DATE,
    "datetime": SchemaType.DATETIME,
    "phone": SchemaType.PHONE,
    "boolean": SchemaType.CHECKBOX,
    "picklist": SchemaType.PICKLIST,
    "combobox": SchemaType.PICKLIST,
    "multipicklist": SchemaType.MULTIPICKLIST,
    "int": SchemaType.NUMBER,
    "double": SchemaType.NUMBER,
    "currency": SchemaType.NUMBER,
    "percent": SchemaType.NUMBER,
    "long": SchemaType.NUMBER,
    "email": SchemaType.EMAIL,
    "url": SchemaType.URL,
    "reference": SchemaType.REFERENCE,
    "id": SchemaType.REFERENCE,
}
"""Salesforce's field types -> ours; any other is OTHER."""

MASTER = "Master"
"""The record type that every object has and no record is of."""


class Schemas:
    """The schemas of one org. Safe for several threads."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._known: dict[ObjectKind, tuple[datetime, ObjectSchema | None]] = {}

    def get(self, kinds: Sequence[ObjectKind]) -> dict[ObjectKind, ObjectSchema]:
        """The schemas asked for; what is not known yet is asked in one call.

        Raises:
            ForbiddenError: the connection may not see an object.
        """
        found = self.shown(kinds)
        hidden = [NAMES[kind] for kind in kinds if kind not in found]
        if hidden:
            raise ForbiddenError(
                f"Salesforce does not show {' and '.join(hidden)} to this connection.",
                code="not_described",
                remedy="Give the connection's user access to the object.",
            )
        return found

    def shown(self, kinds: Sequence[ObjectKind]) -> dict[ObjectKind, ObjectSchema]:
        """As `get`, without the objects that the connection may not see."""
        with self._lock:
            now = self._api.now()
            missing = [k for k in kinds if k not in self._known or self._known[k][0] + KEPT_FOR < now]
            if missing:
                self._ask(missing, now)
            told = ((kind, self._known[kind][1]) for kind in kinds)
            return {kind: schema for kind, schema in told if schema is not None}

    def forget(self) -> None:
        """Ask anew next time."""
        with self._lock:
            self._known.clear()

    def _ask(self, kinds: Sequence[ObjectKind], now: datetime) -> None:
        parts = [Part(kind.value, "GET", f"/sobjects/{NAMES[kind]}/describe") for kind in kinds]
        answers = self._api.composite("describe", parts, safe=True)
        for kind in kinds:
            answer = answers[kind.value]
            if answer.ok:
                self._known[kind] = (now, object_schema(answer.record))
                continue
            complaint = (answer.complaints or [Complaint("UNKNOWN_EXCEPTION", "no reason given")])[0]
            error = error_of(complaint, answer.status, f"describe {NAMES[kind]}", now)
            if not isinstance(error, (NotFoundError, ForbiddenError)):
                raise error
            self._known[kind] = (now, None)


def object_schema(told: Mapping[str, Any]) -> ObjectSchema:
    """An object as its describe tells it."""
    listed = [each for each in told.get("fields") or () if isinstance(each, Mapping)]
    types = [each for each in told.get("recordTypeInfos") or () if isinstance(each, Mapping)]
    return ObjectSchema(
        name=str(told.get("name") or ""),
        label=str(told.get("label") or ""),
        fields=tuple(_field(each) for each in listed),
        record_types=tuple(_record_type(each) for each in types if not _is_master(each)),
    )


def _field(told: Mapping[str, Any]) -> FieldSchema:
    choices = [each for each in told.get("picklistValues") or () if isinstance(each, Mapping)]
    html = bool(told.get("htmlFormatted"))
    kind = TYPES.get(str(told.get("type") or ""), SchemaType.OTHER)
    return FieldSchema(
        name=str(told.get("name") or ""),
        label=str(told.get("label") or ""),
        type=SchemaType.RICH_TEXT if html and kind is SchemaType.TEXTAREA else kind,
        length=int(told["length"]) if told.get("length") else None,
        choices=tuple(
            Choice(
                value=str(each.get("value") or ""),
                label=str(each.get("label") or ""),
                active=bool(each.get("active", True)),
            )
            for each in choices
        ),
        restricted=bool(told.get("restrictedPicklist")),
        controller=str(told.get("controllerName") or ""),
        createable=bool(told.get("createable")),
        updateable=bool(told.get("updateable")),
        required=not told.get("nillable", True) and told.get("type") != "boolean",
        default_on_create=bool(told.get("defaultedOnCreate")),
    )


def _record_type(told: Mapping[str, Any]) -> RecordType:
    return RecordType(
        name=str(told.get("name") or ""),
        id=str(told.get("recordTypeId") or ""),
        available=bool(told.get("available", True)) and bool(told.get("active", True)),
        default=bool(told.get("defaultRecordTypeMapping")),
    )


def _is_master(told: Mapping[str, Any]) -> bool:
    return bool(told.get("master")) or told.get("name") == MASTER
