"""Schedules, which CloudFormation takes as any text and EventBridge refuses."""

import re

from .document import Template, place, walk

RATE = re.compile(r"rate\((?P<number>[1-9][0-9]*) (?P<unit>minute|hour|day)(?P<plural>s?)\)")
CRON = re.compile(r"cron\((?P<fields>[^()]*)\)")
SECONDS = {"minute": 60, "hour": 3_600, "day": 86_400}
# "Cron expressions reference", EventBridge: what each field may be made of.
FIELDS = (
    ("minutes", r"[0-9,*/-]+"),
    ("hours", r"[0-9,*/-]+"),
    ("day of month", r"[0-9,*/?LW-]+"),
    ("month", r"[0-9A-Z,*/-]+"),
    ("day of week", r"[0-9A-Z,*?#L-]+"),
    ("year", r"[0-9,*/-]+"),
)


def findings(template: Template) -> list[str]:
    found = []
    for path, value in walk(template.body["Resources"]):
        if path and path[-1] in ("Schedule", "ScheduleExpression") and isinstance(value, str):
            if wrong := mistake(value):
                found.append(f"{place(*path)}: `{value}` {wrong}")
    return found


def mistake(schedule: str) -> str | None:
    """What EventBridge would say, or nothing."""
    if rate := RATE.fullmatch(schedule):
        if (rate["number"] == "1") != (rate["plural"] == ""):
            return "has a singular unit for 1 alone"
        return None
    if cron := CRON.fullmatch(schedule):
        return mistake_of_cron(cron["fields"].split())
    return "is neither rate(…) nor cron(…)"


def mistake_of_cron(fields: list[str]) -> str | None:
    if len(fields) != len(FIELDS):
        return f"has {len(fields)} fields, not {len(FIELDS)}"
    for field, (name, shape) in zip(fields, FIELDS):
        if not re.fullmatch(shape, field):
            return f"has `{field}` for {name}"
    if (fields[2] == "?") == (fields[4] == "?"):
        return "wants `?` for either the day of the month or the day of the week"
    return None


def seconds(schedule: str) -> int | None:
    """The interval of a rate."""
    rate = RATE.fullmatch(schedule)
    return int(rate["number"]) * SECONDS[rate["unit"]] if rate else None
