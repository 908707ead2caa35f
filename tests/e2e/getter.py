#!/usr/bin/env python3
"""Retrieve studies by C-GET, independent of the agent's own code.

usage: getter.py PORT TITLE FOLDER [STUDY...]
Asks for these studies, else for every study that the objects under FOLDER
name, proposing one context a (class, syntax) of those objects, and prints
"UID SYNTAX BYTES SHA256" for each object that comes. With the port "file" it
prints what is in the folder instead."""
import argparse
import hashlib
import socket
import struct
import sys

sys.dont_write_bytecode = True
import archive  # noqa: E402
from archive import EXPLICIT, GET, STUDY, Association, clean, element


def line(uid, syntax, body):
    print(uid.decode(), syntax.decode(), len(body),
          hashlib.sha256(body).hexdigest())


def associate(port, title, pairs):
    a = Association(socket.create_connection(("127.0.0.1", port), 10))
    a.sock.settimeout(30)
    body = b"\0\1\0\0" + title.encode().ljust(16) + b"GETTER".ljust(16)
    body += bytes(32) + a.item(0x10, b"1.2.840.10008.3.1.1.1")
    roles = b""
    for i, (cls, syntax) in enumerate([(GET, EXPLICIT)] + pairs):
        body += a.item(0x20, bytes([2 * i + 1, 0, 0, 0]) + a.item(0x30, cls)
                       + a.item(0x40, syntax))
    for cls in sorted({c for c, _ in pairs}):
        roles += a.item(0x54, struct.pack(">H", len(cls)) + cls + b"\0\1")
    a.put(1, body + a.item(0x50, a.item(0x51, struct.pack(">I", 131072))
                           + a.item(0x52, b"1.2.826.0.1.3680043.10.99.2")
                           + roles))
    kind, answer = a.pdu()
    if kind != 2:
        sys.exit(f"getter: answered with PDU {kind}")
    for k, item in a.items(answer[68:]):
        if k == 0x21 and item[2] == 0:
            n = (item[0] - 1) // 2
            a.contexts[item[0]] = ([(GET, EXPLICIT)] + pairs)[n]
        if k == 0x50:
            for u, v in a.items(item):
                if u == 0x51:
                    (a.peer_max,) = struct.unpack(">I", v)
    return a


def get(port, title, study, pairs):
    a = associate(port, title, pairs)
    keys = element(EXPLICIT, archive.LEVEL, b"CS", b"STUDY") + element(
        EXPLICIT, STUDY, b"UI", study)
    ctx = a.context_of(GET, EXPLICIT)
    if ctx is None:
        sys.exit("getter: C-GET is not accepted")
    a.send(ctx, {0x0002: GET, 0x0100: 0x0010, 0x0110: 1, 0x0700: 0}, keys)
    while True:
        ctx, cmd, data = a.message()
        if a.number(cmd, 0x0100) != 0x0001:
            status = a.number(cmd, 0x0900)
            if status in (0xFF00, 0xFF01):
                continue
            a.put(5, bytes(4))
            return status
        uid = clean(cmd[0x1000])
        line(uid, a.contexts[ctx][1], data)
        a.send(ctx, {0x0002: clean(cmd[0x0002]), 0x0100: 0x8001,
                     0x0120: a.number(cmd, 0x0110), 0x0900: 0, 0x1000: uid})


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("port")
    p.add_argument("title")
    p.add_argument("folder")
    p.add_argument("study", nargs="*")
    p.add_argument("--layer", type=int, default=0)
    p.add_argument("--explicit", action="store_true",
                   help="propose Explicit LE in place of Implicit LE, BE and "
                   "deflated, for archives that convert between them")
    args = p.parse_args()
    args.folder, args.fill, args.list = [args.folder], False, False
    objects = [o for o in archive.load(args)
               if not args.study or o.get(STUDY).decode() in args.study]
    if args.port == "file":
        for o in objects:
            line(o.uid, o.syntax, o.body)
        return 0
    worst = 0
    for study in sorted({o.get(STUDY) for o in objects}):
        plain = (archive.IMPLICIT, archive.BIG, archive.DEFLATED)
        pairs = sorted({(o.cls, EXPLICIT if args.explicit
                         and o.syntax in plain else o.syntax)
                        for o in objects if o.get(STUDY) == study})
        status = get(int(args.port), args.title, study, pairs)
        if status:
            print(f"getter: {study.decode()}: {status:04x}", file=sys.stderr)
            worst = 1
    return worst


if __name__ == "__main__":
    sys.exit(main())
