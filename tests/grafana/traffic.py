"""The rows of requests: overview, rate, errors and durations, and where the time goes."""

from grafana.panels import STAT_HEIGHT, Panel, Query, Step
from grafana.queries import GATEWAY, QUANTILES, REQUESTS, ROUTE, average, quantile, rate, share

NO_REQUESTS = "No requests"
SHARE = {"unit": "percentunit", "no_value": NO_REQUESTS}
SECONDS = {"unit": "s"}
# An alert of each share fires from its last step on.
ERROR_SHARE = (Step("red", 0.0144),)
REFUSED_SHARE = (Step("orange", 0.1), Step("red", 0.2))


def stat(title: str, description: str, expr: str, **options: object) -> Panel:
    return Panel(
        title, description, [Query(expr)], kind="stat", width=4, height=STAT_HEIGHT, **options
    )


OVERVIEW = [
    stat("Requests", "Requests per second.", rate(REQUESTS, ROUTE), unit="reqps"),
    stat(
        "5xx",
        "Share of requests with a 5xx response. The objective of the example alerts is 0.1 % over 30 days.",
        share('status=~"5.."'),
        **SHARE,
        steps=ERROR_SHARE,
        section="tollgateerrorbudgetburnsfast",
    ),
    stat(
        "p99",
        "99 % of the requests were faster.",
        quantile("tollgate_http_request_duration_seconds", 0.99),
        **SECONDS,
        no_value=NO_REQUESTS,
        steps=(Step("red", 1),),
        section="tollgateslow",
    ),
    stat(
        "401, 403 and 429",
        "Share of requests that the gateway refused. Refusals by the backend do not count.",
        share('status=~"401|403|429", source!="backend"'),
        **SHARE,
        steps=REFUSED_SHARE,
        section="who-is-throttled",
    ),
    stat(
        "In flight",
        "Requests without a complete response.",
        f"sum(tollgate_http_requests_in_flight{{{GATEWAY}}})",
        steps=(Step("red", 1000),),
        section="tollgaterequestspileup",
    ),
    stat(
        "Open breakers",
        "Circuit breakers that reject calls. See the row of dependencies.",
        f'sum(tollgate_circuit_breaker_state{{{GATEWAY}, state="open"}} or vector(0))',
        steps=(Step("red", 1),),
        section="tollgatebreakeropen",
    ),
]

RED = [
    Panel(
        "Requests by route",
        "Requests per second. The route is that of the policy or the plan.",
        [Query(rate(REQUESTS, ROUTE, "route"), "{{route}}")],
        unit="reqps",
        stacked=True,
    ),
    Panel(
        "Responses by status",
        "Responses per second. `none` means that the client left before the response.",
        [Query(rate(REQUESTS, ROUTE, "status"), "{{status}}")],
        unit="reqps",
        stacked=True,
    ),
    Panel(
        "Errors by source and status",
        "5xx responses per second. The source is the backend, a function, a listener rule, or the gateway itself.",
        [
            Query(
                rate(REQUESTS, f'{ROUTE}, status=~"5.."', "source, status"),
                "{{source}} {{status}}",
            )
        ],
        unit="reqps",
        stacked=True,
        section="tollgategatewayerrors",
    ),
    Panel(
        "Incomplete responses",
        "Responses per second whose body ended early, because of the backend, the integration's timeout or the client.",
        [
            Query(
                rate("tollgate_incomplete_responses_total", ROUTE, "route, reason"),
                "{{route}}: {{reason}}",
            )
        ],
        unit="reqps",
        section="tollgateincompleteresponses",
    ),
    Panel(
        "Duration",
        "Quantiles from the request to the end of the response. The dots are requests with a recorded trace.",
        [
            Query(quantile("tollgate_http_request_duration_seconds", q), name)
            for name, q in QUANTILES.items()
        ],
        **SECONDS,
        exemplars=True,
        steps=(Step("red", 1),),
        section="tollgateslow",
    ),
    Panel(
        "p99 by route",
        "99 % of the requests of the route were faster.",
        [
            Query(
                quantile("tollgate_http_request_duration_seconds", 0.99, ROUTE, "route"),
                "{{route}}",
            )
        ],
        **SECONDS,
        steps=(Step("red", 1),),
        section="tollgateslow",
    ),
    Panel(
        "Durations",
        "Requests per second in each bucket of the histogram.",
        [Query(rate("tollgate_http_request_duration_seconds_bucket", ROUTE, "le"))],
        unit="reqps",
        kind="heatmap",
    ),
]

TIME = [
    Panel(
        "Backend and gateway",
        "Quantiles of the time that the backend or function took, and of the rest, which the gateway took.",
        [
            Query(quantile(f"tollgate_{part}_duration_seconds", q), f"{label} {name}")
            for part, label in (("upstream", "backend"), ("gateway", "gateway"))
            for name, q in QUANTILES.items()
            if name != "p99.9"
        ],
        **SECONDS,
        section="is-the-backend-or-the-gateway-slow",
    ),
    Panel(
        "Average by part",
        "Average times. The time of the authorizer is a part of the gateway's.",
        [
            Query(average(f"tollgate_{part}_duration_seconds"), label)
            for part, label in (
                ("http_request", "request"),
                ("upstream", "backend"),
                ("gateway", "gateway"),
                ("authorizer", "authorizer"),
            )
        ],
        **SECONDS,
    ),
    Panel(
        "p99 of the backend by route",
        "The route with the slowest backend.",
        [Query(quantile("tollgate_upstream_duration_seconds", 0.99, ROUTE, "route"), "{{route}}")],
        **SECONDS,
    ),
]
