"""Writes call records with Powertools, each with its own dimensions.

`emf.py RECORDS.json` prints lines in the embedded metric format, and the duration in seconds on
standard error.
"""

import json
import pathlib
import sys
import time

from aws_lambda_powertools.metrics import MetricUnit, single_metric

records = json.loads(pathlib.Path(sys.argv[1]).read_text())["records"]
begin = time.perf_counter()
for record in records:
    with single_metric(
        "ApiCallDuration", MetricUnit.Milliseconds, record["duration_ms"], namespace="Calls"
    ) as metric:
        metric.add_dimension("Service", record["service"])
        metric.add_dimension("Operation", record["operation"])
print(time.perf_counter() - begin, file=sys.stderr)
