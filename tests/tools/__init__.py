"""Programs that the Makefile runs: licence notices, package sizes, and one function behind `cargo
lambda watch`.
"""
