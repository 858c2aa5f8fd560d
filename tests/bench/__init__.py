"""Benchmarks of Tollgate and comparisons with other libraries. They write BENCHMARKS.md."""
