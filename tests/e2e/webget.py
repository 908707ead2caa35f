#!/usr/bin/env python3
"""Retrieve studies over DICOMweb, independent of the agent's own code.

usage: webget.py WAY BASE [STUDY...]
BASE is http://host:port; without STUDY all that QIDO-RS finds, page by page.
Prints "UID SYNTAX BYTES SHA256" for each object that comes, like getter.py.
WAY: rs a study as multipart, instance one by one, uri WADO-URI with useOrig,
zip a study as ZIP; metadata checks every header's JSON, by study and by
instance, packed and not, with the bulk data that it names, and prints UIDs;
frames fetches each frame of each image and compares it with its object."""
import email.parser
import gzip
import hashlib
import http.client
import io
import json
import struct
import sys
import zipfile
import zlib

sys.dont_write_bytecode = True
from archive import DEFLATED, EXPLICIT, Elements, clean  # noqa

INLINE_MAX = 1024


class Web:
    def __init__(self, base):
        self.host = base.split("//")[1].strip("/")
        self.conn = http.client.HTTPConnection(self.host, timeout=60)

    def get(self, path, want=200, **headers):
        names = {k.replace("_", "-"): v for k, v in headers.items()}
        self.conn.request("GET", path, headers=names)
        r = self.conn.getresponse()
        body = r.read()
        if r.status != want:
            sys.exit(f"{path}: {r.status} {body[:200]!r}")
        return r, body

    def parts(self, path, accept):
        """The parts of a multipart/related: (headers, bytes)."""
        r, body = self.get(path, Accept=accept)
        kind = r.headers
        if kind.get_content_type() != "multipart/related":
            sys.exit(f"{path}: {kind['Content-Type']}")
        mark = b"--" + kind.get_boundary().encode()
        if not body.startswith(mark + b"\r\n"):
            sys.exit(f"{path}: does not begin with the boundary")
        if not body.endswith(b"\r\n" + mark + b"--\r\n"):
            sys.exit(f"{path}: does not end with the boundary")
        whole = body[len(mark) + 2:-len(mark) - 6]
        for part in whole.split(b"\r\n" + mark + b"\r\n"):
            head, _, value = part.partition(b"\r\n\r\n")
            yield email.parser.Parser().parsestr(head.decode()), value

    def search(self, path):
        """All rows, in pages of an odd size."""
        at, rows = 0, []
        while True:
            mark = "&" if "?" in path else "?"
            r, body = self.get(f"{path}{mark}limit=7&offset={at}",
                               Accept="application/dicom+json")
            if r.headers["Content-Type"] != "application/dicom+json":
                sys.exit(f"{path}: {r.headers['Content-Type']}")
            page = strict(body)
            rows += page
            at += 7
            if len(page) < 7:
                return rows


def bad(text):
    raise ValueError(f"{text} is not JSON")


def strict(body):
    return json.loads(body.decode("utf-8"), parse_constant=bad)


def value(row, tag):
    return row[tag]["Value"][0]


def split(data):
    """Class, instance, syntax and data set of a Part 10 file."""
    if data[128:132] != b"DICM":
        sys.exit("not a Part 10 file")
    walk, meta, end = Elements(data[132:], EXPLICIT), {}, None
    for tag, _, v in walk:
        meta[tag] = clean(v)
        if tag == 0x00020000:
            end = walk.at + struct.unpack("<I", v)[0]
        if walk.at == end:
            break
    return meta[0x00020003], meta[0x00020010], data[132 + walk.at:]


def show(data, syntax=None):
    uid, told, body = split(data)
    if syntax is not None and told.decode() != syntax:
        sys.exit(f"told as {syntax}, is {told}")
    print(uid.decode(), told.decode(), len(body),
          hashlib.sha256(body).hexdigest())


def instances(web, study):
    for series in web.search(f"/dicom-web/studies/{study}/series"):
        at = f"/dicom-web/studies/{study}/series/{value(series, '0020000E')}"
        rows = web.search(f"{at}/instances")
        if len(rows) != value(series, "00201209"):
            sys.exit(f"{at}: {len(rows)} instances, told other")
        for row in rows:
            url = value(row, "00081190")
            if not url.endswith(f"{at}/instances/{value(row, '00080018')}"):
                sys.exit(f"RetrieveURL {url}")
            yield url[url.index("/dicom-web"):]


def by_rs(web, study):
    accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
    for head, data in web.parts(f"/dicom-web/studies/{study}", accept):
        show(data, head.get_param("transfer-syntax"))


def by_instance(web, study):
    for at in instances(web, study):
        r, data = web.get(at, Accept="application/dicom; transfer-syntax=*")
        show(data)
        web.get(at, 304, Accept="application/dicom; transfer-syntax=*",
                If_None_Match=r.headers["ETag"])


def by_uri(web, study):
    for at in instances(web, study):
        _, _, _, _, _, series, _, uid = at.split("/")[0:8]
        r, data = web.get(
            f"/wado?requestType=WADO&studyUID={study}&seriesUID={series}"
            f"&objectUID={uid}&contentType=application%2Fdicom&useOrig=true")
        if r.headers["Content-Type"] != "application/dicom":
            sys.exit(f"WADO-URI: {r.headers['Content-Type']}")
        show(data)


def by_zip(web, study):
    _, data = web.get(f"/wado?requestType=WADO&studyUID={study}")
    if data[:2] != b"PK":
        sys.exit("not a ZIP")
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        if z.testzip() is not None:
            sys.exit(f"ZIP: {z.testzip()}")
        for name in z.namelist():
            show(z.read(name))


def bulk_of(o):
    for tag, v in sorted(o.items()):
        if "BulkDataURI" in v:
            yield tag, v["vr"], v["BulkDataURI"]
        for item in v.get("Value", []):
            if v["vr"] == "SQ" and item:
                yield from bulk_of(item)


def by_metadata(web, study):
    _, plain = web.get(f"/dicom-web/studies/{study}/metadata")
    r, packed = web.get(f"/dicom-web/studies/{study}/metadata",
                        Accept_Encoding="gzip")
    if r.headers["Content-Encoding"] != "gzip":
        sys.exit("metadata: not packed")
    if gzip.decompress(packed) != plain:
        sys.exit("metadata: packed and plain differ")
    web.get(f"/dicom-web/studies/{study}/metadata", 304,
            If_None_Match=r.headers["ETag"])
    whole = {value(o, "00080018"): o for o in strict(plain)}
    for at in instances(web, study):
        (one,) = strict(web.get(f"{at}/metadata")[1])
        if one != whole[value(one, "00080018")]:
            sys.exit(f"{at}: metadata of study and instance differ")
        for tag, vr, uri in bulk_of(one):
            if not uri.startswith(at):
                sys.exit(f"BulkDataURI {uri}")
            if one_deflated(web, at):
                continue
            _, v = web.get(uri, Accept="application/octet-stream")
            if tag != "7FE00010" and len(v) <= INLINE_MAX:
                sys.exit(f"{uri}: {len(v)} bytes, want it inline")
        print(value(one, "00080018"))


def one_deflated(web, at):
    _, data = web.get(at, Accept="application/dicom; transfer-syntax=*")
    return split(data)[1] == DEFLATED


def fragments(v):
    """The items of encapsulated pixel data, the offset table first."""
    at = 0
    while at + 8 <= len(v):
        group, element, n = struct.unpack_from("<HHI", v, at)
        if (group, element) != (0xFFFE, 0xE000):
            break
        yield v[at + 8:at + 8 + n]
        at += 8 + n


def pixels(data, syntax):
    """Native pixel data, or the offset table and the fragments."""
    if syntax == DEFLATED:
        data = zlib.decompressobj(-15).decompress(data)
    walk = Elements(data, syntax)
    while walk.at + 8 <= len(data):
        tag, vr, n = walk.head(walk.explicit)
        if tag in (0x7FE00010, 0x7FE00008, 0x7FE00009):
            if n == 0xFFFFFFFF:
                return list(fragments(data[walk.at:]))
            return data[walk.at:walk.at + n]
        if n == 0xFFFFFFFF:
            walk.skip(walk.explicit and vr != b"UN")
        else:
            walk.at += n
    return None


def by_frames(web, study):
    accept = ('multipart/related; type=application/octet-stream; '
              'transfer-syntax=*')
    for at in instances(web, study):
        (head,) = strict(web.get(f"{at}/metadata")[1])
        _, data = web.get(at, Accept="application/dicom; transfer-syntax=*")
        uid, syntax, body = split(data)
        want = pixels(body, syntax)
        if not want:
            web.get(f"{at}/frames/1", 404, Accept=accept)
            continue
        n = int(head.get("00280008", {}).get("Value", [1])[0])
        if syntax == DEFLATED:
            continue  # its frames are converted, which another test sees
        have = b""
        if isinstance(want, list):
            table, *pieces = want
            want = b"".join(pieces)
            if not table and n > 1 and len(pieces) != n:
                # nothing tells where the second frame begins
                web.get(f"{at}/frames/1", 500, Accept=accept)
                continue
        web.get(f"{at}/frames/{n + 1}", 404, Accept=accept)
        every = ",".join(str(k) for k in range(1, n + 1))
        found = list(web.parts(f"{at}/frames/{every}", accept))
        if len(found) != n:
            sys.exit(f"{at}: {len(found)} frames, want {n}")
        for k, (part, v) in enumerate(found):
            told = part.get_param("transfer-syntax")
            if told != syntax.decode():
                sys.exit(f"{at}: frame in {told}, stored in {syntax}")
            (again,) = web.parts(f"{at}/frames/{k + 1}", accept)
            if again[1] != v:
                sys.exit(f"{at}: frame {k + 1} differs when alone")
            have += v
        if have != want[:len(have)] or len(want) - len(have) > 1:
            sys.exit(f"{at}: {syntax} frames of {len(have)} bytes, pixel "
                     f"data of {len(want)}")
        print(uid.decode(), n)


def main():
    way, base, *studies = sys.argv[1:]
    web = Web(base)
    if not studies:
        studies = [value(row, "0020000D")
                   for row in web.search("/dicom-web/studies")]
    for study in studies:
        globals()["by_" + way](web, study)


if __name__ == "__main__":
    main()
