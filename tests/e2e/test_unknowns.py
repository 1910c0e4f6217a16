"""What is not known is said: no sampler, a GIL of another kind, a filter."""
import os
import unittest

import gildiag
import pythons

ALONE = True

FORMS = ("run", "record", "raw")
COMPUTE = "import time\nend = time.time() + 0.4\nwhile time.time() < end: sum(range(100))"
WAIT = "import time\nfor i in range(20): time.sleep(0.02)"


class Unknowns(unittest.TestCase):
    def test_no_sampler(self):
        """Each process writes its own file; the sums of its threads still tell waiting from computing."""
        found = pythons.supported(pythons.find())
        if not found:
            self.skipTest("there is no CPython from 3.8 on")
        python = found[-1]
        for form in FORMS:
            for program, verdict in ((COMPUTE, "computing"), (WAIT, "waiting")):
                with gildiag.trial(self, form, verdict=verdict) as trial:
                    done = trial.run([python.path, "-S", "-c", program], env={"GILDIAG_NO_SAMPLER": "1"})
                    self.assertEqual((done.returncode, done.stdout), (0, b""))
                    (session,) = trial.sessions()
                    self.assertEqual(len([name for name in os.listdir(session) if name[0].isdigit()]), 1)
                    if form == "raw":
                        self.assertEqual(trial.samplers(), [])
                    report = trial.json()
                    self.assertEqual(gildiag.unprivileged_sources(report), ["agent"])
                    self.assertTrue(report["recording"]["complete"])
                    self.assertEqual(report["processes"][0]["exit"]["code"], 0)
                    self.assertEqual(report["verdict"]["class"], verdict)
                    self.assertNotEqual(report["verdict"]["confidence"], "high")
                    self.assertIn("no sampler looked", trial.text())
                    if form == "run":
                        self.assertIn(b"no sampler looked", done.stderr)

    def test_no_sampler_for_a_tree(self):
        for form in ("record", "raw"):
            with gildiag.trial(self, form) as trial:
                done = trial.run(["sh", "-c", "(exit 3); sh -c 'sh -c \"exit 5\"; exit 4'; exit 6"],
                                 env={"GILDIAG_NO_SAMPLER": "1"})
                self.assertEqual(done.returncode, 6)
                codes = {process["exit"]["code"] for process in trial.json()["processes"]}
                self.assertEqual({3, 4, 5, 6} - codes, set())

    def test_zero_and_nothing_leave_the_sampler_on(self):
        for value in ("0", ""):
            with gildiag.trial(self, "raw", value=value) as trial:
                with trial.start(["sh", "-c", "echo ready; read line"], stdin=-1,
                                 env={"GILDIAG_NO_SAMPLER": value}) as process:
                    process.stdout.readline()
                    trial.sampler()
                    process.communicate(b"\n", timeout=60)

    def test_a_gil_of_another_kind(self):
        old = [python for python in pythons.find() if python.minor < (3, 7)]
        if not old:
            self.skipTest("there is no CPython before 3.7")
        threads = "import threading\n" + COMPUTE.replace("0.4", "0.3") + \
            "\nt = threading.Thread(target=lambda: sum(range(3000000)))\nt.start()\nt.join()"
        for python in old:
            for form in FORMS:
                for program in (COMPUTE, threads):
                    with gildiag.trial(self, form, python=str(python)) as trial:
                        done = trial.run([python.path, "-S", "-c", program])
                        self.assertEqual((done.returncode, done.stdout), (0, b""))
                        report = trial.json()
                        self.assertEqual(report["processes"][0]["runtime"],
                                         {"name": "CPython", "version": python.version, "gil": "unknown"})
                        self.assertIsNone(report["gil"])
                        self.assertEqual(report["verdict"]["class"], "computing")
                        self.assertIn("GIL: unknown", trial.text())

    def test_a_filter(self):
        for form in ("record", "raw"):
            for case in ("strict", "strict-after-vfork", "filter", "filter-twice", "filter-for-all-threads"):
                with gildiag.trial(self, form, case=case) as trial:
                    trial.run([gildiag.program("filters"), case])
                    trial.wait_for_samplers()
                    self.assertIn("a seccomp filter", trial.text())
            for case in ("asks-only", "strict-in-a-bare-child", "no-tsc"):
                with gildiag.trial(self, form, case=case) as trial:
                    trial.run([gildiag.program("filters"), case])
                    trial.wait_for_samplers()
                    self.assertNotIn("seccomp", trial.text())
                    if case != "no-tsc":
                        self.assertGreaterEqual(gildiag.cause(trial.json(), "sleep")[1], 0.03)

    def test_a_filter_without_a_sampler(self):
        """What came before the filter is there, and that it is not all."""
        for case in ("strict", "filter"):
            with gildiag.trial(self, "raw", case=case) as trial:
                done = trial.run([gildiag.program("filters"), case], env={"GILDIAG_NO_SAMPLER": "1"})
                self.assertIn(done.returncode, (0, 31))
                self.assertFalse(trial.json()["recording"]["complete"])
                text = trial.text()
                self.assertIn("a seccomp filter", text)
                self.assertIn("incomplete", text)

    def test_children_under_a_filter_are_counted(self):
        for form in ("record", "raw"):
            with gildiag.trial(self, form) as trial:
                done = trial.run([gildiag.program("filters"), "filter-and-children"])
                self.assertEqual(done.returncode, 0, done.stdout)
                trial.wait_for_samplers()
                # Of three; under a filter nobody asks whether a vfork's child is still there.
                self.assertIn(trial.json()["recording"]["lost"]["processes"], (2, 3))
                self.assertIn("lost: ", trial.text())


if __name__ == "__main__":
    unittest.main()
