#!/usr/bin/env python3
"""Compare two folders of retrieved DICOM files byte for byte.

usage: compare.py A B: each file's data set (what follows group 0002) and its
transfer syntax, by SOP Instance UID. A file without a Part 10 head (*.ds) is
a data set alone, named by its UID. Prints how many agree; exit 1 if any
differs or is missing on one side."""
import os
import struct
import sys


def read(path):
    """SOP Instance UID, transfer syntax ('' when unknown), data set bytes."""
    data = open(path, "rb").read()
    if data[128:132] != b"DICM":
        return os.path.basename(path)[:-3], "", data
    at, meta = 132, {}
    (length,) = struct.unpack_from("<I", data, at + 8)
    end = at + 12 + length
    while at < end:
        group, element = struct.unpack_from("<HH", data, at)
        if data[at + 4:at + 6] in (b"OB", b"UN"):
            (n,) = struct.unpack_from("<I", data, at + 8)
            at += 12
        else:
            (n,) = struct.unpack_from("<H", data, at + 6)
            at += 8
        meta[element] = data[at:at + n]
        at += n
    text = lambda e: meta.get(e, b"").rstrip(b"\0 ").decode("ascii", "replace")
    return text(0x0003), text(0x0010), data[end:]


def folder(top):
    found = {}
    for where, _, names in os.walk(top):
        for name in names:
            uid, syntax, body = read(os.path.join(where, name))
            found[uid] = (syntax, body)
    return found


def main():
    a, b = folder(sys.argv[1]), folder(sys.argv[2])
    bad = 0
    for uid in sorted(set(a) | set(b)):
        if uid not in a or uid not in b:
            print(f"{uid}: only in {sys.argv[1] if uid in a else sys.argv[2]}")
            bad += 1
        elif a[uid][1] != b[uid][1]:
            print(f"{uid}: differs: {len(a[uid][1])} and {len(b[uid][1])} bytes")
            bad += 1
        elif "" not in (a[uid][0], b[uid][0]) and a[uid][0] != b[uid][0]:
            print(f"{uid}: transfer syntax {a[uid][0]} and {b[uid][0]}")
            bad += 1
    total = sum(len(body) for _, body in a.values())
    print(f"{len(set(a) & set(b)) - bad} of {len(set(a) | set(b))} objects "
          f"equal, {total} bytes")
    return 1 if bad or not a else 0


if __name__ == "__main__":
    sys.exit(main())
