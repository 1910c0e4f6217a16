"""Programs inside other roots, with another libc and another CPython; the report is read outside.

    chroots.py [--all] ROOT...     in a mount namespace of its own: see tests/chroots

The form "raw" runs agent and sampler inside the root, "run" is `gildiag record -- chroot ROOT ...`.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time

import gildiag
import pythons
import truth

# Each shows something else: sockets, GIL, locks, sleeps, loops, native code, forked and run children.
CORE = ("fetch-serial", "fetch-threads", "crunch-threads", "idle-pool", "hash-two", "wait-lock",
        "sleep-serial", "sleep-threads", "loop-gather", "crunch-processes", "child-run", "idle-server")

LIBC = "import os; print(os.confstr('CS_GNU_LIBC_VERSION'))"

# What any shell of any container runs: on glibc before 2.34 most of it is linked without libpthread.
PROGRAMS = {
    "shell": ["sh", "-c", "echo fine; cat /etc/debian_version >/dev/null; exit 4"],
    "sleep": ["sh", "-c", "sleep 0.2; echo fine; exit 4"],
    "pipe": ["bash", "-c", "seq 100000 | sort -n --parallel=2 | tail -1 | grep -q 100000; echo fine; exit 4"],
    "names": ["sh", "-c", "getent hosts localhost >/dev/null; getent passwd root >/dev/null; echo fine; exit 4"],
    "find": ["sh", "-c", "find /usr/bin -type f | xargs cat | wc -c >/dev/null; echo fine; exit 4"],
    "perl": ["perl", "-e", "select(undef, undef, undef, 0.2); system 'true'; print qq(fine\\n); exit 4"],
    "thread": ["python3", "-S", "-c",
               "import _thread, time; lock = _thread.allocate_lock(); lock.acquire()\n"
               "_thread.start_new_thread(lambda: (time.sleep(0.2), lock.release()), ())\n"
               "lock.acquire(); print('fine'); raise SystemExit(4)"],
}


def mount(*words):
    subprocess.run(["mount", *words], check=True)


def open_root(root):
    """What a container gives: /proc, /sys, /dev; and what the tests need, where it lies outside."""
    mount("-t", "proc", "proc", root + "/proc")
    mount("--rbind", "/sys", root + "/sys")
    mount("--rbind", "/dev", root + "/dev")
    for path in (tempfile.gettempdir(), gildiag.ROOT, gildiag.BUILD):
        os.makedirs(root + path, exist_ok=True)
        mount("--bind", path, root + path)


def find_python(root):
    """The root's own CPython, as the truth table wants it."""
    words = ["chroot", root, "python3", "-c", pythons.PROBE + "\n" + LIBC]
    said = subprocess.run(words, stdout=subprocess.PIPE, check=True, text=True).stdout.split()
    python = pythons.Python("python3", said[0], said[1] == "1", root)
    print("%s: CPython %s, %s %s" % (root, python.version, said[3], said[4]), flush=True)
    return python


def check_program(name, words, form, root):
    """None, or what is wrong: unharmed, and seen by agent and sampler."""
    result = gildiag.watch(words, form, root=root)
    if (result.code, result.out, result.err) != (4, b"fine\n", b""):
        return "code %d, output %r, errors %r" % (result.code, result.out, result.err)
    if result.report is None:
        return "no report: " + result.message
    if gildiag.unprivileged_sources(result.report) != ["agent", "sampler"]:
        return "seen by %s" % result.report["recording"]["sources"]
    if result.report["recording"]["lost"]["processes"]:
        return "children were lost"
    if name == "sleep" and gildiag.cause(result.report, "sleep")[1] < 0.2:
        return "the sleep was not seen: %s" % result.report["threads"]
    if name == "perl" and gildiag.cause(result.report, "sleep")[1] < 0.2:
        return "the select was not seen: %s" % result.report["threads"]
    if name == "thread" and gildiag.cause(result.report, "sem")[1] < 0.19:
        return "the lock was not seen: %s" % result.report["threads"]
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true")
    parser.add_argument("roots", nargs="+")
    options = parser.parse_args()
    began = time.time()
    wrong = []
    for root in options.roots:
        open_root(root)
    for root in options.roots:
        for name, words in PROGRAMS.items():
            for form in gildiag.FORMS:
                said = check_program(name, words, form, root)
                if said:
                    wrong.append("%s in %s, %s: %s" % (name, root, form, said))
    rows = [row for row in truth.read_table()
            if row.runner == "py" and (options.all or row.name in CORE)]
    table = truth.Table([find_python(root) for root in options.roots])
    table.run(rows)
    wrong += table.wrong
    for text in wrong:
        print("WRONG " + text)
    runs = table.runs + len(options.roots) * len(PROGRAMS) * len(gildiag.FORMS)
    print("chroots: %d of %d right, %d tries missed, %.0f s" % (
        runs - len(wrong), runs, table.missed, time.time() - began))
    return 1 if wrong or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
