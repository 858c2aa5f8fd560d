"""Panels of Grafana in the classic JSON model, schema version 41 (Grafana 12)."""

import dataclasses
from typing import NamedTuple

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# A dashboard is 24 columns wide.
COLUMNS = 24
HEIGHT, STAT_HEIGHT = 8, 4
# A link of a panel that leads to a section of the guide.
GUIDE = "${docs:raw}/guides/prometheus.md"


class Query(NamedTuple):
    """A PromQL expression and the legend of its series."""

    expr: str
    legend: str = ""


class Step(NamedTuple):
    """A threshold: the color of values from `value` on."""

    color: str
    value: float


@dataclasses.dataclass(frozen=True)
class Panel:
    """A panel. `unit` is one of Grafana's, such as `reqps`, `s`, `percentunit` and `short`.

    `section` is the anchor of the guide that the panel links to.
    """

    title: str
    description: str
    queries: list[Query]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    height: int = HEIGHT
    steps: tuple[Step, ...] = ()
    stacked: bool = False
    exemplars: bool = False
    maximum: float | None = None
    mappings: tuple[tuple[str, str, str], ...] = ()
    section: str = ""
    no_value: str = ""

    def model(self, number: int, x: int, y: int) -> dict:
        """Returns the JSON model of the panel at a position."""
        model = {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "datasource": DATASOURCE,
            "targets": [self._target(index, query) for index, query in enumerate(self.queries)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": OPTIONS[self.kind],
        }
        if self.section:
            url = f"{GUIDE}#{self.section}"
            model["links"] = [{"title": "Guide", "url": url, "targetBlank": True}]
            model["description"] += f" See docs/guides/prometheus.md#{self.section}."
        if self.kind == "table":
            model["transformations"] = TABLE_TRANSFORMATIONS
        return model

    def _target(self, index: int, query: Query) -> dict:
        now = self.kind in ("stat", "table")
        target = {
            "refId": chr(ord("A") + index),
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": query.expr,
            "instant": now,
            "range": not now,
            "legendFormat": query.legend or "__auto",
        }
        if self.kind == "heatmap":
            target |= {"format": "heatmap", "legendFormat": "{{le}}"}
        if self.kind == "table":
            target |= {"format": "table"}
        # The exemplars of a histogram are the same for each quantile.
        if self.exemplars and index == 0:
            target |= {"exemplar": True}
        return target

    def _defaults(self) -> dict:
        steps = [{"color": "green", "value": None}]
        steps += [{"color": step.color, "value": step.value} for step in self.steps]
        defaults = {
            "unit": self.unit,
            "min": 0,
            "color": {"mode": "thresholds" if self.kind == "stat" else "palette-classic"},
            "thresholds": {"mode": "absolute", "steps": steps},
            "mappings": [self._mapping(*mapping) for mapping in self.mappings],
        }
        if self.no_value:
            defaults["noValue"] = self.no_value
        if self.maximum is not None:
            defaults["max"] = self.maximum
        if self.kind == "timeseries":
            defaults["custom"] = self._lines()
        if self.kind == "state-timeline":
            defaults |= {
                "color": {"mode": "thresholds"},
                "custom": {"fillOpacity": 80, "lineWidth": 0},
            }
        return defaults

    def _lines(self) -> dict:
        return {
            "drawStyle": "line",
            "lineInterpolation": "linear",
            "lineWidth": 1,
            "fillOpacity": 30 if self.stacked else 0,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if self.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "line" if self.steps else "off"},
        }

    @staticmethod
    def _mapping(value: str, text: str, color: str) -> dict:
        return {"type": "value", "options": {value: {"text": text, "color": color, "index": 0}}}


# The options of each kind of panel.
OPTIONS = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "textMode": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    },
    "heatmap": {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "unit": "s"},
    },
    "state-timeline": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "mergeValues": True,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    },
    "table": {"cellHeight": "sm", "showHeader": True, "footer": {"show": False}},
}
# A table shows the labels and the value, and not the time.
TABLE_TRANSFORMATIONS = [
    {"id": "organize", "options": {"excludeByName": {"Time": True}}},
    {"id": "sortBy", "options": {"sort": [{"field": "Value", "desc": True}]}},
]
