"""gildiag record -p: what a wait on descriptors is for, by what stands behind them."""
import concurrent.futures
import json
import os
import pty
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import gildiag
import probe

ALONE = True

AT_ONCE = 5   # they hardly compute
TRIES = 3     # neighbours take the CPUs now and then
WITHIN = 0.12  # of the time: the first two waits of a kind are not known yet

# What every program begins with; where: a TCP port and the path of a unix socket, of a server that
# answers a number of milliseconds after it was asked.
PROLOGUE = """
import asyncio, multiprocessing, os, select, socket, subprocess, sys, threading, time
port, path = int(sys.argv[1]), sys.argv[2]
def tcp():
    return socket.create_connection(("127.0.0.1", port))
def unix():
    s = socket.socket(socket.AF_UNIX); s.connect(path); return s
def up():
    print("up", flush=True)
def ask_and_sleep(s):
    up()
    while True:
        s.sendall(b"60 "); s.recv(1); time.sleep(0.14)
def accept_one(listener):  # the client is another process, as clients are
    child = os.fork()
    if child == 0:
        s = socket.socket(listener.family); s.connect(listener.getsockname()); time.sleep(60); os._exit(0)
    return listener.accept()[0]
def listen(family, *backlog):
    s = socket.socket(family); s.bind(("127.0.0.1", 0) if family == socket.AF_INET else "%s.%d" % (path, os.getpid()))
    s.listen(*backlog); return s
async def ask_all(n, pause, stream=lambda: asyncio.open_connection("127.0.0.1", port)):
    streams = [await stream() for _ in range(n)]
    up()
    while True:
        for _, w in streams: w.write(b"60 ")
        for r, _ in streams: await r.readexactly(1)
        if pause: await asyncio.sleep(pause)
"""

# Program; shares of the main thread's time by class.
PROGRAMS = {
    "a blocking client": ("ask_and_sleep(tcp())", {"io_wait": 0.3, "timer_wait": 0.7}),
    "a client with a timeout": ("s = tcp(); s.settimeout(5); ask_and_sleep(s)", {"io_wait": 0.3, "timer_wait": 0.7}),
    "a client by a unix socket": ("ask_and_sleep(unix())", {"io_wait": 0.3, "timer_wait": 0.7}),
    "a loop that keeps its connections": ("asyncio.run(ask_all(3, 0.14))", {"io_wait": 0.3, "timer_wait": 0.7}),
    "a loop that only sleeps": (
        "async def main():\n    up()\n    while True: await asyncio.sleep(0.05)\nasyncio.run(main())", {"timer_wait": 1}),
    "a loop that waits for a thread": (
        "async def main():\n    up()\n    await asyncio.get_running_loop().run_in_executor(None, time.sleep, 60)\n"
        "asyncio.run(main())", {"lock_wait": 1}),
    "a long answer, in pieces": (
        "async def main():\n    r, w = await asyncio.open_connection('127.0.0.1', port)\n    w.write(b's '); up()\n"
        "    while True: await r.read(1)\nasyncio.run(main())", {"io_wait": 1}),
    "a loop by unix sockets, which do not tell": (
        "asyncio.run(ask_all(3, 0.14, lambda: asyncio.open_unix_connection(path)))", {"unseen": 1}),
    "a server of quiet clients": (
        "async def main():\n    s = await asyncio.start_server(lambda r, w: r.read(), '127.0.0.1', 0)\n"
        "    for _ in range(3):\n        if os.fork() == 0:\n"
        "            c = socket.create_connection(s.sockets[0].getsockname()); c.send(b'x'); time.sleep(60); os._exit(0)\n"
        "    await asyncio.sleep(0.2); up()\n    await s.serve_forever()\nasyncio.run(main())", {"idle": 1}),
    "a server that asks another one": (
        "async def serve(r, w):\n    r2, w2 = await asyncio.open_connection('127.0.0.1', port)\n"
        "    while True:\n        await r.readexactly(1); w2.write(b'60 '); w.write(await r2.readexactly(1))\n"
        "async def main():\n    s = await asyncio.start_server(serve, '127.0.0.1', 0)\n    if os.fork() == 0:\n"
        "        c = socket.create_connection(s.sockets[0].getsockname())\n"
        "        while True: c.send(b'x'); c.recv(1); time.sleep(0.14)\n"
        "    await asyncio.sleep(0.2); up()\n    await s.serve_forever()\nasyncio.run(main())",
        {"io_wait": 0.3, "idle": 0.7}),
    "who reads from a client": ("s = accept_one(listen(socket.AF_INET)); up(); s.recv(1)", {"idle": 1}),
    "who reads from a client by a unix socket": ("s = accept_one(listen(socket.AF_UNIX)); up(); s.recv(1)", {"idle": 1}),
    "who polls a client": ("s = accept_one(listen(socket.AF_INET)); s.settimeout(60); up(); s.recv(1)", {"idle": 1}),
    "a listener without a backlog, which does not tell": (
        "s = accept_one(listen(socket.AF_INET, 0)); up(); s.recv(1)", {"unseen": 1}),
    "who accepts": ("s = listen(socket.AF_INET); up(); s.accept()", {"idle": 1}),
    "who cannot send": ("s = tcp(); s.send(b'q '); up()\nwhile True: s.send(b'x' * 1000000)", {"io_wait": 1}),
    "datagrams of anybody's": (
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0)); up(); s.recv(1)", {"unseen": 1}),
    "datagrams of one": (
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.1', port)); up(); s.recv(1)",
        {"io_wait": 1}),
    "a pipe": ("r, w = os.pipe(); up(); os.read(r, 1)", {"unseen": 1}),
    "a pair of sockets": ("a, b = multiprocessing.Pipe(); up(); a.recv()", {"lock_wait": 1}),
    "a terminal": ("up(); os.read(0, 1)", {"idle": 1}),
    "a child, by its descriptor": (
        "child = subprocess.Popen(['sleep', '60']); p = select.poll()\n"
        "p.register(os.pidfd_open(child.pid), select.POLLIN); up(); p.poll()", {"child_wait": 1}),
    "nothing, for a while": ("up()\nwhile True: select.poll().poll(100)", {"timer_wait": 1}),
}


class Answers(socketserver.BaseRequestHandler):
    def handle(self):
        for word in iter(lambda: self.request.recv(100), b""):
            if word.startswith(b"q "):  # it reads no more
                time.sleep(60)
            while word == b"s ":
                time.sleep(0.02)
                self.request.sendall(b"a")
            time.sleep(int(word) / 1000)
            self.request.sendall(b"a")


class Quiet:
    daemon_threads = True

    def handle_error(self, *_):
        pass  # its client was killed


class Tcp(Quiet, socketserver.ThreadingTCPServer):
    pass


class Unix(Quiet, socketserver.ThreadingUnixStreamServer):
    pass


def setUpModule():
    reason = probe.why_not()
    if reason:
        raise unittest.SkipTest(reason)


class For(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, path = folder.name, os.path.join(folder.name, "socket")
        servers = Tcp(("127.0.0.1", 0), Answers), Unix(path, Answers)
        for server in servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.addCleanup(server.shutdown)
            self.addCleanup(server.server_close)
        self.where = [str(servers[0].server_address[1]), path]

    def watch(self, code):
        recording = os.path.join(self.folder, "%d-%d" % (time.monotonic_ns(), threading.get_ident()))
        ours, theirs = pty.openpty()
        target = subprocess.Popen(
            [sys.executable, "-c", PROLOGUE + code, *self.where], stdin=theirs, stdout=subprocess.PIPE,
            start_new_session=True)
        try:
            self.assertEqual(target.stdout.readline(), b"up\n")
            subprocess.run([gildiag.TOOL, "record", "-o", recording, "-p", str(target.pid), "-d", "3"], timeout=60,
                           check=True)
        finally:
            os.killpg(target.pid, 9)
            target.wait()
            target.stdout.close()
            os.close(ours)
            os.close(theirs)
        report = json.loads(subprocess.run([gildiag.TOOL, "report", "-f", "json", recording], stdout=subprocess.PIPE,
                                           check=True).stdout)
        main = next(t for t in report["threads"] if t["pid"] == t["tid"] == target.pid)
        return {name[:-2]: seconds / main["life_s"] for name, seconds in main["classes"].items()}, report

    def wrong(self, code, expected):
        """Shares that are not as expected."""
        shares, _ = self.watch(code)
        return {c: shares[c] for c in expected if abs(shares[c] - expected[c]) > WITHIN}

    def test_what_each_program_waits_for(self):
        programs = {name: row for name, row in PROGRAMS.items()
                    if "pidfd_open" not in row[0] or hasattr(os, "pidfd_open")}
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            wrong = dict(zip(programs, pool.map(lambda row: self.wrong(*row), programs.values())))
        for name, (code, expected) in programs.items():
            with self.subTest(name):
                for _ in range(TRIES - 1):  # alone
                    wrong[name] = wrong[name] and self.wrong(code, expected)
                self.assertEqual(wrong[name], {}, "not %s" % expected)

    def test_operations_of_a_loop_are_counted(self):
        for count in (1, 7, 100):
            with self.subTest(count):
                for _ in range(TRIES):
                    _, report = self.watch("asyncio.run(ask_all(%d, 0))" % count)
                    verdict = report["verdict"]
                    overlap = {r["id"]: r["value"] for r in verdict["reasons"] + verdict["ruled_out"]}["overlap"]
                    if abs(overlap - count) <= 0.1 * count:
                        break
                self.assertLess(abs(overlap - count), 0.1 * count + 1e-9)


if __name__ == "__main__":
    unittest.main()
