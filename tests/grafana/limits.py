"""The rows of decisions, refusals and callers."""

from grafana.panels import Panel, Query, Step
from grafana.queries import GATEWAY, PLAN, rate, share

DECISIONS = "tollgate_decisions_total"
CALLERS = "tollgate_caller_decisions_total"
THROTTLED = f'{PLAN}, decision="throttled"'
TOP = 10


def refused_share(status: int, threshold: float, section: str) -> Panel:
    return Panel(
        f"Share of {status}",
        f"Share of the requests with a {status} of the gateway. The line is the threshold of the example alert.",
        [Query(share(f'status="{status}", source!="backend"'), f"{status}")],
        unit="percentunit",
        steps=(Step("red", threshold),),
        section=section,
    )


REFUSALS = [
    Panel(
        "Decisions",
        "Decisions of the authorizer per second. `degraded` and `unavailable` mean that the store did not decide.",
        [Query(rate(DECISIONS, PLAN, "decision"), "{{decision}}")],
        unit="reqps",
        stacked=True,
        section="tollgatelimitsdegraded",
    ),
    Panel(
        "Refusals by reason",
        "Requests per second with a 401, 403, 429 or 503. docs/reference/reasons.md explains the reasons.",
        [Query(rate("tollgate_refusals_total", GATEWAY, "reason"), "{{reason}}")],
        unit="reqps",
        stacked=True,
    ),
    Panel(
        "Throttled by plan and limit",
        "Throttled requests per second, by the limits that refused them, such as `burst` or `day`.",
        [
            Query(
                rate(DECISIONS, THROTTLED, "plan, limit"),
                "{{plan}}: {{limit}}",
            )
        ],
        unit="reqps",
        stacked=True,
        section="by-which-limit",
    ),
    refused_share(401, 0.2, "tollgateunauthorized"),
    refused_share(403, 0.2, "tollgateforbidden"),
    refused_share(429, 0.2, "tollgatethrottled"),
    Panel(
        "Near a limit",
        "Requests per second of callers that have used up the share `near_limit` of a limit, by plan.",
        [Query(rate("tollgate_near_limit_total", PLAN, "plan"), "{{plan}}")],
        unit="reqps",
    ),
    Panel(
        "Over a quota with overage",
        "Requests per second beyond a quota that allows overage, by plan.",
        [Query(rate("tollgate_over_quota_total", PLAN, "plan"), "{{plan}}")],
        unit="reqps",
    ),
    Panel(
        "Refused by plans in shadow mode",
        "Requests per second that a plan in shadow mode would have refused.",
        [Query(rate("tollgate_shadow_denied_total", PLAN, "plan, limit"), "{{plan}}: {{limit}}")],
        unit="reqps",
    ),
]

TOP_CALLERS = [
    Panel(
        f"Top {TOP} callers",
        "The callers with the most requests per second. Beyond 500 callers, further ones are counted as `other`.",
        [Query(f"topk({TOP}, {rate(CALLERS, PLAN, 'caller, plan')})", "{{caller}} ({{plan}})")],
        unit="reqps",
        kind="table",
        width=12,
    ),
    Panel(
        f"Top {TOP} throttled callers",
        "The callers with the most throttled requests per second.",
        [
            Query(
                f"topk({TOP}, {rate(CALLERS, THROTTLED, 'caller, plan')} > 0)",
                "{{caller}} ({{plan}})",
            )
        ],
        unit="reqps",
        kind="table",
        width=12,
        section="who-is-throttled",
    ),
]
