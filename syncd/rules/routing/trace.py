"""What a decision says about itself: the steps it took, and everything needed to take it again.

A trace step names its candidates before and after, the value each was compared by, and why each one dropped. `Recorded`
adds the evidence, so the same decision can be made again, or another one under new rules. Both are JSON and back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import TypeAdapter

from syncd.model.crm import Counts, Evidence, FieldValue, Owner, Person, RecordKind

from .ruleset import Rules


class Purpose(StrEnum):
    """What is decided: which host takes the meeting, or which record an attendee is written to."""

    ROUTE = "route"
    RECORD = "record"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who books, from where, and who may take it.

    Attributes:
        email: of the booker, as typed.
        hosts: e-mails of the hosts of the event type; None for no host filter (records), () for no host at all.
        country, region: as the geo headers say: a code or a name. `city` and `sub_region` for the sub-region rule.
    """

    email: str
    purpose: Purpose = Purpose.ROUTE
    hosts: tuple[str, ...] | None = None
    country: str = ""
    region: str = ""
    city: str = ""
    sub_region: str = ""


class Step(StrEnum):
    """The steps of a decision, as a trace names them."""

    LOOKUP = "lookup"
    FREE_MAIL = "free-mail"
    CONTACT = "contact"
    LEAD = "lead"
    OWN_ACCOUNT = "own-account"
    EXACT = "exact-website"
    NORMALIZED = "normalized-website"
    CONTACT_DOMAIN = "contact-domain"
    FUZZY = "fuzzy-domain"
    RECORD_TYPES = "record-types"
    FIELD_RULES = "field-rules"
    HOSTS = "hosts"
    TIEBREAK = "tiebreak"
    CHOICE = "choice"
    RECORD = "record"
    RESULT = "result"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceStep:
    """One step. `before` and `after` are ids; `values` and `dropped` (the reason) are by id.

    Attributes:
        rule: the tiebreaker or field rule the step ran; "" for others.
        outcome: in one word or two: matched, none, skipped, unchanged, narrowed, decided.
        compared_with: what the values were compared with.
    """

    step: Step
    outcome: str
    rule: str = ""
    reason: str = ""
    compared_with: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    values: dict[str, FieldValue] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)


class TraceLog:
    """Collects the steps of one decision while it is made, and what its evidence lacks."""

    def __init__(self) -> None:
        self.steps: list[TraceStep] = []
        self.missing: list[str] = []

    def add(self, step: TraceStep) -> None:
        """Append `step`."""
        self.steps.append(step)

    def lacks(self, what: str) -> None:
        """Note once that the evidence does not hold `what`."""
        if what not in self.missing:
            self.missing.append(what)


class Outcome(StrEnum):
    """How a decision ends. MATCHED and NO_MATCH are of records, OWNER and ROUND_ROBIN of routing."""

    OWNER = "owner"
    ROUND_ROBIN = "round-robin"
    MATCHED = "matched"
    NO_MATCH = "no-match"


class RecordAction(StrEnum):
    """What to do for an attendee. FAIL: a needed lookup was refused, so nothing may be created."""

    USE = "use"
    LINK_CONTACT = "link-contact-to-account"
    CREATE_CONTACT = "create-contact"
    CREATE_LEAD = "create-lead"
    SKIP = "skip"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided, why, and by which rules.

    Attributes:
        owner: whose meeting it is; None for round robin, and where a record has no owner.
        record_kind, record_id: the record whose owner was taken.
        account_id: the account resolved; "" for none or not needed.
        method: the step that found the record; None for none.
        decisive_rule: the tiebreaker rule that left one account, or `id`; "" where nothing was tied.
        action, person: what to do for an attendee; `person` is the record to use, None to create one.
        missing: what the evidence does not hold although the rules ask for it. Empty in a complete decision.
    """

    outcome: Outcome
    reason: str
    rules_version: str
    owner: Owner | None = None
    record_kind: RecordKind | None = None
    record_id: str = ""
    account_id: str = ""
    method: Step | None = None
    decisive_rule: str = ""
    action: RecordAction | None = None
    person: Person | None = None
    missing: tuple[str, ...] = ()
    trace: tuple[TraceStep, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A decision with all it was made of. `seconds`: how long each provider call took, by name."""

    request: Request
    rules: Rules
    evidence: Evidence
    decision: Decision
    counts: Counts | None = None
    seconds: dict[str, float] = field(default_factory=dict)


_RECORDED: TypeAdapter[Recorded] = TypeAdapter(Recorded)
_DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)


def to_json(recorded: Recorded) -> str:
    """A recorded decision as JSON text."""
    return _RECORDED.dump_json(recorded).decode()


def from_json(text: str) -> Recorded:
    """The recorded decision of `to_json`'s text.

    Raises:
        pydantic.ValidationError: the text is no recorded decision.
    """
    return _RECORDED.validate_json(text)


def decision_json(decision: Decision) -> str:
    """A decision and its trace as JSON text, without its evidence: for people and the HTTP API."""
    return _DECISION.dump_json(decision).decode()
