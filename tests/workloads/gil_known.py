"""A known GIL schedule: gil_known.py THREADS ROUNDS HOLD_MS FREE_MS CPU_MS.

Each round holds the GIL asleep (PyDLL keeps it), lets it go asleep (CDLL), and computes.  Prints the
thread ids and what each thread's own CPU clock says.
"""
from __future__ import print_function

import ctypes
import json
import os
import sys
import threading
import time

threads, rounds, hold_ms, free_ms, cpu_ms = (int(word) for word in sys.argv[1:6])
keeps, frees = ctypes.PyDLL(None).usleep, ctypes.CDLL(None).usleep
get_tid = ctypes.PyDLL(None).syscall
tids = [os.getpid()]


def body():
    tids.append(get_tid(186))
    for _ in range(rounds):
        if hold_ms:
            keeps(hold_ms * 1000)
        if free_ms:
            frees(free_ms * 1000)
        end = time.time() + cpu_ms / 1000.0
        while time.time() < end:
            sum(range(50))


pool = [threading.Thread(target=body) for _ in range(threads)]
for thread in pool:
    thread.start()
for thread in pool:
    thread.join()
print(json.dumps(tids))
