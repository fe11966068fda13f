"""What the people and administrators of a Salesforce org do outside the API: for tests, and `/_sandbox/do`.

Values are given and told as in the API. An administrator also writes the fields that nobody else may
(`add_record(..., CreatedDate=...)`), and no switch strikes what they do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from syncd.model.clock import Clock

from .faults import Faults
from .kernel import Answer, Request
from .salesforce_call import Call, DuplicateRule, Org
from .salesforce_ids import long_id
from .salesforce_login import SalesforceIssuer
from .salesforce_objects import ADDRESSES, SHARED, address_codes, reference
from .salesforce_schema import Field, without_writing
from .salesforce_store import Record, Store, shown
from .salesforce_traps import SWITCHES
from .salesforce_values import taken
from .salesforce_writes import bin_record, insert, update

ADMIN_VERSION = "65.0"
LENGTHS: Mapping[str, int] = {"string": 255, "textarea": 32_768, "url": 255, "email": 80, "phone": 40, "picklist": 255}
"""How long a custom field is when nothing is said."""


class People:
    """The part of the provider that is not its API. Each method may be called from any thread."""

    store: Store
    org: Org
    issuer: SalesforceIssuer
    lock: threading.RLock
    clock: Clock
    moved: bool

    # people and records

    def add_user(
        self,
        email: str,
        name: str = "",
        zone: str = "UTC",
        *,
        active: bool = True,
        username: str = "",
        account: bool = True,
    ) -> str:
        """A person of the org; their id. `username` is the e-mail unless it is given; `account`: they may consent."""
        email, username = email.lower(), (username or email).lower()
        first, _, last = (name or email.partition("@")[0].title()).rpartition(" ")
        with self.lock:
            user_id = self.store.new_id("User")
            values = {
                "Id": user_id, "Username": username, "Email": email, "IsActive": active, "TimeZoneSidKey": zone,
                "FirstName": first or None, "LastName": last, "Name": f"{first} {last}".strip(), "Alias": username[:8],
                "UserType": "Standard",
            }  # fmt: skip
            self.store.put(Record("User", user_id, self.store.stamped(values, user_id, new=True)))
            self.store.settle()
            if account:
                self.issuer.accounts.append(username)
        return user_id

    def set_active(self, email: str, active: bool) -> None:
        """Activate or deactivate a person, by e-mail."""
        with self.lock:
            user = self._user(email)
            self.store.put(replace(user, values={**user.values, "IsActive": active}))

    def add_record(self, entity: str, **fields: Any) -> str:
        """Make a record; its id. Fields that only Salesforce sets may be given, as in the API."""
        with self.lock:
            target = self.store.schema.named(entity)
            system = self._system_fields(entity, fields)
            given = {name: value for name, value in fields.items() if name not in system}
            was, target.createable = target.createable, True
            try:
                record = insert(self._admin_call(), target, given)
            finally:
                target.createable = was
            record = self.store.put(replace(record, values={**self.store.tables[entity][record.id].values, **system}))
            self.store.settle()
        return record.id

    def change_record(self, record_id: str, **fields: Any) -> None:
        """Change fields of a record, with those that only Salesforce sets."""
        with self.lock:
            record = self._record(record_id)
            system = self._system_fields(record.entity, fields)
            given = {name: value for name, value in fields.items() if name not in system}
            changed = update(self._admin_call(), record, given)
            self.store.put(replace(changed, values={**changed.values, **system}))
            self.store.settle()

    def delete_record(self, record_id: str) -> None:
        """Put a record into the recycle bin."""
        with self.lock:
            bin_record(self._admin_call(), self._record(record_id))
            self.store.settle()

    def record(self, record_id: str) -> dict[str, Any]:
        """All that is known of a record, deleted or not."""
        with self.lock:
            found = self._record(record_id)
            return shown(found, sorted(found.values), f"/services/data/v{ADMIN_VERSION}")

    def records(self, entity: str) -> list[dict[str, Any]]:
        """The records of an object that are not deleted."""
        with self.lock:
            return [self.record(each.id) for each in self.store.rows(entity)]

    def add_account(self, name: str, parent: str = "", children: int = 0, **fields: Any) -> str:
        """An account, under another and with child accounts when asked; its id."""
        with self.lock:
            above = {"ParentId": parent} if parent else {}
            made = self.add_record("Account", Name=name, **above, **fields)
            for n in range(children):
                self.add_record("Account", Name=f"{name} {n + 1}", ParentId=made)
        return made

    def convert_lead(self, lead_id: str, account: str = "", contact: str = "") -> dict[str, str]:
        """Convert a lead to a contact of an account, which are made unless they are given."""
        with self.lock:
            lead = self._record(lead_id)
            if lead.entity != "Lead" or lead.get("IsConverted"):
                raise ValueError(f"{lead_id} is no lead that can be converted")
            account = account or self.add_record("Account", Name=lead.get("Company"))
            names = ("LastName", "FirstName", "Email", "Phone", "OwnerId")
            fields = {name: lead.get(name) for name in names if lead.get(name) is not None}
            contact = contact or self.add_record("Contact", AccountId=account, **fields)
            told = {"ConvertedAccountId": account, "ConvertedContactId": contact}
            day = self.clock().date().isoformat()
            self.change_record(lead_id, IsConverted=True, ConvertedDate=day, Status="Closed - Converted", **told)
        return told

    # the schema

    def add_field(
        self,
        entity: str,
        name: str,
        type: str = "string",
        *,
        length: int = 0,
        values: Sequence[str] = (),
        restricted: bool = False,
        required: bool = False,
        unique: bool = False,
        external_id: bool = False,
        to: str = "",
        children: str = "",
    ) -> None:
        """A custom field (`name` ends in `__c`). `to` is the object of a reference."""
        if not name.endswith("__c"):
            raise ValueError(f"a custom field ends in __c: {name}")
        numeric = type in ("double", "currency", "percent")
        made = Field(
            name=name,
            type=type,
            length=length or LENGTHS.get(type, 0),
            precision=18 if numeric else 0,
            scale=2 if numeric else 0,
            values=tuple(values),
            restricted=restricted,
            required=required,
            unique=unique,
            external_id=external_id,
            to=(to,) if to else (),
            relationship=name.removesuffix("__c") + "__r" if to else "",
            children=children,
        )
        with self.lock:
            self.store.schema.change(entity, made, self.clock())

    def remove_field(self, entity: str, name: str) -> None:
        """Take a field away, from describe as well."""
        with self.lock:
            self.store.schema.change(entity, None, self.clock(), without=name)

    def set_read_only(self, entity: str, name: str) -> None:
        """Take away the right to write a field."""
        with self.lock:
            field = self._field(entity, name)
            self.store.schema.change(entity, without_writing(field), self.clock())

    def set_required(self, entity: str, name: str, required: bool = True) -> None:
        """Make a field one that a record must have, or not."""
        with self.lock:
            self.store.schema.change(entity, replace(self._field(entity, name), required=required), self.clock())

    def set_hidden(self, entity: str, hidden: bool = True) -> None:
        """Take away the right to see an object, or give it back."""
        with self.lock:
            self.store.schema.named(entity).hidden = hidden

    def add_record_type(self, entity: str, name: str, *, default: bool = False, active: bool = True) -> str:
        """A record type of an object, which with the first one gets the field `RecordTypeId`; its id."""
        with self.lock:
            if "RecordTypeId" not in self.store.schema.named(entity).fields:
                field = replace(reference("RecordTypeId", "RecordType"), defaulted=True)
                self.store.schema.change(entity, field, self.clock())
            made = self.add_record(
                "RecordType", Name=name, DeveloperName=name.replace(" ", "_"), SobjectType=entity, IsActive=active
            )
            if default:
                self.org.defaults[entity] = made
            self.store.schema.change(entity, None, self.clock())
        return made

    # the org

    def set_shared_activities(self, on: bool) -> None:
        """Switch Shared Activities on or off."""
        with self.lock:
            self.org.shared_activities = on
            for entity, field in SHARED.items():
                self.store.schema.change(entity, field if on else None, self.clock(), without=field.name)

    def set_address_picklists(self, on: bool) -> None:
        """Switch state and country picklists on or off."""
        with self.lock:
            self.org.address_picklists = on
            for entity, prefixes in ADDRESSES.items():
                for field in (each for prefix in prefixes for each in address_codes(prefix)):
                    self.store.schema.change(entity, field if on else None, self.clock(), without=field.name)

    def add_duplicate_rule(
        self, entity: str, match: Sequence[str] = ("Email",), against: Sequence[str] = (), *, allow_save: bool = True
    ) -> None:
        """A duplicate rule for new records of an object; `allow_save`: it only warns."""
        with self.lock:
            self.org.duplicate_rules.append(
                DuplicateRule(
                    name=f"Standard_{entity}_Duplicate_Rule",
                    entity=entity,
                    match=tuple(match),
                    against=tuple(against) or (entity,),
                    allow_save=allow_save,
                )
            )

    def set_daily(self, most: int, used: int = 0) -> None:
        """The org's allocation of calls, and how many of them were made."""
        with self.lock:
            self.org.daily, self.org.used = most, used

    def set_batch(self, rows: int) -> None:
        """How many rows an answer to a query has at most (never below what a request asks for)."""
        with self.lock:
            self.org.batch = rows

    # tokens

    def move(self) -> str:
        """Move the org: its API is on the machine's other name from now on, and old sessions end; where it is."""
        with self.lock:
            self.moved = not self.moved
            self.issuer.expire()
            return self.issuer.instance()

    def set_rotation(self, on: bool) -> None:
        """Whether every refresh gives a new refresh token."""
        with self.lock:
            self.issuer.rotates = on

    def add_certificate(self, client_id: str, public_key: str, approve: Sequence[str] = ()) -> None:
        """The public key (PEM) of a client that signs its own assertions, and the people it is approved for."""
        with self.lock:
            self.issuer.certificates[client_id] = public_key
            self.issuer.approved |= {(username.lower(), client_id) for username in approve}

    def expire_tokens(self) -> None:
        """End every session."""
        with self.lock:
            self.issuer.expire()

    def revoke(self, username: str) -> None:
        """The person withdraws consent."""
        with self.lock:
            self.issuer.revoke_account(username.lower())

    @property
    def actions(self) -> Mapping[str, Callable[..., Any]]:
        """What can be done from outside."""
        names = (
            "add_user", "set_active", "add_record", "change_record", "delete_record", "record", "records",
            "add_account", "convert_lead", "add_field", "remove_field", "set_read_only", "set_required", "set_hidden",
            "add_record_type", "set_shared_activities", "set_address_picklists", "add_duplicate_rule", "set_daily",
            "set_batch", "move", "set_rotation", "add_certificate", "expire_tokens", "revoke",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def state(self) -> Any:
        """The records by object, and the calls of the day."""
        return {
            "org": self.org.id,
            "instance": self.issuer.instance(),
            "api_usage": {"used": self.org.used, "daily": self.org.daily},
            "records": {name: self.records(name) for name in self.store.tables},
        }

    # for the above

    def _user(self, email: str) -> Record:
        low = email.lower()
        found = next((u for u in self.store.rows("User") if low in (u.get("Email"), u.get("Username"))), None)
        if found is None:
            raise ValueError(f"no user {email}")
        return found

    def _record(self, record_id: str) -> Record:
        found = self.store.find(long_id(record_id))
        if found is None:
            raise ValueError(f"no record {record_id}")
        return found

    def _field(self, entity: str, name: str) -> Field:
        found = self.store.schema.named(entity).fields.get(name)
        if found is None:
            raise ValueError(f"{entity} has no field {name}")
        return found

    def _system_fields(self, entity: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        known = self.store.schema.named(entity).fields
        return {
            name: taken(self.store, known[name], value)
            for name, value in fields.items()
            if name in known and not (known[name].createable and known[name].updateable)
        }

    def _admin_call(self) -> Call:
        user = next(self.store.rows("User"), None)
        if user is None:
            raise ValueError("there is nobody: add_user first")
        org = replace(self.org, duplicate_rules=[])
        nothing = Request("POST", "", "", {}, b"")
        return Call(nothing, user, org, self.store, Faults(SWITCHES), ADMIN_VERSION, lambda request: Answer(404))
