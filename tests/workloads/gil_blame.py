"""Who holds the GIL while others want it: a schedule of absolute times, and what came of it as JSON.

gil_blame.py ROUNDS WAITERS: in each round the main thread holds the GIL asleep for 60 ms in
hold_it(), or for 40 in hold_it_less(); each waiter wants it from 10 ms after the beginning on.
Nobody asks anybody to drop it: the switch interval is longer than the program.
"""
import _thread
import ctypes
import json
import sys
import time

MS = 1000000
ROUND = 80 * MS

rounds, waiters = int(sys.argv[1]), int(sys.argv[2])
keeps, frees = ctypes.PyDLL(None), ctypes.CDLL(None)
waited, waits, blame, hold, left = {}, {}, {}, {}, [waiters]


class Timespec(ctypes.Structure):
    _fields_ = [("s", ctypes.c_long), ("ns", ctypes.c_long)]


def at(ns):
    """The arguments of a clock_nanosleep that ends then, by CLOCK_MONOTONIC."""
    return 1, 1, ctypes.byref(Timespec(ns // 1000000000, ns % 1000000000)), None


def hold_it(end):
    keeps.clock_nanosleep(*at(end))


def hold_it_less(end):
    keeps.clock_nanosleep(*at(end))


def want_it(begin):
    tid = keeps.syscall(186)
    keeps.prctl(29, 1)  # PR_SET_TIMERSLACK: it wakes when it says
    total = count = 0
    for i in range(rounds):
        wants = begin + i * ROUND + 10 * MS
        frees.clock_nanosleep(*at(wants))
        late = time.monotonic_ns() - wants
        total += late
        count += late > MS
    waited[tid], waits[tid] = total / 1e9, count
    left[0] -= 1


def round_of(begin, holder, length):
    frees.clock_nanosleep(*at(begin))
    taken = time.monotonic_ns()
    holder(begin + length)
    now = time.monotonic_ns()
    name = holder.__name__
    hold[name] = hold.get(name, 0) + (now - taken) / 1e9
    blame[name] = blame.get(name, 0) + waiters * (now - begin - 10 * MS) / 1e9


sys.setswitchinterval(100)
first = time.monotonic_ns() + 100 * MS
for _ in range(waiters):
    _thread.start_new_thread(want_it, (first,))
keeps.clock_nanosleep(*at(time.monotonic_ns() + 20 * MS))  # they want it for the first time
for i in range(rounds):
    round_of(first + i * ROUND, hold_it_less if i % 3 == 0 else hold_it, (40 if i % 3 == 0 else 60) * MS)
while left[0]:
    frees.clock_nanosleep(*at(time.monotonic_ns() + MS))
print(json.dumps({"waited": waited, "waits": waits, "hold": hold, "blame": blame}))
