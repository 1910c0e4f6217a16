"""The truth table: every workload, on every Python found, in both forms.

    truth.py [--rounds N] [NAME...]
"""
import argparse
import os
import resource
import sys
import time

import gildiag
import pythons

# A miss is tried once more, and every first miss is printed and counted.  While neighbours take a
# good part of the machine, "wants more CPU" is the truth: such a try does not count, and is repeated
# until the machine is quiet enough.
TRIES = 2
DISTURBED = 0.08  # of the machine's CPU time, taken by others meanwhile
DISTURBED_TRIES = 20


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


def cpu_of_others():
    """Seconds of CPU that were spent on this machine so far by processes that are not ours."""
    with open("/proc/stat") as stat:
        user, nice, system, _, _, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    ours = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
    return ((user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK") -
            sum(usage.ru_utime + usage.ru_stime for usage in ours))


def ask(words, form, classes, actions):
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


def check(words, form, classes, actions, note):
    """Asks until the answer is right, or wrong often enough to be believed."""
    said, misses, disturbed = "", 0, 0
    while misses < TRIES and disturbed < DISTURBED_TRIES:
        began, others = time.monotonic(), cpu_of_others()
        said = ask(words, form, classes, actions)
        if said is None:
            return None
        share = (cpu_of_others() - others) / (time.monotonic() - began) / os.cpu_count()
        note("%s (others took %.0f %% of the CPUs)" % (said, 100 * share))
        if share > DISTURBED:
            disturbed += 1
            time.sleep(0.5 * disturbed)
        else:
            misses += 1
    return said


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    rows = [row for row in read_table() if not options.names or row[0] in options.names]
    found = pythons.supported(pythons.find())
    print("truth: %d rows on %s" % (len(rows), ", ".join(str(python) for python in found)), flush=True)
    wrong, missed, runs, began = [], 0, 0, time.time()

    def note(said):
        nonlocal missed
        missed += 1
        print("  missed: %s %s %s: %s" % (name, python and python.version, form, said), flush=True)

    for _ in range(options.rounds):
        for name, runner, command, classes, actions in rows:
            line = []
            for python in found if runner != "c" else [None]:
                words = expand(command, runner, python)
                for form in gildiag.FORMS:
                    runs += 1
                    said = check(words, form, classes, actions, note)
                    line.append("." if said is None else "X")
                    if said is not None:
                        wrong.append("%s on %s, %s: %s, not %s/%s" % (
                            name, python and python.version, form, said, "|".join(classes),
                            "|".join(actions)))
            print("  %-20s %s" % (name, "".join(line)), flush=True)
    for text in wrong:
        print("WRONG " + text)
    print("truth: %d of %d right, %d tries missed, %.0f s" % (
        runs - len(wrong), runs, missed, time.time() - began))
    return 1 if wrong or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
