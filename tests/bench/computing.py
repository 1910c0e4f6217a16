"""Seconds: what interpreters do, in one thread: calls, arithmetic, strings, dictionaries, JSON."""
import json
import math
import time


class Body:
    def __init__(self, n):
        self.x, self.y, self.vx, self.vy, self.mass = n * 1.5, n * 0.5, 0.0, 0.1 * n, 1.0 + n


def move(bodies, dt):
    for a in bodies:
        for b in bodies:
            if a is not b:
                dx, dy = b.x - a.x, b.y - a.y
                pull = b.mass / (math.hypot(dx, dy) + 0.1) ** 3 * dt
                a.vx += dx * pull
                a.vy += dy * pull
    for a in bodies:
        a.x += a.vx * dt
        a.y += a.vy * dt


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def words(count):
    seen = {}
    for n in range(count):
        word = "w%d" % (n * 7919 % 1000)
        seen[word] = seen.get(word, 0) + len(word.upper().split("9"))
    return json.loads(json.dumps(seen))


began = time.perf_counter()
system = [Body(n) for n in range(6)]
for _ in range(9000):
    move(system, 0.01)
fib(27)
words(500000)
print("%.6f" % (time.perf_counter() - began))
