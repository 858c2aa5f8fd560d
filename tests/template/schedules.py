"""Schedules. CloudFormation accepts any string, but EventBridge rejects invalid schedules."""

import re

from template.templates import Template, dotted, walk

RATE = re.compile(r"rate\((?P<number>[1-9][0-9]*) (?P<unit>minute|hour|day)(?P<plural>s?)\)")
CRON = re.compile(r"cron\((?P<fields>[^()]*)\)")
UNIT_S = {"minute": 60, "hour": 3_600, "day": 86_400}
# The allowed characters of each field, from "Cron expressions reference", EventBridge.
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
            if error := schedule_error(value):
                found.append(f"{dotted(*path)}: `{value}` {error}")
    return found


def schedule_error(schedule: str) -> str | None:
    """Returns the reason why EventBridge would reject a schedule, or None."""
    if rate := RATE.fullmatch(schedule):
        if (rate["number"] == "1") != (rate["plural"] == ""):
            return "must have a singular unit for 1 and a plural unit otherwise"
        return None
    if cron := CRON.fullmatch(schedule):
        return cron_error(cron["fields"].split())
    return "is neither rate(…) nor cron(…)"


def cron_error(fields: list[str]) -> str | None:
    if len(fields) != len(FIELDS):
        return f"has {len(fields)} fields, expected {len(FIELDS)}"
    for field, (name, pattern) in zip(fields, FIELDS):
        if not re.fullmatch(pattern, field):
            return f"has an invalid {name} `{field}`"
    if (fields[2] == "?") == (fields[4] == "?"):
        return "must have `?` for either the day of month or the day of week"
    return None


def interval_s(schedule: str) -> int | None:
    """Returns the interval of a rate in seconds."""
    rate = RATE.fullmatch(schedule)
    return int(rate["number"]) * UNIT_S[rate["unit"]] if rate else None
