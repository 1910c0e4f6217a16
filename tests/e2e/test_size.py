"""What recordings take on disk: little for a little program, no more for a long run, ten of them."""
import os
import sys
import unittest

import gildiag

ALL = os.environ.get("GILDIAG_TEST_ALL") == "1"
SHORT_S, LONG_S = 1, 60 if ALL else 20
GROWTH = 0.10

SHIM = os.path.expanduser("~/.pyenv/shims/python3")
SHIM_BYTES = 100 << 10

# Of everything something: a lock, queues, sockets, sleeps, recursion, threads that come and go.
BUSY = """
import queue, socket, sys, threading, time
end, lock, jobs = time.monotonic() + float(sys.argv[1]), threading.Lock(), queue.Queue(4)

def deep(n):
    if n:
        return deep(n - 1) + 1
    with lock:
        time.sleep(0.0005)
    return 0

def compute():
    n = 0
    while time.monotonic() < end:
        for i in range(500):
            n = (n * 31 + i) % 65521
        with lock:
            n += 1

def produce():
    while time.monotonic() < end:
        jobs.put(deep(3))
    jobs.put(None)

def consume():
    while jobs.get() is not None:
        time.sleep(0.001)

def echo(peer):
    while peer.recv(100):
        peer.sendall(b"x")

def ask(peer):
    while time.monotonic() < end:
        peer.sendall(b"y")
        peer.recv(1)
        deep(2)
    peer.close()

def bear():
    while time.monotonic() < end:
        child = threading.Thread(target=deep, args=(1,))
        child.start()
        child.join()

here, there = socket.socketpair()
jobs_of = [(compute,), (compute,), (produce,), (consume,), (echo, here), (ask, there), (bear,)]
threads = [threading.Thread(target=function, args=arguments) for function, *arguments in jobs_of]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def disk_bytes(folder):
    return sum(os.lstat(os.path.join(folder, name)).st_blocks * 512 for name in os.listdir(folder))


def file_bytes(folder):
    """Without the file system's rounding, which would be most of a growth of ten per cent."""
    return sum(os.lstat(os.path.join(folder, name)).st_size for name in os.listdir(folder))


class Size(unittest.TestCase):
    def test_hello_world_through_a_shim(self):
        """A shim of pyenv is a script that starts dozens of processes before the one that matters."""
        if not os.access(SHIM, os.X_OK):
            self.skipTest("there is no " + SHIM)
        words = [SHIM, "-c", "print('hello world')"]
        with gildiag.Trial("plain") as trial:
            plain = trial.run(words)
        if plain.returncode != 0:
            self.skipTest("it does not work here: " + plain.stderr.decode())
        for form in ("run", "record", "raw"):
            with gildiag.trial(self, form) as trial:
                done = trial.run(words)
                self.assertEqual((done.returncode, done.stdout), (0, b"hello world\n"), done.stderr)
                trial.wait_for_samplers()
                (session,) = trial.sessions()
                self.assertLessEqual(disk_bytes(session), SHIM_BYTES, os.listdir(session))
                report = trial.json()
                self.assertEqual(report["recording"]["lost"]["processes"], 0)
                # On a busy machine the shim itself may have done enough for a file of its own.
                names = [process["runtime"]["name"] for process in report["processes"]]
                self.assertEqual(names.count("CPython"), 1, names)

    def test_a_long_run_takes_no_more_than_a_short_one(self):
        programs = {"Python": [sys.executable, "-S", "-c", BUSY], "C": [gildiag.program("scale"), "busy", "4"]}
        # All at once: how fast they get on does not matter here.
        running = {(name, seconds, form): (gildiag.Trial(form), words + [str(seconds)])
                   for name, words in programs.items() for seconds in (SHORT_S, LONG_S)
                   for form in ("record", "raw")}
        started = {key: trial.start(words) for key, (trial, words) in running.items()}
        sizes = {}
        for key, process in started.items():
            out, err = process.communicate(timeout=60 + 4 * LONG_S)
            trial = running[key][0]
            with trial:
                self.assertEqual((process.returncode, err), (0, b""), (key, out))
                trial.wait_for_samplers()
                (session,) = trial.sessions()
                sizes[key] = file_bytes(session)
                report = trial.json()
                self.assertEqual({name for name, count in report["recording"]["lost"].items() if count}, set())
        for (name, seconds, form), size in sizes.items():
            if seconds == LONG_S:
                short = sizes[name, SHORT_S, form]
                print("%s, %s: %d s take %d KiB, %d s %d KiB" % (name, form, SHORT_S, short >> 10, seconds,
                                                                size >> 10), file=sys.stderr)
                self.assertLessEqual(size, short * (1 + GROWTH), (name, form))

    def test_the_newest_ten_are_kept(self):
        """Of run's and record's together; GILDIAG_KEEP says another number."""
        with gildiag.Trial("run") as trial:
            codes = {}
            for i in range(14):
                trial.form = ("run", "record")[i % 2]
                before = set(trial.sessions())
                done = trial.run(["sh", "-c", "exit %d" % (i + 1)])
                self.assertEqual(done.returncode, i + 1)
                (new,) = set(trial.sessions()) - before
                codes[new] = i + 1
            kept = {codes[session] for session in trial.sessions()}
            self.assertEqual(kept, set(range(5, 15)))
            done = trial.run(["true"], env={"GILDIAG_KEEP": "3"})
            self.assertEqual(done.returncode, 0)
            self.assertEqual({codes.get(session) for session in trial.sessions()}, {13, 14, None})


if __name__ == "__main__":
    unittest.main()
