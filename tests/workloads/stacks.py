"""Waits in all kinds of frames, and prints where it waited and for how long, by its own clock.

stacks.py [threads]: one line of JSON: [[seconds, [[file, line, function], ...innermost first]], ...].
"""
import contextlib
import json
import os
import sys
import threading
import time

now = time.monotonic
waited = {}
lock = threading.Lock()


def note(seconds):
    """Adds to the stack of the caller, which waited and calls this on one line."""
    stack, frame = [], sys._getframe(1)
    while frame:
        code = frame.f_code
        stack.append((code.co_filename, frame.f_lineno, getattr(code, "co_qualname", code.co_name)))
        frame = frame.f_back
    with lock:
        waited[tuple(stack)] = waited.get(tuple(stack), 0) + seconds


def plain(ms):
    began = now(); time.sleep(ms / 1000); note(now() - began)


def callers(ms):
    plain(ms)
    plain(
        2 * ms)


def recursive(depth, ms):
    if depth:
        return recursive(depth - 1, ms)
    began = now(); time.sleep(ms / 1000); note(now() - began)


class Ünïcode:
    def méthode(self, ms):
        began = now(); time.sleep(ms / 1000); note(now() - began)

    @staticmethod
    def static(ms):
        began = now(); time.sleep(ms / 1000); note(now() - began)

    @property
    def attribute(self):
        began = now(); time.sleep(0.02); note(now() - began)

    def __enter__(self):
        began = now(); time.sleep(0.02); note(now() - began)

    def __exit__(self, *error):
        began = now(); time.sleep(0.02); note(now() - began)


def generator():
    for ms in (10, 20):
        began = now(); time.sleep(ms / 1000); note(now() - began)
        yield ms


def decorated(function):
    def wrapper(*arguments):
        return function(*arguments)
    return wrapper


@decorated
def behind_a_decorator(ms):
    began = now(); time.sleep(ms / 1000); note(now() - began)


@contextlib.contextmanager
def context():
    began = now(); time.sleep(0.01); note(now() - began)
    try:
        yield
    finally:
        began = now(); time.sleep(0.01); note(now() - began)


def raises():
    try:
        raise ValueError
    except ValueError:
        began = now(); time.sleep(0.015); note(now() - began)
    finally:
        began = now(); time.sleep(0.015); note(now() - began)


# Lines far apart, forwards and backwards, so that line tables need more than their small steps.
FAR = """def far(wait, ms):
    total = 0
%s    wait(
%s        ms if total else
        ms)
%s    for i in range(2):
%s        wait(ms)
"""


def make_far():
    made = {}
    source = FAR % ("    total += 1\n" * 300, "\n" * 700, "\n" * 130, "        total += i\n" * 90)
    exec(compile(source, "far.py", "exec"), made)
    return made["far"]


def short_waits(count):
    for _ in range(count):
        began = now(); time.sleep(0.0002); note(now() - began)


def all_of_them():
    callers(15)
    recursive(30, 20)
    thing = Ünïcode()
    thing.méthode(20)
    Ünïcode.static(20)
    thing.attribute
    with thing, context():
        pass
    list(generator())
    [behind_a_decorator(ms) for ms in (10, 15)]
    (lambda ms: plain(ms))(20)
    sorted([1, 2], key=lambda _: plain(10) or 0)
    raises()
    exec(compile("def made(ms):\n    plain(ms)\n\n\nmade(20)", "made.py", "exec"), {"plain": plain})
    make_far()(plain, 10)
    short_waits(1000)


if "fork" in sys.argv:
    child = os.fork()
    if child:
        os._exit(os.waitpid(child, 0)[1])
if "threads" in sys.argv:
    threads = [threading.Thread(target=all_of_them) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
else:
    all_of_them()
print(json.dumps([[seconds, stack] for stack, seconds in waited.items()]))
