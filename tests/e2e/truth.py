"""The truth table: every workload, on every Python found, in both forms.

    truth.py [--rounds N] [--attach] [--quick] [NAME...]

With --attach nothing is preloaded: the eBPF probe looks from outside, and may say that it cannot say.
--quick: the newest Python, and the rows that can run beside others.
"""
import argparse
import collections
import concurrent.futures
import contextlib
import os
import re
import subprocess
import sys
import time

import gildiag
import neighbours
import probe
import pythons

QUIET_AT_ONCE = 6  # of those that hardly compute
ATTACH = "attach"
ATTACH_AT_ONCE = 2  # from outside there is no picture: a queue for the CPU moves the sums by more


class Row:
    def __init__(self, line):
        self.name, runner, self.command, *answers = line.rstrip("\n").split("\t")
        self.at_once = QUIET_AT_ONCE if runner.endswith("+") else os.cpu_count() if runner.endswith("*") else 1
        self.is_starved = runner.endswith("!")
        self.runner = runner.rstrip("+*!")
        self.classes, self.actions = (answer.split(",") for answer in answers[:2])
        self.classes_outside, self.actions_outside = (answer.split(",") for answer in answers[-2:])

    def answers(self, form):
        """The classes and the actions that are right."""
        return (self.classes_outside, self.actions_outside) if form == ATTACH else (self.classes, self.actions)

    def words(self, python):
        words = self.command.replace("{ex}", gildiag.EXAMPLES).split()
        if self.runner == "py":
            return [python.path] + words
        if self.runner == "sh":
            return ["./" + words[0], python.path] + words[1:]
        return [os.path.join(gildiag.PROGRAMS, words[0])] + words[1:]


def read_table():
    with open(os.path.join(gildiag.WORKLOADS, "truth.tsv")) as table:
        return [Row(line) for line in table if line.strip() and not line.startswith("#")]


@contextlib.contextmanager
def burners(count):
    """Programs of somebody else that want the CPUs all the time."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


def watch(row, python, form):
    with burners(2 * os.cpu_count() if row.is_starved else 0):
        if form == ATTACH:
            return gildiag.watch_from_outside(row.words(python), row.runner == "py")
        # Without the eBPF probe: the verdict must be right where nobody has the rights for it.
        return gildiag.watch(row.words(python), form, root=python and python.root, options=["--probe=off"])


class Table:
    """Runs rows and keeps score."""

    def __init__(self, pythons_found, forms=gildiag.FORMS):
        self.pythons, self.forms = pythons_found, forms
        self.runs, self.missed, self.silent, self.wrong = 0, 0, [], []
        self.rules = collections.defaultdict(list)  # that spoke, by row, where the answer was right

    def ask(self, row, python, form):
        """None when it is right, else what it said.  Notes the rule that spoke."""
        result = watch(row, python, form)
        if result.code != 0:
            return "the program failed (%d): %s" % (result.code, result.err.decode()[-300:])
        if result.report is None:
            return "no report: " + result.message
        verdict, advice = result.report["verdict"], result.report["recommendation"]
        classes, actions = row.answers(form)
        is_right = verdict["class"] in classes and advice["action"] in actions
        is_silent = form == ATTACH and (verdict["class"] == "unknown" or advice["action"] == "cannot-say")
        if is_silent and not is_right:
            self.silent.append((row.name, python, form))
        if is_right or is_silent:
            self.rules[row.name].append(verdict["rule"])
            return None
        reasons = ", ".join(reason["text"] for reason in verdict["reasons"] + verdict["ruled_out"])
        return "%s/%s (%s; %s; %s)" % (verdict["class"], advice["action"], verdict["rule"],
                                       verdict["confidence"], reasons)

    def cell(self, row, python, form):
        def note(said):
            self.missed += 1
            print("  missed: %s %s %s: %s" % (row.name, python and python.version, form, said), flush=True)

        said = neighbours.ask_until_believed(lambda: self.ask(row, python, form), note)
        self.runs += 1
        if said is None:
            return "?" if (row.name, python, form) in self.silent else "."
        self.wrong.append("%s on %s, %s: %s, not %s/%s" % (
            row.name, python and python.version, form, said, *map("|".join, row.answers(form))))
        return "X"

    def cells(self, row):
        return [(row, python, form) for python in (self.pythons if row.runner != "c" else [None])
                for form in self.forms]

    def run(self, rows):
        """One after the other where they need the machine, some at a time where they do not."""
        most = ATTACH_AT_ONCE if ATTACH in self.forms else QUIET_AT_ONCE
        for at_once in sorted({min(row.at_once, most) for row in rows}, reverse=True):
            with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
                running = [(row, [pool.submit(self.cell, *cell) for cell in self.cells(row)])
                           for row in rows if min(row.at_once, most) == at_once]
                for row, cells in running:
                    print("  %-20s %s" % (row.name, "".join(cell.result() for cell in cells)), flush=True)


def check_proofs(said):
    """Each rule of rules.c names the row that proves it and the one that flips it."""
    wrong, checked = [], 0
    with open(os.path.join(gildiag.ROOT, "report", "analysis", "rules.c")) as source:
        rules = re.findall(r'/\* proved by (\S+), flipped by (\S+) \*/\s*{ "(\S+)",', source.read())
    for proof, flip, rule in rules:
        if proof in said and flip in said:
            checked += 1
            if set(said[proof]) != {rule}:
                wrong.append("%s is to prove %s, and %s spoke" % (proof, rule, set(said[proof])))
            if rule in said[flip]:
                wrong.append("%s is to flip %s, which spoke" % (flip, rule))
    print("proofs: %d of %d rules checked" % (checked, len(rules)))
    return wrong if rules else ["there are no rules"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--attach", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    rows = [row for row in read_table() if not options.names or row.name in options.names]
    reason = options.attach and probe.why_not()
    if reason:
        print("skipped: " + reason)
        return 0
    found = pythons.supported(pythons.find())
    if options.quick:
        rows = [row for row in rows if row.at_once > 1]
        found = [max(found, key=lambda python: python.minor)]
    table = Table(found, (ATTACH,) if options.attach else gildiag.FORMS)
    began = time.time()
    print("truth: %d rows on %s" % (len(rows), ", ".join(map(str, table.pythons))), flush=True)
    for _ in range(options.rounds):
        table.run(rows)
    if not options.attach:
        table.wrong += check_proofs(table.rules)
    for text in table.wrong:
        print("WRONG " + text)
    print("truth: %d of %d right, %d could not say, %d tries missed, %.0f s" % (
        table.runs - len(table.wrong) - len(table.silent), table.runs, len(table.silent), table.missed,
        time.time() - began))
    return 1 if table.wrong or not table.runs else 0


if __name__ == "__main__":
    sys.exit(main())
