"""Process pools: pools.py wide|many|one-busy|tiny|huge (traps 29 and 30, and their neighbours)."""
import os
import sys
from concurrent.futures import ProcessPoolExecutor

from work import compute_with_gil

cpus = len(os.sched_getaffinity(0))


def square(n):
    return n * n


def touch(block):
    return len(block)


def main():
    kind = sys.argv[1]
    if kind == "wide":
        with ProcessPoolExecutor(cpus) as pool:
            list(pool.map(compute_with_gil, [0.9] * cpus))
    elif kind == "many":
        with ProcessPoolExecutor(12 * cpus) as pool:
            list(pool.map(compute_with_gil, [1.2] * 12 * cpus))
    elif kind == "one-busy":
        with ProcessPoolExecutor(cpus) as pool:
            list(pool.map(compute_with_gil, [0.9]))
    elif kind == "tiny":
        with ProcessPoolExecutor(cpus) as pool:
            print(sum(pool.map(square, range(12000))))
    else:
        block = b"x" * (8 << 20)
        with ProcessPoolExecutor(cpus) as pool:
            print(sum(pool.map(touch, [block] * 60)))


if __name__ == "__main__":
    main()
