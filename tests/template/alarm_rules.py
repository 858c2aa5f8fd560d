"""Rules of composite alarms, and states of metric alarms when data is missing.

Written after "Create a composite alarm" (rule expressions) and "Configuring how CloudWatch alarms
treat missing data".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
TOKEN = re.compile(r'\s*(?:(?P<state>ALARM|OK|INSUFFICIENT_DATA)\("(?P<name>[^"]+)"\)|(?P<word>AND|OR|NOT|[()]))')
# The data points of an alarm, the oldest first: True if one is breaching, None if it is missing.
Points = Sequence[bool | None]


class AlarmRule:
    """A parsed rule. `NOT` binds more tightly than `AND`, and `AND` more tightly than `OR`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokens()
        # Evaluation also finds syntax errors.
        self.is_alarm({name: OK for name in self.names})

    def _tokens(self) -> list[re.Match[str]]:
        tokens, offset, body = [], 0, self.text.rstrip()
        while offset < len(body):
            token = TOKEN.match(body, offset)
            if not token:
                raise ValueError(f"`{self.text}` has an unknown part at `{body[offset:]}`")
            tokens.append(token)
            offset = token.end()
        return tokens

    @property
    def names(self) -> set[str]:
        """The alarms in the rule."""
        return {token["name"] for token in self.tokens if token["name"]}

    def paging(self) -> set[str]:
        """Returns the alarms that alone put the composite alarm into state ALARM."""
        quiet = {name: OK for name in self.names}
        return {name for name in self.names if self.is_alarm({**quiet, name: ALARM})}

    def is_alarm(self, states: Mapping[str, str]) -> bool:
        rest = list(self.tokens)
        result = self._either(rest, states)
        if rest:
            raise ValueError(f"`{self.text}` has an unexpected `{rest[0][0].strip()}`")
        return result

    def _either(self, rest: list[re.Match[str]], states: Mapping[str, str]) -> bool:
        return any(self._operands(rest, states, "OR", self._all))

    def _all(self, rest: list[re.Match[str]], states: Mapping[str, str]) -> bool:
        return all(self._operands(rest, states, "AND", self._single))

    def _operands(
        self,
        rest: list[re.Match[str]],
        states: Mapping[str, str],
        operator: str,
        operand: Callable[[list[re.Match[str]], Mapping[str, str]], bool],
    ) -> list[bool]:
        results = [operand(rest, states)]
        while rest and rest[0]["word"] == operator:
            rest.pop(0)
            results.append(operand(rest, states))
        return results

    def _single(self, rest: list[re.Match[str]], states: Mapping[str, str]) -> bool:
        if not rest:
            raise ValueError(f"`{self.text}` ends too early")

        first = rest.pop(0)
        if first["state"]:
            return states[first["name"]] == first["state"]
        if first["word"] == "NOT":
            return not self._single(rest, states)
        if first["word"] != "(":
            raise ValueError(f"`{self.text}` has an unexpected `{first['word']}`")

        result = self._either(rest, states)
        if not rest or rest.pop(0)["word"] != ")":
            raise ValueError(f"`{self.text}` has a bracket that is not closed")
        return result


def state(
    points: Points, evaluation_periods: int, datapoints_to_alarm: int, missing: str, before: str
) -> str:
    """Returns the state of a metric alarm after an evaluation. `points` are those of the evaluation
    range, which is longer than the evaluation periods.
    """
    real = [point for point in points if point is not None]
    evaluated = real[-evaluation_periods:]
    lacking = evaluation_periods - len(evaluated)
    filled = lacking if missing == "breaching" else 0
    if sum(evaluated) + filled >= datapoints_to_alarm:
        return ALARM

    is_premature = lacking > 0 and _is_premature(
        points[-evaluation_periods:], evaluated, datapoints_to_alarm
    )
    if missing == "ignore" and (not real or is_premature):
        return before
    if missing == "missing" and is_premature:
        return ALARM
    return INSUFFICIENT_DATA if missing == "missing" and not real else OK


def _is_premature(recent: Points, evaluated: Points, datapoints_to_alarm: int) -> bool:
    """True if the oldest breaching point is at least as old as the datapoints to alarm, and every
    later point is breaching or missing.
    """
    if True not in recent or False in evaluated:
        return False
    return len(recent) - list(recent).index(True) >= datapoints_to_alarm
