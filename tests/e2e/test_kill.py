"""kill -9 of the target, the sampler, gildiag, or all: what was recorded is there, what is missing is said."""
import os
import random
import signal
import subprocess
import sys
import time
import unittest

import gildiag

# Computes a little, waits a little, tells when it began; ends with its input.
PROGRAM = """
import select, sys, time
print("ready", __import__("os").getpid(), flush=True)
while not select.select([sys.stdin], [], [], 0.005)[0]:
    sum(range(2000))
sys.exit(6)
"""
MOMENTS = 100 if os.environ.get("GILDIAG_TEST_ALL") == "1" else 20
WORDS = [sys.executable, "-S", "-c", PROGRAM]


def unprobed(test, form, **about):
    """Without the eBPF probe, whose own file would tell something still; test_probe kills that one."""
    return gildiag.trial(test, form, options=("--probe=off",), **about)


class Kill(unittest.TestCase):
    def start(self, trial):
        process = trial.start(WORDS, stdin=subprocess.PIPE)
        line = process.stdout.readline().split()
        self.assertEqual(line[0], b"ready")
        return process, int(line[1])

    def finish(self, process):
        """The end of its input ends the target."""
        process.stdin.close()
        out, err = process.stdout.read(), process.stderr.read()
        process.stdout.close()
        process.stderr.close()
        return process.wait(60), out, err

    def assert_sentence(self, done, code=1):
        self.assertEqual((done.returncode, done.stdout), (code, b""))
        self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith(b"gildiag: "), done.stderr)

    def test_the_target(self):
        for form in ("run", "record", "raw"):
            for look_first in (False, True):
                with unprobed(self, form, look_first=look_first) as trial:
                    process, pid = self.start(trial)
                    if look_first:
                        self.assertFalse(trial.json()["recording"]["complete"])
                        self.assertIn("incomplete", trial.text())
                    trial.sampler()  # it is there
                    os.kill(pid, signal.SIGKILL)
                    code, out, err = self.finish(process)
                    self.assertEqual((code, out), (-signal.SIGKILL, b""))
                    trial.wait_for_samplers()
                    report = trial.json()
                    self.assertTrue(report["recording"]["complete"])
                    self.assertIsNone(report["processes"][0]["exit"]["code"])
                    self.assertIn("sampler", report["recording"]["sources"])
                    if form == "run":
                        self.assertIn(b"watched", err)

    def test_the_target_at_once(self):
        """Before it has told anybody anything: a report, or one sentence that says there is none."""
        for form in ("run", "record", "raw"):
            for delay in range(0, 24, 3):
                with unprobed(self, form, delay=delay) as trial:
                    process = trial.start(["sh", "-c", "kill -9 $$"] if delay == 0 else WORDS,
                                          stdin=subprocess.PIPE)
                    for _ in range(delay * 20):
                        os.sched_yield()
                    if form == "raw":
                        process.kill()
                    self.finish(process)
                    trial.wait_for_samplers()
                    done = trial.report()
                    if done.returncode == 0:
                        continue
                    self.assert_sentence(done)

    def test_the_sampler_and_the_target_goes_on(self):
        """It writes its own file at its end, whenever that comes."""
        for form in ("run", "record", "raw"):
            for number in (signal.SIGKILL, signal.SIGTERM):
                for look_first in (False, True):
                    with unprobed(self, form, number=number, look_first=look_first) as trial:
                        process, pid = self.start(trial)
                        if look_first:
                            trial.json()
                        sampler = trial.sampler()
                        os.kill(sampler, number)
                        gildiag.wait_for_end(sampler)
                        code, out, err = self.finish(process)
                        self.assertEqual((code, out), (6, b""))
                        report = trial.json()
                        self.assertTrue(report["recording"]["complete"])
                        self.assertEqual(report["processes"][0]["exit"]["code"], 6)
                        if form == "run":
                            self.assertIn(b"watched", err)

    def test_children_of_a_target_without_its_sampler(self):
        script = "echo ready; read line; sh -c 'sleep 0; exit 5'; (exit 7); true"
        for form in ("record", "raw"):
            with unprobed(self, form) as trial:
                process = trial.start(["sh", "-c", script], stdin=subprocess.PIPE)
                self.assertEqual(process.stdout.readline(), b"ready\n")
                sampler = trial.sampler()
                os.kill(sampler, signal.SIGKILL)
                gildiag.wait_for_end(sampler)
                process.communicate(b"\n", timeout=60)
                self.assertEqual(process.returncode, 0)
                trial.wait_for_samplers()
                report = trial.json()
                codes = {one["exit"]["code"]
                         for one in report["processes"] + report["short_processes"]}
                self.assertEqual({5, 7, 0} - codes, set())

    def test_the_sampler_and_then_the_target(self):
        for form in ("run", "record", "raw"):
            for look_first in (False, True):
                with unprobed(self, form, look_first=look_first) as trial:
                    process, pid = self.start(trial)
                    if look_first:
                        trial.json()
                    sampler = trial.sampler()
                    os.kill(sampler, signal.SIGKILL)
                    gildiag.wait_for_end(sampler)
                    os.kill(pid, signal.SIGKILL)
                    code, out, err = self.finish(process)
                    self.assertEqual((code, out), (-signal.SIGKILL, b""))
                    if look_first:
                        # What the report had asked the sampler to write is there, and said to be old.
                        self.assertFalse(trial.json()["recording"]["complete"])
                        self.assertIn("incomplete", trial.text())
                    else:
                        self.assert_sentence(trial.report())
                        if form == "run":
                            self.assertEqual(err.count(b"\n"), 1, err)

    def test_gildiag(self):
        """The target does not notice; the sampler writes what it has, the target the rest."""
        for form in ("run", "record"):
            with unprobed(self, form) as trial:
                process, pid = self.start(trial)
                sampler = trial.sampler()
                process.kill()
                self.assertEqual(process.wait(60), -signal.SIGKILL)
                gildiag.wait_for_end(sampler)
                report = trial.json()
                self.assertFalse(report["recording"]["complete"])
                self.finish(process)
                gildiag.wait_for_end(pid)
                report = trial.json()
                self.assertTrue(report["recording"]["complete"])
                self.assertEqual(report["processes"][0]["exit"]["code"], 6)

    def test_all_three(self):
        for form in ("run", "record"):
            with unprobed(self, form) as trial:
                process, pid = self.start(trial)
                trial.json()
                sampler = trial.sampler()
                for one in (process.pid, sampler, pid):
                    os.kill(one, signal.SIGKILL)
                self.finish(process)
                gildiag.wait_for_end(sampler)
                gildiag.wait_for_end(pid)
                self.assertFalse(trial.json()["recording"]["complete"])
                self.assertIn("incomplete", trial.text())

    def test_at_random_moments(self):
        """The target, its sampler, or both: the one that lives goes on, and what is told is told as it is."""
        dice = random.Random(os.environ.get("GILDIAG_TEST_SEED", "1"))
        for moment in range(MOMENTS):
            form, victims = dice.choice(("run", "record", "raw")), dice.choice(("target", "sampler", "both"))
            delay_s = dice.uniform(0, 0.5)
            with unprobed(self, form, moment=moment, victims=victims, delay_s=round(delay_s, 3)) as trial:
                process, pid = self.start(trial)
                sampler = trial.sampler()
                time.sleep(delay_s)
                for one in {"target": [pid], "sampler": [sampler], "both": [sampler, pid]}[victims]:
                    os.kill(one, signal.SIGKILL)
                gildiag.wait_for_end(sampler if victims != "target" else pid)
                code, out, _ = self.finish(process)
                self.assertEqual((code, out), (6 if victims == "sampler" else -signal.SIGKILL, b""))
                trial.wait_for_samplers()
                if victims == "both":  # nobody was left who could write more than there was
                    done = trial.report()
                    if done.returncode == 0:
                        self.assertFalse(trial.json()["recording"]["complete"])
                        self.assertIn("incomplete", trial.text())
                    else:
                        self.assert_sentence(done)
                    continue
                report = trial.json()
                self.assertTrue(report["recording"]["complete"])
                self.assertEqual(report["processes"][0]["exit"]["code"], 6 if victims == "sampler" else None)
                self.assertGreater(report["time"]["wall_s"], delay_s / 2)

    def test_python_told_to_end(self):
        """SIGTERM kills a Python program, SIGINT makes it kill itself: both are whole recordings."""
        for form in ("run", "record", "raw"):
            for number in (signal.SIGTERM, signal.SIGINT):
                with unprobed(self, form, number=number) as trial:
                    process, pid = self.start(trial)
                    os.kill(pid, number)
                    code, out, err = self.finish(process)
                    self.assertEqual((code, out), (-number, b""))
                    trial.wait_for_samplers()
                    self.assertTrue(trial.json()["recording"]["complete"])
                    if number == signal.SIGINT:
                        self.assertIn(b"KeyboardInterrupt", err)


if __name__ == "__main__":
    unittest.main()
