"""The queries of the dashboard.

Each query selects the gateways by `job` and `instance`. `$__rate_interval` is Grafana's window for
rates, which is at least four scrapes long.
"""

GATEWAY = 'job=~"$job", instance=~"$instance"'
ROUTE = f'{GATEWAY}, route=~"$route"'
PLAN = f'{GATEWAY}, plan=~"$plan"'
REQUESTS = "tollgate_http_requests_total"
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}


def rate(metric: str, labels: str = GATEWAY, by: str = "") -> str:
    """Returns the events per second, summed over the labels that `by` does not name."""
    total = f"sum by ({by}) " if by else "sum"
    return f"{total}(rate({metric}{{{labels}}}[$__rate_interval]))"


def share(labels: str) -> str:
    """Returns the share of the requests with these labels.

    It is 0 while there are only others, and has no value without requests.
    """
    some = f"({rate(REQUESTS, f'{ROUTE}, {labels}')} or vector(0))"
    return f"{some} / ({rate(REQUESTS, ROUTE)} > 0)"


def quantile(metric: str, q: float, labels: str = ROUTE, by: str = "") -> str:
    """Returns a quantile of a histogram. It has no value without events."""
    groups = f"{by}, le" if by else "le"
    return f"histogram_quantile({q}, {rate(f'{metric}_bucket', labels, groups)}) >= 0"


def average(metric: str) -> str:
    return f"{rate(f'{metric}_sum', ROUTE)} / {rate(f'{metric}_count', ROUTE)}"
