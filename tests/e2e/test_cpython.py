"""CPython's own regression tests under the agent: what passes without it passes with it.

A quick part on the oldest, a middle and the newest supported Python; with GILDIAG_TEST_ALL=1 all of it.
"""
import os
import subprocess
import sys
import unittest

import gildiag
import pythons

ALL = os.environ.get("GILDIAG_TEST_ALL") == "1"
QUICK = ("test_thread", "test_os", "test_fork1", "test_posix", "test_contextlib")
LONG = ("test_threading", "test_threading_local", "test_subprocess", "test_socket", "test_signal", "test_select",
        "test_poll", "test_epoll", "test_selectors", "test_queue", "test_asyncio", "test_pty", "test_popen", "test_wait3",
        "test_wait4", "test_mmap", "test_fcntl", "test_io", "test_resource", "test_time", "test_faulthandler",
        "test_concurrent_futures", "test_multiprocessing_fork", "test_socketserver", "test_posix")
TIMEOUT_S = 900
# Waits for ever where a virtual machine has no host to talk to.
IGNORED = ("-i", "*VSOCK*")


def has_tests(python):
    return subprocess.run([python.path, "-c", "import test.regrtest, test.test_thread"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def choose():
    """Oldest, middle and newest."""
    found = [python for python in pythons.supported(pythons.find()) if has_tests(python)]
    return [found[i] for i in sorted({0, len(found) // 2, len(found) - 1})] if found else []


class Run:
    """One run of some tests, watched or not, in a folder of its own."""

    def __init__(self, python, names, form):
        self.python = python
        self.trial = gildiag.Trial(form)
        self.process = self.trial.start([python.path, "-W", "ignore", "-m", "test", *IGNORED, *names],
                                        stderr=subprocess.STDOUT, start_new_session=True)

    def finish(self):
        """Exit code and output; its folder and its processes are gone afterwards."""
        with self.trial, self.process:
            try:
                out, _ = self.process.communicate(timeout=TIMEOUT_S)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, 9)
                out, _ = self.process.communicate()
                return None, out.decode("utf-8", "replace")
            if self.process.returncode == 0 and self.trial.form != "plain":
                self.trial.wait_for_samplers()
                self.trial.json()  # it can be reported
            return self.process.returncode, out.decode("utf-8", "replace")


class Regression(unittest.TestCase):
    def check(self, jobs):
        """jobs: (python, test names, form).  Two at once: they mostly wait."""
        jobs = list(jobs)
        while jobs:
            running = [(job, Run(*job)) for job in jobs[:2]]
            del jobs[:2]
            for (python, names, form), run in running:
                with self.subTest(python=str(python), names=names, form=form):
                    code, out = run.finish()
                    if code == 0:
                        continue
                    plain, _ = Run(python, names, "plain").finish()
                    if plain != 0:
                        print("%s: %s fail without gildiag, too" % (python, " ".join(names)), file=sys.stderr)
                        continue
                    self.fail("passes alone, ends with %s under gildiag:\n%s" % (code, out[-6000:]))

    def test_quick(self):
        chosen = choose()
        if not chosen:
            self.skipTest("no supported CPython has its test package")
        forms = ("raw", "record", "raw")
        self.check((python, QUICK, form) for python, form in zip(chosen, forms))

    @unittest.skipUnless(ALL, "takes many minutes: GILDIAG_TEST_ALL=1 runs it")
    def test_all(self):
        chosen = choose()
        if not chosen:
            self.skipTest("no supported CPython has its test package")
        self.check((python, (name,), "raw") for python in chosen for name in LONG)


if __name__ == "__main__":
    unittest.main()
