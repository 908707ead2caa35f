#!/usr/bin/env python3
"""Callers in great number: silent, slow, restless, idle, deaf.

usage: floods.py --port PORT --pid PID [--elsewhere ADDRESS] GROUP...
As hostile.py, whose checks follow each group. The agent is told short times
([limits] first_byte, request_time, pdu_time, send_time 2 s, idle 3 s)."""
import socket
import sys
import threading
import time

sys.dont_write_bytecode = True
import hostile  # noqa: E402
from archive import FIND  # noqa: E402
from hostile import (ECHO, command, complain, data, descriptors,  # noqa: E402
                     dial, echo_s, enter, hear, pdu, pdv, rq, rss_kib)


def far():
    return hostile.A.elsewhere or "127.0.0.1"


# L01
def silent():
    slowest, n = 0.0, 0
    for _ in range(20):  # as many at a time as descriptors allow
        crowd = []
        for _ in range(500):
            try:
                crowd.append(dial(far()))
            except OSError:
                break
        n += len(crowd)
        slowest = max(slowest, echo_s())
        for s in crowd:
            s.close()
    print(f"  {n} silent callers: a C-ECHO took {slowest * 1000:.0f} ms"
          " at most")
    if n < 4000:
        complain(f"L01: a flood of {n} is none")
    if slowest > 0.5:
        complain(f"L01: a C-ECHO took {slowest:.2f} s")


# L02
def slow():
    find = data(pdv(3, 3, command(0x20, x0002=FIND, x0800=1)))
    whole = pdu(1, rq())
    drops = [data(pdv(3, 0, b"x")) for _ in range(60)]
    ways = [("inside the request", False, b"",
             [whole[i:i + 1] for i in range(60)]),
            ("inside a PDU", True, b"",
             [bytes([b]) for b in pdu(4, bytes(200))[:60]]),
            ("inside a data set", True, find, drops)]
    results, threads = [], []

    def drip(name, inside, first, rest):
        s = enter(calling=b"SLOW").sock if inside else dial()
        from_ = time.monotonic()
        try:
            s.sendall(first)
            for part in rest:
                s.sendall(part)
                s.settimeout(0.2)
                try:
                    if not s.recv(100):
                        break
                except socket.timeout:
                    pass
        except OSError:
            pass
        results.append((name, time.monotonic() - from_))
        s.close()

    for way in ways * 4:
        threads.append(threading.Thread(target=drip, args=way))
        threads[-1].start()
    time.sleep(0.5)
    took = echo_s()
    for t in threads:
        t.join()
    if len(results) != 12:
        complain(f"L02: {len(results)} of 12 came in")
    for name, s in results:
        if s > 9:
            complain(f"L02: {name}: still served after {s:.1f} s")
    if took > 0.5:
        complain(f"L02: a C-ECHO took {took:.2f} s")


# L03
def often():
    ask_, end = pdu(1, rq()), {"release": pdu(5, bytes(4)),
                               "abort": pdu(7, bytes(4))}

    def rounds(n, how):
        for _ in range(n):
            s = dial()
            s.sendall(ask_)
            if s.recv(4096)[:1] != b"\2":
                complain(f"L03: {how}: not let in")
            s.sendall(end[how])
            s.recv(4096)  # A-RELEASE-RP, or the end
            s.close()

    rounds(1000, "release")
    rounds(1000, "abort")
    time.sleep(0.3)  # the last ones go home
    before, files = rss_kib(), descriptors()
    for how in ("release", "abort"):
        rounds(10000, how)
    time.sleep(0.3)
    grown = rss_kib() - before
    print(f"  20,000 associations: {grown:+d} KiB resident")
    if grown > 1024 * hostile.SLACK:
        complain(f"L03: {grown} KiB more")
    if descriptors() > files + 4:  # what the agent itself asks comes and goes
        complain(f"L03: {files} descriptors, now {descriptors()}")


# L04
def idle():
    """The defaults hold: max_associations = 32, local_places = 8."""
    crowd = []
    for i in range(40):
        # elsewhere two viewers are listed; here any title is another viewer
        titles = (b"LISTED", b"SECOND") if hostile.A.elsewhere else (
            b"IDLE%d" % i, b"LAST%d" % i)
        a = enter(far(), titles[i % 2])
        if isinstance(a, str):
            if a != "rj 2/3/2":
                complain(f"L04: refused with {a}")
            break
        crowd.append(a)
    want = 24 if hostile.A.elsewhere else 32
    if len(crowd) != want:
        complain(f"L04: want {want} places, have {len(crowd)}")
    if hostile.A.elsewhere and echo_s() > 0.5:
        complain("L04: this machine is locked out")
    until = time.monotonic() + 8
    while isinstance(a, str) and time.monotonic() < until:
        time.sleep(0.2)
        a = enter(far(), b"LISTED")
    if isinstance(a, str):
        complain("L04: no place after the idle time")
    else:
        a.sock.close()
    for a in crowd:
        if "silence" in hear(a.sock, 4):
            complain("L04: an idle association stays")
        a.sock.close()


# L05
def deaf():
    """Ask and never read the answers."""
    a = enter(calling=b"DEAF", bound=4096)
    many = ECHO * 1000
    sent, until = 0, time.monotonic() + 15
    a.sock.settimeout(8)
    ended = False
    while time.monotonic() < until and not ended:
        try:
            sent += a.sock.send(many)
        except socket.timeout:
            break
        except OSError:
            ended = True
    if not ended:
        complain(f"L05: still there after {sent} bytes of questions")
    a.sock.close()


GROUPS = {f.__name__: f for f in (silent, slow, often, idle, deaf)}

if __name__ == "__main__":
    sys.exit(hostile.main(GROUPS))
