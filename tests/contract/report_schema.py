#!/usr/bin/env python3
"""Reports of real programs keep to report.schema.json, and the schema refuses what does not."""
import copy
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
import gildiag  # noqa: E402

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is missing, nobody checked the reports of real programs")
    sys.exit(77)

PROGRAMS = {
    "a C program": [os.path.join(gildiag.PROGRAMS, "compute"), "2", "mutex"],
    "a Python program": [sys.executable, os.path.join(gildiag.EXAMPLES, "crunch.py"),
                         "--pool", "threads", "--workers", "2", "--tasks", "20"],
}

# One change each that a reader of the report could not live with.
SPOILS = {
    "another schema": lambda report: report.update(schema="gildiag.report/2"),
    "a key that is missing": lambda report: report.pop("verdict"),
    "a class of time that is missing": lambda report: report["time"]["classes"].pop("no_cpu_s"),
    "a class that is none": lambda report: report["verdict"].update({"class": "busy"}),
    "an action that is none": lambda report: report["recommendation"].update(action="try harder"),
    "a GIL without its waits": lambda report: report.update(gil={"takes": 1}),
    "a thread without its number": lambda report: report["threads"][0].pop("tid"),
    "seconds that are text": lambda report: report["time"].update(wall_s="1.5"),
    "a relative path": lambda report: report["recording"].update(path="gildiag.data/x"),
    "a time that is not UTC": lambda report: report["recording"].update(
        started="2025-11-25T14:45:03+01:00"),
    "a reason without words": lambda report: report["verdict"]["reasons"][0].update(text=""),
}


def check(validator, name, form, command):
    """The number of faults, each printed."""
    result = gildiag.watch(command, form)
    where = "%s, %s" % (name, form)
    if result.code != 0 or result.report is None:
        print("%s: exit code %s, %s" % (where, result.code, result.message))
        return 1
    faults = ["%s: %s" % ("/".join(str(key) for key in error.absolute_path), error.message)
              for error in validator.iter_errors(result.report)]
    for spoil, change in SPOILS.items():
        spoilt = copy.deepcopy(result.report)
        change(spoilt)
        if validator.is_valid(spoilt):
            faults.append("the schema lets %s pass" % spoil)
    for fault in faults:
        print("%s: %s" % (where, fault))
    return len(faults)


def main():
    with open(os.path.join(HERE, "report.schema.json")) as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    faults = 0
    for name, command in PROGRAMS.items():
        for form in gildiag.FORMS:
            faults += check(validator, name, form, command)
    print("%d reports checked, %d faults" % (len(PROGRAMS) * len(gildiag.FORMS), faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
