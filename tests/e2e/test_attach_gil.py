"""gildiag record -p: the GIL of a process that nobody preloaded."""
import collections
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

import elf
import gildiag
import neighbours
import probe
import pythons
import test_gil
import uprobes

ALONE = True

FOUND = pythons.find()
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
SEEN = [python for python in FOUND if python.minor >= (3, 7) and not python.is_free_threaded]
PUBLIC = [python for python in SEEN if python.path.startswith("/usr/")]
if os.environ.get("GILDIAG_TEST_ALL") != "1":  # half a minute instead of more
    SEEN = [python for python in SEEN if python.minor in ((3, 8), (3, 13))]
GATE = "import sys\nprint('up', flush=True)\nsys.stdin.readline()\n"
FORKS = GATE + "import os, time\n" \
    "for _ in range(%d):\n" \
    "    child = os.fork()\n" \
    "    if child: os.waitpid(child, 0); os._exit(0)\n" \
    "    time.sleep(0.3)\n" \
    "exec(compile(open('gil_known.py').read(), 'gil_known.py', 'exec'))\nsys.stdout.flush()\n"
KNOWN = GATE + "exec(compile(open('gil_known.py').read(), 'gil_known.py', 'exec'))\n"

# Executed by the same interpreter: at once, or by a shell's child.
EXECUTES = GATE + "import subprocess\n" \
    "code = \"import time; time.sleep(0.3); exec(compile(open('gil_known.py').read(), 'gil_known.py', 'exec'))\"\n" \
    "subprocess.run(%s + [sys.executable, '-c', code] + sys.argv[1:], check=True)\n"

CRUNCH = "def work():\n    while time.monotonic() < end: sum(range(1000))\n"
HASH = "import hashlib; data = bytes(1 << 22)\ndef work():\n    while time.monotonic() < end: hashlib.sha256(data)\n"
THREADS = "import threading; pool = [threading.Thread(target=work) for _ in range(3)]\n" \
          "[t.start() for t in pool]; [t.join() for t in pool]\n"
CLOCK = "import time; end = time.monotonic() + 0.6\n"
# Who computes, and the right thing to do on two CPUs.
VERDICTS = {
    "crunches in one thread": (CLOCK + CRUNCH + "work()\n", "processes", "cpu_gil_s"),
    "crunches in three threads": (CLOCK + CRUNCH + THREADS, "processes", "cpu_gil_s"),
    "hashes in one thread": (CLOCK + HASH + "work()\n", "threads", "cpu_free_s"),
}


def setUpModule():
    reason = probe.why_not()
    if reason:
        raise unittest.SkipTest(reason)


def start(python, code, *words):
    target = subprocess.Popen([python, "-c", code, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              cwd=gildiag.WORKLOADS, env=gildiag.clean_environment())
    target.stdout.readline()
    return target


def report_of(folder):
    open(os.path.join(folder, "gildiag.session"), "a").close()
    done = subprocess.run([gildiag.TOOL, "report", "-f", "json", folder], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def watch(python, code, *words):
    """The report, and what the program printed, of all that it does behind the gate."""
    with tempfile.TemporaryDirectory() as folder:
        target = start(python, code, *words)
        with probe.Probe(folder, more=("--present", str(target.pid))) as watching:
            watching.follow(target.pid)
            out, _ = target.communicate(b"go\n", timeout=60)
        if target.returncode:
            raise AssertionError("%s ended with %d" % (python, target.returncode))
        return report_of(folder), out.decode()


class Known(unittest.TestCase):
    def check(self, report, out):
        tids = set(json.loads(out))
        workers = [t for t in report["threads"] if t["tid"] in tids and t["role"] != "main"]
        self.assertEqual(len(workers), 3)
        for thread in workers:
            self.assertGreaterEqual(thread["gil_takes"], 11)
            self.assertLessEqual(thread["gil_takes"], 11 + 10)
            self.assertEqual(thread["gil_drops"], thread["gil_takes"])
            self.assertGreaterEqual(thread["gil_hold_s"], 0.040)
            self.assertLess(thread["gil_hold_s"], 0.040 * 1.25)
            # It sleeps with the GIL and without it: both are sleeps, whoever waits meanwhile.
            # (Queued for a CPU afterwards is a class of its own.)
            classes = thread["classes"]
            self.assertGreaterEqual(thread["holding_gil_s"] + classes["no_cpu_s"], 0.039)
            self.assertGreaterEqual(classes["timer_wait_s"] + classes["no_cpu_s"], 0.059)
            self.assertLess(thread["classes"]["lock_wait_s"], 0.005)
        waited = sum(t["classes"]["gil_wait_s"] for t in report["threads"])
        blamed = sum(t["scheduler"]["gil_blame_s"] for t in report["threads"])
        self.assertGreater(blamed, 0.9 * waited)
        self.assertLess(blamed, 1.1 * waited)

    def test_holds_and_takes_of_a_known_schedule(self):
        for python in SEEN:
            with self.subTest(str(python)):
                report, out = watch(python.path, KNOWN, "3", "10", "4", "2", "0")
                self.assertEqual(report["processes"][0]["runtime"]["gil"], "on")
                self.check(report, out)

    def test_the_same_in_what_it_forks(self):
        """What the child did before it is watched is not seen: it sleeps."""
        for python in SEEN:
            for generations in 1, 2:
                with self.subTest(str(python), generations=generations):
                    report, out = watch(python.path, FORKS % generations, "3", "10", "4", "2", "0")
                    states = [p["runtime"]["gil"] for p in report["processes"]]
                    self.assertEqual(states, ["on"] * (generations + 1))
                    self.check(report, out)

    def test_the_same_in_what_it_executes(self):
        for python in SEEN:
            for before in "[]", "['sh', '-c', '\"$@\"; true', 'sh']":
                with self.subTest(str(python), before=before):
                    report, out = watch(python.path, EXECUTES % before, "3", "10", "4", "2", "0")
                    last = report["processes"][-1]
                    self.assertEqual(last["runtime"], report["processes"][0]["runtime"])
                    self.assertEqual(last["command"], report["processes"][0]["command"])
                    self.check(report, out)

    def test_another_interpreter_stays_unknown(self):
        others = [python for python in FOUND if python.minor not in ((3, 6), sys.version_info[:2])]
        if not others:
            self.skipTest("no other Python on this machine")
        code = GATE + "import subprocess\nsubprocess.run([%r, '-c', 'sum(range(10**7))'])\n" % others[0].path
        report, _ = watch(sys.executable, code)
        self.assertEqual([p["runtime"]["gil"] for p in report["processes"]], ["on", "unknown"])

    def test_another_libc_stays_unknown(self):
        """Its calls are seen in the libc that is known, and in no other."""
        with tempfile.TemporaryDirectory() as folder:
            with open("/proc/self/maps") as maps:
                libc = next(line.split()[-1] for line in maps if "/libc.so.6" in line)
            subprocess.run(["cp", libc, folder], check=True)
            code = GATE + "import subprocess\nsubprocess.run([sys.executable, '-c', 'sum(range(10**7))'], " \
                "env={'LD_LIBRARY_PATH': %r})\n" % folder
            report, _ = watch(sys.executable, code)
        self.assertEqual([p["runtime"]["gil"] for p in report["processes"]], ["on", "unknown"])

    def test_what_has_mapped_the_interpreter_s_file_need_not_be_it(self):
        """Its GIL is seen by what it does, its version is another one's."""
        for python in PUBLIC:
            inner = "import mmap, time; f = open(%r, 'rb'); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); " \
                "time.sleep(0.5)" % os.path.realpath(python.path)
            others = [p for p in FOUND if p.minor != python.minor and p.minor > (3, 6)]
            for other in others[:1]:
                report, _ = watch(python.path, GATE + "import subprocess\nsubprocess.run([%r, '-c', %r])\n"
                                  % (other.path, inner))
                self.assertIsNone(report["processes"][1]["runtime"]["version"])
                self.assertIsNotNone(report["processes"][0]["runtime"]["version"])

    def test_what_it_executes_computes_with_the_gil_and_has_stacks(self):
        inner = CLOCK + "def nap(): time.sleep(0.2)\n" + CRUNCH + "work(); nap()"
        for python in SEEN:
            with self.subTest(str(python)):
                report, _ = watch(python.path, GATE + "import subprocess\n"
                                  "subprocess.run([sys.executable, '-c', %r])\n" % inner)
                child = report["processes"][1]
                main = [t for t in report["threads"] if t["tid"] == child["pid"]][0]
                self.assertGreater(main["classes"]["cpu_gil_s"], 0.95 * main["scheduler"]["on_cpu_s"])
                naps = [s for s in report["stacks"] if s["frames"][0]["function"] == "nap"]
                self.assertEqual([(s["cause"], s["frames"][1]["function"]) for s in naps], [("sleep", "<module>")])
                self.assertAlmostEqual(naps[0]["wait_s"], 0.2, delta=0.02)

    def test_the_classes_are_a_thread_s_life(self):
        report, _ = watch(sys.executable, KNOWN, "2", "5", "2", "2", "20")
        for thread in report["threads"]:
            classes = thread["classes"]
            self.assertLess(abs(sum(classes.values()) - thread["scheduler"]["life_s"]), 1e-4)
            self.assertLess(abs(classes["cpu_gil_s"] + classes["cpu_free_s"] - thread["scheduler"]["on_cpu_s"]),
                            2e-3)
        self.assertLess(report["gil"]["hold"]["sum_s"], report["recording"]["duration_s"])

    def test_python_3_6_stays_unknown(self):
        old = [python for python in FOUND if python.minor == (3, 6)]
        if not old:
            self.skipTest("no Python 3.6 on this machine")
        report, _ = watch(old[0].path, KNOWN, "2", "5", "2", "1", "5")
        self.assertEqual(report["processes"][0]["runtime"]["gil"], "unknown")
        self.assertIsNone(report["gil"])

    def test_a_forked_child_that_never_drops_it_holds_it(self):
        code = GATE + CLOCK + CRUNCH + "import os\nif os.fork() == 0: work(); os._exit(0)\nos.wait()\n"
        report, _ = watch(sys.executable, code)
        self.assertEqual([p["runtime"]["gil"] for p in report["processes"]], ["on", "on"])
        parent, child = report["processes"]
        main = [t for t in report["threads"] if t["tid"] == child["pid"]][0]
        self.assertGreater(main["classes"]["cpu_gil_s"], 0.9 * main["scheduler"]["on_cpu_s"])
        self.assertEqual(parent["runtime"]["name"], child["runtime"]["name"])

    def test_a_child_that_becomes_another_program_holds_nothing(self):
        """It is watched until then; the new program is another image, which begins without a GIL."""
        wait = "import socket; a, b = socket.socketpair(); a.settimeout(0.3)\ntry: a.recv(1)\nexcept OSError: pass"
        code = GATE + ("import os, time\nfor _ in range(6):\n    if os.fork() == 0:\n        time.sleep(0.2)\n"
                       "        os.execv(sys.executable, [sys.executable, '-c', %r])\n"
                       "for _ in range(6): os.wait()\n" % wait)
        report, _ = watch(sys.executable, code)
        states = collections.Counter(p["runtime"]["gil"] for p in report["processes"])
        self.assertEqual(states, {"on": 13})
        self.assertLess(sum(t["holding_gil_s"] or 0 for t in report["threads"]), 0.05)

    def test_one_that_is_watched_late_computes_all_the_same(self):
        """More children than are watched at once; one of them computes from its first drop on."""
        code = GATE + ("import os, time\nfor _ in range(12):\n    if os.fork() == 0:\n        time.sleep(0.1); os._exit(0)\n"
                       "if os.fork() == 0:\n    end = time.process_time() + 0.5\n"
                       "    while time.process_time() < end: sum(range(1000))\n    time.sleep(0.05); os._exit(0)\n"
                       "for _ in range(13): os.wait()\n")
        report, _ = watch(sys.executable, code)
        worker = max(report["threads"], key=lambda t: t["scheduler"]["on_cpu_s"])
        self.assertGreater(worker["classes"]["cpu_gil_s"], 0.9 * worker["scheduler"]["on_cpu_s"])
        self.assertLess(worker["classes"]["unseen_s"], 0.05)

    def test_the_verdict_is_right(self):
        for python in SEEN:
            for name, (code, action, where) in VERDICTS.items():
                def ask():
                    report, _ = watch(python.path, GATE + code)
                    said = report["verdict"]["class"], report["recommendation"]["action"]
                    classes = report["time"]["classes"]
                    right = said == ("computing", action) and \
                        classes[where] > 0.9 * (classes["cpu_gil_s"] + classes["cpu_free_s"])
                    return None if right else "%s: %s" % (said, report)

                with self.subTest(name, python=str(python)):
                    self.assertIsNone(neighbours.ask_until_believed(ask, lambda said: None))

    def test_a_sleep_with_the_gil_is_told_from_one_without(self):
        sleep = "import ctypes; usleep = ctypes.%s(None).usleep\ndef work():\n" \
                "    while time.monotonic() < end: usleep(5000)\n"
        for library, action, shares in (("PyDLL", "free-gil", (0.9, 1.1)), ("CDLL", "leave", (0, 0.1))):
            with self.subTest(library):
                report, _ = watch(sys.executable, GATE + CLOCK + sleep % library + THREADS)
                self.assertEqual(report["verdict"]["class"], "waiting")
                self.assertEqual(report["recommendation"]["action"], action)
                workers = [t for t in report["threads"] if t["role"] != "main"]
                asleep = sum(t["classes"]["timer_wait_s"] for t in workers)
                held = sum(t["holding_gil_s"] for t in workers)
                self.assertGreaterEqual(held, shares[0] * asleep)
                self.assertLessEqual(held, shares[1] * asleep)


class AgainstUprobes(unittest.TestCase):
    """The kernel's own events at take_gil and drop_gil, in the same run."""

    def compare_once(self, tracefs, python, places):
        with tempfile.TemporaryDirectory() as folder:
            target = start(python.path, KNOWN, "3", "12", "12", "2", "0")
            with uprobes.Uprobes(tracefs, places) as truth, \
                    probe.Probe(folder, more=("--present", str(target.pid))) as watching:
                watching.follow(target.pid)
                out, _ = target.communicate(b"go\n", timeout=60)
                events = truth.events(set(json.loads(out)))
            report = report_of(folder)
            gil = report["gil"]
        takes = sum(name.startswith("taken") for _, _, name in events)
        self.assertGreater(takes, 36)
        self.assertEqual(gil["takes"], takes)
        if not python.path.startswith("/usr/"):  # Debian's builds inline drop_gil
            self.assertEqual(gil["drops"], sum(name.startswith("drop") for _, _, name in events))
            # Up to 3.11 the main thread holds it to the end: a hold without a drop.
            ours = sum(t["gil_hold_s"] for t in report["threads"] if t["role"] != "main")
            truth = test_gil.long_holds([event for event in events if event[1] != target.pid])
            return abs(ours / truth - 1)
        return 0

    def test_takes_and_drops_are_equal_and_long_holds_within_one_per_cent(self):
        tracefs = uprobes.find_tracefs()
        if not tracefs:
            self.skipTest("uprobes need root and tracefs")
        compared = 0
        for python in SEEN:
            places = test_gil.AgainstUprobes.probes_of(self, python)
            if not any(name.startswith("take") for name in places):
                print("skipped: %s has no symbol take_gil, nor a debug package" % python)
                continue
            with self.subTest(str(python)):
                # A preemption between the two instruments may make one sum wrong, not three in a row.
                self.assertLess(min(self.compare_once(tracefs, python, places) for _ in range(3)), 0.01)
                compared += 1
        self.assertGreater(compared, 0, "no Python with symbols was found")


class WithCapabilities(unittest.TestCase):
    """An ordinary user's probe with two capabilities: perf gives it no uprobes, a multi-link does."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o777)
        self.folder, self.path = folder.name, os.path.join(folder.name, "gildiag-probe")
        if os.geteuid() != 0:
            self.skipTest("only root can give file capabilities")
        subprocess.run(["cp", probe.PROBE, self.path], check=True)
        if subprocess.run(["setcap", "cap_bpf,cap_perfmon+ep", self.path], stderr=subprocess.DEVNULL).returncode:
            self.skipTest("no file capabilities here")
        if not PUBLIC:
            self.skipTest("no Python that everybody may run")
        self.python = PUBLIC[-1].path

    def start(self, prefix):
        target = subprocess.Popen([*prefix, self.python, "-c", GATE + CLOCK + CRUNCH + THREADS],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        target.stdout.readline()
        self.addCleanup(target.communicate)  # its input ends, and so its waiting for a line
        return target

    def test_it_sees_the_gil_of_what_is_his(self):
        target = self.start(NOBODY)
        with probe.Probe(self.folder, self.path, NOBODY, ("--present", str(target.pid))) as watching:
            watching.follow(target.pid)
            target.stdin.write(b"go\n")
            target.stdin.flush()
            target.wait(60)
        report = report_of(self.folder)
        self.assertEqual(report["processes"][0]["runtime"]["gil"], "on")
        self.assertGreater(report["gil"]["takes"], 20)
        self.assertEqual({t["gil_takes"] - t["gil_drops"] for t in report["threads"] if t["role"] != "main"}, {0})
        self.assertEqual(report["recommendation"]["action"], "processes")

    def executed(self, mode):
        """The report of a program that executes a function's sleep, by a Python of that mode and another group."""
        python = os.path.join(self.folder, "python3")
        subprocess.run(["cp", self.python, python], check=True)
        code = GATE + "import subprocess\nsubprocess.run([%r, '-c', %r], check=True)\n" % (
            python, "import time\ndef secret(): time.sleep(0.3)\nsum(range(10**6)); secret()")
        target = subprocess.Popen([*NOBODY, python, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        target.stdout.readline()
        self.addCleanup(target.communicate)
        with probe.Probe(self.folder, self.path, NOBODY, ("--present", str(target.pid))) as watching:
            watching.follow(target.pid)
            os.chown(python, 0, 42)
            os.chmod(python, mode)
            target.stdin.write(b"go\n")
            target.stdin.flush()
            self.assertEqual(target.wait(60), 0)
        report = report_of(self.folder)
        return report, {frame["function"] for stack in report["stacks"] for frame in stack["frames"]}

    def test_it_sees_what_that_executes(self):
        report, functions = self.executed(0o755)
        self.assertIn("secret", functions)
        self.assertEqual([p["runtime"]["gil"] for p in report["processes"]], ["on", "on"])

    def test_but_not_with_rights_that_he_does_not_have(self):
        """A program with another group has the same uids; the kernel lets nobody look into it."""
        report, functions = self.executed(0o2755)
        self.assertNotIn("secret", functions)
        self.assertEqual(report["probe"]["dropped_processes"], 1)

    def test_nothing_is_put_into_what_is_not_his(self):
        target = self.start(())
        before = probed_bytes(self, target.pid)
        with probe.Probe(self.folder, self.path, NOBODY, ("--present", str(target.pid))) as watching:
            self.assertEqual(probed_bytes(self, target.pid), before)
            with self.assertRaises(probe.Refused):
                watching.follow(target.pid)


def probed_bytes(test, pid):
    """The first byte of each of the probed functions in the process."""
    with open("/proc/%d/maps" % pid) as maps:
        start, path = next((int(line.split("-")[0], 16), line.split()[5]) for line in maps
                           if "libc.so.6" in line and line.split()[2] == "00000000")
    addresses = [value for name, value in elf.Elf(path).symbols()
                 if name in ("pthread_cond_signal", "pthread_cond_timedwait", "pthread_cond_wait")]
    test.assertGreaterEqual(len(addresses), 3)
    with open("/proc/%d/mem" % pid, "rb") as memory:
        return [os.pread(memory.fileno(), 1, start + address) for address in addresses]


class Unharmed(unittest.TestCase):
    # Threads that pass the GIL to and fro while the probe comes and goes, and check what they compute.
    CODE = GATE + "import threading, time\nwrong, stop = [], []\n" \
        "def work():\n    while not stop:\n        time.sleep(0.0005)\n" \
        "        if sum(range(2000)) != 1999000: wrong.append(1)\n" \
        "pool = [threading.Thread(target=work) for _ in range(3)]\n[t.start() for t in pool]\n" \
        "sys.stdin.readline(); stop.append(1); [t.join() for t in pool]; print(wrong); sys.exit(7)\n"

    def test_attached_five_times(self):
        target = start(sys.executable, self.CODE)
        before = probed_bytes(self, target.pid)
        target.stdin.write(b"go\n")
        target.stdin.flush()
        with tempfile.TemporaryDirectory() as folder:
            with probe.Probe(folder, more=("--present", str(target.pid))):
                self.assertIn(b"\xcc", probed_bytes(self, target.pid))
            for i in range(5):
                name = os.path.join(folder, str(i))
                done = subprocess.run([gildiag.TOOL, "record", "-o", name, "-p", str(target.pid), "-d", "0.2"],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
                self.assertEqual((done.returncode, done.stdout), (0, b""))
                self.assertIsNone(target.poll(), "it ended too early")
                report = report_of(name)
                self.assertEqual(report["processes"][0]["runtime"]["gil"], "on")
                self.assertGreater(report["gil"]["takes"], 50)
                self.assertEqual(report["probe"]["lost"]["gils"], 0)
        self.assertEqual(probed_bytes(self, target.pid), before)
        out, _ = target.communicate(b"stop\n", timeout=60)
        self.assertEqual((out, target.returncode), (b"[]\n", 7))

    def test_a_killed_probe_leaves_nothing_behind(self):
        target = start(sys.executable, self.CODE)
        before = probed_bytes(self, target.pid)
        target.stdin.write(b"go\n")
        target.stdin.flush()
        for _ in range(3):
            with tempfile.TemporaryDirectory() as folder:
                with probe.Probe(folder, more=("--present", str(target.pid))) as watching:
                    watching.follow(target.pid)
                    self.assertIn(b"\xcc", probed_bytes(self, target.pid))
                    os.kill(watching.pid, signal.SIGKILL)
                self.assertEqual(watching.code, -signal.SIGKILL)
                self.assertEqual(probed_bytes(self, target.pid), before)
        out, _ = target.communicate(b"stop\n", timeout=60)
        self.assertEqual((out, target.returncode), (b"[]\n", 7))

    def test_what_does_not_fit_is_counted_and_not_guessed(self):
        # One more thread than the table has rows, and then many.
        code = GATE + "import threading\nfor _ in range(18000):\n" \
            "    t = threading.Thread(target=int); t.start(); t.join()\n"
        report, _ = watch(sys.executable, code)
        self.assertGreater(report["probe"]["lost"]["gils"], 1000)
        self.assertEqual(report["processes"][0]["runtime"]["gil"], "unknown")
        self.assertIsNone(report["gil"])


if __name__ == "__main__":
    unittest.main()
