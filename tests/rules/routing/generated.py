"""Evidence, rules and requests of any kind, small enough to collide."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from syncd.model.crm import Account, CountKind, Counts, Evidence, Owner, Person, PersonKind, Question, RecordKind
from syncd.rules.routing import (
    AttendeeRecord,
    ExcludedRecordTypes,
    FieldAction,
    FieldRule,
    OwnerBooking,
    Purpose,
    RecordCreation,
    Request,
    Rules,
    Tiebreaker,
    TieRule,
    Waterfall,
)

NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - a provider might forget the zone
IDS = st.sampled_from("ABCD")
PLACES = st.sampled_from(["", "US", "usa", "TX", "Texas", "DE", "Bayern", "ß", "\x00"])
TYPES = st.sampled_from(["", "Partner", "Customer"])
EMAILS = st.sampled_from(
    ["bea@acme.com", " BEA@ACME.com", "x@acme.co.uk", "x@gmail.com", "x@münchen.de", "", "x@", "@"]
)
WEBSITES = st.sampled_from(["acme.com", "https://www.acme.com/", "acme.de", "", "eu.acme.com", "http://[::1]/", "ß.ß"])
TIMES = st.sampled_from([None, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), NAIVE])
VALUES = st.sampled_from([None, True, 0, 5.0, "", "US", "TX;South"]) | st.floats(allow_nan=False, allow_infinity=False)
FIELDS = st.dictionaries(st.sampled_from(["F", "f"]), VALUES, max_size=2)
OWNERS = st.sampled_from(
    [
        None,
        Owner(id="1", email="ann@s.example"),
        Owner(id="2", email=" BOB@s.example"),
        Owner(id="3", email="ann@s.example", active=False),
        Owner(id="4", name="Inbound", is_queue=True),
        Owner(id="5"),
    ]
)
PEOPLE = st.builds(
    Person,
    id=IDS,
    kind=st.sampled_from(PersonKind),
    email=st.just("bea@acme.com") | EMAILS,
    owner=OWNERS,
    account_id=st.just("") | IDS,
    record_type=TYPES,
    last_activity=TIMES,
    created=TIMES,
    converted=st.booleans(),
    converted_contact_id=st.just("") | IDS,
    fields=FIELDS,
)
ACCOUNTS = st.builds(
    Account,
    id=IDS,
    website=WEBSITES,
    owner=OWNERS,
    record_type=TYPES,
    country=PLACES,
    state=PLACES,
    state_code=PLACES,
    last_activity=TIMES,
    created=TIMES,
    fields=FIELDS,
    lookups=st.dictionaries(st.sampled_from(["L", "l"]), OWNERS.filter(bool), max_size=2),
)
EVIDENCE = st.builds(
    Evidence,
    people=st.lists(PEOPLE, max_size=3).map(tuple),
    accounts=st.lists(ACCOUNTS, max_size=5).map(tuple),
    contact_counts=st.dictionaries(IDS, st.integers(-1, 5), max_size=4),
    asked=st.just(tuple(Question)) | st.lists(st.sampled_from(Question), unique=True).map(tuple),
    denied=st.sampled_from([{}, {}, {Question.CONTACTS: "no"}, {Question.WEBSITES: "no"}]),
)
COUNTS = st.builds(
    Counts,
    account_ids=st.just(tuple("ABCD")) | st.lists(IDS, unique=True).map(tuple),
    found=st.dictionaries(st.sampled_from(CountKind), st.dictionaries(IDS, st.integers(-1, 5), max_size=4)),
    denied=st.sampled_from([{}, {CountKind.CONTACTS: "no access"}]),
)
ALL_COUNTED = st.builds(
    Counts,
    account_ids=st.just(tuple("ABCD")),
    found=st.fixed_dictionaries({kind: st.dictionaries(IDS, st.integers(0, 3)) for kind in CountKind}),
)
ORDERS = st.lists(st.sampled_from(TieRule), min_size=1, unique=True).map(tuple)
FIELD_RULES = st.builds(
    FieldRule, field=st.sampled_from(["F", "G", "H"]), value=TYPES, action=st.sampled_from(FieldAction)
)
RULES = st.builds(
    Rules,
    waterfall=st.builds(
        Waterfall,
        fuzzy=st.booleans(),
        own_account=st.booleans(),
        contact_majority=st.booleans(),
        search_on=st.booleans(),
    ),
    tiebreaker=st.builds(Tiebreaker, order=st.just(()) | ORDERS, sub_region_field=st.sampled_from(["", "F"])),
    excluded=st.builds(ExcludedRecordTypes, accounts=st.just(()) | st.just(("partner",))),
    owner_booking=st.builds(
        OwnerBooking,
        source=st.sampled_from(RecordKind),
        fallback_to_lead=st.booleans(),
        lookup_field=st.sampled_from(["", "", "L"]),
        field_rules=st.lists(FIELD_RULES, max_size=1).map(tuple),
    ),
    creation=st.builds(
        RecordCreation,
        attendee_record=st.sampled_from(AttendeeRecord),
        check_contact=st.booleans(),
        create_contact_under_account=st.booleans(),
        create_lead_if_no_account=st.booleans(),
    ),
)
REQUESTS = st.builds(
    Request,
    email=st.just("bea@acme.com") | EMAILS,
    purpose=st.sampled_from(Purpose),
    hosts=st.none() | st.lists(st.sampled_from(["Ann@s.example", "bob@s.example", ""]), max_size=2).map(tuple),
    country=PLACES,
    region=PLACES,
    sub_region=PLACES,
)
