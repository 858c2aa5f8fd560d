//! Exports traces and metrics over OTLP/HTTP to the collector that the standard `OTEL_*` variables
//! name.
