"""Call records as Powertools writes them, each with its own dimensions: `emf.py RECORDS.json` prints lines of EMF, and
on standard error how many seconds they took."""

import json
import pathlib
import sys
import time

from aws_lambda_powertools.metrics import MetricUnit, single_metric

records = json.loads(pathlib.Path(sys.argv[1]).read_text())["records"]
began = time.perf_counter()
for record in records:
    with single_metric("ApiCallDuration", MetricUnit.Milliseconds, record["duration_ms"], namespace="Calls") as metric:
        metric.add_dimension("Service", record["service"])
        metric.add_dimension("Operation", record["operation"])
print(time.perf_counter() - began, file=sys.stderr)
