"""Generated calendars: the same seed gives the same text on every machine."""

# ruff: noqa: DTZ001 - wall-clock times

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from syncd.model.time import Window

DAY = timedelta(days=1)
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC", "")
LOREM = "Agenda: status, risks, next steps. Dial in with the number below, or join from the browser. " * 4


@dataclass(slots=True)
class Sample:
    """A generated calendar. `traits` names, per UID, what may make the reference differ: keys of its test's REASONS."""

    text: str
    window: Window
    zone: str
    traits: dict[str, set[str]] = field(default_factory=dict)


def stamp(name: str, at: datetime, zone: str, parameters: str = "") -> str:
    """A DATE-TIME property: local with TZID, UTC, or floating for zone ""."""
    local = f"{at:%Y%m%dT%H%M%S}"
    if zone == "UTC":
        return f"{name}{parameters}:{local}Z"
    return f"{name}{parameters};TZID={zone}:{local}" if zone else f"{name}{parameters}:{local}"


def day(name: str, at: datetime, parameters: str = "") -> str:
    """A DATE property."""
    return f"{name}{parameters};VALUE=DATE:{at:%Y%m%d}"


def fold(line: str) -> str:
    """RFC 5545 folding at 75 octets."""
    data, pieces = line.encode(), []
    while len(data) > 75:
        pieces.append(data[:75])
        data = b" " + data[75:]
    return b"\r\n".join([*pieces, data]).decode("utf-8", "surrogateescape")


class Generator:
    """One random calendar for people around 2026, with every feature the reference also has."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.traits: dict[str, set[str]] = {}
        self.zone = self.random.choice(ZONES[:3])
        start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=self.random.randrange(24 * 400))
        self.window = Window(start, start + timedelta(days=self.random.choice((1, 7, 30, 60))))

    def calendar(self) -> Sample:
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//syncd//generated//EN"]
        for number in range(self.random.randint(3, 9)):
            lines += self.series(f"{number}@generated")
        lines.append("END:VCALENDAR")
        text = "\r\n".join(fold(line) for line in lines) + "\r\n"
        return Sample(text, self.window, self.zone, self.traits)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def series(self, uid: str) -> list[str]:
        """A master, its exceptions and its overrides."""
        self.traits[uid] = set()
        rng = self.random
        zone, all_day = rng.choice(ZONES), self.chance(0.2)
        near = self.window.start.replace(tzinfo=None, hour=0, minute=0, second=0)
        start = near + timedelta(days=rng.randint(-500, 60) if self.chance(0.6) else rng.randint(-5, 60))
        if not all_day:
            start += timedelta(minutes=15 * rng.randrange(96))
        length = self.length(all_day)
        if not self.chance(0.7):
            return self.event(uid, start, length, zone, all_day, [])
        rule = self.rule(uid, start, zone, all_day)
        lines = self.event(
            uid, start, length, zone, all_day, [f"RRULE:{rule}", *self.changes(start, zone, all_day, uid)]
        )
        replaced = [rng.choice((0, 1, 7, 14, 21, 28, 56)) for _ in range(rng.choice((0, 0, 0, 1, 2)))]
        if len(set(replaced)) < len(replaced):
            self.traits[uid].add("repeated-override")
        for days in replaced:
            lines += self.override(uid, start + timedelta(days=days), length, zone, all_day)
        return lines

    def length(self, all_day: bool) -> timedelta:
        if all_day:
            return timedelta(days=self.random.choice((1, 1, 2, 5)))
        return timedelta(minutes=self.random.choice((15, 30, 60, 60, 90, 480, 60 * 26)))

    def event(
        self, uid: str, start: datetime, length: timedelta, zone: str, all_day: bool, more: list[str]
    ) -> list[str]:
        """One VEVENT."""
        write = (lambda name, at: day(name, at)) if all_day else (lambda name, at: stamp(name, at, zone))
        ending = [write("DTEND", start + length)]
        if not all_day and self.chance(0.3) and length < DAY:
            ending = [f"DURATION:PT{int(length.total_seconds() // 60)}M"]
        if not all_day and more and more[0].startswith("RRULE"):
            self.traits[uid].add("exact-length")
        if (
            zone
            and start.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            != start
        ):
            self.traits[uid].add("starts-in-gap")
        if all_day and length == DAY and self.chance(0.5):
            ending = []
        marks = [
            *(["STATUS:CANCELLED"] if self.chance(0.05) else []),
            *(["TRANSP:TRANSPARENT"] if self.chance(0.05) else []),
        ]
        alarm = ["BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT15M", "DURATION:PT5M", "REPEAT:2", "END:VALARM"]
        return [
            "BEGIN:VEVENT",
            f"UID:{uid}",
            "DTSTAMP:20260101T000000Z",
            f"SUMMARY:Füße {uid}",
            f"DESCRIPTION:{LOREM[:99]}",
            write("DTSTART", start),
            *ending,
            *marks,
            *more,
            *(alarm if self.chance(0.1) else []),
            "END:VEVENT",
        ]

    def rule(self, uid: str, start: datetime, zone: str, all_day: bool) -> str:
        rng = self.random
        freq = rng.choice(("DAILY", "DAILY", "WEEKLY", "WEEKLY", "WEEKLY", "MONTHLY", "MONTHLY", "YEARLY", "HOURLY"))
        if all_day and freq == "HOURLY":
            freq = "DAILY"
        parts = self.parts(uid, freq)
        if all_day and "BYHOUR" in parts:
            parts = ""
        if freq == "HOURLY" or "BYHOUR" in parts:
            self.traits[uid].add("digits-compared")
        interval = self.chance(0.4) and not (freq == "HOURLY" and parts)  # dateutil refuses hours it never reaches
        rule = f"FREQ={freq}" + (f";INTERVAL={rng.randint(2, 5)}" if interval else "") + parts
        if self.chance(0.3):
            rule += f";COUNT={rng.randint(1, 300)}"
        elif self.chance(0.4):
            until = start + timedelta(days=rng.randint(0, 600))
            rule += f";UNTIL={self.until(until, zone, all_day)}"
        return rule + (f";WKST={rng.choice(WEEKDAYS)}" if self.chance(0.2) else "")

    def until(self, until: datetime, zone: str, all_day: bool) -> str:
        if all_day:
            return f"{until:%Y%m%d}"
        if not zone:
            return f"{until:%Y%m%dT%H%M%S}"
        return f"{until.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC):%Y%m%dT%H%M%SZ}"

    def parts(self, uid: str, freq: str) -> str:
        """BY parts that fit the frequency."""
        rng = self.random
        days = ",".join(rng.sample(WEEKDAYS, rng.randint(1, 4)))
        ordinal = f"{rng.choice((1, 2, 3, 4, -1, -2))}{rng.choice(WEEKDAYS)}"
        months = ",".join(str(n) for n in sorted(rng.sample(range(1, 13), 3)))
        choices = {
            "HOURLY": ("", ";BYHOUR=9,10,11,12", f";BYDAY={days}"),
            "DAILY": ("", "", "", f";BYDAY={days}", f";BYMONTH={months}", ";BYHOUR=9,17", ";BYMONTHDAY=1,15,-1"),
            "WEEKLY": (
                "",
                f";BYDAY={days}",
                f";BYDAY={days}",
                f";BYDAY={days};BYMONTH={months}",
                ";BYDAY=MO,WE,FR;BYSETPOS=-1",
            ),
            "MONTHLY": (
                "",
                f";BYDAY={ordinal}",
                f";BYDAY={ordinal},1WE",
                ";BYMONTHDAY=31",
                ";BYMONTHDAY=-1,10",
                ";BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
                ";BYDAY=FR;BYMONTHDAY=13",
                f";BYDAY={days};BYSETPOS=2,-2",
            ),
            "YEARLY": (
                "",
                f";BYMONTH={months}",
                f";BYMONTH={months};BYDAY={ordinal}",
                ";BYDAY=20MO",
                ";BYYEARDAY=1,100,-1",
                ";BYWEEKNO=1,20,52;BYDAY=MO",
                ";BYMONTH=3;BYDAY=-1SU",
                ";BYMONTHDAY=29",
                ";BYWEEKNO=10",
            ),
        }
        part = rng.choice(choices[freq])
        if freq == "WEEKLY" and "BYSETPOS" in part:
            self.traits[uid].add("first-week-bysetpos")
        if part == ";BYWEEKNO=10":
            self.traits[uid].add("byweekno-without-byday")
        return part

    def changes(self, start: datetime, zone: str, all_day: bool, uid: str) -> list[str]:
        """EXDATE and RDATE lines."""
        lines = []
        for _ in range(self.random.choice((0, 0, 1, 3))):
            at = start + timedelta(days=self.random.choice((0, 1, 7, 14, 28, 35, 70)))
            if all_day:
                lines.append(day("EXDATE", at))
            elif zone and self.chance(0.3):
                lines.append(f"EXDATE:{at.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC):%Y%m%dT%H%M%SZ}")
                self.traits[uid].add("digits-compared")
            elif self.chance(0.1):
                lines.append(day("EXDATE", at))
            else:
                lines.append(stamp("EXDATE", at, zone))
        if self.chance(0.2):
            at = start + timedelta(days=self.random.randint(1, 100))
            lines.append(day("RDATE", at) if all_day else stamp("RDATE", at + timedelta(hours=2), zone))
            self.traits[uid].add("digits-compared")
        elif self.chance(0.1) and zone == "UTC" and not all_day:
            at = start + timedelta(days=self.random.randint(1, 100))
            lines.append(f"RDATE;VALUE=PERIOD:{at:%Y%m%dT%H%M%SZ}/PT45M")
        return lines

    def override(self, uid: str, old: datetime, length: timedelta, zone: str, all_day: bool) -> list[str]:
        """An override of a start that may exist, moved, shortened, cancelled or in another zone's words."""
        rng = self.random
        moved = (
            old
            + timedelta(days=rng.choice((0, 0, 1, -2, 30)))
            + (timedelta(0) if all_day else timedelta(minutes=rng.choice((0, 30, -45))))
        )
        which = day("RECURRENCE-ID", old) if all_day else stamp("RECURRENCE-ID", old, zone)
        if zone and not all_day and self.chance(0.3):
            which = f"RECURRENCE-ID:{old.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC):%Y%m%dT%H%M%SZ}"
            self.traits[uid].add("digits-compared")
        return self.event(uid, moved, length, zone, all_day, [which])


def calendar(seed: int) -> Sample:
    """The calendar of `seed`."""
    return Generator(seed).calendar()


def feed(events: int = 10_000, seed: int = 1) -> str:
    """A feed like a busy company's: of each 10,000 events 2,860 recur and 162 are overrides; EXDATEs, cancelled and
    transparent events, zones Berlin and New York, descriptions as long as people write them."""
    rng = random.Random(seed)
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//syncd//feed//EN",
        "X-WR-CALNAME:Company",
        "X-WR-TIMEZONE:Europe/Berlin",
    ]
    overrides, recurring = events * 162 // 10_000, events * 2_860 // 10_000
    masters = events - overrides
    for number in range(masters):
        lines += _feed_event(rng, number, number < recurring, number < overrides)
    lines.append("END:VCALENDAR")
    return "\r\n".join(fold(line) for line in lines) + "\r\n"


def _feed_event(rng: random.Random, number: int, recurs: bool, override: bool) -> list[str]:
    """One master, and its override if it has one. All by day, so none spans a DST switch."""
    zone, uid = rng.choice(ZONES[:2]), f"{number}@feed.example"
    start = datetime(2026, 2, 1) + timedelta(days=rng.randint(-300, 300), hours=rng.randint(8, 18))
    length = timedelta(minutes=rng.choice((15, 30, 45, 60, 90)))
    rule = rng.choice(
        (
            "FREQ=DAILY;COUNT=90",
            "FREQ=DAILY;INTERVAL=3;COUNT=60",
            "FREQ=WEEKLY;BYDAY=MO,WE,FR;COUNT=80",
            "FREQ=WEEKLY;INTERVAL=2",
            "FREQ=WEEKLY;BYDAY=TU,TH",
            "FREQ=WEEKLY;COUNT=60",
            "FREQ=WEEKLY;UNTIL=20270101T000000Z",
            "FREQ=MONTHLY;BYDAY=2TU",
            "FREQ=MONTHLY;BYMONTHDAY=15",
            "FREQ=MONTHLY",
        )
    )
    status = "CANCELLED" if rng.random() < 0.03 else "CONFIRMED"
    common = [
        f"UID:{uid}",
        "DTSTAMP:20260101T000000Z",
        f"STATUS:{status}",
        f"SUMMARY:Weekly review {number}",
        "LOCATION:Room 4",
        f"DESCRIPTION:{LOREM[: rng.randint(60, 280)]}",
        f"TRANSP:{'TRANSPARENT' if rng.random() < 0.05 else 'OPAQUE'}",
    ]
    lines = ["BEGIN:VEVENT", *common, stamp("DTSTART", start, zone), stamp("DTEND", start + length, zone)]
    if recurs:
        lines.append(f"RRULE:{rule}")
        exdates = rng.choice((0, 0, 1, 2, 3))
        lines += [stamp("EXDATE", start + timedelta(days=7 * rng.randint(1, 40)), zone) for _ in range(exdates)]
    lines.append("END:VEVENT")
    if override:
        old = start + timedelta(days=14)
        lines += [
            "BEGIN:VEVENT",
            *common,
            stamp("RECURRENCE-ID", old, zone),
            stamp("DTSTART", old + timedelta(hours=1), zone),
        ]
        lines += [stamp("DTEND", old + timedelta(hours=1) + length, zone), "END:VEVENT"]
    return lines
