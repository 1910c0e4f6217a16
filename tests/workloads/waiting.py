"""Waits for sockets: waiting.py THREADS [lock] [busy N] [long].

THREADS threads (0: the main thread) ask a remote server again and again; with "lock" each asks under
one lock, with "busy N" only N threads ask and the others wait for work; "long" is longer, in waits
and altogether.
"""
import queue
import sys
import threading
import time

from wait_server import Remote

threads = int(sys.argv[1])
delay_ms, seconds = (50, 8.2) if "long" in sys.argv else (15, 0.9)
lock = threading.Lock() if "lock" in sys.argv else None
busy = int(sys.argv[sys.argv.index("busy") + 1]) if "busy" in sys.argv else threads


def ask_until(remote, end):
    connection = remote.connect()
    while time.monotonic() < end:
        if lock:
            with lock:
                remote.ask(delay_ms, connection)
        else:
            remote.ask(delay_ms, connection)
    connection.close()


with Remote() as remote:
    end = time.monotonic() + seconds
    if not threads:
        ask_until(remote, end)
    work = queue.Queue()
    for _ in range(busy):
        work.put(lambda: ask_until(remote, end))

    def body():
        while True:
            job = work.get()
            if job is None:
                return
            job()

    pool = [threading.Thread(target=body) for _ in range(threads)]
    for thread in pool:
        thread.start()
    if busy < threads:
        time.sleep(0)  # nothing else to do: the main thread joins below
    while time.monotonic() < end and threads:
        pool[0].join(0.3)
        if not any(t.is_alive() for t in pool) or work.empty():
            break
    for _ in pool:
        work.put(None)
    for thread in pool:
        thread.join()
