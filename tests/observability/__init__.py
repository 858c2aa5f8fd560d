"""Tests of what the local gateway exports: metrics for Prometheus, traces and metrics over OTLP.

They run the built gateway together with a real Prometheus and with a collector that decodes OTLP.
"""
