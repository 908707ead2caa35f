#!/usr/bin/env python3
"""A bad wire between two network namespaces: wire.py PID FILE

Makes the interface us0 here and us1 in the namespace of PID, and carries each
IP packet from one to the other. FILE says how badly, and is read again when it
changes: "DELAY-MS LOSS-% AGAIN-% LATE-%"; a packet that is late comes 20 ms
after its turn. Needs root."""
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 1, 0x1000
CLONE_NEWNET = 0x40000000
LATE_S = 0.02


def tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(),
                                           IFF_TUN | IFF_NO_PI))
    return fd


def enter(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    if libc.setns(fd, CLONE_NEWNET) != 0:
        sys.exit("cannot enter the other namespace")
    os.close(fd)


class How:
    def __init__(self, path):
        self.path, self.stamp = path, None
        self.look()

    def look(self):
        stamp = os.stat(self.path).st_mtime_ns
        if stamp != self.stamp:
            with open(self.path) as f:
                words = f.read().split()
            if len(words) == 4:  # else it is being written
                self.delay, self.loss, self.again, self.late = (
                    float(w) for w in words)
                self.stamp = stamp


def main():
    how = How(sys.argv[2])
    here = tun("us0")
    enter(sys.argv[1])
    there = tun("us1")
    other = {here: there, there: here}
    rng = random.Random(1)
    due, n = [], 0
    while True:
        wait = max(0, due[0][0] - time.monotonic()) if due else 0.2
        ready, _, _ = select.select([here, there], [], [], wait)
        how.look()
        for fd in ready:
            packet = os.read(fd, 65536)
            at = time.monotonic() + how.delay / 1000
            if 100 * rng.random() < how.late:
                at += LATE_S
            copies = 0 if 100 * rng.random() < how.loss else 1
            copies += 100 * rng.random() < how.again
            for _ in range(copies):
                n += 1
                heapq.heappush(due, (at, n, other[fd], packet))
        while due and due[0][0] <= time.monotonic():
            _, _, fd, packet = heapq.heappop(due)
            try:
                os.write(fd, packet)
            except OSError:
                pass  # the interface is down: lost


if __name__ == "__main__":
    main()
