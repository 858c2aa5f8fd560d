"""A real Prometheus that scrapes local gateways every second."""

import json
import math
import pathlib
import time
import urllib.parse
from typing import NamedTuple

import yaml

from harness.client import call
from harness.gateway import Gateway
from harness.paths import PROJECT
from harness.processes import Program, free_port, wait_until

EXAMPLE = PROJECT / "examples" / "prometheus"
SCRAPE_TIMEOUT_S = 30
METRICS_PATH = "/_tollgate/metrics"


class Sample(NamedTuple):
    """A series of an instant query, and its value."""

    labels: dict[str, str]
    value: float


class Prometheus(Program):
    """Prometheus on a free port, with the gateways as the job `tollgate`."""

    def __init__(self, folder: pathlib.Path, gateways: list[Gateway]) -> None:
        self.port, self.targets = free_port(), [f"127.0.0.1:{one.port}" for one in gateways]
        config, data = folder / "prometheus.json", folder / "prometheus-data"
        config.write_text(json.dumps(self._configuration()))

        command = [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={data}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--enable-feature=exemplar-storage",
            "--log.level=warn",
        ]
        super().__init__(command, folder / "prometheus.log", folder=folder)
        self.wait_for_port(self.port)
        wait_until(self._is_ready, SCRAPE_TIMEOUT_S, "Prometheus is ready")
        self.wait_for_scrapes()

    def _configuration(self) -> dict:
        """Returns the example configuration with the addresses of the gateways and short intervals."""
        configuration = yaml.safe_load((EXAMPLE / "prometheus.yml").read_text())
        configuration["global"] |= {
            "scrape_interval": "1s",
            "scrape_timeout": "1s",
            "evaluation_interval": "1s",
        }
        (job,) = configuration["scrape_configs"]
        job["static_configs"] = [{"targets": self.targets}]
        configuration["rule_files"] = [str(EXAMPLE / one) for one in configuration["rule_files"]]
        return configuration

    def _is_ready(self) -> bool:
        return call(self.port, "GET", "/-/ready").status == 200

    def get(self, path: str, **parameters: object) -> list | dict:
        """Returns the data of a response of the HTTP API."""
        response = call(self.port, "GET", f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        document = response.json()
        if response.status != 200:
            raise ValueError(f"{path} {parameters}: {document['error']}")
        return document["data"]

    def query(self, expr: str) -> list[Sample]:
        """Returns the samples of an instant query, without those that are not a number."""
        result = self.get("query", query=expr)["result"]
        samples = [Sample(one["metric"], float(one["value"][1])) for one in result]
        return [sample for sample in samples if not math.isnan(sample.value)]

    def value(self, expr: str) -> float:
        """Returns the value of a query with exactly one sample."""
        samples = self.query(expr)
        if len(samples) != 1:
            raise ValueError(f"{expr}: expected one sample, got {samples}")
        return samples[0].value

    def wait_for_scrapes(self, gateway: Gateway | None = None) -> None:
        """Returns when a gateway, or else every gateway, has been scraped after this call."""
        begin = time.time()
        targets = [f"127.0.0.1:{gateway.port}"] if gateway else self.targets

        def are_new() -> bool:
            scrapes = self.query('timestamp(up{job="tollgate"}) and up == 1')
            times = {one.labels["instance"]: one.value for one in scrapes}
            return all(times.get(target, begin) > begin for target in targets)

        wait_until(are_new, SCRAPE_TIMEOUT_S, "every gateway is scraped")
