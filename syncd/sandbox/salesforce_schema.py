"""Objects and fields as metadata, and how describe tells them.

Source: salesforce-rest.facts.json, `resources` (describe), `wsdl_enumerations.fieldType`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from .salesforce_errors import ENTITY_ADVICE, SalesforceError, not_found

TEXT_TYPES = frozenset({"string", "textarea", "phone", "url", "email", "picklist", "combobox", "multipicklist"})
NUMBER_TYPES = frozenset({"int", "double", "currency", "percent"})
ID_TYPES = frozenset({"id", "reference"})
LONG_TEXT = 255
"""A text area longer than this can be neither filtered nor sorted."""

SOAP = {
    "id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "int": "xsd:int", "double": "xsd:double",
    "currency": "xsd:double", "percent": "xsd:double", "date": "xsd:date", "datetime": "xsd:dateTime",
    "complexvalue": "urn:JunctionIdListNames",
}  # fmt: skip
"""Type of a field -> its type in SOAP, where it is not text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field. `values` are those of a picklist, `restricted` to them; `to` the objects a reference may be of, and
    `children` what those call the records that refer to them. `calculated`: nobody writes it.
    """

    name: str
    type: str = "string"
    label: str = ""
    length: int = 0
    precision: int = 0
    scale: int = 0
    required: bool = False
    createable: bool = True
    updateable: bool = True
    calculated: bool = False
    defaulted: bool = False
    external_id: bool = False
    unique: bool = False
    case_sensitive: bool = False
    id_lookup: bool = False
    values: tuple[str, ...] = ()
    restricted: bool = False
    to: tuple[str, ...] = ()
    relationship: str = ""
    children: str = ""
    cascade: bool = False

    @property
    def custom(self) -> bool:
        """Whether an administrator made it."""
        return self.name.endswith("__c")

    @property
    def long(self) -> bool:
        """Whether it is too long to be filtered, sorted or grouped."""
        return self.type == "complexvalue" or (self.type == "textarea" and self.length > LONG_TEXT)

    @property
    def groupable(self) -> bool:
        """Whether GROUP BY takes it."""
        return not self.long and self.type not in ("datetime", "multipicklist", "double", "currency", "percent")

    def described(self) -> dict[str, Any]:
        """As describe tells it."""
        return {
            "name": self.name,
            "label": self.label or self.name.removesuffix("__c").replace("_", " "),
            "type": self.type,
            "length": 18 if self.type in ID_TYPES else self.length,
            "byteLength": 18 if self.type in ID_TYPES else self.length * 3,
            "precision": self.precision,
            "scale": self.scale,
            "digits": 9 if self.type == "int" else 0,
            "soapType": SOAP.get(self.type, "xsd:string"),
            "nillable": not self.required and self.type not in ("boolean", "id"),
            "createable": self.createable,
            "updateable": self.updateable,
            "defaultedOnCreate": self.defaulted or self.type == "boolean",
            "externalId": self.external_id,
            "idLookup": self.id_lookup or self.external_id or self.type == "id",
            "unique": self.unique,
            "caseSensitive": self.case_sensitive,
            "calculated": self.calculated and self.custom,
            "autoNumber": False,
            "picklistValues": [
                {"active": True, "defaultValue": False, "label": value, "validFor": None, "value": value}
                for value in self.values
            ],
            "restrictedPicklist": self.restricted,
            "referenceTo": list(self.to),
            "relationshipName": self.relationship or None,
            "polymorphicForeignKey": len(self.to) > 1,
            "filterable": not self.long,
            "sortable": not self.long and self.type != "multipicklist",
            "groupable": self.groupable,
            "custom": self.custom,
            "nameField": self.name in ("Name", "Subject", "CaseNumber"),
            "permissionable": not self.required,
            "deprecatedAndHidden": False,
        }


@dataclass(slots=True, kw_only=True)
class Entity:
    """An object. `hidden`: the person who calls may not see it. `changed` is when its metadata last did."""

    name: str
    prefix: str
    label: str = ""
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    searchable: bool = True
    hidden: bool = False
    fields: dict[str, Field] = field(default_factory=dict)
    changed: datetime

    def field(self, name: str) -> Field | None:
        """A field by its name in any letter case."""
        found = self.fields.get(name)
        if found is None:
            low = name.lower()
            found = next((f for n, f in self.fields.items() if n.lower() == low), None)
        return found

    def reference(self, relationship: str) -> Field | None:
        """The reference that is called so (`Owner`, `Account`)."""
        low = relationship.lower()
        return next((f for f in self.fields.values() if f.relationship and f.relationship.lower() == low), None)

    def written(self, name: str) -> Field:
        """A field that a record's body names. Raises SalesforceError."""
        found = self.field(name)
        if found is None:
            message = f"No such column '{name}' on sobject of type {self.name}"
            raise SalesforceError("INVALID_FIELD", message)
        return found

    def read(self, name: str) -> Field:
        """A field that a record is asked for. Raises SalesforceError."""
        found = self.field(name)
        if found is None or found.type == "complexvalue":
            raise SalesforceError("INVALID_FIELD", f"No such column '{name}' on entity '{self.name}'. {ENTITY_ADVICE}")
        return found

    def readable(self) -> Iterable[Field]:
        """The fields that a record has."""
        return (f for f in self.fields.values() if f.type != "complexvalue")


@dataclass(slots=True)
class Schema:
    """An org's objects."""

    entities: dict[str, Entity] = field(default_factory=dict)

    def find(self, name: str) -> Entity | None:
        """An object that may be seen, by its name in any letter case."""
        found = self.entities.get(name)
        if found is None:
            found = next((e for n, e in self.entities.items() if n.lower() == name.lower()), None)
        return None if found is None or found.hidden else found

    def entity(self, name: str) -> Entity:
        """An object that a path names. Raises SalesforceError."""
        found = self.find(name)
        if found is None:
            raise not_found()
        return found

    def named(self, name: str) -> Entity:
        """An object for an administrator, who sees all. Raises ValueError."""
        if name not in self.entities:
            raise ValueError(f"no object {name}; there are {', '.join(self.entities)}")
        return self.entities[name]

    def of_id(self, record_id: str) -> Entity | None:
        """The object an id is of."""
        return next((e for e in self.entities.values() if e.prefix == record_id[:3]), None)

    def children(self, parent: str) -> Iterable[tuple[str, Entity, Field]]:
        """What an object calls the records that refer to it: (name, their object, its reference)."""
        for entity in self.entities.values():
            if not entity.hidden:
                for each in entity.fields.values():
                    if parent in each.to and each.children:
                        yield each.children, entity, each

    def child(self, parent: str, relationship: str) -> tuple[str, Entity, Field] | None:
        """One of them, by its name in any letter case."""
        low = relationship.lower()
        return next((found for found in self.children(parent) if found[0].lower() == low), None)

    def change(self, entity: str, made: Field | None, moment: datetime, *, without: str = "") -> None:
        """Add or replace a field, or take one away."""
        target = self.named(entity)
        if without:
            target.fields = {n: f for n, f in target.fields.items() if n != without}
        if made is not None:
            target.fields[made.name] = made
        target.changed = moment


def without_writing(each: Field) -> Field:
    """The same field for a person who may only read it."""
    return replace(each, createable=False, updateable=False)


def summary(entity: Entity, base: str) -> dict[str, Any]:
    """An object as describe global tells it."""
    own = f"{base}/sobjects/{entity.name}"
    return {
        "name": entity.name,
        "label": entity.label or entity.name,
        "labelPlural": f"{entity.label or entity.name}s",
        "keyPrefix": entity.prefix,
        "createable": entity.createable,
        "updateable": entity.updateable,
        "deletable": entity.deletable,
        "undeletable": entity.deletable,
        "queryable": True,
        "retrieveable": True,
        "replicateable": True,
        "searchable": entity.searchable,
        "triggerable": True,
        "layoutable": True,
        "mergeable": entity.name in ("Account", "Contact", "Lead", "Case"),
        "custom": entity.name.endswith("__c"),
        "customSetting": False,
        "deprecatedAndHidden": False,
        "urls": {"sobject": own, "describe": f"{own}/describe", "rowTemplate": f"{own}/{{ID}}"},
    }


def described(schema: Schema, entity: Entity, record_types: Sequence[dict[str, Any]], base: str) -> dict[str, Any]:
    """An object as describe tells it."""
    children = [
        {
            "childSObject": child.name,
            "field": each.name,
            "relationshipName": name,
            "cascadeDelete": each.cascade,
            "restrictedDelete": False,
            "deprecatedAndHidden": False,
        }
        for name, child, each in schema.children(entity.name)
    ]
    return {
        **summary(entity, base),
        "fields": [each.described() for each in entity.fields.values()],
        "recordTypeInfos": list(record_types),
        "childRelationships": children,
        "namedLayoutInfos": [],
        "supportedScopes": [{"label": "All", "name": "everything"}],
    }
