"""Children and successors: they do what they would, and are followed into one recording."""
import os
import subprocess
import tempfile
import textwrap
import unittest

import gildiag
import pythons

FORMS = ("record", "raw")
CASES = ("forks", "grandchildren", "forks-from-threads", "daemons", "vforks", "vforks-that-fail",
         "vforks-that-redirect", "spawns", "systems", "execs", "becomes", "goes-on", "cleans", "bare-forks",
         "bare-then-proper", "clones-vm")


# Waited for by their parents, and never seen: no fork handler runs in a bare clone, a vfork's child
# that finds no program to execute comes and goes without one, and a clean environment stays clean.
UNFOLLOWED = {"bare-forks": 9, "clones-vm": 1, "vforks-that-fail": 3, "vforks-that-redirect": 1,
              "bare-then-proper": 1, "spawns": 1, "execs": 2, "cleans": 3}


class Told:
    """A child's line on descriptor 9."""

    def __init__(self, line):
        _, pid, agent, self.session = line.split(None, 3)
        self.pid, self.has_agent = int(pid), agent == "1"


def run_told(trial, words, **popen):
    """Runs words with descriptor 9 open; returns what the children said there, too."""
    with tempfile.TemporaryFile() as file:
        def prepare():
            os.dup2(file.fileno(), 9)
        done = trial.run(words, preexec_fn=prepare, close_fds=False, **popen)
        file.seek(0)
        told = [Told(line) for line in file.read().decode().splitlines()]
    return done, told


def all_processes(report):
    return report["processes"] + report["short_processes"]


class Children(unittest.TestCase):
    def record(self, form, case):
        """Runs it plain and in the form; both say the same.  Returns the children and the report."""
        words = [gildiag.program("children"), case]
        with gildiag.Trial("plain") as trial:
            plain, expected = run_told(trial, words)
        with gildiag.trial(self, form, case=case) as trial:
            done, told = run_told(trial, words)
            self.assertEqual(done.stdout.decode(), plain.stdout.decode())
            self.assertEqual((done.returncode, done.stderr), (plain.returncode, plain.stderr))
            self.assertEqual(plain.returncode, 0)
            self.assertEqual(len(told), len(expected))
            self.assertEqual(len(trial.sessions()), 1)
            session = os.path.realpath(trial.sessions()[0])
            trial.wait_for_samplers()
            report = trial.json()
            self.assertEqual(report["recording"]["lost"]["processes"], UNFOLLOWED.get(case, 0))
            for child in told:
                self.assertIn(child.session, (session,) if child.has_agent else (session, "none"))
            return told, report
        return [], None

    def test_followed(self):
        for form in FORMS:
            for case in CASES:
                told, report = self.record(form, case)
                if report is None:
                    continue
                with self.subTest(form=form, case=case):
                    pids = {process["pid"] for process in all_processes(report)}
                    followed = {child.pid for child in told if child.has_agent}
                    self.assertEqual(followed - pids, set())
                    clean = {child.pid for child in told if not child.has_agent}
                    # A fork before a clean exec is a process of ours until then.
                    for process in report["processes"]:
                        if process["pid"] in clean:
                            self.assertIsNone(process["exit"]["code"])

    def test_codes(self):
        for form in FORMS:
            for case, codes in (("forks", {20, 21, 22, 23, 24}), ("grandchildren", {6, 7}),
                                ("forks-from-threads", {8}), ("daemons", {11}), ("vforks", {12}),
                                ("spawns", {14}), ("systems", {15}), ("execs", {16}), ("becomes", {17}),
                                ("bare-then-proper", {20})):
                told, report = self.record(form, case)
                if report is None:
                    continue
                with self.subTest(form=form, case=case):
                    seen = {process["exit"]["code"] for process in all_processes(report)}
                    self.assertEqual(codes - seen, set(), report["processes"])

    def test_clean_environments_stay_clean(self):
        for form in FORMS:
            told, report = self.record(form, "cleans")
            if report:
                self.assertEqual([child.has_agent for child in told], [False, False, False])

    def test_failing_execs_are_no_end(self):
        for form in FORMS:
            for case in ("goes-on", "vforks-that-fail"):
                told, report = self.record(form, case)
                if report is None:
                    continue
                with self.subTest(form=form, case=case):
                    (process,) = report["processes"]
                    self.assertEqual(process["exit"]["code"], 0)
                    count, wall = gildiag.cause(report, "sleep")
                    self.assertEqual(count, 3)
                    self.assertGreaterEqual(wall, 0.006)

    def test_a_bare_clone_leaves_its_parents_books_alone(self):
        for form in FORMS:
            told, report = self.record(form, "bare-forks")
            if report is None:
                continue
            with self.subTest(form=form):
                (process,) = report["processes"]
                self.assertEqual(process["exit"]["code"], 0)
                # The parent computed for 0.2 s and waited for its children; it never slept.
                self.assertGreaterEqual(gildiag.cause(report, "cpu_free")[1], 0.2)
                self.assertEqual(gildiag.cause(report, "sleep"), (0, 0.0))
                self.assertEqual(gildiag.cause(report, "internal")[0], 0)
                self.assertEqual(gildiag.cause(report, "child")[0], 9)

    def test_a_vfork_childs_descriptors_are_its_own(self):
        for form in FORMS:
            told, report = self.record(form, "vforks-that-redirect")
            if report:
                self.assertEqual(gildiag.cause(report, "other")[0], 1)  # /dev/null
                self.assertEqual(gildiag.cause(report, "pipe")[0], 0)


STARTS = """
    import multiprocessing, os, signal, subprocess, sys, threading
    def child(code):
        threading.Lock().acquire()
        os._exit(code)
    def fork(code):
        pid = os.fork()
        if pid == 0:
            child(code)
        assert os.waitpid(pid, 0)[1] >> 8 == code
    def run(**how):
        done = subprocess.run([sys.executable, "-S", "-c", "import os; print(os.environ.get('GILDIAG_SESSION'))"],
                              stdout=subprocess.PIPE, universal_newlines=True, **how)
        assert done.returncode == 0
        return done.stdout.strip()
    def work(x):
        return x * x
    if __name__ == "__main__":
        print("session", os.environ.get("GILDIAG_SESSION"))
        print("plain", run())
        print("shell", subprocess.check_output("echo $GILDIAG_SESSION", shell=True, universal_newlines=True).strip())
        print("fds", run(close_fds=False))
        print("prepared", run(preexec_fn=lambda: None))
        print("grouped", run(start_new_session=True))
        print("clean", run(env={"PATH": os.environ["PATH"]}))
        print("popen", os.popen("echo $GILDIAG_SESSION").read().strip())
        assert os.system("exit 3") >> 8 == 3
        try:
            subprocess.run(["/nowhere/program"])
        except OSError as error:
            print("missing", error.errno)
        for code in range(40, 43):
            fork(code)
        thread = threading.Thread(target=fork, args=(43,))
        thread.start()
        thread.join()
        if hasattr(os, "posix_spawn"):
            pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 44"], os.environ)
            assert os.waitpid(pid, 0)[1] >> 8 == 44
        context = multiprocessing.get_context("fork")
        with context.Pool(2) as pool:
            print("pool", pool.map(work, range(5)))
            pool.close()
            pool.join()
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, "-S", "-c", "import sys; sys.exit(45)"])
"""


class PythonChildren(unittest.TestCase):
    """The ways of the standard library, on each Python."""

    def test_all_ways(self):
        found = pythons.find()
        self.assertTrue(found)
        for python in found:
            for form in FORMS:
                with gildiag.trial(self, form, python=str(python)) as trial:
                    script = os.path.join(trial.folder, "ways.py")
                    with open(script, "w") as file:
                        file.write(textwrap.dedent(STARTS))
                    done = trial.run([python.path, "-W", "ignore", script])
                    self.assertEqual((done.returncode, done.stderr), (45, b""))
                    said = dict(line.split(None, 1) for line in done.stdout.decode().splitlines())
                    session = os.path.realpath(trial.sessions()[0])
                    self.assertEqual(len(trial.sessions()), 1)
                    for way in ("session", "plain", "shell", "fds", "prepared", "grouped", "popen"):
                        self.assertEqual(said[way], session, way)
                    self.assertEqual(said["clean"], "None")
                    self.assertEqual(said["missing"], "2")
                    self.assertEqual(said["pool"], "[0, 1, 4, 9, 16]")
                    trial.wait_for_samplers()
                    report = trial.json()
                    codes = {process["exit"]["code"] for process in all_processes(report)}
                    expected = {40, 41, 42, 43, 45, 3, 0} | ({44} if python.minor >= (3, 8) else set())
                    self.assertEqual(expected - codes, set())
                    self.assertTrue(report["recording"]["complete"])


class Sessions(unittest.TestCase):
    def test_a_session_that_is_gone_is_replaced_for_all_descendants(self):
        for gone in ("/nowhere/session", "relative", "", "/etc"):
            with gildiag.trial(self, "raw", gone=gone) as trial:
                done = trial.run(["sh", "-c", "echo $GILDIAG_SESSION; sh -c 'echo $GILDIAG_SESSION; true'; true"],
                                 env={"GILDIAG_SESSION": gone})
                self.assertEqual(done.returncode, 0, done.stderr)
                sessions = [os.path.realpath(session) for session in trial.sessions()]
                self.assertEqual(done.stdout.decode().split("\n"), sessions * 2 + [""])

    def test_two_programs_at_once_have_two_sessions(self):
        with gildiag.trial(self, "raw") as trial:
            ends = [trial.start(["sh", "-c", "read x"], stdin=subprocess.PIPE) for _ in range(2)]
            for process in ends:
                process.communicate(b"\n", timeout=60)
                self.assertEqual(process.returncode, 0)
            self.assertEqual(len(trial.sessions()), 2)
            for session in trial.sessions():
                self.assertTrue(trial.json(where=session)["recording"]["complete"])


if __name__ == "__main__":
    unittest.main()
