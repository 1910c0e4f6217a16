"""Sixteen threads ask a remote server, and few may at once: places.py semaphore|queue|skew|join.

semaphore, queue: of the program's making, a pool of connections say (trap 16); skew: an executor in which one
task takes nearly all the time, so that idle workers wait for the last word; join: one thread after the
other, each joined at once.
"""
import concurrent.futures
import queue
import sys
import threading

from wait_server import Remote

DELAY_MS = 15


def with_semaphore(remote):
    places = threading.BoundedSemaphore(2)

    def body():
        connection = remote.connect()
        for _ in range(6):
            with places:
                remote.ask(DELAY_MS, connection)
        connection.close()

    run_sixteen(body)


def with_queue(remote):
    connections = queue.Queue()
    for _ in range(3):
        connections.put(remote.connect())

    def body():
        for _ in range(8):
            connection = connections.get()
            remote.ask(DELAY_MS, connection)
            connections.put(connection)

    run_sixteen(body)
    while not connections.empty():
        connections.get().close()


def run_sixteen(body):
    threads = [threading.Thread(target=body) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def ask(remote, times):
    connection = remote.connect()
    for _ in range(times):
        remote.ask(DELAY_MS, connection)
    connection.close()


def with_skew(remote):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda times: ask(remote, times), [1, 2, 1, 1, 60, 2, 1, 1]))


def with_join(remote):
    for _ in range(60):
        thread = threading.Thread(target=ask, args=(remote, 1))
        thread.start()
        thread.join()


with Remote() as remote:
    globals()["with_" + sys.argv[1]](remote)
