#!/usr/bin/env python3
"""Retrieve studies by C-GET or C-MOVE, independent of the agent's own code.

usage: getter.py PORT TITLE FOLDER [STUDY...]
Asks for these studies, else for every study that the objects under FOLDER
name, proposing one context a (class, syntax) of those objects, and prints
"UID SYNTAX BYTES SHA256" for each object that comes. With the port "file" it
prints what is in the folder instead.

--move TITLE=PORT asks by C-MOVE and takes the objects there, in whatever
syntax they are proposed.

--osirix asks as OsiriX does: one request of C-GET and 93 storage classes with
ten syntaxes each and no role selection, 16 KiB PDUs, and it leaves in the
middle of the transfer by a release."""
import argparse
import hashlib
import socket
import struct
import sys
import threading

sys.dont_write_bytecode = True
import archive  # noqa: E402
from archive import (EXPLICIT, GET, MOVE, STUDY, Association,  # noqa: E402
                     Gone, clean, element)

PENDING = (0xFF00, 0xFF01)
printing = threading.Lock()


def line(uid, syntax, body):
    with printing:
        print(uid.decode(), syntax.decode(), len(body),
              hashlib.sha256(body).hexdigest())


# OsiriX' order, addPresentationContext
SYNTAXES = [b"1.2.840.10008.1.2" + s for s in (
    b".1", b"", b".2", b".4.90", b".4.91", b".4.70", b".4.50", b".4.51", b".5",
    b".4.100")]
STORAGE = [b"1.2.840.10008.5.1.4.1.1." + s for s in b"""
    1 1.1 1.1.1 1.2 1.2.1 1.3 1.3.1 2 2.1 3 3.1 4 4.1 4.2 5 6 6.1 7 7.1 7.2
    7.3 7.4 8 9 9.1.1 9.1.2 9.1.3 9.2.1 9.3.1 9.4.1 10 11 11.1 11.2 11.3 11.4
    12.1 12.1.1 12.2 12.2.1 12.3 13.1.1 13.1.2 20 66 66.1 66.2 66.3 67 77.1
    77.2 77.1.1 77.1.1.1 77.1.2 77.1.2.1 77.1.3 77.1.4 77.1.4.1 77.1.5.1
    77.1.5.2 88.1 88.2 88.3 88.4 88.11 88.22 88.33 88.40 88.50 88.59 88.65
    88.67 104.1 104.2 128 129 481.1 481.2 481.3 481.4 481.5 481.6 481.7 481.8
    481.9""".split()] + [
    b"1.3.12.2.1107.5.9.1", b"1.2.840.113619.4.26", b"1.2.840.113619.4.27",
    b"1.2.840.113619.4.30", b"1.3.46.670589.5.0.1", b"1.3.46.670589.5.0.2",
    b"1.3.46.670589.5.0.8", b"1.2.392.200036.9116.7.8.1.1.1"]


def osirix(port, title, nagle):
    """An association as OsiriX proposes it."""
    a = Association(socket.create_connection(("127.0.0.1", port), 10))
    a.sock.settimeout(30)
    a.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, not nagle)
    assert len(STORAGE) == len(set(STORAGE)) == 93
    body = b"\0\1\0\0" + title.encode().ljust(16) + b"THEATRE6-IMAC   "
    body += bytes(32) + a.item(0x10, b"1.2.840.10008.3.1.1.1")
    for i, cls in enumerate([GET] + STORAGE):
        body += a.item(0x20, bytes([2 * i + 1, 0, 0, 0]) + a.item(0x30, cls)
                       + b"".join(a.item(0x40, s) for s in SYNTAXES))
    body += a.item(0x50, a.item(0x51, struct.pack(">I", 16384))
                   + a.item(0x52, b"1.2.276.0.7238010.5.0.3.5.4")
                   + a.item(0x55, b"OSIRIX"))
    print(f"getter: a request of {len(body) + 6} bytes", file=sys.stderr)
    a.put(1, body)
    kind, answer = a.pdu()
    if kind != 2:
        sys.exit(f"getter: answered with PDU {kind} {answer[:4].hex()}")
    for k, item in a.items(answer[68:]):
        if k == 0x21 and item[2] == 0:
            (syntax,) = [v for t, v in a.items(item[4:]) if t == 0x40]
            if clean(syntax) not in SYNTAXES:
                sys.exit(f"getter: {syntax} was not proposed")
            a.contexts[item[0]] = (([GET] + STORAGE)[item[0] // 2],
                                   clean(syntax))
        for u, v in a.items(item) if k == 0x50 else ():
            if u == 0x51:
                (a.peer_max,) = struct.unpack(">I", v)
            if u == 0x54:
                sys.exit("getter: a role that nobody asked for")
    return a


def leave(a, how):
    """Be gone in the middle of the transfer."""
    if how == "abort":
        a.put(7, bytes(4))
    if how != "release":
        a.sock.close()
        return
    a.put(5, bytes(4))
    late = 0
    while True:
        kind, _ = a.pdu()
        if kind == 6:
            break
        if kind != 4:
            sys.exit(f"getter: want A-RELEASE-RP, have PDU {kind}")
        late += 1
    print(f"getter: released, {late} PDUs came after", file=sys.stderr)
    a.sock.close()


def associate(port, title, pairs, calling="GETTER", service=GET):
    a = Association(socket.create_connection(("127.0.0.1", port), 10))
    a.sock.settimeout(30)
    body = b"\0\1\0\0" + title.encode().ljust(16)
    body += calling.encode().ljust(16)
    body += bytes(32) + a.item(0x10, b"1.2.840.10008.3.1.1.1")
    roles = b""
    for i, (cls, syntax) in enumerate([(service, EXPLICIT)] + pairs):
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
            a.contexts[item[0]] = ([(service, EXPLICIT)] + pairs)[n]
        if k == 0x50:
            for u, v in a.items(item):
                if u == 0x51:
                    (a.peer_max,) = struct.unpack(">I", v)
    return a


def take(a, ctx, cmd, data):
    """An object that came: printed, and answered with success."""
    cls, uid = clean(cmd[0x0002]), clean(cmd[0x1000])
    if a.contexts[ctx][0] != cls:
        sys.exit("getter: an object in a context of another class")
    line(uid, a.contexts[ctx][1], data)
    a.send(ctx, {0x0002: cls, 0x0100: 0x8001, 0x0120: a.number(cmd, 0x0110),
                 0x0900: 0, 0x1000: uid})


def receive(sock):
    """An association of the mover's: what it proposes is taken."""
    a = Association(sock)
    try:
        kind, body = a.pdu()
        if kind != 1:
            return
        reply = b"\0\1\0\0" + body[4:68] + a.item(
            0x10, b"1.2.840.10008.3.1.1.1")
        for k, item in a.items(body[68:]):
            if k != 0x20:
                continue
            names = [(t, clean(v)) for t, v in a.items(item[4:])]
            syntax = [v for t, v in names if t == 0x40][0]
            a.contexts[item[0]] = (dict(names)[0x30], syntax)
            reply += a.item(0x21, bytes([item[0], 0, 0, 0])
                            + a.item(0x40, syntax))
        a.peer_max = 16384
        a.put(2, reply + a.item(0x50, a.item(0x51, struct.pack(">I", 65536))
                                + a.item(0x52, b"1.2.826.0.1.3680043.10.99.2")
                                ))
        while True:
            take(a, *a.message())
    except (Gone, OSError):
        pass  # the mover says what was lost
    finally:
        sock.close()


def destination(port):
    """Be there for who moves objects to ${port}."""
    server = socket.create_server(("127.0.0.1", port))

    def accept():
        while True:
            threading.Thread(target=receive, args=(server.accept()[0],),
                             daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def move(a, study, to):
    """C-MOVE of a study to ${to}: the final status."""
    (ctx,) = a.contexts or sys.exit("getter: C-MOVE is not accepted")
    keys = element(EXPLICIT, archive.LEVEL, b"CS", b"STUDY") + element(
        EXPLICIT, STUDY, b"UI", study)
    a.send(ctx, {0x0002: MOVE, 0x0100: 0x0021, 0x0110: 1, 0x0700: 0,
                 0x0600: to.encode()}, keys)
    while True:
        _, cmd, _ = a.message()
        status = a.number(cmd, 0x0900)
        if status not in PENDING:
            a.put(5, bytes(4))
            return status


def get(a, study, after=0, how=None):
    """C-GET of a study: the final status; None when left ${how} ${after} so
    many objects."""
    known = [(c, s) for c, (u, s) in a.contexts.items() if u == GET]
    if not known:
        sys.exit("getter: C-GET is not accepted")
    ctx, syntax = known[0]
    keys = element(syntax, archive.LEVEL, b"CS", b"STUDY") + element(
        syntax, STUDY, b"UI", study)
    a.send(ctx, {0x0002: GET, 0x0100: 0x0010, 0x0110: 1, 0x0700: 0}, keys)
    while True:
        ctx, cmd, data = a.message()
        if a.number(cmd, 0x0100) != 0x0001:
            status = a.number(cmd, 0x0900)
            if status in PENDING:
                continue
            a.put(5, bytes(4))
            return status
        take(a, ctx, cmd, data)
        after -= 1
        if after == 0:
            leave(a, how)
            return None


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
    p.add_argument("--move", metavar="TITLE=PORT",
                   help="by C-MOVE to this title, which is us, at this port")
    p.add_argument("--osirix", action="store_true",
                   help="ask as OsiriX does, roles not selected")
    p.add_argument("--nagle", action="store_true",
                   help="with --osirix: Nagle's algorithm stays on")
    for how in ("release", "abort", "close"):
        p.add_argument(f"--{how}-after", type=int, default=0, metavar="N",
                       help=f"with --osirix: {how} after N objects")
    args = p.parse_args()
    args.folder, args.fill, args.list = [args.folder], False, False
    objects = [o for o in archive.load(args)
               if not args.study or o.get(STUDY).decode() in args.study]
    if args.port == "file":
        for o in objects:
            line(o.uid, o.syntax, o.body)
        return 0
    worst = 0
    mover = args.move.partition("=") if args.move else None
    if mover:
        destination(int(mover[2]))
    leaving = [(n, how) for n, how in (
        (args.release_after, "release"), (args.abort_after, "abort"),
        (args.close_after, "close")) if n]
    for study in sorted({o.get(STUDY) for o in objects}):
        plain = (archive.IMPLICIT, archive.BIG, archive.DEFLATED)
        pairs = sorted({(o.cls, EXPLICIT if args.explicit
                         and o.syntax in plain else o.syntax)
                        for o in objects if o.get(STUDY) == study})
        if mover:
            a = associate(int(args.port), args.title, [], mover[0], MOVE)
            status = move(a, study, mover[0])
        else:
            a = osirix(int(args.port), args.title, args.nagle) \
                if args.osirix \
                else associate(int(args.port), args.title, pairs)
            status = get(a, study, *(leaving[0] if leaving else ()))
        if status:
            print(f"getter: {study.decode()}: {status:04x}", file=sys.stderr)
            worst = 1
    return worst


if __name__ == "__main__":
    sys.exit(main())
