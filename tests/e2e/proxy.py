#!/usr/bin/env python3
"""A faulty network in front of an archive: proxy.py LISTEN-PORT TO-PORT MODE.

MODE, told again at any time by a line on standard input:
  pass            nothing is wrong
  delay MS        every byte is MS late, each way (half a round trip)
  rate BITS       so many bits a second towards the caller
  cut BYTES       each connection is closed after so many bytes to the caller
  reset BYTES     the same, by RST
  stall BYTES     from then on nothing is passed on, and nothing closed
With "xN" at the end only the first N connections that come so far, as in
"cut 200000 x20"; then it is "pass". What was done is printed, a line each.
"""
import collections
import select
import socket
import struct
import sys
import threading
import time

PIECE = 16384


class Mode:
    def __init__(self, words):
        self.times = None
        if words[-1].startswith("x"):
            self.times = int(words.pop()[1:])
        self.kind = words[0]
        self.n = int(words[1]) if len(words) > 1 else 0


now = Mode(sys.argv[3:])
lock = threading.Lock()


def told():
    global now
    for line in sys.stdin:
        if line.split():
            with lock:
                now = Mode(line.split())


def strike():
    """Whether the fault happens once more, and that it did."""
    with lock:
        if now.times == 0:
            return False
        if now.times is not None:
            now.times -= 1
        print(now.kind, flush=True)
        return True


class Side:
    """Bytes on their way from one socket to the other."""

    def __init__(self, source, sink, back):
        self.source, self.sink, self.back = source, sink, back
        self.queue = collections.deque()  # (when, bytes)
        self.waiting = 0
        self.passed = 0
        self.ended = False
        self.next_at = 0.0

    def read(self, mode):
        data = self.source.recv(PIECE)
        if not data:
            self.ended = True
            return
        when = time.monotonic()
        if mode.kind == "delay":
            when += mode.n / 1000
        if mode.kind == "rate" and self.back:
            self.next_at = max(self.next_at, when) + 8 * len(data) / mode.n
            when = self.next_at
        self.queue.append((when, data))
        self.waiting += len(data)

    def write(self):
        while self.queue and self.queue[0][0] <= time.monotonic():
            data = self.queue.popleft()[1]
            self.waiting -= len(data)
            self.passed += len(data)
            self.sink.sendall(data)


def carry(caller, port):
    try:
        archive = socket.create_connection(("127.0.0.1", port), 5)
    except OSError:
        caller.close()
        return
    for s in (caller, archive):
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sides = [Side(caller, archive, False), Side(archive, caller, True)]
    mode = now
    struck = False
    try:
        while not all(s.ended and not s.queue for s in sides):
            due = [s.queue[0][0] for s in sides if s.queue]
            wait = min(due) - time.monotonic() if due else 0.5
            ready, _, _ = select.select(
                [s.source for s in sides
                 if not s.ended and s.waiting < 64 * PIECE],
                [], [], max(0.0, min(wait, 0.5)))
            for s in sides:
                if s.source in ready:
                    s.read(mode)
            if (not struck and mode.kind in ("cut", "reset", "stall") and
                    sides[1].passed + sides[1].waiting >= mode.n and
                    mode is now):
                struck = strike()
                if struck and mode.kind == "stall":
                    while caller.fileno() >= 0 and not select.select(
                            [caller], [], [], 0.2)[0]:
                        pass
                    while caller.recv(PIECE):  # until the caller gives up
                        pass
                    break
                if struck:
                    break
            for s in sides:
                s.write()
                if s.ended and not s.queue:
                    s.sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # an end that is gone ends both
    if struck and mode.kind == "reset":
        for s in (caller, archive):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                         struct.pack("ii", 1, 0))
    caller.close()
    archive.close()


def main():
    server = socket.create_server(("127.0.0.1", int(sys.argv[1])),
                                  backlog=64)
    threading.Thread(target=told, daemon=True).start()
    print("listening", flush=True)
    while True:
        caller, _ = server.accept()
        threading.Thread(target=carry, daemon=True,
                         args=(caller, int(sys.argv[2]))).start()


main()
