//! Tests of the strictest directives.
