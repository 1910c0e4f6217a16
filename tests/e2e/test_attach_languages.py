"""gildiag record -p on programs of other languages: classes and causes, right or "cannot say"."""
import os
import shutil
import subprocess
import tempfile
import unittest

import gildiag
import probe

ALONE = True

SOURCE = os.path.join(gildiag.WORKLOADS, "outside")
RIGHT = {
    "computes": ("computing", "threads"),
    "sleeps": ("waiting", "threads"),
    "asks": ("waiting", "threads"),
    "locks": ("waiting", "fix-lock"),
}


def setUpModule():
    reason = probe.why_not()
    if reason:
        raise unittest.SkipTest(reason)


class Languages(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.program = os.path.join(self._folder.name, "program")

    def build(self, compiler, *words):
        """Skips where there is no such compiler."""
        if not shutil.which(compiler):
            self.skipTest("no " + compiler)
        done = subprocess.run([compiler, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=dict(os.environ, GO111MODULE="off"))
        self.assertEqual(done.returncode, 0, done.stdout)

    def ask_all(self):
        """The reports; the verdict of each is right, or that it cannot say."""
        reports = {case: gildiag.watch_gated([self.program, case]).report for case in RIGHT}
        for case, report in reports.items():
            with self.subTest(case):
                said = report["verdict"]["class"], report["recommendation"]["action"]
                self.assertIn(said, (RIGHT[case], ("unknown", "cannot-say")))
                self.assertEqual(report["processes"][0]["runtime"]["gil"], "none")
        return reports

    def test_go(self):
        self.build("go", "build", "-o", self.program, SOURCE + ".go")
        reports = self.ask_all()
        threads = reports["computes"]["threads"]
        self.assertGreater(max(thread["scheduler"]["on_cpu_s"] for thread in threads), 0.1)
        # Its own scheduler parks threads in futex and one in epoll: that is what can be known.
        calls = {block["system_call"] for block in reports["asks"]["blocks"]}
        self.assertTrue(calls & {"epoll_pwait", "epoll_wait"}, calls)

    def test_rust(self):
        self.build("rustc", "-O", "-o", self.program, SOURCE + ".rs")
        reports = self.ask_all()
        for case in ("computes", "sleeps", "asks"):
            self.assertNotEqual(reports[case]["verdict"]["class"], "unknown", case)
        self.assertGreater(reports["sleeps"]["time"]["classes"]["timer_wait_s"], 0.9)
        self.assertGreater(reports["asks"]["time"]["classes"]["io_wait_s"], 0.7)
        self.assertGreater(reports["locks"]["time"]["classes"]["lock_wait_s"], 1)


if __name__ == "__main__":
    unittest.main()
