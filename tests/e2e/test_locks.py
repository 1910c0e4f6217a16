"""Locks against programs that know: how often, how long, by whose fault."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import gildiag
import pythons

ALONE = True

KNOWN = gildiag.program("known_locks")
TRIES = 3  # for times, which a busy machine may disturb between two clocks; counts never get a second
EVENT_S = 1e-6
SHARE = 0.01


def scripts():
    done = subprocess.run([KNOWN, "list"], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().split()


def near(ours, truth, events):
    return abs(ours - truth) <= max(EVENT_S * events, SHARE * truth)


def watch(command, form):
    result = gildiag.watch(command, form)
    if result.code != 0 or result.report is None:
        raise AssertionError("%s: %s %s" % (command, result.err, result.message))
    return result


class KnownLocks(unittest.TestCase):
    """Every script of tests/programs/known_*.c in both forms."""

    def places(self, holders):
        return sorted((holder["function"], holder["line"]) for holder in holders)

    def check_counts(self, lock, known):
        """What must be right each time."""
        self.assertEqual(lock["kind"], known["kind"])
        for key in ("contended", "timeouts", "released", "posted"):
            self.assertEqual(lock[key], known[key], key)
        self.assertEqual(lock["waiting"], 0)
        self.assertEqual(self.places(lock["holders"]), self.places(known["holders"]))
        for holder in lock["holders"]:
            self.assertRegex(os.path.basename(holder["file"]), r"known_\w+\.c$")
        blames = [holder["blame_s"] for holder in lock["holders"]]
        self.assertEqual(blames, sorted(blames, reverse=True))

    def wrong_times(self, lock, known):
        """What a preemption between the program's clock and ours may make wrong."""
        wrong = []

        def compare(what, ours, truth, events):
            if not near(ours, truth, events):
                wrong.append("%s: %.9f, not %.9f s" % (what, ours, truth))

        compare("wait", lock["wait_s"], known["wait_s"], known["contended"])
        held = sum(holder["hold_s"] for holder in known["holders"])
        if lock["hold_s"] is not None:
            compare("hold", lock["hold_s"], held, known["released"])
        for truth in known["holders"]:
            ours = next(holder for holder in lock["holders"] if holder["line"] == truth["line"])
            compare("blame of %(function)s" % truth, ours["blame_s"], truth["blame_s"], known["contended"])
            compare("hold of %(function)s" % truth, ours["hold_s"], truth["hold_s"], known["released"])
        return wrong

    def try_once(self, script, form):
        result = watch([KNOWN, script], form)
        truths = [json.loads(line) for line in result.out.splitlines()]
        locks = {lock["name"]: lock for lock in result.report["locks"]}
        wrong = []
        self.assertGreater(len(truths), 0)
        self.assertEqual(set(locks), {known["name"] for known in truths})
        for known in truths:
            lock = locks[known["name"]]
            self.check_counts(lock, known)
            self.check_exact(script, lock)
            wrong += ["%s: %s" % (known["name"], text) for text in self.wrong_times(lock, known)]
        waits = [lock["wait_s"] for lock in result.report["locks"]]
        self.assertEqual(waits, sorted(waits, reverse=True))
        return wrong

    def check_exact(self, script, lock):
        """A hold that began unseen has no length, and is said."""
        unseen = script == "mutex-unseen"
        has_hold = lock["kind"] not in ("condition", "barrier")
        self.assertEqual(lock["exact"], not unseen)
        self.assertEqual(lock["unbounded"], 1 if unseen else 0)
        self.assertEqual(lock["hold_s"] is None, unseen or not has_hold)

    def test_counts_are_exact_times_within_one_per_cent_and_the_culprit_right(self):
        for form in gildiag.FORMS:
            for script in scripts():
                with self.subTest(form=form, script=script):
                    for _ in range(TRIES):
                        wrong = self.try_once(script, form)
                        if not wrong:
                            break
                        print("%s, %s: %s" % (script, form, "; ".join(wrong)))
                    self.assertEqual(wrong, [])

    def test_a_short_hold_that_many_wait_for_comes_before_a_long_one(self):
        report = watch([KNOWN, "mutex-several"], "run").report
        self.assertEqual([lock["name"] for lock in report["locks"]], ["wanted_by_many", "held_long"])
        self.assertLess(report["locks"][0]["hold_s"], report["locks"][1]["hold_s"])


class KnownGil(unittest.TestCase):
    """tests/workloads/gil_blame.py on every Python with a GIL that is to be exact."""
    ROUNDS, WAITERS = 9, 2

    def check_waiters(self, report, truth):
        wrong = []
        for tid, waited in truth["waited"].items():
            thread = next(t for t in report["threads"] if t["tid"] == int(tid))
            gil = thread["causes"]["gil"]
            # Once to begin with, and once a round, unless the machine upset the schedule.
            self.assertEqual(gil["count"], 1 + truth["waits"][tid])
            if truth["waits"][tid] != self.ROUNDS:
                wrong.append("%s waited in %d rounds" % (tid, truth["waits"][tid]))
            first = gil["wall_s"] - waited
            if not 0 < first < 0.1:
                wrong.append("%s waited %f, not %f s" % (tid, gil["wall_s"], waited))
        return wrong

    def try_once(self, python, form):
        result = watch([python.path, "gil_blame.py", str(self.ROUNDS), str(self.WAITERS)], form)
        truth, report = json.loads(result.out), result.report
        holders = {holder["function"].split(".")[-1]: holder for holder in report["gil"]["holders"]}
        with open(os.path.join(gildiag.WORKLOADS, "gil_blame.py")) as source:
            lines = source.read().splitlines()
        wrong = self.check_waiters(report, truth)
        for name, blame in truth["blame"].items():
            self.assertIn(name, holders)
            holder, hold = holders[name], truth["hold"][name]
            self.assertEqual(os.path.basename(holder["file"]), "gil_blame.py")
            self.assertIn("def %s(" % name, lines[holder["line"] - 2])
            if not near(holder["blame_s"], blame, self.ROUNDS * self.WAITERS):
                wrong.append("%s: blamed %f, not %f s" % (name, holder["blame_s"], blame))
            if not near(holder["hold_s"], hold, self.ROUNDS):
                wrong.append("%s: held %f, not %f s" % (name, holder["hold_s"], hold))
        self.assertEqual(report["gil"]["holders"][0]["function"].split(".")[-1], "hold_it")
        return wrong

    def test_the_gil_s_holders_are_blamed_for_what_others_waited(self):
        for python in pythons.supported(pythons.find()):
            for form in gildiag.FORMS:
                with self.subTest(python=str(python), form=form):
                    for _ in range(TRIES):
                        wrong = self.try_once(python, form)
                        if not wrong:
                            break
                        print("%s, %s: %s" % (python, form, "; ".join(wrong)))
                    self.assertEqual(wrong, [])


class FixLock(unittest.TestCase):
    """The advice names the lock and the line of who holds it."""

    def check(self, command, source, holder, call, name=None):
        """The line is the one of source that makes that call."""
        with open(os.path.join(gildiag.WORKLOADS, source)) as file:
            lines = file.read().splitlines()
        for form in gildiag.FORMS:
            with self.subTest(command=command, form=form):
                report = watch(command, form).report
                advice = report["recommendation"]
                self.assertEqual(advice["action"], "fix-lock")
                where = advice["where"][0]
                self.assertEqual(os.path.basename(where["file"]), source)
                self.assertIn(holder, where["function"])
                self.assertIn(call, lines[where["line"] - 1])
                worst = report["locks"][0]
                if name:
                    self.assertEqual(worst["name"], name)
                self.assertIn(worst["name"], advice["summary"])
                self.assertEqual({key: worst["holders"][0][key] for key in ("file", "line", "function")},
                                 {key: where[key] for key in ("file", "line", "function")})

    def test_of_a_python_program(self):
        for python in pythons.supported(pythons.find()):
            self.check([python.path, "shared_cache.py"], "shared_cache.py", "refresh", "")

    def test_of_a_c_program(self):
        self.check([os.path.join(gildiag.PROGRAMS, "compute"), "8", "mutex"], "compute.c", "body",
                   "pthread_mutex_lock(&mutex)", "mutex")

    def test_of_a_cxx_program_whose_guards_are_inlined(self):
        compiler = shutil.which("g++")
        if not compiler:
            self.skipTest("there is no g++")
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "guarded")
            subprocess.run([compiler, "-std=c++17", "-O2", "-g", "-pthread", "-o", program,
                            os.path.join(gildiag.WORKLOADS, "guarded.cc")], check=True)
            self.check([program], "guarded.cc", "book", "lock_guard", "ledger")


if __name__ == "__main__":
    unittest.main()
