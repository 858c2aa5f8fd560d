"""Expressions of CloudWatch Logs Insights: fields, literals, comparisons, arithmetic and functions.

Written after "Supported operations and functions" and the command `filter` of the user guide. Any
other syntax is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<number>\d+(?:\.\d+)?(?P<unit>[smhd]\b)?)
    | (?P<regex>(?<=like\s)/(?:[^/\\]|\\.)+/)
    | (?P<name>[A-Za-z_@][\w.@]*)
    | (?P<sign>!=|<=|>=|[-=<>+*/(),\[\]])
    )""",
    re.VERBOSE,
)
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
# An event's fields, by their names in a query.
Event = dict[str, Any]
Expression = Callable[[Event], Any]


class Tokens:
    """The tokens of a part of a query."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.rest = list(self._read())

    def _read(self) -> Iterator[re.Match[str]]:
        offset, body = 0, self.text.rstrip()
        while offset < len(body):
            token = TOKEN.match(body, offset)
            if not token:
                raise ValueError(f"`{self.text}`: unknown syntax at `{body[offset:]}`")
            offset = token.end()
            yield token

    def next_is(self, *words: str) -> bool:
        """True if the next token is one of these words or signs."""
        return bool(self.rest) and (self.rest[0]["name"] or self.rest[0]["sign"]) in words

    def accept(self, *words: str) -> str | None:
        """Consumes the next token if it is one of these words or signs."""
        if not self.next_is(*words):
            return None
        token = self.rest.pop(0)
        return token["name"] or token["sign"]

    def expect(self, word: str) -> None:
        if self.accept(word) is None:
            found = self.rest[0][0].strip() if self.rest else "the end"
            raise ValueError(f"`{self.text}`: expected `{word}`, found `{found}`")

    def name(self) -> str:
        if not self.rest or not self.rest[0]["name"]:
            raise ValueError(f"`{self.text}`: expected a name")
        return self.rest.pop(0)["name"]

    def end(self) -> None:
        if self.rest:
            raise ValueError(f"`{self.text}`: unexpected `{self.rest[0][0].strip()}`")


class Parser:
    """Parses expressions. `missing_differs` is the result of `!=` with a missing field, which the
    documentation does not define.
    """

    def __init__(self, tokens: Tokens, missing_differs: bool) -> None:
        self.tokens = tokens
        self.missing_differs = missing_differs

    def condition(self) -> Expression:
        operands = [self._all()]
        while self.tokens.accept("or"):
            operands.append(self._all())
        return operands[0] if len(operands) == 1 else lambda it: any(one(it) for one in operands)

    def _all(self) -> Expression:
        operands = [self._negated()]
        while self.tokens.accept("and"):
            operands.append(self._negated())
        return operands[0] if len(operands) == 1 else lambda it: all(one(it) for one in operands)

    def _negated(self) -> Expression:
        if self.tokens.accept("not"):
            operand = self._negated()
            return lambda it: not operand(it)
        return self._comparison()

    def _comparison(self) -> Expression:
        left = self.sum()
        if sign := self.tokens.accept("=", "!=", "<", "<=", ">", ">="):
            right = self.sum()
            return lambda it: self._compare(sign, left(it), right(it))
        if self.tokens.accept("like"):
            pattern = self._pattern()
            return lambda it: left(it) is not None and bool(pattern.search(str(left(it))))
        if self.tokens.accept("in"):
            items = self._items()
            return lambda it: any(self._compare("=", left(it), item(it)) for item in items)
        return left

    def _pattern(self) -> re.Pattern[str]:
        token = self.tokens.rest.pop(0)
        if token["regex"]:
            return re.compile(token["regex"][1:-1])
        if token["string"]:
            return re.compile(re.escape(unquoted(token["string"])))
        raise ValueError(f"`{self.tokens.text}`: expected a text or a regular expression after like")

    def _items(self) -> list[Expression]:
        self.tokens.expect("[")
        items = [self._factor()]
        while self.tokens.accept(","):
            items.append(self._factor())
        self.tokens.expect("]")
        return items

    def _compare(self, sign: str, left: Any, right: Any) -> bool:
        if left is None or right is None:
            return sign == "!=" and self.missing_differs

        numbers = number(left), number(right)
        first, second = (str(left), str(right)) if None in numbers else numbers
        return {
            "=": first == second,
            "!=": first != second,
            "<": first < second,
            "<=": first <= second,
            ">": first > second,
            ">=": first >= second,
        }[sign]

    def sum(self) -> Expression:
        value = self._product()
        while sign := self.tokens.accept("+", "-"):
            value = arithmetic(sign, value, self._product())
        return value

    def _product(self) -> Expression:
        value = self._factor()
        while sign := self.tokens.accept("*", "/"):
            value = arithmetic(sign, value, self._factor())
        return value

    def _factor(self) -> Expression:
        if self.tokens.accept("("):
            inside = self.condition()
            self.tokens.expect(")")
            return inside
        if not self.tokens.rest or self.tokens.rest[0]["sign"]:
            raise ValueError(f"`{self.tokens.text}`: expected a value")

        token = self.tokens.rest.pop(0)
        if token["string"] is not None:
            return constant(unquoted(token["string"]))
        if token["number"] is not None:
            factor = SECONDS[token["unit"]] if token["unit"] else 1
            return constant(float(token["number"].rstrip("smhd")) * factor)
        if self.tokens.accept("("):
            return self._function(token["name"])
        return lambda it: it.get(token["name"])

    def _function(self, name: str) -> Expression:
        arguments = [self.sum()]
        while self.tokens.accept(","):
            arguments.append(self.sum())
        self.tokens.expect(")")

        if name == "ispresent" and len(arguments) == 1:
            return lambda it: arguments[0](it) is not None
        if name == "strcontains" and len(arguments) == 2:
            text, part = arguments
            return lambda it: None if text(it) is None else int(str(part(it)) in str(text(it)))
        raise ValueError(f"`{self.tokens.text}`: unknown function {name}")


def constant(value: Any) -> Expression:
    return lambda _: value


def arithmetic(sign: str, left: Expression, right: Expression) -> Expression:
    """Returns the result for numbers, and no value for anything else."""

    def result(event: Event) -> float | None:
        first, second = number(left(event)), number(right(event))
        if first is None or second is None or (sign == "/" and second == 0):
            return None
        return {
            "+": first + second,
            "-": first - second,
            "*": first * second,
            "/": first / (second or 1),
        }[sign]

    return result


def number(value: Any) -> float | None:
    """Converts a value to a number. A text that is a number is one, as in the access log."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])
