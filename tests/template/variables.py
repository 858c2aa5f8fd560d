"""The functions' environment: what is set is read, and what is read is set or has a reason not to be."""

from __future__ import annotations

import json

from .document import PROJECT, Template
from .evaluation import Position, Unknown, grouped
from .positions import all_positions
from .sources import PACKAGES

# "Lambda quotas": all variables of a function together.
MOST_BYTES = 4_096
SET_BY_LAMBDA = "Lambda sets it"
STAGED = "for a VPC whose endpoints are tried out, by hand"
LOCAL = "for local servers"
EMBEDDED = "for trying out without tables: events/env.json"
OF_ALL = {
    "AWS_ACCESS_KEY_ID": SET_BY_LAMBDA,
    "AWS_SECRET_ACCESS_KEY": SET_BY_LAMBDA,
    "AWS_SESSION_TOKEN": SET_BY_LAMBDA,
    "AWS_REGION": SET_BY_LAMBDA,
    "AWS_DEFAULT_REGION": SET_BY_LAMBDA,
    "AWS_LAMBDA_LOG_LEVEL": "LoggingConfig's ApplicationLogLevel sets it",
    "RUST_LOG": "where a function runs outside of Lambda",
    "AWS_ENDPOINT_URL": LOCAL,
    "USE_VPC_ENDPOINT": STAGED,
    "VPC_ENDPOINT_URLS": STAGED,
    "FALLBACK_TO_PUBLIC": STAGED,
}
# Read and deliberately left to their defaults.
LEFT = {
    "AlbSyncFunction": OF_ALL | {
        "DNS_TIMEOUT_MS": "well within the run's own deadline",
    },
    "AuthorizerFunction": OF_ALL | {"EMBEDDED_STORE": EMBEDDED},
    "LimiterFunction": OF_ALL | {"EMBEDDED_STORE": EMBEDDED},
    "MetricsPublisherFunction": OF_ALL,
}
# Examples set what their stacks have.
LEFT_IN_EXAMPLES = {
    "DECISION_DEADLINE_MS", "LOCAL_INSTANCES", "ON_BAD_CREDENTIALS", "DNS_SERVERS", "MISSES_BEFORE_DEREGISTRATION",
    "INTERVAL_S", "MAX_DEREGISTRATION_PERCENT", "MAX_LOOKUPS", "REMOVE_UNTRACKED", "DRY_RUN",
}


def findings(template: Template) -> list[str]:
    return findings_in(template, all_positions(template))


def findings_in(template: Template, positions: list[tuple[str, Position]]) -> list[str]:
    """Of variables that are set in some of these positions."""
    large: list[tuple[str, str]] = []
    set_anywhere: dict[str, set[str]] = {}
    for label, position in positions:
        for function, properties in position.of_type("AWS::Lambda::Function").items():
            if function in PACKAGES:
                variables = properties.get("Environment", {}).get("Variables", {})
                set_anywhere.setdefault(function, set()).update(variables)
                large += [(label, f"{function}: {mistake}") for mistake in mistakes_of_size(variables)]
    found = grouped(large)
    for function, names in set_anywhere.items():
        found += mistakes(function, names, template.path != "template.yaml")
    return found


def mistakes(function: str, given: set[str], example: bool) -> list[str]:
    """Of the names that are set in some position."""
    read, left = PACKAGES[function].variables(), LEFT[function].keys()
    unset = read - given - left - (LEFT_IN_EXAMPLES if example else set())
    found = [f"{function}: {name} is set, and nothing reads it" for name in sorted(given - read)]
    found += [f"{function}: {name} is read, and neither set nor left to its default" for name in sorted(unset)]
    if not example:
        found += [f"{function}: {name} is said to be left to its default, and is set" for name in sorted(left & given)]
        found += [f"{function}: {name} is said to be read, and is not" for name in sorted(left - read)]
    return found


def mistakes_of_size(variables: dict[str, object]) -> list[str]:
    """As far as values are known; names of tables and the like are short."""
    known = {name: "" if isinstance(value, Unknown) else str(value) for name, value in variables.items()}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in known.items())
    return [f"{size} bytes of variables, and Lambda takes {MOST_BYTES}"] if size > MOST_BYTES - 512 else []


def findings_of_settings_for_trials() -> list[str]:
    """What `cargo lambda watch` and `sam local` are given."""
    settings = json.loads((PROJECT / "events" / "env.json").read_text())
    found = [f"events/env.json: nothing for {name}" for name in PACKAGES if name not in settings]
    for function, variables in settings.items():
        unread = variables.keys() - PACKAGES[function].variables()
        found += [f"events/env.json: {function}: nothing reads {name}" for name in sorted(unread)]
    return found
