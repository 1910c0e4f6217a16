"""Seconds: eight threads ask a server, in a thread of this process, that takes 2 ms to answer."""
import concurrent.futures
import socket
import threading
import time

TASKS = 400


def answer(connection):
    with connection:
        while connection.recv(64):
            time.sleep(0.002)
            connection.sendall(b"answer")


def serve(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=(listener,), daemon=True).start()
local = threading.local()


def ask(n):
    if not hasattr(local, "socket"):
        local.socket = socket.create_connection(listener.getsockname())
    local.socket.sendall(b"question %d" % n)
    return len(local.socket.recv(64))


with concurrent.futures.ThreadPoolExecutor(8) as pool:
    list(pool.map(ask, range(32)))
    began = time.perf_counter()
    list(pool.map(ask, range(TASKS)))
    print("%.6f" % (time.perf_counter() - began))
