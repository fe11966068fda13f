"""One request of one person to a Salesforce org, and what every handler needs of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from .faults import Fault, Faults
from .kernel import Answer, Request
from .salesforce_errors import SalesforceError
from .salesforce_schema import Entity
from .salesforce_store import Record, Store
from .soql_columns import World

ALLOW_SAVE = "sforce-duplicate-rule-header"


@dataclass(slots=True, kw_only=True)
class DuplicateRule:
    """A duplicate rule: a new record of `entity` that is the same in all of `match` as one of `against`.

    `allow_save`: the rule only warns, and a request that says `allowSave=true` gets through.
    """

    name: str
    entity: str
    match: tuple[str, ...]
    against: tuple[str, ...]
    allow_save: bool = True
    message: str = "Use one of these records?"


@dataclass(slots=True, kw_only=True)
class Org:
    """What an org is and has, besides records.

    `daily` is its allocation of calls, `used` how many were made. `batch` is how many rows an answer has at most, above
    what a request asks for. `record_types` says, by object, which is the default one.
    """

    id: str
    name: str = "Sandbox Org"
    shared_activities: bool = True
    address_picklists: bool = False
    daily: int = 15_000
    used: int = 0
    batch: int = 2000
    duplicate_rules: list[DuplicateRule] = field(default_factory=list)
    locators: dict[str, tuple[int, list[dict[str, Any]], int]] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One request of one person; `user` is their User record. `dispatch` answers a request that is part of this one."""

    request: Request
    user: Record
    org: Org
    store: Store
    faults: Faults
    version: str
    dispatch: Callable[[Request], Answer]

    @property
    def base(self) -> str:
        """What the paths of this version begin with."""
        return f"/services/data/v{self.version}"

    @property
    def params(self) -> Mapping[str, str]:
        """The parts of the path."""
        return self.request.params

    @property
    def now(self) -> datetime:
        """The moment."""
        return self.store.clock()

    @property
    def entity(self) -> Entity:
        """The object of the path. Raises SalesforceError."""
        return self.store.schema.entity(self.params["type"])

    @property
    def allow_save(self) -> bool:
        """Whether a duplicate rule that only warns is to be passed over."""
        return "allowsave=true" in self.request.headers.get(ALLOW_SAVE, "").lower().replace(" ", "")

    def body(self) -> dict[str, Any]:
        """The body, an object. Raises SalesforceError."""
        try:
            told = self.request.json
        except ValueError as error:
            raise SalesforceError("JSON_PARSER_ERROR", f"The HTTP entity body is not JSON: {error}") from error
        if not isinstance(told, dict):
            raise SalesforceError("JSON_PARSER_ERROR", "The HTTP entity body must be an object")
        return told

    def switch(self, kind: str) -> Fault | None:
        """The provider's own fault of that kind, when it strikes this request."""
        return self.faults.take(kind, self.request.method, self.request.target)

    def removed(self) -> frozenset[str]:
        """The fields that are gone though describe tells them."""
        return frozenset(str(f.value).lower() for f in self.faults.waiting if f.kind == "removed-field")

    def world(self, *, deleted: bool = False) -> World:
        """What queries run over."""
        return World(
            store=self.store,
            now=self.now,
            zone=ZoneInfo(self.user.get("TimeZoneSidKey") or "UTC"),
            base=self.base,
            deleted=deleted,
            reversed=self.switch("reversed-rows") is not None,
            removed=self.removed(),
        )
