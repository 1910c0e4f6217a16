"""Slots that the kernel pins: what is read there is what was read before, and nobody can misuse it."""
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import gildiag
import probe

ALONE = True

OFTEN = 60  # blocks of 5 ms: far more than it takes to be worth a pin, and longer than until it is there

# Each of three threads blocks OFTEN times, half of that for each cause.
THREADS = """
import threading, time
def f():
    for i in range(%(half)d): time.sleep(0.005)
    here, there = threading.Semaphore(0), threading.Semaphore(0)
    def g():
        for i in range(%(half)d): there.acquire(); time.sleep(0.005); here.release()
    partner = threading.Thread(target=g); partner.start()
    for i in range(%(half)d): there.release(); here.acquire()
    partner.join()
threads = [threading.Thread(target=f) for _ in range(3)]
for t in threads: t.start()
for t in threads: t.join()
""" % {"half": OFTEN // 2}

# A program that was switched often becomes another one, as often as its argument says.
EXEC = """
import os, sys, time
for i in range(%d): time.sleep(0.005)
if sys.argv[1] != "0":
    os.execv(sys.executable, [sys.executable, sys.argv[0], str(int(sys.argv[1]) - 1)])
""" % OFTEN

FORK = """
import os, time
for i in range(%(often)d): time.sleep(0.005)
for child in range(3):
    if os.fork() == 0:
        for i in range(%(often)d): time.sleep(0.005)
        os._exit(0)
for child in range(3): os.wait()
""" % {"often": OFTEN}


def setUpModule():
    reason = probe.why_not()
    if reason:
        raise unittest.SkipTest(reason)


def kernel_can_pin():
    with open("/sys/kernel/btf/vmlinux", "rb") as file:
        return b"\0BPF_UPTR\0" in file.read()


class Books(unittest.TestCase):
    def watch(self, code, *words):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "program.py")
            with open(path, "w") as file:
                file.write(code)
            return gildiag.watch([sys.executable, path, *words], "run", options=["--probe=on"]).report

    def assert_pinned(self, report, threads):
        slots = report["probe"]["slots"]
        if kernel_can_pin():
            self.assertGreaterEqual(slots["pinned"], threads)  # one more, where others press
        else:
            self.assertEqual(slots["pinned"], 0)

    def blocks(self, report, cause):
        return sorted(t["scheduler"]["causes"][cause]["blocks"] for t in report["threads"]
                      if cause in t["scheduler"]["causes"])

    def test_threads_are_pinned_and_their_causes_are_what_they_wait_for(self):
        report = self.watch(THREADS)
        self.assert_pinned(report, 6)
        self.assertEqual([n for n in self.blocks(report, "sleep") if n], [OFTEN // 2] * 6)

    def test_a_program_that_is_executed_is_not_taken_for_the_one_before(self):
        report = self.watch(EXEC, "3")
        self.assert_pinned(report, 4)
        self.assertEqual(self.blocks(report, "sleep"), [OFTEN] * 4)

    def test_nor_is_a_forked_child_for_its_parent(self):
        report = self.watch(FORK)
        self.assert_pinned(report, 4)
        self.assertEqual(self.blocks(report, "sleep"), [OFTEN] * 4)

    def test_a_message_that_comes_late_is_not_taken_for_the_program_s_own(self):
        # The first program's agent hands its slots over, and is another program when that is read.
        with gildiag.Trial("record") as trial:
            path = os.path.join(trial.folder, "program.py")
            with open(path, "w") as file:
                file.write(FORK)
            target = trial.start(["sh", "-c", "echo up; read go; exec env %s %s" % (sys.executable, path)],
                                 "--probe=on", stdin=subprocess.PIPE)
            self.assertEqual(target.stdout.readline(), b"up\n")
            sampler = trial.sampler()
            os.kill(sampler, signal.SIGSTOP)
            target.stdin.write(b"\n")
            target.stdin.flush()
            time.sleep(0.1)
            os.kill(sampler, signal.SIGCONT)
            target.communicate(timeout=30)
            report = trial.json()
        # What it did before its slots were known has no cause.
        slept = [t["scheduler"]["causes"] for t in report["threads"] if "sleep" in t["scheduler"]["causes"]]
        self.assertEqual(len(slept), 4)
        for causes in slept:
            others = sum(c["blocks"] for name, c in causes.items() if name not in ("sleep", "no_slot", "child"))
            self.assertLess(others, 3, causes)


class Hostile(unittest.TestCase):
    """What comes beside an order is an image of an agent's, or is left alone."""

    def send(self, one, pid, fd):
        order = struct.pack("<IHHiIQ", probe.MAGIC, 1, probe.SLOTS, pid, 0, 8)
        one._ours.sendmsg([order], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("<i", fd))])

    def test_descriptors_that_are_no_image_are_closed(self):
        target = os.fork()
        if target == 0:
            signal.pause()
            os._exit(0)
        try:
            with tempfile.TemporaryDirectory() as folder, probe.Probe(folder) as one:
                one.follow(target)
                before = len(os.listdir("/proc/%d/fd" % one.pid))
                for _ in range(50):
                    for path in ("/dev/zero", "/dev/null", "/proc/self/mem", folder):
                        fd = os.open(path, os.O_RDONLY)
                        self.send(one, target, fd)
                        os.close(fd)
                one.store()
                self.assertEqual(len(os.listdir("/proc/%d/fd" % one.pid)), before)
        finally:
            os.kill(target, signal.SIGKILL)
            os.waitpid(target, 0)
        self.assertEqual(one.code, 0)


if __name__ == "__main__":
    unittest.main()
