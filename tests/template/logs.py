"""Log groups, their subscriptions and filters."""

from __future__ import annotations

import collections

from .evaluation import Position, Unknown

# "CloudWatch Logs quotas": subscription filters of one group.
MOST_SUBSCRIPTIONS = 2


def findings_at(position: Position) -> list[str]:
    found = []
    groups = position.of_type("AWS::Logs::LogGroup")
    found += [f"{name}: keeps logs forever" for name, it in groups.items() if not it.get("RetentionInDays")]
    subscriptions = position.of_type("AWS::Logs::SubscriptionFilter")
    counts = collections.Counter(target(it["LogGroupName"]) for it in subscriptions.values())
    found += [f"{group}: has {count} subscriptions" for group, count in counts.items() if count > MOST_SUBSCRIPTIONS]
    for name, it in subscriptions.items():
        function = position.resources.get(target(it["DestinationArn"]) or "", {}).get("Properties", {})
        own = function.get("LoggingConfig", {}).get("LogGroup")
        if own is not None and target(own) == target(it["LogGroupName"]):
            found.append(f"{name}: calls a function with the function's own log")
    return found


def target(value: object) -> str | None:
    return value.targets[0] if isinstance(value, Unknown) and value.targets else None
