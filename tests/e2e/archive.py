#!/usr/bin/env python3
"""A small DICOM archive for tests, independent of the agent's own code.

usage: archive.py [options] FOLDER...
It serves the Part 10 files under the folders as they are, in the transfer
syntax they are stored in: C-ECHO, C-FIND, C-GET and C-MOVE in the study root
(PS3.4 annex C, PS3.7 chapter 9, PS3.8 chapter 9). It prints its port and runs
until it is killed. The switches below make it misbehave."""
import argparse
import os
import re
import socket
import struct
import sys
import threading
import time
import zlib

DEFLATED = b"1.2.840.10008.1.2.1.99"
IMPLICIT = b"1.2.840.10008.1.2"
EXPLICIT = b"1.2.840.10008.1.2.1"
BIG = b"1.2.840.10008.1.2.2"
DICOMDIR = b"1.2.840.10008.1.3.10"
VERIFY = b"1.2.840.10008.1.1"
FIND = b"1.2.840.10008.5.1.4.1.2.2.1"
MOVE = b"1.2.840.10008.5.1.4.1.2.2.2"
GET = b"1.2.840.10008.5.1.4.1.2.2.3"
LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN",
        b"UR", b"UT", b"UV")
UNDEFINED = 0xFFFFFFFF
CHARSET, CLASS, UID, STUDY_DATE = 0x00080005, 0x00080016, 0x00080018, 0x00080020
LEVEL, MODALITY, MODALITIES = 0x00080052, 0x00080060, 0x00080061
CLASSES, NAME, PATIENT, BIRTH = 0x00080062, 0x00100010, 0x00100020, 0x00100030
STUDY, SERIES = 0x0020000D, 0x0020000E
N_SERIES, N_INSTANCES, N_IN_SERIES = 0x00201206, 0x00201208, 0x00201209
STUDY_KEYS = {STUDY_DATE: b"DA", 0x00080030: b"TM", 0x00080050: b"SH",
              0x00081030: b"LO", NAME: b"PN", PATIENT: b"LO",
              0x00100021: b"LO", BIRTH: b"DA", 0x00100040: b"CS",
              STUDY: b"UI", 0x00200010: b"SH"}
SERIES_KEYS = {MODALITY: b"CS", 0x0008103E: b"LO", 0x00180015: b"CS",
               0x00181030: b"LO", SERIES: b"UI", 0x00200011: b"IS"}
IMAGE_KEYS = {CHARSET: b"CS", CLASS: b"UI", UID: b"UI", 0x00200013: b"IS"}
COUNTED = {MODALITIES: b"CS", CLASSES: b"UI", N_SERIES: b"IS",
           N_INSTANCES: b"IS", N_IN_SERIES: b"IS", LEVEL: b"CS"}
VR = {**STUDY_KEYS, **SERIES_KEYS, **IMAGE_KEYS, **COUNTED,
      0x00081032: b"SQ"}
FILLED = {PATIENT: b"NOBODY", MODALITY: b"OT", 0x00081030: b"untitled"}


class Elements:
    """Walk the elements of a data set: (tag, vr, value), sequences empty."""

    def __init__(self, data, syntax):
        self.data, self.at = data, 0
        self.explicit = syntax != IMPLICIT
        self.order = ">" if syntax == BIG else "<"

    def head(self, explicit):
        d, o = self.data, self.order
        group, element = struct.unpack_from(o + "HH", d, self.at)
        tag, vr = group << 16 | element, b""
        if not explicit or group == 0xFFFE:
            (n,) = struct.unpack_from(o + "I", d, self.at + 4)
            self.at += 8
        elif d[self.at + 4:self.at + 6] in LONG:
            vr = d[self.at + 4:self.at + 6]
            (n,) = struct.unpack_from(o + "I", d, self.at + 8)
            self.at += 12
        else:
            vr = d[self.at + 4:self.at + 6]
            (n,) = struct.unpack_from(o + "H", d, self.at + 6)
            self.at += 8
        return tag, vr, n

    def skip(self, explicit):
        """Past the items of a sequence of undefined length."""
        while True:
            tag, _, n = self.head(explicit)
            if tag == 0xFFFEE0DD:
                return
            if n != UNDEFINED:
                self.at += n
                continue
            while True:
                tag, vr, n = self.head(explicit)
                if tag == 0xFFFEE00D:
                    break
                if n == UNDEFINED:
                    self.skip(explicit and vr != b"UN")
                else:
                    self.at += n

    def __iter__(self):
        while self.at + 8 <= len(self.data):
            tag, vr, n = self.head(self.explicit)
            if n == UNDEFINED:
                self.skip(self.explicit and vr != b"UN")
                yield tag, vr, b""
            else:
                self.at += n
                yield tag, vr, self.data[self.at - n:self.at]


def clean(value):
    return value.rstrip(b"\0 ").lstrip(b" ")


class Object:
    """One Part 10 file."""

    def __init__(self, path):
        data = open(path, "rb").read()
        if data[128:132] != b"DICM":
            raise ValueError("no Part 10 file")
        meta, self.path = {}, path
        walk = Elements(data[132:], EXPLICIT)
        end = None
        for tag, _, value in walk:
            meta[tag] = clean(value)
            if tag == 0x00020000:
                end = walk.at + struct.unpack("<I", value)[0]
            if walk.at == end:
                break
        self.syntax = meta[0x00020010]
        self.body = data[132 + walk.at:]
        flat = self.body
        if self.syntax == DEFLATED:
            flat = zlib.decompressobj(-15).decompress(self.body)
        self.values = {}
        for tag, vr, value in Elements(flat, self.syntax):
            if tag > 0x0020FFFF:
                break
            if tag in VR and vr != b"SQ":
                self.values[tag] = clean(value)
        self.uid, self.cls = self.values[UID], self.values[CLASS]
        if meta.get(0x00020002) == DICOMDIR:
            raise ValueError("a directory")
        if not self.uid or not self.cls or not self.values.get(STUDY):
            raise ValueError("UIDs are missing")

    def get(self, tag):
        return self.values.get(tag, b"")


def load(args):
    """The objects; of those with one SOP Instance UID only the --layer-th."""
    seen, held, paths = {}, [], []
    for top in args.folder:
        for where, _, names in os.walk(top):
            paths += [os.path.join(where, n) for n in names]
    for path in sorted(paths):
        try:
            o = Object(path)
        except (ValueError, KeyError, IndexError, struct.error,
                zlib.error) as e:
            if args.list:
                print(f"{path}: left out: {e!r}", file=sys.stderr)
            continue
        if args.fill:
            for tag, text in FILLED.items():
                o.values[tag] = o.get(tag) or text
        n = seen.get(o.uid, 0)
        seen[o.uid] = n + 1
        if n == args.layer:
            held.append(o)
    return held


def wild(pattern, value):
    out = b"".join(b".*" if c == b"*" else b"." if c == b"?" else re.escape(c)
                   for c in (pattern[i:i + 1] for i in range(len(pattern))))
    return re.fullmatch(out, value, re.S | re.I) is not None


def matches(tag, want, have):
    """PS3.4 C.2.2.2: universal, list of UID, range, wildcard, single."""
    if want in (b"", b"*"):
        return True
    if VR.get(tag) == b"UI" or tag in (MODALITIES, CLASSES):
        return bool(set(want.split(b"\\")) & set(have.split(b"\\")))
    if VR.get(tag) == b"DA" and b"-" in want:
        low, _, high = want.partition(b"-")
        return have >= low and (not high or have <= high)
    return wild(want, have)


def element(syntax, tag, vr, value):
    if len(value) % 2:
        value += b"\0" if vr == b"UI" else b" "
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if syntax == IMPLICIT:
        return head + struct.pack("<I", len(value)) + value
    if vr in LONG:
        return head + vr + struct.pack("<HI", 0, len(value)) + value
    return head + vr + struct.pack("<H", len(value)) + value


class Gone(Exception):
    """The association is over."""


class Association:
    """PS3.8 over a socket: PDUs, PDVs and DIMSE messages."""

    def __init__(self, sock):
        self.sock, self.contexts, self.peer_max = sock, {}, 16384
        self.calling, self.pdvs, self.message_id = b"", [], 0
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self, n):
        data = b""
        while len(data) < n:
            more = self.sock.recv(n - len(data))
            if not more:
                raise Gone("closed")
            data += more
        return data

    def pdu(self):
        kind, n = struct.unpack(">BxI", self.read(6))
        return kind, self.read(n)

    def put(self, kind, body):
        self.sock.sendall(struct.pack(">BxI", kind, len(body)) + body)

    @staticmethod
    def items(data):
        at = 0
        while at + 4 <= len(data):
            kind, n = struct.unpack_from(">BxH", data, at)
            yield kind, data[at + 4:at + 4 + n]
            at += 4 + n

    @staticmethod
    def item(kind, body):
        return struct.pack(">BxH", kind, len(body)) + body

    def message(self):
        """The next message: context, command, data set."""
        command, data = b"", b""
        while True:
            while not self.pdvs:
                kind, body = self.pdu()
                if kind == 5:
                    self.put(6, bytes(4))
                    raise Gone("released")
                if kind != 4:
                    raise Gone("aborted")
                at = 0
                while at < len(body):
                    n, ctx, flags = struct.unpack_from(">IBB", body, at)
                    self.pdvs.append((ctx, flags, body[at + 6:at + 4 + n]))
                    at += 4 + n
            ctx, flags, part = self.pdvs.pop(0)
            if flags & 1:
                command += part
            else:
                data += part
            if not flags & 2:
                continue
            cmd = {t: v for t, _, v in Elements(command, IMPLICIT)}
            if not flags & 1 or self.number(cmd, 0x0800) == 0x0101:
                return ctx, cmd, data

    @staticmethod
    def number(cmd, tag):
        return struct.unpack("<H", cmd[tag])[0]

    def pdv(self, ctx, flags, part):
        self.put(4, struct.pack(">IBB", len(part) + 2, ctx, flags) + part)

    def send(self, ctx, cmd, data=None, stop_at=None):
        """A message; with ${stop_at} only so many bytes of the data set,
        and of the last PDU's announced bytes only a part."""
        cmd = {**cmd, 0x0800: 0x0101 if data is None else 0x0102}
        body = b""
        for tag in sorted(cmd):
            v = cmd[tag]
            v = struct.pack("<H", v) if isinstance(v, int) else v
            v += b"\0" * (len(v) % 2)
            body += struct.pack("<HHI", 0, tag, len(v)) + v
        body = struct.pack("<HHII", 0, 0, 4, len(body)) + body
        self.pdv(ctx, 3, body)
        if data is None:
            return
        most = min(self.peer_max or 131072, 131072) - 6
        for at in range(0, max(len(data), 1), most):
            part = data[at:at + most]
            if stop_at is not None and at + len(part) > stop_at:
                n = len(part) + 2
                self.sock.sendall(struct.pack(">BxIIBB", 4, n + 4, n, ctx, 0)
                                  + part[:max(stop_at - at, 0)])
                return
            self.pdv(ctx, 2 if at + most >= len(data) else 0, part)

    def context_of(self, abstract, syntax):
        for ctx, (a, s) in self.contexts.items():
            if a == abstract and s == syntax:
                return ctx
        return None


class Server:
    def __init__(self, args, objects):
        self.args, self.objects = args, objects
        self.lock = threading.Lock()
        self.log_file = open(args.log, "a") if args.log else None
        self.dest = {}
        for d in args.dest:
            ae, _, where = d.partition("=")
            host, _, port = where.rpartition(":")
            self.dest[ae.encode()] = (host, int(port))

    def log(self, text):
        if self.log_file:
            with self.lock:
                self.log_file.write(text + "\n")
                self.log_file.flush()

    # association -------------------------------------------------------
    def accept(self, a):
        kind, body = a.pdu()
        if kind != 1:
            raise Gone("no request")
        called, a.calling = clean(body[4:20]), clean(body[20:36])
        if self.args.refuse:
            # PS3.8 table 9-21: our title is not known, or no place for now
            a.put(3, bytes([0, 1, 1, 3] if self.args.refuse == "title" else
                           [0, 2, 3, 2]))
            self.log(f"refused {a.calling.decode()}")
            time.sleep(0.2)
            raise Gone("refused")
        reply = b"\0\1\0\0" + body[4:68] + a.item(
            0x10, b"1.2.840.10008.3.1.1.1")
        roles = b""
        held = {(o.cls, o.syntax) for o in self.objects}
        for kind, item in a.items(body[68:]):
            if kind == 0x20:
                reply += self.answer_context(a, item, held)
            if kind == 0x50:
                for k, user in a.items(item):
                    if k == 0x51:
                        (a.peer_max,) = struct.unpack(">I", user)
                    if k == 0x54:
                        roles += a.item(0x54, user)
        user = a.item(0x51, struct.pack(">I", 131072)) + a.item(
            0x52, b"1.2.826.0.1.3680043.10.99.1") + roles
        a.put(2, reply + a.item(0x50, user))
        self.log(f"association from {a.calling.decode()} to "
                 f"{called.decode()}")

    def answer_context(self, a, item, held):
        ctx, abstract, syntaxes = item[0], b"", []
        for kind, value in a.items(item[4:]):
            if kind == 0x30:
                abstract = clean(value)
            if kind == 0x40:
                syntaxes.append(clean(value))
        result, chosen = 0, syntaxes[0]
        if abstract in (FIND, GET, MOVE):
            fit = [s for s in syntaxes if s in (EXPLICIT, IMPLICIT)]
            result, chosen = (0, fit[0]) if fit else (4, chosen)
        else:
            fit = [s for s in syntaxes if (abstract, s) in held]
            chosen = fit[0] if fit else chosen
        if result == 0:
            a.contexts[ctx] = (abstract, chosen)
        return a.item(0x21, bytes([ctx, 0, result, 0])
                      + a.item(0x40, chosen))

    def serve(self, sock):
        a = Association(sock)
        try:
            self.accept(a)
            while True:
                ctx, cmd, data = a.message()
                what = a.number(cmd, 0x0100)
                if what == 0x0030:
                    self.log("C-ECHO")
                    a.send(ctx, self.reply(a, cmd, 0))
                elif what == 0x0020:
                    self.find(a, ctx, cmd, data)
                elif what in (0x0010, 0x0021):
                    self.retrieve(a, ctx, cmd, data)
        except (Gone, OSError) as e:
            self.log(f"end {e}")
        finally:
            sock.close()

    def reply(self, a, cmd, status, **counts):
        out = {0x0002: clean(cmd[0x0002]),
               0x0100: a.number(cmd, 0x0100) | 0x8000,
               0x0120: a.number(cmd, 0x0110), 0x0900: status}
        for tag, name in ((0x1020, "left"), (0x1021, "done"),
                          (0x1022, "failed"), (0x1023, "warned")):
            if name in counts:
                out[tag] = counts[name]
        return out

    # queries -----------------------------------------------------------
    def keys(self, a, ctx, what, data):
        keys = {}
        for tag, vr, value in Elements(data, a.contexts[ctx][1]):
            keys[tag] = (vr or VR.get(tag, b"LO"), clean(value))
        asked = " ".join(f"{t:08x}={v.decode('latin-1')}"
                         for t, (_, v) in sorted(keys.items())
                         if v and t != CHARSET)
        self.log(f"{what} {asked}")
        return keys

    def entity_of(self, level, o):
        if level == b"IMAGE":
            return o.uid
        return o.get(SERIES) if level == b"SERIES" else o.get(STUDY)

    def derived(self, entity, level):
        """Values that are made of the whole study or series."""
        study = [o for o in self.objects if o.get(STUDY) == entity.get(STUDY)]
        join = lambda tag: b"\\".join(sorted({o.get(tag) for o in study
                                              if o.get(tag)}))
        series = [o for o in study if o.get(SERIES) == entity.get(SERIES)]
        if self.args.no_counts:
            return {LEVEL: level}
        out = {MODALITIES: join(MODALITY), CLASSES: join(CLASS),
               N_SERIES: b"%d" % len({o.get(SERIES) for o in study}),
               N_INSTANCES: b"%d" % len(study), LEVEL: level}
        if level != b"STUDY":
            out[N_IN_SERIES] = b"%d" % len(series)
        if self.args.other_birth_date:
            out[BIRTH] = b"19010101"
        if self.args.say:
            out[NAME], out[BIRTH] = (v.encode() for v in self.args.say)
        if self.args.describe and level == b"STUDY":
            out[0x00081030] = self.args.describe.encode()
        return out

    def find(self, a, ctx, cmd, data):
        keys = self.keys(a, ctx, "C-FIND", data)
        syntax = a.contexts[ctx][1]
        level = keys.get(LEVEL, (b"", b"STUDY"))[1]
        visible = {**STUDY_KEYS, CHARSET: b"CS"}
        if level in (b"SERIES", b"IMAGE"):
            visible.update(SERIES_KEYS)
        if level == b"IMAGE":
            visible.update(IMAGE_KEYS)
        seen = {}
        for o in self.objects:
            if all(matches(t, v, o.get(t)) for t, (_, v) in keys.items()
                   if t in visible and t != CHARSET):
                seen.setdefault(self.entity_of(level, o), o)
        if level == b"SERIES" and os.path.exists(self.args.no_series):
            return a.send(ctx, self.reply(a, cmd, 0xC001))
        if self.args.slow_find:
            time.sleep(self.args.slow_find)
        for o in seen.values():
            more = self.derived(o, level)
            if not all(matches(t, keys[t][1], more[t])
                       for t in (MODALITIES, CLASSES)
                       if t in keys and t in more):
                continue
            out = {}
            for tag, (vr, _) in keys.items():
                value = more.get(tag)
                if value is None:
                    value = o.get(tag) if tag in visible else b""
                out[tag] = (VR.get(tag, vr), value)
            out[CHARSET] = (b"CS", o.get(CHARSET))
            body = b"".join(element(syntax, t, *out[t]) for t in sorted(out))
            a.send(ctx, self.reply(a, cmd, 0xFF00), body)
        a.send(ctx, self.reply(a, cmd, 0))

    # retrieval ---------------------------------------------------------
    def retrieve(self, a, ctx, cmd, data):
        move = a.number(cmd, 0x0100) == 0x0021
        keys = self.keys(a, ctx, "C-MOVE" if move else "C-GET", data)
        wanted = [o for o in self.objects if all(
            matches(t, keys[t][1], o.get(t))
            for t in (PATIENT, STUDY, SERIES, UID) if t in keys)]
        sends = self.with_faults(wanted)
        to = a
        if move:
            to = self.connect(clean(cmd[0x0600]), sends)
            if to is None:
                a.send(ctx, self.reply(a, cmd, 0xA801))
                return
        done = failed = 0
        try:
            for n, (o, uid, body) in enumerate(sends):
                ok = self.store(to, o, uid, body, n)
                done, failed = done + ok, failed + (not ok)
                left = len(sends) - n - 1
                if left and n % 20 == 0:
                    a.send(ctx, self.reply(
                        a, cmd, 0xFF00, left=left, done=done, failed=failed,
                        warned=0))
        except (Gone, OSError) as e:
            if not move:
                raise
            self.log(f"destination lost: {e}")
            failed = len(sends) - done
        if move:
            self.leave(to)
        status = 0 if not failed else 0xB000 if done else 0xA702
        a.send(ctx, self.reply(a, cmd, status, done=done, failed=failed,
                               warned=0))

    def is_faulty(self, o):
        only = self.args.only
        return not only or (o and o.get(STUDY) == only.encode())

    def with_faults(self, wanted):
        """What is sent instead: (object, UID of the command, data set)."""
        args = self.args
        sends = [(o, o.uid, o.body) for o in wanted]
        if not self.is_faulty(wanted[0] if wanted else None):
            return sends
        if args.drop:
            sends = sends[:-args.drop]
        if args.extra:
            ours = {o.get(STUDY) for o in wanted}
            other = [o for o in self.objects if o.get(STUDY) not in ours]
            sends[1:1] = [(o, o.uid, o.body) for o in other[:1]]
        if args.bad_data_uid and sends:
            o = sends[0][0]
            bad = (b"../" * 21)[:max(len(o.uid) - 5, 0)] + b"etc/x"
            sends[0] = (o, o.uid, o.body.replace(o.uid, bad[-len(o.uid):], 1))
        if args.bad_uid and sends:
            sends.insert(1, (sends[0][0], b"../../etc/x", sends[0][2]))
        if args.wrong_study and sends:
            o = sends[0][0]
            study = o.get(STUDY)
            other = study[:-1] + (b"1" if study[-1:] != b"1" else b"2")
            sends[0] = (o, o.uid, o.body.replace(study, other, 1))
        return sends

    def connect(self, ae, sends):
        if ae not in self.dest:
            return None
        a = Association(socket.create_connection(self.dest[ae], 10))
        pairs = sorted({(o.cls, o.syntax) for o, _, _ in sends})[:128]
        body = b"\0\1\0\0" + ae.ljust(16) + self.args.aet.encode().ljust(16)
        body += bytes(32) + a.item(0x10, b"1.2.840.10008.3.1.1.1")
        for i, (cls, syntax) in enumerate(pairs):
            body += a.item(0x20, bytes([2 * i + 1, 0, 0, 0]) + a.item(
                0x30, cls) + a.item(0x40, syntax))
        body += a.item(0x50, a.item(0x51, struct.pack(">I", 131072))
                       + a.item(0x52, b"1.2.826.0.1.3680043.10.99.1"))
        a.put(1, body)
        kind, answer = a.pdu()
        if kind != 2:
            self.log(f"destination answered PDU {kind}")
            a.sock.close()
            return None
        for k, item in a.items(answer[68:]):
            if k == 0x21 and item[2] == 0:
                a.contexts[item[0]] = pairs[(item[0] - 1) // 2]
            if k == 0x50:
                for u, v in a.items(item):
                    if u == 0x51:
                        (a.peer_max,) = struct.unpack(">I", v)
        return a

    @staticmethod
    def leave(to):
        try:
            to.put(5, bytes(4))
            to.pdu()
        except (Gone, OSError, struct.error):
            pass  # it is lost already
        to.sock.close()

    def store(self, a, o, uid, body, n):
        args = self.args
        ctx = a.context_of(o.cls, o.syntax)
        if ctx is None:
            self.log(f"no context {o.cls.decode()} {o.syntax.decode()}")
            return False
        time.sleep(args.slow_store)
        a.message_id += 1
        cmd = {0x0002: o.cls, 0x0100: 0x0001, 0x0110: a.message_id,
               0x0700: 0, 0x1000: uid}
        faulty = self.is_faulty(o)
        cut = faulty and args.cut and n == 1
        stall = (faulty and args.stall_after is not None
                 and n == args.stall_after)
        if cut or stall:
            a.send(ctx, cmd, body, len(body) // 2)
            self.log(f"{'cut' if cut else 'stall'} {uid.decode()}")
            if stall:
                a.sock.recv(1)  # until the peer gives up
            a.sock.shutdown(socket.SHUT_RDWR)
            raise Gone("fault")
        a.send(ctx, cmd, body)
        _, rsp, _ = a.message()
        status = a.number(rsp, 0x0900)
        self.log(f"C-STORE {uid.decode()} {status:04x}")
        return status == 0


def listing(objects):
    """One line a study and patient: what a theatre list needs of them."""
    rows = {}
    for o in objects:
        rows.setdefault((o.get(PATIENT), o.get(STUDY)), []).append(o)
    for (patient, study), found in sorted(rows.items()):
        text = lambda tag: ",".join(sorted({o.get(tag).decode("latin-1")
                                            for o in found}))
        print("\t".join([patient.decode("latin-1"), study.decode("latin-1"),
                         str(len(found)), text(MODALITY)]))


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("folder", nargs="+")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--aet", default="ARCHIVE", help="our AE title")
    p.add_argument("--dest", action="append", default=[],
                   help="AE=HOST:PORT, a C-MOVE destination")
    p.add_argument("--log", help="what was asked, one line each")
    p.add_argument("--layer", type=int, default=0,
                   help="of files with one UID serve the N-th (from 0)")
    p.add_argument("--fill", action="store_true",
                   help="answer queries with something where the object has "
                   "no PatientID, Modality or StudyDescription")
    p.add_argument("--list", action="store_true",
                   help="print PatientID, study, objects, modalities; end")
    p.add_argument("--only", help="misbehave for this study only when "
                   "objects are sent")
    p.add_argument("--refuse", choices=("title", "busy"))
    p.add_argument("--stall-after", type=int)
    p.add_argument("--drop", type=int, default=0)
    p.add_argument("--extra", action="store_true")
    p.add_argument("--bad-uid", action="store_true",
                   help="a path for a UID in a command")
    p.add_argument("--bad-data-uid", action="store_true",
                   help="a path for a UID in a data set")
    p.add_argument("--wrong-study", action="store_true")
    p.add_argument("--cut", action="store_true")
    p.add_argument("--slow-find", type=float, default=0)
    p.add_argument("--slow-store", type=float, default=0,
                   help="seconds before each object")
    p.add_argument("--no-counts", action="store_true",
                   help="queries tell no counts and no modalities of a study")
    p.add_argument("--other-birth-date", action="store_true")
    p.add_argument("--say", nargs=2, metavar=("NAME", "BIRTH-DATE"),
                   help="as its database has the patient")
    p.add_argument("--describe", help="every study")
    p.add_argument("--no-series", default="", metavar="FILE",
                   help="while it exists, questions for series fail")
    args = p.parse_args()
    objects = load(args)
    if args.list:
        listing(objects)
        return
    server = Server(args, objects)
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", args.port))
    s.listen(64)
    print(s.getsockname()[1], flush=True)
    while True:
        c, _ = s.accept()
        threading.Thread(target=server.serve, args=(c,), daemon=True).start()


if __name__ == "__main__":
    main()
