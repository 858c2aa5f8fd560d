"""The dashboard: variables, links, and the rows of panels below each other."""

import json

from grafana.compositions import COMPOSITIONS
from grafana.limits import REFUSALS, TOP_CALLERS
from grafana.machine import DEPENDENCIES, SATURATION, SYNC
from grafana.panels import COLUMNS, DATASOURCE, GUIDE, Panel
from grafana.traffic import OVERVIEW, RED, TIME
from harness.paths import PROJECT

PATH = PROJECT / "examples" / "prometheus" / "grafana-dashboard.json"
TITLE_HEIGHT = 1
ROWS = {
    "Overview": OVERVIEW,
    "Rate, errors, duration": RED,
    "Backend or gateway": TIME,
    "Decisions and refusals": REFUSALS,
    "Callers": TOP_CALLERS,
    "Compositions": COMPOSITIONS,
    "Dependencies": DEPENDENCIES,
    "Saturation and process": SATURATION,
    "alb-sync": SYNC,
}
# The builds of all gateways that Prometheus scrapes.
BUILDS = "tollgate_build_info"
# A placeholder, which users replace by the URL of their copy of the folder docs/.
DOCS = "https://docs.example.com/tollgate"


def dashboard() -> dict:
    """Returns the JSON model of the dashboard."""
    return {
        "id": None,
        "uid": "tollgate-gateway",
        "title": "Tollgate: local gateway",
        "description": "Rate, errors and durations of requests, decisions, callers, dependencies and saturation.",
        "tags": ["tollgate", "prometheus"],
        "schemaVersion": 41,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "fiscalYearStartMonth": 0,
        "timezone": "browser",
        "time": {"from": "now-1h", "to": "now"},
        "timepicker": {},
        "refresh": "30s",
        "links": [link("Guide", GUIDE), link("Metrics", "${docs:raw}/reference/local-metrics.md")],
        "annotations": {"list": [restarts()]},
        "templating": {"list": variables()},
        "panels": panels(),
    }


def as_json(model: dict) -> str:
    return json.dumps(model, indent=2) + "\n"


def panels() -> list[dict]:
    """Returns the titles of the rows and their panels, from left to right and from top to bottom."""
    models: list[dict] = []
    y = 0

    for title, row in ROWS.items():
        position = {"x": 0, "y": y, "w": COLUMNS, "h": TITLE_HEIGHT}
        number = len(models) + 1
        models.append(
            {
                "id": number,
                "type": "row",
                "title": title,
                "collapsed": False,
                "gridPos": position,
                "panels": [],
            }
        )
        y += TITLE_HEIGHT

        for line in lines(row):
            x = 0
            for panel in line:
                models.append(panel.model(len(models) + 1, x, y))
                x += panel.width
            y += max(panel.height for panel in line)
    return models


def lines(row: list[Panel]) -> list[list[Panel]]:
    """Divides the panels of a row into lines that are as wide as the dashboard."""
    found: list[list[Panel]] = [[]]
    for panel in row:
        if sum(other.width for other in found[-1]) + panel.width > COLUMNS:
            found.append([])
        found[-1].append(panel)
    return found


def variables() -> list[dict]:
    return [
        {
            "name": "datasource",
            "label": "Prometheus",
            "type": "datasource",
            "query": "prometheus",
            "regex": "",
            "current": {},
            "hide": 0,
            "includeAll": False,
            "multi": False,
            "options": [],
            "refresh": 1,
            "skipUrlSync": False,
        },
        label_variable("job", "Job", BUILDS),
        label_variable("instance", "Gateway", f'{BUILDS}{{job=~"$job"}}'),
        label_variable("route", "Route", 'tollgate_http_requests_total{job=~"$job"}'),
        label_variable("plan", "Plan", 'tollgate_decisions_total{job=~"$job"}'),
        {
            "name": "docs",
            "label": "URL of docs/",
            "description": "URL of your copy of the folder docs/. The links of the dashboard lead there.",
            "type": "textbox",
            "query": DOCS,
            "current": {"selected": True, "text": DOCS, "value": DOCS},
            "hide": 0,
            "options": [{"selected": True, "text": DOCS, "value": DOCS}],
            "skipUrlSync": False,
        },
    ]


def label_variable(name: str, label: str, series: str) -> dict:
    """Returns a variable with the values of the label `name`, all of them by default."""
    query = f"label_values({series}, {name})"
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {
            "qryType": 1,
            "query": query,
            "refId": "PrometheusVariableQueryEditor-VariableQuery",
        },
        "regex": "",
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "options": [],
        "hide": 0,
        "skipUrlSync": False,
    }


def restarts() -> dict:
    """Returns the annotation that marks starts of gateways."""
    expr = 'process_start_time_seconds{job=~"$job", instance=~"$instance"} * 1000'
    return {
        "name": "Starts",
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": "blue",
        "expr": expr,
        "titleFormat": "Start of {{instance}}",
        "useValueForTime": True,
    }


def link(title: str, url: str) -> dict:
    return {
        "title": title,
        "url": url,
        "type": "link",
        "icon": "doc",
        "targetBlank": True,
        "asDropdown": False,
        "includeVars": False,
        "keepTime": False,
        "tags": [],
        "tooltip": "",
    }
