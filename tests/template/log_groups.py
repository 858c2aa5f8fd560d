"""Log groups and their subscriptions."""

from __future__ import annotations

import collections

from template.stack import Stack, Unknown

# "CloudWatch Logs quotas": the number of subscription filters per log group.
MAX_SUBSCRIPTIONS = 2


def findings(stack: Stack) -> list[str]:
    groups = stack.of_type("AWS::Logs::LogGroup")
    found = [
        f"{name}: keeps logs forever"
        for name, it in groups.items()
        if not it.get("RetentionInDays")
    ]

    subscriptions = stack.of_type("AWS::Logs::SubscriptionFilter")
    counts = collections.Counter(target(it["LogGroupName"]) for it in subscriptions.values())
    found += [
        f"{group}: has {count} subscriptions"
        for group, count in counts.items()
        if count > MAX_SUBSCRIPTIONS
    ]

    for name, it in subscriptions.items():
        function = stack.resources.get(target(it["DestinationArn"]) or "", {}).get("Properties", {})
        own_group = function.get("LoggingConfig", {}).get("LogGroup")
        if own_group is not None and target(own_group) == target(it["LogGroupName"]):
            found.append(f"{name}: invokes a function with the function's own log")
    return found


def target(value: object) -> str | None:
    return value.targets[0] if isinstance(value, Unknown) and value.targets else None
