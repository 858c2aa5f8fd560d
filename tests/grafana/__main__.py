"""Writes examples/prometheus/grafana-dashboard.json: `make tables`. A test compares it."""

from grafana.dashboard import PATH, as_json, dashboard


def main() -> None:
    PATH.write_text(as_json(dashboard()))


if __name__ == "__main__":
    main()
