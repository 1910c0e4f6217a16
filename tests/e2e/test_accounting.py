"""Where the time went, against clocks that are not ours."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

import gildiag
import pythons

ALONE = True

COMPUTING = ("cpu_gil_s", "cpu_free_s")


def program(*words):
    return [os.path.join(gildiag.PROGRAMS, words[0])] + list(words[1:])


class Waits(unittest.TestCase):
    def test_sums_of_waits_are_the_program_s_own_within_one_per_cent(self):
        for form in gildiag.FORMS:
            result = gildiag.watch(program("clocked"), form)
            self.assertEqual(result.code, 0, result.err)
            truth = json.loads(result.out)
            causes = next(t for t in result.report["threads"] if t["role"] == "main")["causes"]
            self.assertGreaterEqual(len(truth), 10)
            for cause, (seconds, calls) in truth.items():
                with self.subTest(form=form, cause=cause):
                    self.assertEqual(causes[cause]["count"], calls)
                    self.assertLess(abs(causes[cause]["wall_s"] - seconds), 0.01 * seconds,
                                    "%f, not %f s" % (causes[cause]["wall_s"], seconds))

    def test_classes_add_up_to_the_thread_s_life(self):
        result = gildiag.watch(program("clocked"), "run")
        for thread in result.report["threads"]:
            total = sum(thread["classes"].values())
            self.assertLess(abs(total - thread["life_s"]), 0.001 * thread["life_s"] + 1e-4)


class Computing(unittest.TestCase):
    def threads_of(self, kind, threads, prefix=()):
        result = gildiag.watch(list(prefix) + program("cpu_clocked", kind, str(threads)), "run")
        self.assertEqual(result.code, 0, result.err)
        truth = {line["tid"]: line for line in map(json.loads, result.out.splitlines())}
        self.assertEqual(len(truth), threads)
        seen = {t["tid"]: t for t in result.report["threads"] if t["tid"] in truth}
        self.assertEqual(len(seen), threads)
        return [(seen[tid], truth[tid]) for tid in truth]

    def test_cpu_classes_are_the_thread_s_cpu_clock_within_one_per_cent_of_its_life(self):
        for kind in ("compute", "cached", "mixed"):
            for threads in (1, 2, 4):
                for seen, truth in self.threads_of(kind, threads):
                    with self.subTest(kind=kind, threads=threads):
                        ours = sum(seen["classes"][name] for name in COMPUTING)
                        self.assertLess(abs(ours - truth["cpu_s"]), 0.01 * truth["life_s"],
                                        "%f, not %f s" % (ours, truth["cpu_s"]))

    def test_python_threads_too(self):
        code = ("import sys, threading, time, json, ctypes; sys.path.insert(0, '.')\n"
                "from work import compute_with_gil, compute_without_gil\n"
                "def body(f):\n"
                "    for _ in range(8): f(0.05); time.sleep(0.01)\n"
                "    sys.stdout.write(json.dumps([threading.get_native_id(), time.thread_time()]) + '\\n')\n"
                "ts = [threading.Thread(target=body, args=(f,)) for f in"
                " (compute_with_gil, compute_with_gil, compute_without_gil)]\n"
                "[t.start() for t in ts]; [t.join() for t in ts]\n")
        for python in pythons.supported(pythons.find()):
            result = gildiag.watch([python.path, "-c", code], "run")
            truth = dict(map(json.loads, result.out.splitlines()))
            for thread in result.report["threads"]:
                if thread["tid"] in truth:
                    with self.subTest(python=str(python)):
                        ours = sum(thread["classes"][name] for name in COMPUTING)
                        self.assertLess(abs(ours - truth.pop(thread["tid"])), 0.01 * thread["life_s"])
            self.assertEqual(truth, {})

    def test_a_cached_read_is_computing(self):
        for seen, truth in self.threads_of("cached", 1):
            self.assertGreater(seen["causes"]["file"]["count"], 1000)
            # Who is preempted inside a read was off the CPU in it: that much may look like waiting.
            self.assertLess(seen["classes"]["io_wait_s"], 0.02 * truth["life_s"] + truth["run_delay_s"])
            self.assertGreater(seen["classes"]["cpu_free_s"], 0.9 * truth["cpu_s"])

    def test_run_delay_under_two_burners_is_no_cpu_within_two_per_cent(self):
        burners = [sys.executable, "burners.py", "2"]
        for seen, truth in self.threads_of("compute", 1, burners):
            self.assertGreater(truth["run_delay_s"], 0.3 * truth["life_s"])
            self.assertLess(abs(seen["classes"]["no_cpu_s"] - truth["run_delay_s"]),
                            0.02 * truth["life_s"])


class Unknown(unittest.TestCase):
    """What is not known is printed as unknown; each kind is made to happen."""

    def test_a_blocked_fgets_is_unseen(self):
        result = gildiag.watch(program("waits", "hidden"), "run", options=["--probe=off"])
        root = result.report["processes"][0]
        self.assertGreater(root["classes"]["unseen_s"], 0.7)
        self.assertEqual(result.report["verdict"]["class"], "unknown")

    def test_a_sleep_that_keeps_the_gil_is_waiting_while_holding_it(self):
        code = "import ctypes\nfor _ in range(20): ctypes.PyDLL(None).usleep(20000)"
        for python in pythons.supported(pythons.find()):
            with self.subTest(python=str(python)):
                result = gildiag.watch([python.path, "-c", code], "run")
                main = next(t for t in result.report["threads"] if t["role"] == "main")
                self.assertGreaterEqual(main["classes"]["timer_wait_s"], 0.4 * 0.99)
                self.assertGreaterEqual(main["holding_gil_s"], 0.4 * 0.99)
                self.assertEqual(result.report["recommendation"]["action"], "free-gil")

    def test_a_call_past_the_wrapper_is_unseen(self):
        code = "import ctypes\nfor _ in range(20): ctypes.PyDLL('libc.so.6').usleep(20000)"
        for python in pythons.supported(pythons.find())[-1:]:
            result = gildiag.watch([python.path, "-c", code], "run", options=["--probe=off"])
            main = next(t for t in result.report["threads"] if t["role"] == "main")
            self.assertGreaterEqual(main["classes"]["unseen_s"], 0.4 * 0.95)

    def test_without_a_sampler_there_is_no_picture_and_it_says_so(self):
        result = gildiag.watch(program("cpu_clocked", "compute", "2"), "raw", GILDIAG_NO_SAMPLER="1")
        self.assertEqual(result.code, 0)
        self.assertEqual(result.report["recording"]["sources"], ["agent"])
        self.assertIsNone(result.report["recording"]["overhead_share"])
        self.assertNotEqual(result.report["verdict"]["confidence"], "high")
        self.assertEqual(result.report["verdict"]["class"], "computing")

    def test_a_clock_that_is_not_to_be_trusted_is_not_used_and_it_says_so(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([gildiag.TOOL, "run", "-o", folder + "/r", "--"] +
                                  program("cpu_clocked", "mixed", "1"),
                                  env=gildiag.clean_environment(GILDIAG_CLOCK="monotonic"),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"clock: CLOCK_MONOTONIC", done.stderr)


if __name__ == "__main__":
    unittest.main()
