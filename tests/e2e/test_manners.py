"""C programs say the same with and without the agent, and their waits are booked all the same."""
import os
import re
import subprocess
import unittest

import gildiag

FORMS = ("record", "raw")
PROGRAMS = ("errors_locks", "errors_io", "interrupts", "cancels", "locks", "signals", "threads", "filters",
            "libraries", "allocator")


def cases_of(name):
    done = subprocess.run([gildiag.program(name), "list"], stdout=subprocess.PIPE, check=True,
                          universal_newlines=True)
    return done.stdout.split()


class SameOutput(unittest.TestCase):
    def test_cases(self):
        for name in PROGRAMS:
            cases = cases_of(name)
            self.assertTrue(cases)
            for case in cases:
                self.compare([gildiag.program(name), case], name + " " + case)

    def compare(self, words, about, **popen):
        with gildiag.Trial("plain") as trial:
            plain = trial.run(words, **popen)
        self.assertNotIn(plain.returncode, (98, 99), plain.stdout)
        for form in FORMS:
            with gildiag.trial(self, form, about=about) as trial:
                done = trial.run(words, **popen)
                self.assertEqual(done.stdout.decode(), plain.stdout.decode())
                self.assertEqual((done.returncode, done.stderr), (plain.returncode, plain.stderr))
                report = trial.json()
                self.assertTrue(report["recording"]["complete"])
                for thread in report["threads"]:
                    self.check_sums(thread)

    def check_sums(self, thread):
        """Every wait lies within the life of its thread."""
        wall = sum(cause["wall_s"] for cause in thread["causes"].values())
        self.assertLessEqual(abs(wall - thread["life_s"]), 0.001 + 0.01 * thread["life_s"], thread)

    def test_every_wrapper_is_called(self):
        symbols = subprocess.run(["nm", "-D", "--defined-only", gildiag.AGENT], stdout=subprocess.PIPE,
                                 check=True, universal_newlines=True).stdout
        wrapped = {line.split()[2].split("@")[0] for line in symbols.splitlines() if " T " in line}
        wrapped -= {"gildiag_agent_abi", "gildiag_hold_ended"}  # no wrappers
        self.assertGreater(len(wrapped), 100)
        called = set()
        for name in os.listdir(gildiag.PROGRAM_SOURCES):
            if name.endswith(".c"):
                with open(os.path.join(gildiag.PROGRAM_SOURCES, name)) as file:
                    called |= set(re.findall(r"\b(\w+)\(", file.read()))
        self.assertEqual(sorted(wrapped - called), [])


class Accounts(unittest.TestCase):
    """What the odd programs did is in the recording."""

    def record(self, form, *words):
        with gildiag.trial(self, form) as trial:
            done = trial.run([gildiag.program(words[0])] + list(words[1:]))
            self.assertEqual(done.returncode, 0, done.stdout)
            return trial.json()

    def test_waits_after_a_jump_out_of_a_wait(self):
        for form in FORMS:
            report = self.record(form, "signals", "jumps")
            count, wall = gildiag.cause(report, "sleep")
            self.assertEqual(count, 12)
            self.assertGreaterEqual(wall, 12 * 0.02)
            self.assertLess(gildiag.cause(report, "internal")[1], 0.1)

    def test_a_jump_within_the_handler_ends_no_wait(self):
        for form in FORMS:
            report = self.record(form, "signals", "jumps-inside")
            main = next(thread for thread in report["threads"] if thread["tid"] == thread["pid"])
            self.assertEqual(main["causes"]["internal"]["count"], 1)
            self.assertGreaterEqual(main["causes"]["internal"]["wall_s"], 0.1)

    def test_a_fork_in_a_handler(self):
        for form in FORMS:
            for case in ("forks-in-main", "forks-in-a-thread"):
                report = self.record(form, "signals", case)
                parent, child = report["processes"]
                self.assertEqual((child["ppid"], child["exit"]["code"], child["threads_born"]),
                                 (parent["pid"], 5, 7))
                for thread in report["threads"]:
                    self.assertLess(sum(c["wall_s"] for c in thread["causes"].values()), 60)

    def test_threads_are_counted_once(self):
        for form in FORMS:
            for case, born in (("short", 5001), ("detached", 1001), ("failing", 101), ("many", 501),
                               ("destructors", 21), ("c11", 51)):
                report = self.record(form, "threads", case)
                self.assertEqual(report["processes"][0]["threads_born"], born, case)
                self.assertEqual(sum(thread["threads"] for thread in report["threads"]), born, case)
                self.assertEqual(report["recording"]["lost"]["threads"], 0)

    def test_destructors_wait_in_their_thread(self):
        for form in FORMS:
            report = self.record(form, "threads", "destructors")
            count, wall = gildiag.cause(report, "cond")
            # The last of four rounds comes when the thread has told us its end.
            self.assertEqual(count, 20 * 4 * 3)
            self.assertGreaterEqual(wall, 0.001 * count * 0.9)


if __name__ == "__main__":
    unittest.main()
