"""A server for workloads that wait: a process of its own, unwatched, that answers after a delay.

The delay is asked for in each message, in milliseconds, so that a workload's schedule is known.
"""
import asyncio
import os
import socket
import subprocess
import sys


class Server(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        for word in data.split():
            asyncio.get_event_loop().call_later(float(word) / 1000, self.transport.write, b"a")


async def serve():
    loop = asyncio.get_event_loop()
    server = await loop.create_server(Server, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


class Remote:
    """with Remote() as remote: remote.ask(20) waits 20 ms for a socket."""

    def __enter__(self):
        clean = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD" and "GILDIAG" not in k}
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean)
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port))

    def ask(self, delay_ms, connection=None):
        own = connection or self.connect()
        own.sendall(b"%f " % delay_ms)
        own.recv(1)
        if not connection:
            own.close()


if __name__ == "__main__":
    asyncio.get_event_loop_policy().new_event_loop().run_until_complete(serve())
