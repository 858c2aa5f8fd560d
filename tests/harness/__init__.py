"""Helpers that the end-to-end tests, the drills, the soak test and the benchmarks share: processes
and local servers.
"""
