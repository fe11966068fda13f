"""Busy times from iCalendar text (RFC 5545): feeds of ten thousand events, and CalDAV objects one at a time.

Theory of operation. Six steps, each a module, each pure:

    scan        bytes -> the few properties of each VEVENT that busy times need; VTIMEZONEs as text
    values      DATE, DATE-TIME and DURATION texts -> local times, zones apart
    zones       TZID -> IANA, Windows, offset, or the embedded VTIMEZONE
    recurrence  RRULE + DTSTART -> local starts inside the window, never walking from DTSTART without need
    series      all VEVENTs of one UID -> occurrences in UTC: EXDATE, RDATE, overrides, THISANDFUTURE
    busy        the table of what counts as busy, and the reading as a whole

Expansion is done in local time and each start becomes UTC by itself, so a meeting at nine stays at nine across DST.
What cannot be understood becomes an ItemProblem of its event, with what could be understood kept; only text that is no
calendar at all raises. The libraries of the field supply the Windows zone table (icalendar), the monthly and yearly
rules (dateutil) and the zones (zoneinfo, tzdata); tests/ical/ holds the cases where they are not followed, and why.
"""

from .busy import BusyReading, BusyRules, ItemProblem, read_busy

__all__ = ["BusyReading", "BusyRules", "ItemProblem", "read_busy"]
