"""Sampled stacks against what a program says of itself: function, file, line, for every frame."""
import collections
import concurrent.futures
import json
import os
import re
import unittest

import gildiag
import probe
import pythons

FOUND = pythons.supported(pythons.find())


def stacks_of(result, cause):
    """Seconds by stack, of waits for this cause: what gildiag saw."""
    seen = collections.Counter()
    for stack in result.report["stacks"]:
        if stack["cause"] == cause:
            frames = tuple((frame["file"], frame["line"], frame["function"]) for frame in stack["frames"])
            seen[frames] += stack["wait_s"]
    return seen


TRIES = 3  # for times, which neighbours disturb; the stacks must be right in each


class AgainstThePrograms(unittest.TestCase):
    def measure(self, python, form, words):
        """What the program says of itself, and what gildiag saw of its sleeps and of its waits for the GIL."""
        command = [python.path, "stacks.py"] + words
        if form == "attach":
            result = gildiag.watch_from_outside(command, True)
        else:
            result = gildiag.watch(command, form)
        self.assertEqual((result.code, result.err), (0, b""))
        truth = collections.Counter()
        for seconds, stack in json.loads(result.out):
            truth[tuple(map(tuple, stack))] += seconds
        return truth, stacks_of(result, "sleep"), stacks_of(result, "gil")

    def check(self, python, form, words):
        for _ in range(TRIES):
            truth, seen, gil = self.measure(python, form, words)
            self.assertGreaterEqual(len(truth), 20)
            # What this program cannot have done.
            for stack in seen:
                self.assertIn(stack, truth)
            short = {stack for stack in truth if "short_waits" in stack[0][2]}
            self.assertEqual(len(short), 1)
            wrong = []
            for stack, seconds in truth.items():
                # Long waits are weighed to the tick, but for what the one before left over.
                bound = 0.15 * seconds if stack in short else 0.003 * (5 if words else 1) + 0.02 * seconds
                # Who wakes up waits for the GIL on the same line, within what the program measures.
                if abs(seen[stack] + gil[stack] - seconds) >= bound:
                    wrong.append((stack, seen[stack], gil[stack], seconds))
            if not wrong:
                return
        self.fail("%d tries: %s" % (TRIES, wrong))

    def test_stacks_are_the_program_s_own(self):
        cases = [(python, form, words) for python in FOUND for form in gildiag.FORMS for words in ([], ["threads"])]
        # The programs sleep: several at once do not disturb each other.
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            running = [pool.submit(self.check, *case) for case in cases]
        for (python, form, words), done in zip(cases, running):
            with self.subTest(python=str(python), form=form, words=words):
                done.result()

    @unittest.skipIf(probe.why_not(), probe.why_not())
    def test_stacks_seen_from_outside_are_the_program_s_own(self):
        cases = [(python, "attach", words) for python in FOUND for words in ([], ["threads"], ["fork"])]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            running = [pool.submit(self.check, *case) for case in cases]
        for (python, _, words), done in zip(cases, running):
            with self.subTest(python=str(python), words=words):
                done.result()

    def test_the_report_names_the_line_that_waits(self):
        with open(os.path.join(gildiag.WORKLOADS, "stacks.py")) as source:
            line = 1 + [i for i, text in enumerate(source) if "time.sleep(0.0002)" in text][0]
        for python in FOUND:
            with self.subTest(python=str(python)):
                with gildiag.Trial("run") as trial:
                    done = trial.run([python.path, os.path.join(gildiag.WORKLOADS, "stacks.py")])
                    text = done.stderr.decode()
                # One of the first two: another line waits as long, within what neighbours add.
                self.assertRegex(text, r"waits .*\n?.* m?s +stacks.py:%d short_waits\(\) +sleep" % line)


class OfAnUnknownPython(unittest.TestCase):
    """What cannot be read gives no frames, and the report says so."""

    def test_before_3_8(self):
        old = [python for python in pythons.find() if python.minor < (3, 8)]
        if not old:
            self.skipTest("there is no CPython before 3.8")
        for python in old:
            with self.subTest(python=str(python)):
                result = gildiag.watch([python.path, "-c", "import time; time.sleep(0.4)"], "run")
                frames = [frame for stack in result.report["stacks"] for frame in stack["frames"]]
                self.assertGreater(len(frames), 0)
                self.assertEqual([frame for frame in frames if re.search(r"\.py$|<string>", frame["file"] or "")], [])


class OfC(unittest.TestCase):
    def test_callers_are_named(self):
        result = gildiag.watch([os.path.join(gildiag.PROGRAMS, "waits"), "socket"], "run")
        waited = collections.Counter()
        for stack in result.report["stacks"]:
            frame = stack["frames"][0]
            waited[(os.path.basename(frame["file"] or ""), frame["function"])] += stack["wait_s"]
        (file, function), seconds = waited.most_common(1)[0]
        self.assertEqual(file, "waits.c")
        self.assertGreater(seconds, 0.9 * sum(waited.values()))


if __name__ == "__main__":
    unittest.main()
