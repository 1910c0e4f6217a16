"""The sampler is not the target's: no child, no descriptor, no signal, and none too many of it."""
import os
import signal
import subprocess
import sys
import time
import unittest

import gildiag

ALONE = True

FORMS = ("record", "raw")

# Says that it is there, then waits for its input to end.
WAITER = ["sh", "-c", "echo ready $$; read line; exit 4"]


def links(pid):
    return {os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)}


class Sampler(unittest.TestCase):
    def start_waiter(self, trial, words=WAITER, **popen):
        process = trial.start(words, stdin=subprocess.PIPE, **popen)
        line = process.stdout.readline().split()
        self.assertEqual(line[0], b"ready")
        process.target = int(line[1])
        return process

    def test_no_child_and_no_signal_of_the_target(self):
        for form in FORMS:
            for case in ("nobody-elses", "reapers"):
                with gildiag.trial(self, form, case=case) as trial:
                    done = trial.run([gildiag.program("children"), case])
                    self.assertEqual((done.returncode, done.stderr), (0, b""), done.stdout)
                    self.assertEqual(done.stdout.decode(), "subreaper %d\nSIGCHLD 0 times\n" %
                                     (case == "reapers"))

    def test_nothing_of_the_target_is_open_in_it(self):
        for form in FORMS:
            with gildiag.trial(self, form) as trial, self.start_waiter(trial) as process:
                sampler = trial.sampler()
                settled = time.monotonic() + 5  # it is seen before it has moved away
                while os.readlink("/proc/%d/cwd" % sampler) != "/" and time.monotonic() < settled:
                    os.sched_yield()
                ours = {link for link in links(process.target) if not link.startswith("/dev/")}
                self.assertTrue(ours)
                self.assertEqual(links(sampler) & ours, set())
                self.assertEqual(os.readlink("/proc/%d/cwd" % sampler), "/")
                self.assertNotEqual(os.getsid(sampler), os.getsid(process.target))
                with open("/proc/%d/environ" % sampler, "rb") as file:
                    self.assertEqual(file.read(), b"")
                process.communicate(b"\n", timeout=60)
                self.assertEqual(process.returncode, 4)

    def test_a_pipe_behind_the_target_ends_with_it(self):
        """The sampler is stopped, so it would hold the pipe for ever if it had it."""
        with gildiag.trial(self, "raw") as trial, self.start_waiter(trial) as process:
            sampler = trial.sampler()
            os.kill(sampler, signal.SIGSTOP)
            try:
                process.stdin.close()
                self.assertEqual(process.stdout.read(), b"")
                self.assertEqual(process.stderr.read(), b"")
                self.assertEqual(process.wait(60), 4)
            finally:
                os.kill(sampler, signal.SIGCONT)

    def test_a_signal_to_the_group_of_the_target_leaves_it_alone(self):
        with gildiag.trial(self, "raw") as trial:
            with self.start_waiter(trial, start_new_session=True) as process:
                sampler = trial.sampler()
                os.killpg(process.pid, signal.SIGINT)
                process.communicate(timeout=60)
                self.assertEqual(process.returncode, -signal.SIGINT)
            self.assertTrue(gildiag.wait_for_end(sampler))
            self.assertTrue(trial.json()["recording"]["complete"])

    def test_one_for_a_whole_tree(self):
        tree = "for i in 1 2 3 4 5; do (sh -c 'echo child; read line <&3') & done; read line; kill %1 %2 %3 %4 %5"
        for form in FORMS:
            with gildiag.trial(self, form) as trial:
                reader, writer = os.pipe()
                with trial.start(["bash", "-m", "-c", tree], stdin=subprocess.PIPE, pass_fds=(reader,),
                                 preexec_fn=lambda: os.dup2(reader, 3)) as process:
                    for _ in range(5):
                        self.assertEqual(process.stdout.readline(), b"child\n")
                    trial.sampler()
                    os.close(reader)
                    os.close(writer)
                    process.communicate(b"\n", timeout=60)
                self.assertEqual(len(trial.sessions()), 1)
                report = trial.json()
                self.assertGreaterEqual(len(report["processes"]) + len(report["short_processes"]), 6)

    def test_without_one_the_cpus_are_known_all_the_same(self):
        """What to advise depends on them: with one CPU, nothing helps a program that computes."""
        for cpus in {1, len(os.sched_getaffinity(0))}:
            with gildiag.trial(self, "raw", cpus=cpus) as trial:
                allowed = sorted(os.sched_getaffinity(0))[:cpus]
                trial.run(["sh", "-c", "true; (true)"], env={"GILDIAG_NO_SAMPLER": "1"},
                          preexec_fn=lambda: os.sched_setaffinity(0, allowed))
                report = trial.json()
                self.assertEqual((report["recording"]["sources"], report["machine"]["cpus"]), (["agent"], cpus))

    def test_samplers_start_no_samplers(self):
        """Twenty short programs one after the other: twenty sessions, and afterwards nobody is left."""
        with gildiag.trial(self, "raw") as trial:
            done = trial.run(["env", "-u", "LD_PRELOAD", "sh", "-c",
                              "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do "
                              "LD_PRELOAD=%s GILDIAG_SESSION= /bin/true || exit 1; done" % gildiag.AGENT])
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertEqual(trial.wait_for_samplers(), [])
            sessions = trial.sessions()
            self.assertEqual(len(sessions), 21)
            for session in sessions:
                self.assertFalse(os.path.exists(os.path.join(session, "sampler.sock")), session)
                self.assertTrue(trial.json(where=session)["recording"]["complete"])

    def test_a_stopped_sampler_stops_nobody(self):
        """More children than its socket's queue holds: none of them waits for it."""
        forks = "i=0; while [ $i -lt 1200 ]; do (exit 0) || exit 1; i=$((i + 1)); done; echo done"
        with gildiag.trial(self, "raw") as trial:
            with trial.start(["sh", "-c", "echo ready; read line; " + forks], stdin=subprocess.PIPE) as process:
                self.assertEqual(process.stdout.readline(), b"ready\n")
                sampler = trial.sampler()
                os.kill(sampler, signal.SIGSTOP)
                try:
                    out, err = process.communicate(b"\n", timeout=60)
                    self.assertEqual((process.returncode, out, err), (0, b"done\n", b""))
                finally:
                    process.kill()
                    os.kill(sampler, signal.SIGCONT)
            # Late, it takes over those that still queue: each process is told of once.
            trial.wait_for_samplers()
            report = trial.json()
            self.assertEqual(len(report["processes"]) + len(report["short_processes"]), 1201)

    @unittest.skipUnless(os.geteuid() == 0, "not root: no PID namespace of its own")
    def test_the_first_process_of_a_namespace(self):
        check = subprocess.run(["unshare", "-pf", "true"], stderr=subprocess.PIPE)
        if check.returncode != 0:
            self.skipTest("unshare -pf does not work here: " + check.stderr.decode())
        program = [gildiag.program("children"), "nobody-elses"]
        with gildiag.trial(self, "plain", first="raw") as trial:
            done = trial.run(["unshare", "-pf", "env", "LD_PRELOAD=" + gildiag.AGENT] + program)
            self.assertEqual((done.returncode, done.stdout, done.stderr),
                             (0, b"subreaper 0\nSIGCHLD 0 times\n", b""))
            self.assertEqual(trial.samplers(), [])
            report = trial.json()
            self.assertEqual(report["processes"][0]["pid"], 1)
            self.assertEqual(gildiag.unprivileged_sources(report), ["agent"])
            self.assertIn("no sampler looked", trial.text())
        with gildiag.trial(self, "record") as trial:
            done = trial.run(["unshare", "-pf"] + program)
            self.assertEqual((done.returncode, done.stdout, done.stderr),
                             (0, b"subreaper 0\nSIGCHLD 0 times\n", b""))
            report = trial.json()
            self.assertIn(1, [process["pid"] for process in report["processes"]])
            self.assertEqual(gildiag.unprivileged_sources(report), ["agent", "sampler"])


if __name__ == "__main__":
    unittest.main()
