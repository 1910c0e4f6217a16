"""--last: of a long run only its end, while it runs and afterwards.  Two minutes long: with --all only."""
import os
import sys
import time
import unittest

import gildiag

# First it waits for nothing but the clock, one wait after another; then it computes.
PROGRAM = """
import time
end = time.monotonic() + 74
while time.monotonic() < end:
    time.sleep(0.05)
end = time.monotonic() + 70
while time.monotonic() < end:
    sum(range(20000))
"""

# For so long it is alone, until it has children that do all there is to do.
FAMILY = """
import os, time
time.sleep(74)
for child in range(2):
    if os.fork() == 0:
        end = time.monotonic() + 31
        while time.monotonic() < end:
            time.sleep(0.05)
        os._exit(0)
os.wait(), os.wait()
"""


@unittest.skipUnless(os.environ.get("GILDIAG_TEST_ALL") == "1", "two minutes: with --all")
class Last(unittest.TestCase):
    def test_the_end_of_a_long_run(self):
        for form in ("record", "raw"):
            with self.subTest(form=form), gildiag.Trial(form) as trial:
                child = trial.start([sys.executable, "-c", PROGRAM])
                time.sleep(60)
                short = trial.json("--last", "60s")
                self.assertIsNone(short["recording"]["last_s"])  # no copy yet: all of it
                self.assertEqual(short["verdict"]["class"], "waiting")
                time.sleep(80)
                last = trial.json("--last", "20s")
                whole = trial.json()
                self.assertEqual(child.wait(30), 0)
                self.assertEqual(last["verdict"]["class"], "computing")
                self.assertGreaterEqual(last["recording"]["last_s"], 20)
                self.assertLess(last["recording"]["last_s"], 55)
                self.assertLess(last["time"]["classes"]["timer_wait_s"], 0.5)
                self.assertNotEqual(whole["verdict"]["class"], "computing")
                self.assertGreater(whole["time"]["classes"]["timer_wait_s"], 70)
                after = trial.json("--last", "30s")
                self.assertEqual(after["verdict"]["class"], "computing")

    def test_a_family_that_was_one_process_until_then(self):
        with gildiag.Trial("record") as trial:
            self.assertEqual(trial.run([sys.executable, "-c", FAMILY], timeout=150).returncode, 0)
            last = trial.json("--last", "25s")
            self.assertLess(last["recording"]["last_s"], 60)
            self.assertAlmostEqual(last["time"]["judged_s"], last["recording"]["last_s"], delta=2)


if __name__ == "__main__":
    unittest.main()
