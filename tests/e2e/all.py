"""Runs every test_*.py here: several at a time, but those whose figures others would disturb alone.

A module says so by ALONE = True.  Of each, what it printed comes when it has ended; what this machine
lacks is skipped aloud.
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


def run(path):
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "unittest", "-v", os.path.basename(path)[:-3]], cwd=HERE,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print("-- %s: %s, %.0f s" % (os.path.basename(path), "passed" if done.returncode == 0 else "FAILED",
                                 time.monotonic() - began))
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        print(text)
    else:
        print("".join("   %s\n" % line for line in text.splitlines() if "... skipped" in line), end="")
        print("   " + re.search(r"^Ran .*", text, re.MULTILINE).group(0))
    sys.stdout.flush()
    return done.returncode == 0


def main():
    paths = sorted(glob.glob(os.path.join(HERE, "test_*.py")))
    alone = [path for path in paths if is_alone(path)]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        passed = list(pool.map(run, [path for path in paths if path not in alone]))
    passed += [run(path) for path in alone]
    print("end to end: %d of %d modules passed" % (sum(passed), len(paths)))
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
