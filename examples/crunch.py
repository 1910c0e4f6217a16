#!/usr/bin/env python3
"""Computes in pure Python, one task after another or in a pool.

    crunch.py [--pool none|threads|processes] [--tasks N] [--workers N]
"""
import argparse
import os
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor


def crunch(seed):
    """The longest Collatz chain among a few thousand numbers."""
    longest = 0
    for start in range(seed * 1000 + 1, seed * 1000 + 2001):
        n, length = start, 1
        while n != 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            length += 1
        longest = max(longest, length)
    return longest


def run_tasks(pool, task, arguments, workers):
    if pool == "threads":
        with ThreadPoolExecutor(workers) as executor:
            return list(executor.map(task, arguments))
    if pool == "processes":
        with ProcessPoolExecutor(workers) as executor:
            return list(executor.map(task, arguments))
    return [task(argument) for argument in arguments]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pool", choices=["none", "threads", "processes"], default="none")
    parser.add_argument("--tasks", type=int, default=40)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    chains = run_tasks(options.pool, crunch, range(options.tasks), options.workers)
    print("the longest of %d chains: %d" % (len(chains), max(chains)))


if __name__ == "__main__":
    main()
