"""Tests of template.yaml and of the templates in examples/.

These tests check structure: properties, references, permissions, metrics and parameters, for many
sets of parameter values. Each file checks one subject with functions that return their findings.
The local gateway's own evaluator evaluates the templates (`stack.py`). test_broken_*.py change a
template to see that each check finds the error.

Other tests of the templates:

- tests/gateway: behaviour, by sending requests through the template that the local gateway serves
- tests/sync: the schedule and the settings of alb-sync, with the function itself
- tests/e2e: the deployed stack on an emulator of AWS
"""
