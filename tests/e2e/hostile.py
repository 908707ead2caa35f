#!/usr/bin/env python3
"""Callers that do not know DICOM, break it, or mean harm.

usage: hostile.py --where
       hostile.py --port PORT --pid PID [--elsewhere ADDRESS] GROUP...
The first prints an address of this machine that is no loopback one, if any.
Each group calls the node in every way that it lists, and says when an answer
is not what PS3.8 and PS3.7 want. After each the next C-ECHO from this machine
must be answered within a second, and the agent must live, with the memory
and (where the system tells) the descriptors that it had. The identifiers are
those of the acceptance tests (tests/README.md). Independent of the agent's
own code."""
import argparse
import os
import random
import re
import socket
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import archive  # noqa: E402
from archive import (EXPLICIT, FIND, GET, IMPLICIT, MOVE, VERIFY,  # noqa: E402
                     Association, element)

APP = b"1.2.840.10008.3.1.1.1"
MR = b"1.2.840.10008.5.1.4.1.1.4"
ABSTRACTS = [VERIFY, FIND, MOVE, GET, MR]  # contexts 1, 3, 5, 7, 9
NAMES = {2: "ac", 3: "rj", 4: "data", 5: "release-rq", 6: "release-rp",
         7: "abort"}
LENGTHS = (0, 1, 5, 65536, 2**31 - 1, 2**31, 2**32 - 1)
item = Association.item
A = None  # the arguments
bad = []


def complain(what):
    bad.append(what)
    print(f"hostile: {what}", file=sys.stderr)


def dial(host="127.0.0.1", bound=None):
    s = socket.socket()
    s.settimeout(10)
    if bound:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, bound)
    s.connect((host, A.port))
    return s


def pdu(kind, body, n=None):
    return struct.pack(">BxI", kind, len(body) if n is None else n) + body


def context(ident, abstract=VERIFY, syntaxes=(IMPLICIT,)):
    return item(0x20, bytes([ident, 0, 0, 0]) + item(0x30, abstract)
                + b"".join(item(0x40, s) for s in syntaxes))


def rq(called=b"UNDERSTUDY", calling=b"HOSTILE", contexts=None, app=APP,
       version=1, user=None):
    """The body of an A-ASSOCIATE-RQ."""
    if contexts is None:
        contexts = b"".join(context(2 * i + 1, a)
                            for i, a in enumerate(ABSTRACTS))
    if user is None:
        user = item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.3")
    return (struct.pack(">HH", version, 0) + called.ljust(16)[:16]
            + calling.ljust(16)[:16] + bytes(32) + item(0x10, app) + contexts
            + item(0x50, user))


def command(number, ident=1, **more):
    """A command set: {tag: number or bytes} of group 0, length first."""
    tags = {0x0002: VERIFY, 0x0100: number, 0x0110: ident, 0x0800: 0x0101}
    tags.update({int(k[1:], 16): v for k, v in more.items()})
    body = b""
    for tag in sorted(tags):
        v = tags[tag]
        if v is None:
            continue
        v = struct.pack("<H", v) if isinstance(v, int) else v
        body += struct.pack("<HHI", 0, tag, len(v) + len(v) % 2) + v
        body += b"\0" * (len(v) % 2)
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def pdv(ident, flags, part, n=None):
    return struct.pack(">IBB", len(part) + 2 if n is None else n, ident,
                       flags) + part


def data(*pdvs):
    return pdu(4, b"".join(pdvs))


ECHO = data(pdv(1, 3, command(0x30)))


def words_of(got):
    """The whole PDUs in these bytes, in words."""
    words, at = [], 0
    while at + 6 <= len(got):
        kind, n = struct.unpack_from(">BxI", got, at)
        words.append(NAMES.get(kind, str(kind)))
        if kind == 3:
            words[-1] += " %d/%d/%d" % tuple(got[at + 7:at + 10])
        at += 6 + n
    return words


def hear(s, seconds=8.0):
    """The PDUs that come until the end, an abort or a rejection, in words;
    "silence" when there is no end in that time, "reset" when it is no clean
    one."""
    got, end, until = b"", [], time.monotonic() + seconds
    while not any(w[:2] in ("ab", "rj") for w in words_of(got)):
        try:
            s.settimeout(max(until - time.monotonic(), 0.01))
            more = s.recv(65536)
        except socket.timeout:
            end = ["silence"]
            break
        except OSError:
            end = ["reset"]
            break
        if not more:
            break
        got += more
    return words_of(got) + end


def try_send(s, what):
    try:
        s.sendall(what)
    except OSError:
        pass  # it has heard enough


def enter(host="127.0.0.1", calling=b"HOSTILE", bound=None):
    """An association, or the words of the refusal."""
    s = dial(host, bound)
    s.sendall(pdu(1, rq(calling=calling)))
    a = Association(s)
    try:
        kind, body = a.pdu()
    except (archive.Gone, OSError):
        return "gone"
    if kind != 2:
        s.close()
        return "rj %d/%d/%d" % tuple(body[1:4]) if kind == 3 else str(kind)
    for k, v in a.items(body[68:]):
        if k == 0x21 and v[2] == 0:
            a.contexts[v[0]] = (ABSTRACTS[v[0] // 2], IMPLICIT)
    return a


def expect(rows, batch=12, seconds=8.0):
    """Rows of (name, association first?, bytes, pattern of what is heard). So
    many at a time, for they may take until a time-out."""
    for at in range(0, len(rows), batch):
        open_ = []
        for name, inside, what, want in rows[at:at + batch]:
            if inside:
                a = enter()
                if isinstance(a, str):
                    complain(f"{name}: not let in: {a}")
                    continue
                s = a.sock
            else:
                s = dial()
            try_send(s, what)
            open_.append((name, s, want))
        for name, s, want in open_:
            have = " ".join(hear(s, seconds))
            s.close()
            if not re.fullmatch(want, have):
                complain(f"{name}: want '{want}', have '{have}'")


ENDS = "(abort ?)*|reset"
ENDS_AFTER = f"(data ?)*({ENDS})"  # what came before was answered


# D10
def others():
    rng = random.Random(20261125)
    hello = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(506)
    rows = [("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
            ("TLS", hello), ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
            ("RDP", b"\x03\0\0\x2b\x26\xe0\0\0\0\0\0Cookie: mstshash=x\r\n"
             b"\x01\0\x08\0\x03\0\0\0"), ("lines", b"\r\n" * 8),
            ("SMB", b"\0\0\0\x85\xffSMBr" + bytes(128)),
            ("HELP", b"HELP\r\n"), ("nmap", b"\0\x0c\0\0\x10\0\0\0\0\0\0\0"),
            ("noise", b"\x99" + rng.randbytes(1 << 20)),
            ("noise as a request", b"\1\0\0\1\0\0" + rng.randbytes(1 << 16)),
            ("1 MB of it", b"\4\0\0\2\0\0" + rng.randbytes(1 << 20))]
    expect([(n, False, b, ENDS) for n, b in rows])


# D11
def lengths():
    outside, inside = [], []
    for kind in (*range(9), 0xFF):
        for n in LENGTHS:
            name = f"type {kind} length {n}"
            what = pdu(kind, b"\0" * 4, n)
            outside.append((name, False, what, ENDS))
            inside.append((name + ", associated", True, what, ENDS))
    # those that may wait for a body together: they end by a time-out
    inside.sort(key=lambda row: "65536" in row[0])
    expect(outside, 40)
    expect(inside)


# D12
def requests():
    role = item(0x54, struct.pack(">H", len(MR)) + MR + b"\0\1")
    rows = [
        ("1,000 contexts", rq(contexts=b"".join(
            context(2 * i % 256 + 1) for i in range(1000))), ENDS),
        ("an even id", rq(contexts=context(2)), ENDS),
        ("an id twice", rq(contexts=context(1) * 2), ENDS),
        ("no context", rq(contexts=b""), ENDS),
        ("no syntax", rq(contexts=context(1, VERIFY, ())), ENDS),
        ("65 letters of a UID", rq(contexts=context(1, b"1." * 32 + b"1")),
         ENDS),
        ("a path for a UID", rq(contexts=context(1, b"../../x")), ENDS),
        ("user info of zeros", rq(user=bytes(60001)), ENDS),
        ("a role cut off", rq(user=item(0x54, b"\0\x19" + MR[:5])), ENDS),
        ("a role past the end", rq(user=item(0x54, b"\xff\xff" + MR)), ENDS),
        ("1,000 roles", rq(user=role * 1000), ENDS),
        ("two identities", rq(user=item(0x58, b"\1\0\0\1x\0\0") * 2), ENDS),
        ("an item past the end", rq(user=b"\x52\0\xff\xff1.2"), ENDS),
        ("a context past the end", rq(contexts=b"\x20\0\xff\xff\1\0\0\0"),
         ENDS),
        ("nested past the end", rq(contexts=item(
            0x20, b"\1\0\0\0\x30\0\xff\xff")), ENDS),
        ("200 KB", rq() + item(0x77, bytes(50000)) * 4, ENDS)]
    expect([(n, False, pdu(1, b), w) for n, b, w in rows])
    # what is odd, but no fault
    good = [
        ("128 contexts", rq(contexts=b"".join(
            context(2 * i + 1) for i in range(128)))),
        ("64 KB of user info", rq(user=b"".join(
            item(0x77, bytes(60)) for _ in range(1000)))),
        ("garbage in extended negotiation", rq(user=item(
            0x51, b"\0\0\x40\0") + item(0x56, b"\xff\xffgarbage")
            + item(0x53, b"\0\1\0\1"))),
        ("200 syntaxes", rq(contexts=context(1, VERIFY, (IMPLICIT,) + tuple(
            b"1.2.3.%d" % i for i in range(200)))))]
    expect([(n, False, pdu(1, b) + ECHO + pdu(5, bytes(4)),
             "ac data release-rp") for n, b in good])


# D13
def pdvs():
    find = pdv(3, 3, command(0x20, x0002=FIND, x0800=1))
    key = element(IMPLICIT, archive.LEVEL, b"CS", b"STUDY")
    rows = [("length 0", data(b"\0\0\0\0")),
            ("length 1", data(b"\0\0\0\1\1")),
            ("length 2^31", data(b"\x80\0\0\0\1\3" + bytes(8))),
            ("length past the PDU", data(pdv(1, 3, b"1234", 5000))),
            ("a rest of 3 bytes", data(pdv(1, 1, command(0x30)) + b"\0\0\0")),
            ("data first", data(pdv(1, 2, b"1234"))),
            ("a command in two contexts", data(
                pdv(1, 1, command(0x30)[:20]) + pdv(3, 3, command(0x30)[20:]))),
            ("a command inside its data", data(
                find, pdv(3, 0, key), pdv(3, 3, command(0x30)))),
            ("data in another context", data(find, pdv(5, 2, key))),
            ("an unknown context", data(pdv(77, 3, command(0x30)))),
            ("an even context", data(pdv(2, 3, command(0x30)))),
            ("a command of 100 KB", b"".join(
                data(pdv(1, 1, bytes(10000))) for _ in range(10)))]
    expect([(n, True, b, ENDS) for n, b in rows])
    # two last fragments: the second is a message without a command
    expect([("data twice", True, data(find, pdv(3, 2, key), pdv(3, 2, key)),
             ENDS_AFTER)])


# D14
def dimse():
    echo = command(0x30)
    rows = [("no command field", command(None)),
            ("no message id", command(0x30, None)),
            ("an id of four bytes", command(0x30, b"\1\0\0\0")),
            ("a command of four bytes", command(b"\x30\0\0\0")),
            ("a length past the end", echo + struct.pack(
                "<HHI", 0, 0x0902, 0xFFFFFFF0)),
            ("group 8", echo + struct.pack("<HHI", 8, 5, 0)),
            ("cut", echo[:-1]), ("empty", b""),
            ("a class that is none", command(0x30, x0002=b"../../etc")),
            ("65 letters", command(0x30, x0002=b"1." * 32 + b"1")),
            ("a store without instance", command(
                0x01, x0002=MR, x0800=1))]
    expect([(n, True, data(pdv(1, 3, b)), ENDS) for n, b in rows])
    # data is announced and none follows: an end by the PDU time
    rows = [("C-FIND", 3, command(0x20, x0002=FIND, x0800=1)),
            ("C-MOVE", 5, command(0x21, x0002=MOVE, x0600=b"X", x0800=1)),
            ("C-GET", 7, command(0x10, x0002=GET, x0800=1)),
            ("C-STORE", 9, command(0x01, x0002=MR, x1000=b"1.2", x0800=1)),
            ("N-CREATE", 1, command(0x140, x0800=1))]
    expect([(n + " without its data", True, data(pdv(c, 3, b)), ENDS_AFTER)
            for n, c, b in rows])
    # what we do not serve is answered, and the association stays
    for number in (0x140, 0x150, 0x100, 0x1234, 0x20, 0x01, 0x10):
        a = enter()
        a.sock.sendall(data(pdv(1, 3, command(number, x1000=b"1.2"))))
        _, cmd, _ = a.message()
        if a.number(cmd, 0x0900) == 0:
            complain(f"command {number:04x} succeeds")
        a.sock.sendall(ECHO)
        _, cmd, _ = a.message()
        if a.number(cmd, 0x0900) != 0:
            complain(f"no C-ECHO after command {number:04x}")
        a.sock.close()


NASTY = [b"*", b"?" * 64, b"\\", b"'", b'"; DROP TABLE study; --', b"%n%s%x%n",
         b"\x1b[31;1mred\x1b[0m", b"\x1b]0;title\x07", b"\r\nlog: forged",
         b"../../../etc/passwd", b"/etc/passwd", b"CON", b"-rf", b"A" * 5000,
         b"\xff\xfe\xc3\x28", b"[" * 3000, b"*" * 3000 + b"x", b"\0\0\0"]
UIDS = [b"1." * 40, b"../../../tmp/x", b"..", b".", b"1.2\0.3", b"1.2/3",
        b"*", b"'", b"1..2", b"\\" * 500, b"%n", b"1.2\\../x\\3"]


# D01 D02
def identifiers():
    tags = (archive.PATIENT, archive.NAME, archive.STUDY_DATE, 0x00080050,
            archive.MODALITIES, archive.LEVEL, archive.CHARSET, 0x00081030,
            0x00091001)
    a = enter()
    for tag in tags:
        for value in NASTY:
            ask(a, 3, FIND, 0x20, {tag: value})
    for tag in (archive.STUDY, archive.SERIES, archive.UID):
        for value in UIDS:
            n = ask(a, 3, FIND, 0x20, {archive.LEVEL: b"IMAGE", tag: value,
                                       archive.STUDY: value})
            # a list of nothing is no key: that is universal matching
            if n and value.strip(b"*\\"):
                complain(f"{n} answers to the UID {value[:20]!r}")
            for ctx, abstract, number in ((5, MOVE, 0x21), (7, GET, 0x10)):
                ask(a, ctx, abstract, number, {archive.STUDY: value})
    for title in (b"../../x", b"'", b"%n%n%n", b"\x1b[31m", b"A" * 16, b" "):
        ask(a, 5, MOVE, 0x21, {archive.STUDY: b"1.2.3"}, title)
    a.sock.sendall(pdu(5, bytes(4)))
    if hear(a.sock) != ["release-rp"]:
        complain("no clean end after the identifiers")


def ask(a, ctx, abstract, number, keys, title=None):
    """One question: how many answers there were; any status is fine."""
    keys = {archive.LEVEL: b"STUDY", **keys}
    body = b"".join(element(IMPLICIT, tag, archive.VR.get(tag, b"LO"), v)
                    for tag, v in sorted(keys.items()))
    more = {"x0600": title or b"HOSTILE"} if number == 0x21 else {}
    part = command(number, x0002=abstract, x0700=0, x0800=1, **more)
    try:
        a.sock.sendall(data(pdv(ctx, 3, part)))
        for at in range(0, len(body), 16000):
            last = at + 16000 >= len(body)
            a.sock.sendall(data(pdv(ctx, 2 if last else 0,
                                    body[at:at + 16000])))
        n = 0
        while True:
            _, cmd, _ = a.message()
            if a.number(cmd, 0x0100) == 0x0001:
                complain(f"an object for {keys}")
            if a.number(cmd, 0x0900) not in (0xFF00, 0xFF01):
                return n
            n += 1
    except (archive.Gone, OSError) as e:
        complain(f"{number:04x} {list(keys.values())[-1][:20]!r}: {e}")
        b = enter()
        a.sock, a.pdvs = b.sock, []
        return 0


# requests where the table of PS3.8 9.2 has none
def late():
    echo = data(pdv(1, 3, command(0x30)))
    release, again = pdu(5, bytes(4)), pdu(1, rq())
    rp = "release-rp( reset| abort)*"
    expect([("C-ECHO after the release", True, release + echo, rp),
            ("a request after the release", True, release + again, rp),
            ("a release twice", True, release * 2, rp),
            ("a request twice", True, again, ENDS),
            ("an answer", True, pdu(2, rq()), ENDS),
            ("a rejection", True, pdu(3, b"\0\1\1\1"), ENDS),
            ("a release's answer", True, pdu(6, bytes(4)), ENDS),
            ("data before a request", False, echo, ENDS),
            ("a release before a request", False, release, ENDS),
            ("an abort", True, pdu(7, bytes(4)), ENDS)])


# X08
def access():
    ok, called = "ac release-rp", "rj 1/1/7"
    rows = [(b"UNDERSTUDY", ok), (b"UNDERSTUDY\0\0", ok), (b"  UNDERSTUDY", ok),
            (b"understudy", called), (b"", called), (b"UNDERSTUDY1234567",
                                                     called),
            (b"UNDERSTUDY%n", called), (b"*", called)]
    expect([(f"called {c!r}", False, pdu(1, rq(c)) + pdu(5, bytes(4)),
             w + "( reset| abort)*") for c, w in rows])
    expect([("version 2", False, pdu(1, rq(version=2)), "rj 1/2/2"),
            ("another application", False, pdu(1, rq(app=b"1.2.3")),
             "rj 1/1/2")])
    for calling in (b"", b"\x1b[31m", b"%n%n", b"A" * 16, b"\xff" * 16):
        a = enter(calling=calling)
        if isinstance(a, str):
            complain(f"calling {calling!r} on this machine: {a}")
        else:
            a.sock.close()
    if not A.elsewhere:
        return
    # from elsewhere: whatever a stranger asks, the answer is the same
    for name, body in (("UNLISTED", rq(calling=b"UNLISTED")),
                       ("FARAWAY", rq(calling=b"FARAWAY")),
                       ("PACS", rq(calling=b"PACS")),
                       ("lower case", rq(calling=b"listed"))):
        s = dial(A.elsewhere)
        s.sendall(pdu(1, body))
        have = hear(s, 4)
        if have[:1] != ["rj 1/1/3"]:
            complain(f"{name} from elsewhere: {have}")
        s.close()
    a = enter(A.elsewhere, b"LISTED")
    if isinstance(a, str):
        complain(f"LISTED from its address: {a}")
    else:
        a.sock.close()


# checks
def echo_s():
    from_ = time.monotonic()
    a = enter(calling=b"OSIRIX")
    if isinstance(a, str):
        complain(f"C-ECHO from this machine: {a}")
        return 99.0
    a.sock.sendall(ECHO)
    try:
        _, cmd, _ = a.message()
        if a.number(cmd, 0x0900) != 0:
            complain("a C-ECHO fails")
        a.put(5, bytes(4))
        a.pdu()
    except (archive.Gone, OSError) as e:
        complain(f"C-ECHO from this machine: {e}")
    a.sock.close()
    return time.monotonic() - from_


def rss_kib():
    return int(subprocess.run(["ps", "-o", "rss=", "-p", str(A.pid)],
                              capture_output=True, text=True,
                              check=True).stdout)


def descriptors():
    try:
        return len(os.listdir(f"/proc/{A.pid}/fd"))
    except OSError:
        return 0


def where():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        s.connect(("192.0.2.1", 9))  # sends nothing
        if not s.getsockname()[0].startswith("127."):
            print(s.getsockname()[0])
    except OSError:
        pass
    return 0


# a sanitizer remembers more than the agent does
SLACK = int(os.environ.get("MEMORY_SLACK", "1"))
GROUPS = {f.__name__: f for f in (others, lengths, requests, pdvs, dimse,
                                  identifiers, late, access)}


def main(groups):
    global A
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--where", action="store_true")
    p.add_argument("--port", type=int)
    p.add_argument("--pid", type=int)
    p.add_argument("--elsewhere", help="that address: who calls it is no "
                   "caller of this machine")
    p.add_argument("--grow", type=int, default=4096, metavar="KIB")
    p.add_argument("group", nargs="*", choices=[*groups, []])
    A = p.parse_args()
    if A.where:
        return where()
    for name in A.group:
        from_, before = time.monotonic(), rss_kib()
        groups[name]()
        took = echo_s()
        if took > 1:
            complain(f"after {name}: a C-ECHO took {took:.2f} s")
        grown = rss_kib() - before
        if grown > A.grow * SLACK:
            complain(f"after {name}: {grown} KiB more")
        print(f"  {name}: {time.monotonic() - from_:.1f} s, {grown:+d} KiB")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(GROUPS))
