"""Many threads, births, processes, locks: it works, it is bounded, and what did not fit is counted.

Measured when this was written, on two CPUs: a report in 0.2 s at most, 60 MB; the sampler takes 1 % of
a CPU beside 2 000 threads or 200 processes.  With GILDIAG_TEST_ALL=1 the tables overflow, too.
"""
import os
import re
import resource
import subprocess
import sys
import unittest

import gildiag

ALL = os.environ.get("GILDIAG_TEST_ALL") == "1"
FORMS = ("record", "raw")

THREAD_CAPACITY, LOCK_CAPACITY = 16384, 65536  # include/gildiag/image.h
SLOT_BYTES, LOCK_BYTES, FILE_BYTES = 896, 384, 8192
REPORT_S, REPORT_BYTES = 10, 512 << 20
SAMPLER_SHARE = 0.35  # of one CPU, of runs of a second that begin and end with all of it

PYTHON = """
import os, sys, threading
alive, births, processes = map(int, sys.argv[1:])
threading.stack_size(1 << 16)
go, arrived = threading.Event(), threading.Semaphore(0)
count = 0
lock = threading.Lock()

def wait():
    arrived.release()
    go.wait()

def be_born():
    global count
    with lock:
        count += 1

waiting = [threading.Thread(target=wait) for _ in range(alive)]
for thread in waiting:
    thread.start()
for _ in waiting:
    arrived.acquire()
go.set()
for thread in waiting:
    thread.join()
for _ in range(births // 8):
    few = [threading.Thread(target=be_born) for _ in range(8)]
    for thread in few:
        thread.start()
    for thread in few:
        thread.join()
reader, writer = os.pipe()
children = []
for i in range(processes):
    pid = os.fork()
    if pid == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(i % 100 + 1)
    children.append(pid)
os.close(writer)
print(count, sum(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children))
"""


def disk_bytes(folder):
    return sum(os.lstat(os.path.join(folder, name)).st_blocks * 512 for name in os.listdir(folder))


class Scale(unittest.TestCase):
    def ask(self, trial):
        """The report, made in bounded time and memory."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        report = trial.json()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.assertLess(self.cpu_s, REPORT_S)
        return report

    def peak_bytes(self, trial):
        words = [sys.executable, "-S", "-c", "import os, resource, sys; os.spawnv(os.P_WAIT, sys.argv[1], sys.argv[1:])\n"
                 "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)",
                 gildiag.TOOL, "report", "-f", "json", trial.folder]
        done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
        return int(done.stderr) << 10

    def record(self, words, most_bytes):
        """Runs words plain and in each form; yields form, trial and report of each."""
        with gildiag.Trial("plain") as trial:
            plain = trial.run(words, timeout=120)
        if plain.returncode != 0:
            self.skipTest("this machine cannot: %s" % (plain.stdout + plain.stderr).decode())
        for form in FORMS:
            with gildiag.trial(self, form) as trial:
                done = trial.run(words, timeout=120)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, plain.stdout, b""))
                trial.wait_for_samplers()
                (session,) = trial.sessions()
                report = self.ask(trial)
                size, peak = disk_bytes(session), self.peak_bytes(trial)
                share = report["recording"]["overhead_share"]
                print("%s, %s: recording %d KiB, report %.2f s and %d MiB, sampler %.1f %% of a CPU" % (
                    " ".join(words[-3:]), form, size >> 10, self.cpu_s, peak >> 20, 100 * share), file=sys.stderr)
                self.assertLess(size, most_bytes)
                self.assertLess(peak, REPORT_BYTES)
                self.assertLess(share, SAMPLER_SHARE)
                self.assertEqual(gildiag.unprivileged_sources(report), ["agent", "sampler"])
                yield form, trial, report

    def assert_lost(self, trial, report, **lost):
        """Nothing but that, and the person who reads the text is told."""
        seen = {name: count for name, count in report["recording"]["lost"].items() if count}
        self.assertEqual(seen, lost)
        said = re.findall(r"^lost: (\d+) facts", trial.text(), re.M)
        self.assertEqual(said, [str(sum(lost.values()))] if lost else [])

    def threads_alive(self, count):
        most = (min(count, THREAD_CAPACITY) + 64) * SLOT_BYTES + (256 << 10)
        for form, trial, report in self.record([gildiag.program("scale"), "alive", str(count)], most):
            kept = min(count + 1, THREAD_CAPACITY)
            self.assert_lost(trial, report, **({"threads": count + 1 - kept} if count >= kept else {}))
            self.assertEqual(report["processes"][0]["threads_born"], kept)
            self.assertEqual(len(report["threads"]), kept)
            waits = [thread["causes"]["cond"]["wall_s"] for thread in report["threads"] if "cond" in thread["causes"]]
            self.assertEqual(len(waits), kept - 1)
            self.assertGreaterEqual(min(waits), 1)

    def test_threads_alive(self):
        self.threads_alive(2000)

    @unittest.skipUnless(ALL, "takes a minute: GILDIAG_TEST_ALL=1 runs it")
    def test_more_threads_than_fit(self):
        self.threads_alive(THREAD_CAPACITY + 500)

    def test_births(self):
        """Ended threads are folded: the recording does not grow with them."""
        for form, trial, report in self.record([gildiag.program("scale"), "births", "20000"], 256 << 10):
            self.assert_lost(trial, report)
            self.assertEqual(report["processes"][0]["threads_born"], 20001)
            self.assertEqual(sum(thread["threads"] for thread in report["threads"]), 20001)
            self.assertLess(len(report["threads"]), 200)

    def processes(self, count):
        for form, trial, report in self.record([gildiag.program("scale"), "processes", str(count)],
                                               (count + 2) * 2 * FILE_BYTES):
            self.assert_lost(trial, report)
            everybody = report["processes"] + report["short_processes"]
            self.assertEqual(len(everybody), count + 1)
            self.assertEqual(sum(process["exit"]["code"] for process in everybody),
                             sum(i % 100 + 1 for i in range(count)))

    def test_processes(self):
        self.processes(200)

    @unittest.skipUnless(ALL, "takes a minute: GILDIAG_TEST_ALL=1 runs it")
    def test_a_thousand_processes(self):
        self.processes(1000)

    def locks(self, count):
        for form, trial, report in self.record([gildiag.program("scale"), "locks", str(count)],
                                               LOCK_CAPACITY * LOCK_BYTES + (256 << 10)):
            self.assert_lost(trial, report, locks=count - LOCK_CAPACITY)
            # Whatever became of their rows, the waits are all there.
            self.assertEqual(gildiag.cause(report, "mutex")[0], count)

    def test_locks(self):
        self.locks(100000)

    @unittest.skipUnless(ALL, "takes a minute: GILDIAG_TEST_ALL=1 runs it")
    def test_a_million_locks(self):
        self.locks(1000000)

    def test_python(self):
        """2 000 threads alive, each waiting for a lock of its own; then more born; 200 forked children."""
        births = 20000 if ALL else 4000
        words = [sys.executable, "-S", "-c", PYTHON, "2000", str(births), "200"]
        for form, trial, report in self.record(words, 24 << 20):
            self.assert_lost(trial, report)
            self.assertEqual(len(report["processes"]), 201)
            parent = next(process for process in report["processes"] if process["exit"]["code"] == 0)
            self.assertEqual(parent["threads_born"], 2001 + births)
            self.assertEqual(sum(thread["threads"] for thread in report["threads"]
                                 if thread["pid"] == parent["pid"]), 2001 + births)
            self.assertGreater(parent["gil"]["takes"], 2000 + births)


if __name__ == "__main__":
    unittest.main()
