"""Runs every test_*.py here: several at a time, but those whose figures others would disturb alone.

A module says so by ALONE = True.  Of each, what it printed comes when it has ended; what this machine
lacks is skipped aloud.  What failed is asked once more when nothing else runs: what fails again is
wrong, and what does not is printed and counted all the same, since a test that neighbours can upset
wants mending.
"""
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
AT_ONCE = 3  # they mostly wait


def is_alone(path):
    with open(path) as source:
        return re.search(r"^ALONE = True$", source.read(), re.MULTILINE) is not None


def failed_tests(module, text):
    """The names of what failed in what a run of module, or of a part of it, printed."""
    names = set(re.findall(r"^(?:FAIL|ERROR): \S+ \((\S+)\)", text, re.MULTILINE))
    return sorted(names) if names and all(name.startswith(module + ".") for name in names) else [module]


def run(names):
    """What failed of these tests of one module; prints what happened."""
    module = names[0].split(".")[0]
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "unittest", "-v", *names], cwd=HERE,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print("-- %s: %s, %.0f s" % (" ".join(names), "passed" if done.returncode == 0 else "FAILED",
                                 time.monotonic() - began))
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        print(text)
    else:
        print("".join("   %s\n" % line for line in text.splitlines() if "... skipped" in line), end="")
        print("   " + re.search(r"^Ran .*", text, re.MULTILINE).group(0))
    sys.stdout.flush()
    return [] if done.returncode == 0 else failed_tests(module, text)


def main():
    paths = sorted(glob.glob(os.path.join(HERE, "test_*.py")))
    alone = [path for path in paths if is_alone(path)]
    modules = {path: [os.path.basename(path)[:-3]] for path in paths}
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        failed = list(pool.map(run, [modules[path] for path in paths if path not in alone]))
    failed += [run(modules[path]) for path in alone]
    failed = [names for names in failed if names]
    if failed:
        print("-- once more, alone: %s" % " ".join(name for names in failed for name in names))
    wrong = [name for names in failed for name in run(names)]
    print("end to end: %d modules, %d tests failed at first, %d again" % (
        len(paths), sum(map(len, failed)), len(wrong)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
