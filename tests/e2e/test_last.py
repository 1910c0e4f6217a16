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


if __name__ == "__main__":
    unittest.main()
