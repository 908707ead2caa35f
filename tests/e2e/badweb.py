#!/usr/bin/env python3
"""A DICOMweb server that lies: badweb.py PORT HOW FOLDER.

It serves the DICOM files under FOLDER by QIDO-RS and WADO-RS, but for what HOW
says. Independent of the agent's own code."""
import http.server
import json
import sys
import urllib.parse

sys.dont_write_bytecode = True
import archive  # noqa: E402

BOUNDARY = b"a-boundary"
KEYS = {0x00080020: "DA", 0x00080061: "CS", 0x00081030: "LO",
        0x00100010: "PN", 0x00100020: "LO", 0x00100030: "DA",
        0x00100040: "CS", 0x0020000D: "UI", 0x0020000E: "UI",
        0x00080018: "UI", 0x00080016: "UI", 0x00080060: "CS",
        0x0008103E: "LO"}


class Args:
    list = fill = False
    layer = 0


def attribute(o, tag, vr):
    v = o.get(archive.MODALITY if tag == 0x00080061 else tag).decode("latin-1")
    if not v:
        return {"vr": vr}
    return {"vr": vr, "Value": [{"Alphabetic": v} if vr == "PN" else v]}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    how, objects = "", []

    def log_message(self, *_):
        pass

    def answer(self, kind, body, status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def find(self, path, query):
        """The entities of a QIDO-RS path."""
        parts = path.split("/")
        level = {"studies": 0x0020000D, "series": 0x0020000E,
                 "instances": 0x00080018}[parts[-1]]
        want = {0x0020000D: parts[1] if len(parts) > 2 else "",
                0x0020000E: parts[3] if len(parts) > 4 else ""}
        for k, v in query:
            if len(k) == 8:
                want[int(k, 16)] = v
        seen = {}
        for o in self.objects:
            if all(not v or t not in KEYS or o.get(t).decode("latin-1") == v
                   for t, v in want.items()):
                seen.setdefault(o.get(level), o)
        offset = int(dict(query).get("offset", "0"))
        return [{f"{t:08X}": attribute(o, t, vr) for t, vr in KEYS.items()}
                for o in list(seen.values())[offset:]]

    def parts(self, path):
        parts = path.split("/") + [""] * 4
        for o in self.objects:
            if o.get(archive.STUDY).decode() == parts[1] and \
                    parts[3] in ("", o.get(archive.SERIES).decode()) and \
                    parts[5] in ("", o.uid.decode()):
                yield open(o.path, "rb").read()

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        path = url.path.removeprefix("/dicom-web/").strip("/")
        query = urllib.parse.parse_qsl(url.query)
        find = path.split("/")[-1] in ("studies", "series", "instances")
        how = self.how
        if how == "error":
            return self.answer("text/plain", b"no", 500)
        if how == "html":
            return self.answer("text/html", b"<html>log in</html>")
        if how == "endless-header":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n" +
                             b"X-A: " + b"a" * 1000 + b"\r\n")
            for _ in range(200):
                self.wfile.write(b"X-A: " + b"a" * 1000 + b"\r\n")
            self.close_connection = True
            return None
        if find:
            body = json.dumps(self.find(path, query)).encode()
            if how == "cut-json":
                body = body[:-3]
            if how == "other-array":
                body = b'["x", 1]'
            return self.answer("application/dicom+json", body)
        return self.send_files(how, path)

    def send_files(self, how, path):
        kind = 'multipart/related; type="application/dicom"; boundary='
        if how == "busy":
            return self.answer("text/plain", b"later", 503)
        if how == "one-file":  # whole or not: nobody can tell
            one = next(self.parts(path))
            self.send_response(200)
            self.send_header("Content-Type", "application/dicom")
            self.end_headers()
            self.wfile.write(one[:-1000])
            self.close_connection = True
            return None
        if how == "only-series" and len(path.split("/")) == 2:
            return self.answer("text/plain", b"no studies here", 404)
        if how == "only-instances" and len(path.split("/")) <= 4:
            return self.answer("text/plain", b"nothing so large", 404)
        if how == "no-boundary":
            return self.answer("multipart/related", b"x")
        body = b""
        for part in self.parts(path):
            if how == "no-dicom":
                part = b"<html>no</html>" * 40
            body += b"\r\n--" + BOUNDARY + \
                b"\r\nContent-Type: application/dicom\r\n\r\n" + part
        body += b"\r\n--" + BOUNDARY + b"--\r\n"
        if how == "no-end":
            half = body[:len(body) // 2]
            return self.answer(kind + BOUNDARY.decode(), half)
        name = BOUNDARY.decode() + ("2" if how == "wrong-boundary" else "")
        return self.answer(kind + name, body)


def main():
    Handler.how = sys.argv[2]
    Args.folder = sys.argv[3:]
    Handler.objects = archive.load(Args)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])),
                                             Handler)
    print("listening", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
