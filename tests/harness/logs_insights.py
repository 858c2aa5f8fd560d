"""Runs queries of CloudWatch Logs Insights over log lines.

The commands are those that the saved queries of stacks/monitoring.yaml use, with the meaning of
"CloudWatch Logs Insights language query syntax" in the user guide. Any other command, function or
syntax is an error.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from harness.logs_insights_expression import Event, Expression, Parser, Tokens, number

# A row of a result: the values by column.
Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class LogLine:
    """One log event, as CloudWatch Logs stores it. `timestamp` has the form of Insights, such as
    `2026-11-28 11:02:03.456`.
    """

    group: str
    timestamp: str
    message: str

    def event(self) -> Event:
        """Returns the fields that Insights discovers, with the names of nested ones joined by dots."""
        event: Event = {"@log": self.group, "@timestamp": self.timestamp, "@message": self.message}
        try:
            body = json.loads(self.message)
        except ValueError:
            return event
        return event | dict(flattened(body)) if isinstance(body, dict) else event


def flattened(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, item in value.items():
        if isinstance(item, dict):
            yield from flattened(item, f"{prefix}{name}.")
        elif isinstance(item, list):
            nested = {str(index): element for index, element in enumerate(item)}
            yield from flattened(nested, f"{prefix}{name}.")
        elif item is not None:
            yield f"{prefix}{name}", item


class Query:
    """A parsed query."""

    def __init__(self, text: str, missing_differs: bool = False) -> None:
        self.missing_differs = missing_differs
        # The columns of the result: those of the last `fields` or `stats`.
        self.columns = ["@timestamp", "@message"]
        self.commands = [self._command(part) for part in parts(text)]

    def run(self, lines: list[LogLine]) -> list[Row]:
        """Returns the rows. Without `sort`, the newest events are first."""
        events = sorted((line.event() for line in lines), key=newest, reverse=True)
        for command in self.commands:
            events = command(events)
        return [{name: event.get(name) for name in self.columns} for event in events]

    def _command(self, text: str) -> Callable[[list[Event]], list[Event]]:
        word, _, rest = text.partition(" ")
        commands = {
            "fields": self._fields,
            "filter": self._filter,
            "stats": self._stats,
            "sort": self._sort,
            "limit": self._limit,
        }
        if word not in commands:
            raise ValueError(f"`{text}`: unknown command {word}")

        tokens = Tokens(rest)
        command = commands[word](tokens)
        tokens.end()
        return command

    def _parser(self, tokens: Tokens) -> Parser:
        return Parser(tokens, self.missing_differs)

    def _fields(self, tokens: Tokens) -> Callable[[list[Event]], list[Event]]:
        columns = dict(self._columns(tokens))
        self.columns = list(columns)

        def add(event: Event) -> Event:
            return event | {name: column(event) for name, column in columns.items()}

        return lambda events: [add(event) for event in events]

    def _columns(self, tokens: Tokens) -> Iterator[tuple[str, Expression]]:
        while True:
            text = tokens.rest[0][0].strip() if tokens.rest else ""
            expression = self._parser(tokens).sum()
            yield (tokens.name() if tokens.accept("as") else text), expression
            if not tokens.accept(","):
                return

    def _filter(self, tokens: Tokens) -> Callable[[list[Event]], list[Event]]:
        condition = self._parser(tokens).condition()
        return lambda events: [event for event in events if condition(event)]

    def _stats(self, tokens: Tokens) -> Callable[[list[Event]], list[Event]]:
        aggregates = dict(self._aggregates(tokens))
        keys = dict(self._columns(tokens)) if tokens.accept("by") else {}
        self.columns = [*keys, *aggregates]

        def grouped(events: list[Event]) -> list[Event]:
            groups: dict[tuple[Any, ...], list[Event]] = {}
            for event in events:
                groups.setdefault(tuple(key(event) for key in keys.values()), []).append(event)
            return [
                dict(zip(keys, values, strict=True))
                | {name: aggregate(group) for name, aggregate in aggregates.items()}
                for values, group in groups.items()
            ]

        return grouped

    def _aggregates(self, tokens: Tokens) -> Iterator[tuple[str, Callable[[list[Event]], Any]]]:
        while True:
            function = tokens.name()
            tokens.expect("(")
            aggregate = self._aggregate(function, tokens)
            tokens.expect(")")
            yield (tokens.name() if tokens.accept("as") else function), aggregate
            if not tokens.accept(","):
                return

    def _aggregate(self, function: str, tokens: Tokens) -> Callable[[list[Event]], Any]:
        if function == "count" and tokens.accept("*"):
            return len

        value = self._parser(tokens).sum()
        if function == "pct":
            tokens.expect(",")
            share = float(tokens.rest.pop(0)[0])
            return lambda events: percentile(numbers(value, events), share)
        if function == "earliest":
            return lambda events: value(min(events, key=newest))
        if function == "latest":
            return lambda events: value(max(events, key=newest))

        functions = {"sum": sum, "min": min, "max": max}
        if function not in functions:
            raise ValueError(f"`{tokens.text}`: unknown function {function}")
        return lambda events: functions[function](numbers(value, events), **no_value(function))

    def _sort(self, tokens: Tokens) -> Callable[[list[Event]], list[Event]]:
        key = tokens.name()
        is_descending = tokens.accept("asc", "desc") == "desc"

        def order(event: Event) -> tuple[bool, float, str]:
            value = event.get(key)
            as_number = number(value)
            return value is not None, as_number if as_number is not None else 0, str(value)

        return lambda events: sorted(events, key=order, reverse=is_descending)

    def _limit(self, tokens: Tokens) -> Callable[[list[Event]], list[Event]]:
        count = int(tokens.rest.pop(0)[0])
        return lambda events: events[:count]


def parts(text: str) -> Iterator[str]:
    """Splits a query into its commands. A bar in a text or a regular expression does not separate."""
    pattern = re.compile(r'(?:"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|like\s+/(?:[^/\\]|\\.)+/|[^|])+')
    for match in pattern.finditer(text):
        yield " ".join(match[0].split())


def newest(event: Event) -> str:
    return event["@timestamp"]


def numbers(value: Expression, events: list[Event]) -> list[float]:
    return [it for event in events if (it := number(value(event))) is not None]


def no_value(function: str) -> dict[str, Any]:
    """Returns the argument for the result without any number."""
    return {} if function == "sum" else {"default": None}


def percentile(values: list[float], share: float) -> float | None:
    """Returns the smallest value that is at least as large as `share` percent of the values."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(len(values) * share / 100) - 1)]
