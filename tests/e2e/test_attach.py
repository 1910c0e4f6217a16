"""gildiag record -p: processes that nobody preloaded. The verdict is right, or it cannot say."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import gildiag
import probe

NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]

# The server is no child of who asks it.
SOCKETS = """
import os, socket, time
listener = socket.create_server(('127.0.0.1', 0))
def answer():
    b = listener.accept()[0]
    while b.recv(1): time.sleep(0.02); b.send(b'x')
if os.fork() == 0:
    if os.fork() == 0: answer()
    os._exit(0)
os.wait()
a = socket.create_connection(listener.getsockname())
print('up', flush=True)
while True: a.send(b'x'); a.recv(1)
"""
# A client and the end that was accepted, on one line.
PAIR = ("s = socket.create_server(('', 0)); a = socket.create_connection(s.getsockname()); b = s.accept()[0]; "
        "[x.setsockopt(6, 1, 1) for x in (a, b)]\n")
# What a program does for ever once it said "up", and which verdicts are right.
PROGRAMS = {
    "computes": ("print('up', flush=True)\nwhile True: pass", ("computing",)),
    "computes in four threads": (
        "import threading\ndef f():\n    while True: sum(range(1000))\n"
        "[threading.Thread(target=f).start() for _ in range(4)]; print('up', flush=True)", ("computing",)),
    "sleeps": ("import time; print('up', flush=True)\nwhile True: time.sleep(0.02)", ("waiting",)),
    "asks a server": (SOCKETS, ("waiting",)),
    "serves nobody": ("import socketserver as s; x = s.TCPServer(('127.0.0.1', 0), s.BaseRequestHandler)\n"
                      "print('up', flush=True); x.serve_forever()", ("idle", "unknown")),
    "waits in a pool": ("import threading; e = threading.Event()\n"
                        "[threading.Thread(target=e.wait).start() for _ in range(4)]; print('up', flush=True)",
                        ("idle", "unknown")),
    "loops over nothing": ("import asyncio\nasync def main():\n    print('up', flush=True)\n"
                           "    await asyncio.Event().wait()\nasyncio.run(main())", ("idle", "unknown")),
}


def setUpModule():
    reason = probe.why_not()
    if reason:
        raise unittest.SkipTest(reason)


class Attach(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = self._folder.name

    def start(self, command):
        target = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True)
        self.addCleanup(target.stdout.close)
        self.addCleanup(target.wait)
        self.addCleanup(lambda: target.poll() is None and os.killpg(target.pid, signal.SIGKILL))
        return target

    def record(self, pid, *options, prefix=()):
        recording = os.path.join(self.folder, "r")
        shutil.rmtree(recording, ignore_errors=True)
        done = subprocess.run([*prefix, gildiag.TOOL, "record", "-o", recording, "-p", str(pid), *options],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, cwd="/")
        return recording, done

    def report(self, recording):
        done = subprocess.run([gildiag.TOOL, "report", "-f", "json", recording], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def look(self, code, seconds):
        """The report of what Python code does for so long, once it has said that it is up."""
        target = self.start([sys.executable, "-c", code])
        target.stdout.readline()
        recording, _ = self.record(target.pid, "-d", seconds)
        os.killpg(target.pid, signal.SIGKILL)  # the next one wants the CPUs
        target.wait()
        return self.report(recording)

    def test_the_verdict_is_right_or_cannot_say(self):
        for name, (code, right) in PROGRAMS.items():
            with self.subTest(name):
                target = self.start([sys.executable, "-c", code])
                target.stdout.readline()
                recording, done = self.record(target.pid, "-d", "0.8")
                self.assertEqual((done.returncode, done.stderr), (0, b""))
                report = self.report(recording)
                self.assertIn(report["verdict"]["class"], right)
                self.assertEqual(report["recording"]["sources"], ["probe"])
                self.assertEqual(report["processes"][0]["runtime"], {"name": "CPython", "version": "%d.%d" % sys.version_info[:2],
                                                                     "gil": "on"})
                self.assertIsNone(target.poll())

    def test_a_lock_seen_from_outside(self):
        code = ("import threading, time\nlock = threading.Lock()\ndef f():\n    while True:\n        with lock: time.sleep(0.01)\n"
                "[threading.Thread(target=f).start() for _ in range(4)]; print('up', flush=True)\n")
        report = self.look(code, "0.8")
        self.assertEqual((report["verdict"]["class"], report["verdict"]["rule"]), ("unknown", "from-outside"))
        self.assertEqual(report["recommendation"]["action"], "cannot-say")
        text = subprocess.run([gildiag.TOOL, "report", self.folder + "/r"], stdout=subprocess.PIPE, check=True).stdout.decode()
        self.assertIn("CANNOT SAY: its threads wait for each other.", text)
        self.assertIn("gildiag run", text)

    def lines(self, report, cause):
        """Seconds by innermost line of the stacks that waited for it, of code given with -c."""
        seen = {}
        for stack in report["stacks"]:
            frame = stack["frames"][0]
            if stack["cause"] == cause and frame["file"] == "<string>":
                seen[frame["line"]] = seen.get(frame["line"], 0) + stack["wait_s"]
        return seen

    def test_who_hangs_since_before_has_a_line(self):
        code = ("import socket, threading\n" + PAIR +
                "def f():\n    a.recv(1)\nthreading.Thread(target=f).start()\n"
                "print('up', flush=True)\n\nb.recv(1)\n")
        target = self.start([sys.executable, "-c", code])
        target.stdout.readline()
        time.sleep(0.2)
        recording, _ = self.record(target.pid, "-d", "0.5")
        report = self.report(recording)
        self.assertEqual((list(self.lines(report, "recv")), list(self.lines(report, "serve"))), ([4], [8]))

    def test_who_blocks_very_often_is_walked_now_and_then_without_bias(self):
        code = ("import socket, threading\n" + PAIR +
                "def echo():\n    while True:\n        b.send(b.recv(1))\n"
                "threading.Thread(target=echo).start()\nprint('up', flush=True)\n"
                "while True:\n    a.send(b'x'); a.recv(1)\n    a.send(b'x')\n    a.recv(1)\n")
        report = self.look(code, "1")
        samples = [stack for stack in report["stacks"] if stack["cause"] == "recv"]
        waits = sum(thread["scheduler"]["causes"]["no_slot"]["blocks"] for thread in report["threads"])
        self.assertLess(sum(stack["samples"] for stack in samples), 0.5 * waits)
        seen = self.lines(report, "recv")
        self.assertGreater(seen[9], 0.5 * seen[11])  # the same waits, on two lines
        self.assertLess(seen[9], seen[11] / 0.5)
        all_s = sum(thread["scheduler"]["explained"].get("recv", 0) for thread in report["threads"])
        self.assertLess(abs(sum(seen.values()) - all_s), 0.2 * all_s)

    def test_children_that_are_there_are_followed_too(self):
        """A prefork server: the parent waits, one child computes, one asks a socket, a grandchild sleeps."""
        code = ("import os, socket, subprocess, time\nb = socket.create_server(('', 0)); a = socket.create_connection(b.getsockname())\n"
                "def child(work):\n    if os.fork() == 0:\n        while True: work()\n"
                "def asks():\n    try: a.recv(1)\n    except OSError: a.settimeout(0.02)\n"
                "a.settimeout(0.02)\nchild(lambda: sum(range(1000)))\nchild(asks)\n"
                "child(lambda: subprocess.run(['sleep', '60']))\ntime.sleep(0.3)\n"
                "print('up', flush=True)\nos.wait()\n")
        report = self.look(code, "0.8")
        processes = report["processes"]
        self.assertEqual(sorted(process["runtime"]["gil"] for process in processes), ["none", "on", "on", "on", "on"])
        computing = [process for process in processes if process["classes"]["cpu_gil_s"] > 0.5]
        self.assertEqual(len(computing), 1)
        self.assertGreater(self.lines(report, "poll").get(7, 0), 0.4)  # in a child, by its own stack
        self.assertGreater(self.lines(report, "child").get(15, 0), 0.7)
        self.assertEqual(report["verdict"]["class"], "computing")

    def test_children_that_come_and_go_leave_room_for_their_parent(self):
        code = ("import os, time\ndef child(n): time.sleep(0.001) if n else None; n and child(n - 1)\n"
                "print('up', flush=True)\ntime.sleep(0.5)\nfor _ in range(300):\n"
                "    if os.fork() == 0: [child(n) for n in (3, 5, 7)]; os._exit(0)\n    os.wait()\n"
                "def late(): time.sleep(0.7)\nlate()\n")
        target = self.start([sys.executable, "-c", code])
        target.stdout.readline()
        recording, _ = self.record(target.pid)
        lines = self.lines(self.report(recording), "sleep")
        self.assertGreater(lines[8], 0.6)
        self.assertLess(lines[8], 0.8)

    def test_a_cold_read_waits_for_a_file(self):
        code = ("import os, sys, time\nfile = os.open(sys.argv[1], os.O_RDONLY)\nprint('up', flush=True)\n"
                "while True:\n    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)\n"
                "    os.lseek(file, 0, 0)\n    while os.read(file, 1 << 16): pass\n")
        with tempfile.NamedTemporaryFile(dir=gildiag.BUILD) as file:
            file.write(os.urandom(32 << 20))
            file.flush()
            os.fsync(file.fileno())
            target = self.start([sys.executable, "-c", code, file.name])
            target.stdout.readline()
            recording, _ = self.record(target.pid, "-d", "0.8")
        (thread,) = self.report(recording)["threads"]
        if not thread["scheduler"]["causes"]["no_slot"]["woken_by"]["interrupt"]:
            self.skipTest("what is written here comes from no disk")
        explained = thread["scheduler"]["explained"]
        self.assertGreater(explained["file"], 0.9 * sum(explained.values()))
        self.assertGreater(thread["classes"]["io_wait_s"], 10 * thread["classes"]["unseen_s"])

    def test_it_looks_as_long_as_it_is_told(self):
        target = self.start(["sleep", "60"])
        began = time.monotonic()
        recording, _ = self.record(target.pid, "-d", "0.5")
        self.assertLess(abs(time.monotonic() - began - 0.5), 1)
        self.assertLess(abs(self.report(recording)["recording"]["duration_s"] - 0.5), 0.2)

    def test_it_ends_with_the_process_and_with_an_interrupt(self):
        target = self.start(["sleep", "0.5"])
        recording, done = self.record(target.pid)
        self.assertEqual(done.returncode, 0)
        self.assertTrue(self.report(recording)["recording"]["complete"])
        target = self.start(["sleep", "60"])
        process = subprocess.Popen([gildiag.TOOL, "record", "-o", self.folder + "/i", "-p", str(target.pid)])
        while not os.path.exists(self.folder + "/i/probe"):
            os.sched_yield()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(20), 0)
        self.assertEqual(self.report(self.folder + "/i")["threads"][0]["tid"], target.pid)

    def test_a_block_that_began_before_has_its_system_call(self):
        target = self.start(["sleep", "60"])
        recording, _ = self.record(target.pid, "-d", "0.5")
        calls = {b["system_call"]: b["blocked_s"] for b in self.report(recording)["blocks"]}
        self.assertEqual(list(calls), ["clock_nanosleep"])
        self.assertGreater(calls["clock_nanosleep"], 0.4)

    def test_a_static_program(self):
        if not shutil.which("gcc"):
            self.skipTest("no gcc")
        path = os.path.join(self.folder, "static")
        with open(path + ".c", "w") as file:
            file.write("#include <stdio.h>\n#include <unistd.h>\n"
                       "int main(void) { puts(\"up\"); fflush(stdout); for (;;) usleep(20000); }\n")
        done = subprocess.run(["gcc", "-static", "-o", path, path + ".c"], stderr=subprocess.PIPE)
        if done.returncode:
            self.skipTest("no static libc")
        target = self.start([path])
        target.stdout.readline()
        recording, _ = self.record(target.pid, "-d", "0.6")
        report = self.report(recording)
        self.assertEqual(report["verdict"]["class"], "waiting")
        self.assertGreater(report["time"]["classes"]["timer_wait_s"], 0.4)
        self.assertEqual(report["processes"][0]["runtime"]["gil"], "none")

    def test_on_the_cpu_is_the_thread_s_own_clock(self):
        code = ("import time, sys\nprint('up', flush=True)\nend = time.monotonic() + 1.2\n"
                "while time.monotonic() < end: pass\nprint(time.thread_time(), flush=True)")
        target = self.start([sys.executable, "-c", code])
        target.stdout.readline()
        recording, _ = self.record(target.pid)
        scheduler = self.report(recording)["threads"][0]["scheduler"]
        self.assertGreater(float(target.stdout.readline()), scheduler["on_cpu_s"] - 0.02)
        self.assertLess(abs(scheduler["life_s"] - scheduler["on_cpu_s"] - scheduler["blocked_s"] -
                            scheduler["delay_s"] - scheduler["preempted_s"]), 1e-3)

    def test_what_is_wrong_is_one_sentence(self):
        ended = subprocess.Popen(["true"])
        ended.wait()
        os.chmod(self.folder, 0o777)
        for options, code, words in (((str(ended.pid),), 1, b"there is no process"), (("x",), 2, b"is no PID"),
                                     (("1", "-d", "0"), 2, b"is no duration"),
                                     (("1", "--", "true"), 2, b"not both")):
            with self.subTest(options=options):
                _, done = self.record(*options)
                self.assertEqual(done.returncode, code)
                self.assertIn(words, done.stderr)
        target = self.start(["sleep", "60"])
        _, done = self.record(target.pid, "-d", "1", prefix=NOBODY)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count(b"\n"), 1)
        self.assertIn(b"CAP_BPF", done.stderr)


if __name__ == "__main__":
    unittest.main()
