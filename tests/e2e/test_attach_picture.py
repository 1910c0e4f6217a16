"""gildiag record -p: what threads and processes do at once, seen from outside."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

import gildiag
import probe

ALONE = True

CLOCK = "import os, signal, socket, struct, threading, time\nprint('up', flush=True)\nnow = time.perf_counter\n"
TRIES = 3  # neighbours take the CPUs now and then
# Program; the reason that has its number, and within what bounds.
AT_ONCE = {
    "half of the time": (CLOCK + "while True:\n    end = now() + 0.04\n    while now() < end: sum(range(500))\n"
                                 "    time.sleep(0.04)\n", "computing", 0.4, 0.6),
    "a child more than CPUs, half of the time": (
        CLOCK + "signal.sigtimedwait([signal.SIGUSR1], 0.3)\nfor _ in range(os.cpu_count() + 1):\n    if os.fork() == 0:\n"
                "        end = now() + 0.6\n        while now() < end: sum(range(500))\n        os._exit(0)\n"
                "signal.pause()\n", "threads_running", 0.85 * os.cpu_count(), os.cpu_count()),
    # One process does everything; the other one was looked at, too.
    "a child computes, half of the time": (
        CLOCK + "if os.fork() == 0:\n    while True:\n        end = now() + 0.04\n"
                "        while now() < end: sum(range(500))\n        time.sleep(0.04)\nsignal.pause()\n",
        "computing", 0.4, 0.6),
    "five at once, two thirds of the time": (
        CLOCK + "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\ndef ask():\n"
                "    a = socket.create_connection(s.getsockname())\n"
                "    a.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 0, 200000))\n"
                "    while True:\n        time.sleep(0.3 - now() % 0.3)\n"
                "        try: a.recv(1)\n        except BlockingIOError: pass\n"
                "[threading.Thread(target=ask).start() for _ in range(5)]\n", "overlap", 4, 5.5),
}


def setUpModule():
    reason = probe.why_not()
    if reason:
        raise unittest.SkipTest(reason)


def look(code):
    """The report of what Python code does for a while, once it has said that it is up."""
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True) as target:
        target.stdout.readline()
        recording = os.path.join(folder, "r")
        try:
            subprocess.run([gildiag.TOOL, "record", "-o", recording, "-p", str(target.pid), "-d", "1.5"], timeout=60,
                           check=True)
        finally:
            os.killpg(target.pid, signal.SIGKILL)  # the next one wants the CPUs
        return json.loads(subprocess.run([gildiag.TOOL, "report", "-f", "json", recording], stdout=subprocess.PIPE,
                                         check=True).stdout)


class AtOnce(unittest.TestCase):
    def test_what_happens_at_once_is_seen(self):
        """Programs whose concurrency is known, in phases: sums could not tell it."""
        for name, (code, reason, at_least, at_most) in AT_ONCE.items():
            with self.subTest(name):
                for _ in range(TRIES):
                    verdict = look(code)["verdict"]
                    found = {r["id"]: r["value"] for r in verdict["reasons"] + verdict["ruled_out"]}
                    if at_least <= found.get(reason, -1) <= at_most:
                        break
                else:
                    self.fail(verdict)
