"""Holds of contended locks by the eBPF probe: how many, how long, what the holder did meanwhile."""
import json
import os
import subprocess
import sys
import unittest

import elf
import gildiag
import probe

ALONE = True

KNOWN = gildiag.program("known_locks")
TRIES = 3  # for times, which a busy machine may disturb
HOLDS = 20

# A thread holds the lock as told while another one wants it.
SCRIPT = """
import os, sys, threading, time
lock = threading.Lock()
wanted = threading.Semaphore(0)

def compute(s):
    end = time.thread_time() + s
    while time.thread_time() < end:
        pass

def want():
    for _ in range(%d):
        wanted.acquire()
        with lock:
            pass

what = {"sleep": lambda: time.sleep(0.01), "compute": lambda: compute(0.01),
        "both": lambda: [(time.sleep(0.0025), compute(0.0025)) for _ in range(2)],
        "often": lambda: [time.sleep(0.0005) for _ in range(24)]}[sys.argv[1]]
thread = threading.Thread(target=want)
thread.start()
for _ in range(%d):
    with lock:
        wanted.release()
        what()
    time.sleep(0.005)
thread.join()
""" % (HOLDS, HOLDS)


def setUpModule():
    reason = probe.why_not()
    if reason:
        raise unittest.SkipTest(reason)


def known_report(script):
    with gildiag.Trial("record") as trial:
        done = trial.run([KNOWN, script], "--probe=on")
        return [json.loads(line) for line in done.stdout.splitlines()], trial.json(), trial.text("-v")


def near(ours, truth, events):
    return abs(ours - truth) <= max(1e-6 * events, 0.01 * truth)


class KnownHolds(unittest.TestCase):
    """Programs that print what they did, as in test_locks."""

    def wrong_times(self, script):
        truths, report, _ = known_report(script)
        locks = {lock["name"]: lock for lock in report["locks"]}
        wrong = []
        for truth in truths:
            lock = locks[truth["name"]]
            seen = lock["probed"]
            holds = lock["released"] - lock["unbounded"]
            self.assertEqual(seen["holds"] if seen else 0, holds, truth["name"])
            if not seen or lock["unbounded"]:
                continue
            held = sum(holder["hold_s"] for holder in truth["holders"])
            if not near(seen["hold_s"], held, holds):
                wrong.append("%s: held %.9f, not %.9f s" % (truth["name"], seen["hold_s"], held))
            self.assertTrue(near(seen["hold_s"], lock["hold_s"], holds), (seen, lock["hold_s"]))
            self.assertLess(abs(seen["hold_s"] - seen["not_split_s"] - seen["on_cpu_s"] - seen["no_cpu_s"] -
                                seen["blocked_s"]), 1e-6)
        self.assertEqual(report["probe"]["lost"]["holds"], 0)
        return wrong

    def test_counts_are_exact_and_times_within_one_per_cent(self):
        scripts = subprocess.run([KNOWN, "list"], stdout=subprocess.PIPE, check=True).stdout.decode().split()
        for script in scripts:
            with self.subTest(script=script):
                for _ in range(TRIES):
                    wrong = self.wrong_times(script)
                    if not wrong:
                        break
                    print("%s: %s" % (script, "; ".join(wrong)))
                self.assertEqual(wrong, [])

    def test_both_sources_are_printed(self):
        _, report, text = known_report("mutex-several")
        check = report["probe"]["crosscheck"]
        self.assertGreater(check["holds"], 0)
        self.assertEqual(check["holds"], check["agent_holds"])
        self.assertLess(abs(check["hold_s"] - check["agent_hold_s"]), 1e-3 * check["agent_hold_s"])
        self.assertRegex(" ".join(text.split()), r"holds that others waited for .+ in \d+ by it, .+ by the agent")


class Meanwhile(unittest.TestCase):
    def held(self, what, before=()):
        with gildiag.Trial("record") as trial:
            done = trial.run([*before, sys.executable, "-c", SCRIPT, what], "--probe=on")
            self.assertEqual(done.returncode, 0, done.stderr)
            locks = [lock for lock in trial.json()["locks"] if lock["probed"] and lock["probed"]["holds"] >= HOLDS - 1]
            self.assertEqual(len(locks), 1, locks)
            return locks[0]["probed"], trial.text("-v")

    def share(self, seen, key):
        return seen[key] / (seen["hold_s"] - seen["not_split_s"])

    def test_a_holder_that_sleeps_is_blocked(self):
        seen, text = self.held("sleep")
        self.assertGreater(self.share(seen, "blocked_s"), 0.9)
        self.assertLess(seen["not_split_s"], 1e-4 * seen["hold_s"])  # the two clocks are some us apart at most
        self.assertRegex(text, r"meanwhile the holder computed \d %, was blocked (9\d|100) %")

    def test_a_holder_that_computes_is_on_the_cpu(self):
        seen, _ = self.held("compute", ["taskset", "-c", "0,1"])
        # thread_time() is its CPU clock: what it had no CPU for comes on top of that.
        self.assertGreater(seen["on_cpu_s"], 0.99 * 0.01 * (HOLDS - 1))
        self.assertLess(seen["on_cpu_s"], 1.1 * 0.01 * HOLDS)

    def test_one_that_does_both_by_halves(self):
        seen, _ = self.held("both")
        self.assertGreater(seen["on_cpu_s"], 0.99 * 0.005 * (HOLDS - 1))
        self.assertGreater(seen["blocked_s"], 0.99 * 0.005 * (HOLDS - 1))
        self.assertEqual(seen["not_split_s"], 0)

    def test_one_that_has_to_share_its_cpu_has_none_for_half_of_the_time(self):
        pinned = ["taskset", "-c", "1"]
        with subprocess.Popen([*pinned, sys.executable, "-c", "while True: pass"]) as hog:
            seen, text = self.held("compute", pinned)
            hog.kill()
        self.assertGreater(self.share(seen, "no_cpu_s"), 0.25)
        self.assertGreater(seen["on_cpu_s"], 0.99 * 0.01 * (HOLDS - 1))
        self.assertRegex(text, r"had no CPU \d\d %")

    def test_what_lies_too_far_back_is_not_split(self):
        seen, _ = self.held("often")
        self.assertGreater(seen["not_split_s"], 0.4 * seen["hold_s"])
        self.assertLess(seen["not_split_s"], 0.9 * seen["hold_s"])
        self.assertGreater(self.share(seen, "blocked_s"), 0.7)


class Point(unittest.TestCase):
    def test_a_probe_there_is_cheap(self):
        """A nop of one byte, which the kernel skips; a longer one it would replace (Linux 6.18)."""
        agent = elf.Elf(gildiag.AGENT)
        places = agent.functions("gildiag_hold_ended")
        self.assertEqual(len(places), 1)
        self.assertEqual(agent.data[places[0]:places[0] + 2], b"\x90\xc3")

    def test_without_a_probe_nothing_is_said_of_it(self):
        with gildiag.Trial("record") as trial:
            trial.run([KNOWN, "mutex-several"], "--probe=off")
            report = trial.json()
        self.assertEqual({lock["probed"] is None for lock in report["locks"]}, {True})


if __name__ == "__main__":
    unittest.main()
