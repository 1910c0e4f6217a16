"""The truth table: every workload, on every Python found, in both forms.

    truth.py [--rounds N] [NAME...]
"""
import argparse
import os
import sys
import time

import gildiag
import pythons

# Thirty or so runs on a busy machine: once in a while the neighbours take the CPU for a good part of
# a second.  A row is wrong when it is wrong twice in a row; every first miss is printed and counted.
TRIES = 2


def read_table():
    rows = []
    with open(os.path.join(gildiag.WORKLOADS, "truth.tsv")) as table:
        for line in table:
            if line.strip() and not line.startswith("#"):
                name, runner, command, classes, actions = line.rstrip("\n").split("\t")
                rows.append((name, runner, command, classes.split(","), actions.split(",")))
    return rows


def expand(command, runner, python):
    words = command.replace("{ex}", gildiag.EXAMPLES).split()
    if runner == "py":
        return [python.path] + words
    if runner == "sh":
        return ["./" + words[0], python.path] + words[1:]
    return [os.path.join(gildiag.PROGRAMS, words[0])] + words[1:]


def check(words, form, classes, actions):
    """None when it is right, else what it said."""
    result = gildiag.watch(words, form)
    if result.code != 0:
        return "the program failed (%d): %s" % (result.code, result.err.decode()[-300:])
    if result.report is None:
        return "no report: " + result.message
    verdict, advice = result.report["verdict"], result.report["recommendation"]
    if verdict["class"] in classes and advice["action"] in actions:
        return None
    reasons = ", ".join(reason["text"] for reason in verdict["reasons"] + verdict["ruled_out"])
    return "%s/%s (%s; %s; %s)" % (verdict["class"], advice["action"], verdict["rule"],
                                   verdict["confidence"], reasons)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    rows = [row for row in read_table() if not options.names or row[0] in options.names]
    found = pythons.supported(pythons.find())
    print("truth: %d rows on %s" % (len(rows), ", ".join(str(python) for python in found)), flush=True)
    wrong, retried, runs, began = [], 0, 0, time.time()
    for _ in range(options.rounds):
        for name, runner, command, classes, actions in rows:
            line = []
            for python in found if runner != "c" else [None]:
                words = expand(command, runner, python)
                for form in gildiag.FORMS:
                    runs += 1
                    said = check(words, form, classes, actions)
                    for _ in range(TRIES - 1):
                        if said is None:
                            break
                        retried += 1
                        print("  once: %s %s %s: %s" % (name, python and python.version, form, said))
                        said = check(words, form, classes, actions)
                    line.append("." if said is None else "X")
                    if said is not None:
                        wrong.append("%s on %s, %s: %s, not %s/%s" % (
                            name, python and python.version, form, said, "|".join(classes),
                            "|".join(actions)))
            print("  %-20s %s" % (name, "".join(line)), flush=True)
    for text in wrong:
        print("WRONG " + text)
    print("truth: %d of %d right, %d only at the second try, %.0f s" % (
        runs - len(wrong), runs, retried - len(wrong), time.time() - began))
    return 1 if wrong or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
