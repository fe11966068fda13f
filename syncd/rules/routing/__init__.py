"""Account resolution: whose account a booker is, which host takes the meeting, which record is written to.

Pure, and in phases, because a CRM is asked at most twice:

    questions(request, rules)                    what to ask about the e-mail, in one call
    decide(request, rules, evidence)             a Decision, or a CountRequest where a tie needs numbers
    decide(request, rules, evidence, counts)     a Decision

One resolver serves routing (`Purpose.ROUTE`) and record creation (`Purpose.RECORD`). Where each open question is
decided:

    waterfall       steps, domains, hosts, what ends the search
    tiebreak        rules, missing values, ties
    candidates      record types, field rules, who counts as a host
    places          spellings of countries and states
    domains         spellings of e-mails and websites, free-mail and hosting domains, base domains
    routes          the owner's record and its fallbacks
    people          duplicates and converted leads
    records         what is used, created or skipped for an attendee
    replay          recorded evidence under new rules
    unanswered      what is decided when the CRM does not answer
    masking         what of a booker's address is recorded

No decision depends on the order or repetition of rows, and none raises for any evidence. The trace says for every step
which candidates it had, what they were compared by and why each was dropped.
"""

from .domains import base_domain as base_domain
from .domains import email_domain as email_domain
from .domains import is_free_mail as is_free_mail
from .domains import normalized_email as normalized_email
from .domains import website_domain as website_domain
from .index import AccountIndex as AccountIndex
from .masking import masked as masked
from .masking import masked_email as masked_email
from .people import choose_person as choose_person
from .places import country_code as country_code
from .places import state_code as state_code
from .questions import questions as questions
from .records import creatable_record_type as creatable_record_type
from .records import record_for as record_for
from .replay import decide as decide
from .replay import record as record
from .replay import replay as replay
from .replay import same_choice as same_choice
from .routes import route as route
from .ruleset import DEFAULT_ORDER as DEFAULT_ORDER
from .ruleset import TIE_RULES as TIE_RULES
from .ruleset import AttendeeRecord as AttendeeRecord
from .ruleset import ExcludedRecordTypes as ExcludedRecordTypes
from .ruleset import FieldAction as FieldAction
from .ruleset import FieldRule as FieldRule
from .ruleset import OwnerBooking as OwnerBooking
from .ruleset import RecordCreation as RecordCreation
from .ruleset import Rules as Rules
from .ruleset import Tiebreaker as Tiebreaker
from .ruleset import TieRule as TieRule
from .ruleset import Waterfall as Waterfall
from .trace import Decision as Decision
from .trace import Outcome as Outcome
from .trace import Purpose as Purpose
from .trace import RecordAction as RecordAction
from .trace import Recorded as Recorded
from .trace import Request as Request
from .trace import Step as Step
from .trace import TraceStep as TraceStep
from .trace import decision_json as decision_json
from .trace import from_json as from_json
from .trace import to_json as to_json
from .unanswered import round_robin as round_robin
from .unanswered import without_answer as without_answer
