"""Event loops: loops.py sleepers|serial|gather|blocked|selectors."""
import asyncio
import selectors
import socket
import sys
import time

from wait_server import Remote

kind = sys.argv[1]


async def ask(remote, delay_ms=b"15 "):
    reader, writer = await asyncio.open_connection("127.0.0.1", remote.port)
    writer.write(delay_ms)
    await reader.readexactly(1)
    writer.close()


async def ask_in_turn(remote):
    for _ in range(50):
        await ask(remote)


async def ask_together(remote):
    for _ in range(12):
        await asyncio.gather(*(ask(remote, b"60 ") for _ in range(15)))


async def sleep_all():
    async def sleeper(i):
        for _ in range(8):
            await asyncio.sleep(0.08 + i % 10 / 100)

    await asyncio.gather(*(sleeper(i) for i in range(200)))


async def block(remote):
    for _ in range(50):
        remote.ask(15)  # a synchronous wait inside a coroutine
        await asyncio.sleep(0)


def select_in_turn(remote):
    """A loop without asyncio: one request outstanding at a time."""
    selector = selectors.DefaultSelector()
    wake, wake_end = socket.socketpair()
    selector.register(wake_end, selectors.EVENT_READ)
    for _ in range(50):
        connection = remote.connect()
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ)
        connection.sendall(b"15 ")
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if connection in ready:
                break
        connection.recv(1)
        selector.unregister(connection)
        connection.close()
    wake.close()
    wake_end.close()


def run(coroutine):
    asyncio.get_event_loop_policy().new_event_loop().run_until_complete(coroutine)


if kind == "sleepers":
    run(sleep_all())
else:
    with Remote() as remote:
        if kind == "serial":
            run(ask_in_turn(remote))
        elif kind == "gather":
            run(ask_together(remote))
        elif kind == "blocked":
            run(block(remote))
        else:
            select_in_turn(remote)
