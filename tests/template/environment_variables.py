"""Environment variables of the functions: each one that is set is read, and each one that is read
is set.

Variables that are read but not set are listed here with the reason.
"""

from __future__ import annotations

import json

from harness.paths import PROJECT
from template.parameter_sets import all_stacks
from template.rust_sources import PACKAGES, exporter_variables
from template.stack import Stack, Unknown, grouped
from template.templates import Template

# "Lambda quotas": the size of all variables of a function.
MAX_BYTES = 4_096
SET_BY_LAMBDA = "Lambda sets it"
MANUAL = "for manual tests of VPC endpoints"
LOCAL = "for local servers"
EMBEDDED = "for local use without tables, in events/env.json"
# The only variable of the exporter that the template sets.
COLLECTOR = "OTEL_EXPORTER_OTLP_ENDPOINT"
COMMON = {
    "AWS_ACCESS_KEY_ID": SET_BY_LAMBDA,
    "AWS_SECRET_ACCESS_KEY": SET_BY_LAMBDA,
    "AWS_SESSION_TOKEN": SET_BY_LAMBDA,
    "AWS_REGION": SET_BY_LAMBDA,
    "AWS_DEFAULT_REGION": SET_BY_LAMBDA,
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": SET_BY_LAMBDA,
    "AWS_LAMBDA_FUNCTION_NAME": SET_BY_LAMBDA,
    "AWS_LAMBDA_FUNCTION_VERSION": SET_BY_LAMBDA,
    "AWS_LAMBDA_LOG_STREAM_NAME": SET_BY_LAMBDA,
    "AWS_LAMBDA_LOG_LEVEL": "ApplicationLogLevel in LoggingConfig sets it",
    "RUST_LOG": "for functions that run outside Lambda",
    "SSL_CERT_FILE": "for functions that run outside Lambda",
    "AWS_ENDPOINT_URL": LOCAL,
    "USE_VPC_ENDPOINT": MANUAL,
    "VPC_ENDPOINT_URLS": MANUAL,
    "FALLBACK_TO_PUBLIC": MANUAL,
    **{
        name: "the defaults of OpenTelemetry apply"
        for name in exporter_variables() - {COLLECTOR}
    },
}
# Variables that are read and not set, with the reason.
NOT_SET = {
    "AlbSyncFunction": COMMON
    | {
        "DNS_TIMEOUT_MS": "the default is far below the deadline of a run",
    },
    "AuthorizerFunction": COMMON | {"EMBEDDED_STORE": EMBEDDED},
    "ComposerFunction": COMMON | {"EMBEDDED_STORE": EMBEDDED},
    "LimiterFunction": COMMON | {"EMBEDDED_STORE": EMBEDDED},
    "MetricsPublisherFunction": COMMON,
}
# Further variables that the examples do not set.
NOT_SET_IN_EXAMPLES = {
    COLLECTOR,
    "EXTRA_CA_CERTS",
    "DECISION_DEADLINE_MS",
    "LOCAL_INSTANCES",
    "ON_BAD_CREDENTIALS",
    "LOG_DECISIONS",
    "DNS_SERVERS",
    "MISSES_BEFORE_DEREGISTRATION",
    "INTERVAL_S",
    "MAX_DEREGISTRATION_PERCENT",
    "MAX_LOOKUPS",
    "REMOVE_UNTRACKED",
    "DRY_RUN",
}


def findings(template: Template) -> list[str]:
    return findings_in(template, all_stacks(template))


def findings_in(template: Template, stacks: list[tuple[str, Stack]]) -> list[str]:
    """Checks the variables that are set in any of the stacks."""
    large: list[tuple[str, str]] = []
    set_anywhere: dict[str, set[str]] = {}
    for label, stack in stacks:
        for function, properties in stack.of_type("AWS::Lambda::Function").items():
            if function in PACKAGES:
                variables = properties.get("Environment", {}).get("Variables", {})
                set_anywhere.setdefault(function, set()).update(variables)
                large += [(label, f"{function}: {error}") for error in size_errors(variables)]

    found = grouped(large)
    for function, names in set_anywhere.items():
        found += name_errors(function, names, template.path != "template.yaml")
    return found


def name_errors(function: str, names: set[str], is_example: bool) -> list[str]:
    """Compares the names that are set with those that the function reads."""
    read, not_set = PACKAGES[function].variables(), NOT_SET[function].keys()
    missing = read - names - not_set - (NOT_SET_IN_EXAMPLES if is_example else set())
    found = [f"{function}: {name} is set but not read" for name in sorted(names - read)]
    found += [f"{function}: {name} is read but not set" for name in sorted(missing)]
    if not is_example:
        found += [
            f"{function}: {name} is listed in NOT_SET but is set"
            for name in sorted(not_set & names)
        ]
        found += [
            f"{function}: {name} is listed in NOT_SET but not read"
            for name in sorted(not_set - read)
        ]
    return found


def size_errors(variables: dict[str, object]) -> list[str]:
    """Adds up the known values. Unknown values, such as names of tables, are short."""
    known = {
        name: "" if isinstance(value, Unknown) else str(value) for name, value in variables.items()
    }
    size = sum(len(name.encode()) + len(value.encode()) for name, value in known.items())
    return (
        [f"{size} bytes of variables, and Lambda allows {MAX_BYTES}"]
        if size > MAX_BYTES - 512
        else []
    )


def local_settings_errors() -> list[str]:
    """Checks the variables of `cargo lambda watch` and `sam local`, in events/env.json."""
    settings = json.loads((PROJECT / "events" / "env.json").read_text())
    found = [f"events/env.json: {name} is missing" for name in PACKAGES if name not in settings]
    for function, variables in settings.items():
        unread = variables.keys() - PACKAGES[function].variables()
        found += [f"events/env.json: {function}: {name} is not read" for name in sorted(unread)]
    return found
