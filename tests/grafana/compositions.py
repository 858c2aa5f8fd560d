"""The row of composed responses."""

from grafana.panels import Panel, Query, Step
from grafana.queries import GATEWAY, rate

RESPONSES = "tollgate_composed_responses_total"
PARTS = "tollgate_composition_parts_total"
PARTIAL = f'{GATEWAY}, result="partial"'
MISSING = f'{GATEWAY}, result!="ok"'
PARTIAL_SHARE = 0.05

COMPOSITIONS = [
    Panel(
        "Composed responses",
        "Responses of compositions per second. A partial response lacks a part, a failed one a required part.",
        [Query(rate(RESPONSES, GATEWAY, "result"), "{{result}}")],
        unit="reqps",
        stacked=True,
    ),
    Panel(
        "Share of partial responses",
        "Share of the responses of each composition that lack a part. The line is the threshold of the example alert.",
        [
            Query(
                f"{rate(RESPONSES, PARTIAL, 'route')} / {rate(RESPONSES, GATEWAY, 'route')}",
                "{{route}}",
            )
        ],
        unit="percentunit",
        steps=(Step("red", PARTIAL_SHARE),),
        section="tollgatepartialresponses",
    ),
    Panel(
        "Missing parts",
        "Missing parts per second, by composition, part and reason.",
        [
            Query(
                rate(PARTS, MISSING, "route, part, result"),
                "{{route}} {{part}}: {{result}}",
            )
        ],
        unit="reqps",
        stacked=True,
        section="tollgatepartialresponses",
    ),
]
