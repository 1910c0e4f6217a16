#!/usr/bin/env python3
"""Waits for a socket server, one task after another or in a pool.

    fetch.py [--pool none|threads|processes] [--tasks N] [--workers N]

The server stands for a machine elsewhere: a process of its own, started without the profiler, that
answers each request after 25 ms.
"""
import argparse
import asyncio
import os
import socket
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

ANSWER_AFTER_S = 0.025


class Server(asyncio.Protocol):
    """Answers every message once, later; the loop's timer does the waiting."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        asyncio.get_event_loop().call_later(ANSWER_AFTER_S, self.transport.write, b"answer")


async def serve():
    loop = asyncio.get_event_loop()
    server = await loop.create_server(Server, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # until whoever started us is gone


def start_server():
    clean = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD" and "GILDIAG" not in k}
    server = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--serve"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean)
    return server, int(server.stdout.readline())


def fetch(port):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"question")
        return len(connection.recv(100))


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
    parser.add_argument("--tasks", type=int, default=0)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.get_event_loop_policy().new_event_loop().run_until_complete(serve())
        return
    server, port = start_server()
    tasks = options.tasks or (40 if options.pool == "none" else 400)
    answers = run_tasks(options.pool, fetch, [port] * tasks, options.workers)
    server.stdin.close()
    server.wait()
    print("fetched %d answers, %d bytes" % (len(answers), sum(answers)))


if __name__ == "__main__":
    main()
