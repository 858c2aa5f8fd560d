"""The Grafana dashboard of the local gateway, which `make tables` writes as JSON."""
