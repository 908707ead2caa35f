#!/usr/bin/env python3
"""Kill an agent at random moments and see that it never lies afterwards.

usage: torture.py ROUNDS SEED FOLDER NODE-PORT WEB-PORT ARCHIVE-PORT
FOLDER has agent.conf, full.csv, list.csv, wanted.txt; PROG and VIEWER in the
environment name the programs. One round:

  1. start it with an empty theatre list and look: the index and the folder
     agree to the file, tmp/ is empty, nothing ready is lost or not whole, a
     ready study (every one in each tenth round) has the archive's bytes;
  2. evict something and kill -9 it, maybe in the middle of that;
  3. start it with the list and kill -9 it while it starts, fetches, serves.

A viewer reads all the time: whatever it gets must be the archive's.

With FAULTS, the library that the agent is run with, each kill is a power cut:
the folder becomes what had been synced, and of the rest any part: objects
without their bytes, names that are back, pages of the index old and new."""
import http.client
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

PROG = os.environ.get("PROG", "build/understudyd")
VIEWER = os.environ.get("VIEWER", "build/debug/tools/viewer")
FAULTS = os.path.abspath(os.environ["FAULTS"]) if os.environ.get("FAULTS") \
    else None
PAGE = 4096


class Lie(Exception):
    """What the agent must never do."""


def objects(text):
    """The viewer's lines: {instance UID: (syntax, length, digest)}."""
    return {w[0]: tuple(w[1:]) for w in map(str.split, text.splitlines())}


def retrieve(title, port, study):
    p = subprocess.run([VIEWER, "-c", title, "127.0.0.1", str(port), study],
                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                       text=True, timeout=60)
    return p.returncode, objects(p.stdout)


class Viewer(threading.Thread):
    """Reads what is wanted, in turn, whether it is there or not."""

    def __init__(self, port, truth, seed):
        super().__init__(daemon=True)
        self.port, self.truth = port, truth
        self.random = random.Random(seed)
        self.whole = self.got = 0
        self.lie = ""
        self.stop = threading.Event()

    def run(self):
        try:
            self.read()
        except Exception as e:  # else it would be quiet from now on
            self.lie = f"the viewer: {e!r}"

    def read(self):
        while not self.stop.wait(0.05) and not self.lie:
            study = self.random.choice(list(self.truth))
            code, got = retrieve("UNDERSTUDY", self.port, study)
            want = self.truth[study]
            # asked for in another syntax, it is converted: other bytes
            wrong = [u for u in got if u not in want or
                     got[u][0] == want[u][0] and got[u] != want[u]]
            if wrong:
                self.lie = f"the viewer got other bytes: {wrong[:3]}"
            if code == 0 and len(got) != len(want):
                self.lie = (f"success, but {len(got)} of {len(want)} "
                            f"objects of {study}")
            self.whole += code == 0
            self.got += len(got)


def files_of(top):
    """Names relative to ${top} of all that a power cut may touch."""
    out = set()
    for where, _, names in os.walk(top):
        for n in names:
            rel = os.path.relpath(os.path.join(where, n), top)
            if not rel.startswith("tmp/") and not rel.endswith("-shm"):
                out.add(rel)
    return out


class Disk:
    """What a power cut leaves of ${cache}."""

    def __init__(self, cache, rng):
        self.cache, self.random = cache, rng
        self.path, self.cuts, self.undone = cache + ".disk", 0, 0
        os.makedirs(self.path)

    def put(self, source, rel, data=None):
        """${source}, or these bytes, as the file ${rel} of the cache."""
        path = os.path.join(self.cache, rel)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        if data is None and rel.endswith(".dcm"):
            os.link(source, path)
            return
        with open(path, "wb", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write(open(source, "rb").read() if data is None else data)

    def object(self, old, rel):
        """An object that was not synced: as it was, torn, or not there."""
        data = open(os.path.join(old, rel), "rb").read()
        how = self.random.randrange(4)
        cut = self.random.randrange(len(data) // 512 + 1) * 512
        if how == 0:
            self.put(os.path.join(old, rel), rel)
        elif how < 3:
            self.put(None, rel, data[:cut] + bytes(
                len(data) - cut if how == 1 else 0))

    def pages(self, old, rel):
        """A file of which each page may have been written or not."""
        new = open(os.path.join(old, rel), "rb").read()
        was = open(os.path.join(self.path, rel), "rb").read()
        size = self.random.choice((len(new), len(was)))
        out = bytearray()
        for at in range(0, size, PAGE):
            a, b = new[at:at + PAGE], was[at:at + PAGE]
            out += (a or b) if self.random.random() < 0.5 else (b or a)
        self.put(None, rel, bytes(out[:size]).ljust(size, b"\0"))

    def cut(self):
        old = self.cache + ".old"
        if not os.path.isdir(self.cache):
            return
        os.rename(self.cache, old)
        os.mkdir(self.cache, 0o700)
        now, synced = files_of(old), files_of(self.path)
        some = self.random.random() < 0.6
        for rel in sorted(now | synced):
            if rel not in now:
                # its removal was not synced
                if not some or self.random.random() < 0.5:
                    self.put(os.path.join(self.path, rel), rel)
                    self.undone += 1
            elif rel in synced and (rel.endswith(".dcm") or not some):
                self.put(os.path.join(self.path, rel), rel)
            elif rel in synced:
                self.pages(old, rel)
            elif some and rel.endswith(".dcm"):
                self.object(old, rel)
            self.undone += rel not in synced
        shutil.rmtree(old)
        shutil.rmtree(self.path)
        shutil.copytree(self.cache, self.path, copy_function=lambda a, b: (
            os.link if a.endswith(".dcm") else shutil.copyfile)(a, b))
        self.cuts += 1

    def wipe(self):
        shutil.rmtree(self.path)
        os.mkdir(self.path)


class Agent:
    def __init__(self, folder, node, web):
        self.folder, self.node, self.web = folder, node, web
        self.cache = os.path.join(folder, "state", "cache")
        self.log = os.path.join(folder, "agent.log")
        self.p = None
        self.env = dict(os.environ)
        self.disk = None

    def on(self, disk):
        self.disk = disk
        self.env.update(LD_PRELOAD=FAULTS, FAULTS_FOLDER=self.cache,
                        FAULTS_DISK=disk.path)

    def spawn(self):
        with open(self.log, "ab") as log:
            self.p = subprocess.Popen(
                [PROG, "-c", os.path.join(self.folder, "agent.conf")],
                stdout=log, stderr=log, env=self.env)

    def start(self):
        self.spawn()
        limit = time.monotonic() + 20
        while time.monotonic() < limit:
            try:
                if self.ask("GET", "/healthz")[0] == 200:
                    return
            except OSError:
                pass
            if self.p.poll() is not None:
                raise Lie(f"it does not start: exit {self.p.returncode}")
            time.sleep(0.01)
        raise Lie("not healthy within 20 s")

    def kill(self, how=signal.SIGKILL):
        self.p.send_signal(how)
        code = self.p.wait(timeout=20)
        if self.disk and how == signal.SIGKILL:
            self.disk.cut()
        return code

    def ask(self, method, path):
        c = http.client.HTTPConnection("127.0.0.1", self.web, timeout=20)
        c.request(method, path)
        r = c.getresponse()
        body = r.read()
        c.close()
        return r.status, body

    def api(self, path):
        status, body = self.ask("GET", "/api/" + path)
        if status != 200:
            raise Lie(f"/api/{path}: {status}")
        return json.loads(body)

    def studies(self):
        return {s["study_uid"]: s for s in self.api("studies")}

    def ready(self):
        return {u for u, s in self.studies().items()
                if s["state"] == "ready"}

    def evict(self, study):
        return self.ask("POST", "/api/evict?study=" + study)[0] == 202

    def list(self, name):
        """Put a theatre list in its place, as a hospital's export does."""
        new = os.path.join(self.folder, "list.new")
        shutil.copyfile(os.path.join(self.folder, name), new)
        os.rename(new, os.path.join(self.folder, "list.csv"))


def differences(agent):
    """What rows and files do not agree on: {(what, object)}. What a study has
    that is not ready counts only once it was read."""
    db = sqlite3.connect(f"file:{agent.cache}/index.db?mode=ro", uri=True,
                         timeout=10)
    rows, ready = {}, set()
    for name, length, start, is_ready in db.execute(
            "SELECT i.name, length, start, ready FROM instance i"
            " JOIN series se ON se.id = i.series"
            " JOIN study st ON st.id = se.study"):
        rows[bytes(name).hex()] = length + start
        if is_ready:
            ready.add(bytes(name).hex())
    half = db.execute("SELECT count(*) FROM study WHERE ready AND"
                      " (n_instances <> expected OR expected = 0)").fetchone()
    bad = db.execute("PRAGMA integrity_check").fetchone()[0]
    db.close()
    if bad != "ok" or half[0]:
        raise Lie(f"index: {bad}, {half[0]} half studies are ready")
    files = {}
    for where, _, names in os.walk(agent.cache):
        for name in names:
            try:
                if name.endswith(".dcm"):
                    files[name[:-4]] = os.path.getsize(
                        os.path.join(where, name))
            except FileNotFoundError:
                pass  # evicted meanwhile
    left = os.listdir(os.path.join(agent.cache, "tmp"))
    return ({("a file without a row", n) for n in set(files) - set(rows)} |
            {("a row without a file", n) for n in set(rows) - set(files)} |
            {("another length", n) for n in ready & set(files)
             if rows[n] != files[n]} |
            {("left in tmp", n) for n in left})


def check_files(agent):
    """Rows and files become the same set: while the viewer reads what is not
    here, an object has its file a moment before its row."""
    seen = differences(agent)
    for _ in range(20):
        if not seen:
            return
        time.sleep(0.25)
        seen &= differences(agent)
    if seen:
        raise Lie(f"{len(seen)} stay wrong: {sorted({w for w, _ in seen})}")


def check_studies(agent, truth, some, ready_before):
    have = agent.studies()
    ready = sorted(u for u in have if have[u]["state"] == "ready")
    lost = ready_before - set(ready)
    if lost:
        raise Lie(f"was ready before the kill, is not: {lost}")
    for u in ready:
        s, n = have[u], len(truth.get(u, ()))
        if not s["instances"] == s["expected"] == n:
            raise Lie(f"{u} is ready: {s['instances']} of {s['expected']},"
                      f" the archive has {n}")
    for u in ready if some is None else some(ready):
        code, got = retrieve("UNDERSTUDY", agent.node, u)
        if code != 0 or got != truth[u]:
            same = sum(got.get(i) == truth[u][i] for i in truth[u])
            raise Lie(f"{u} is ready: status {code}, {len(got)} objects,"
                      f" {same} of {n} are the archive's")
    return set(ready)


def check_log(agent):
    with open(agent.log, errors="replace") as log:
        for line in log:
            word = line.split()
            if len(word) < 2 or word[1] not in ("info", "warn"):
                raise Lie(f"in the log: {line.strip()}")


def wait_gone(agent, gone):
    limit = time.monotonic() + 10
    while any(s["bytes"] for u, s in agent.studies().items() if u in gone):
        if time.monotonic() > limit:
            raise Lie("evicted, but not gone within 10 s")
        time.sleep(0.01)


def wait_ready(agent, wanted, limit_s):
    limit = time.monotonic() + limit_s
    while agent.ready() & wanted != wanted:
        if time.monotonic() > limit:
            left = [(c["id"], c["readiness"], c["reason"])
                    for c in agent.api("cases") if c["readiness"] != "ready"]
            raise Lie(f"not all ready within {limit_s} s: {left}")
        time.sleep(0.02)


class Torture:
    def __init__(self, agent, truth, rng):
        self.agent, self.truth, self.random = agent, truth, rng
        self.ready = set() # known to be so when it was killed
        self.mid = self.early = self.evicting = self.wiped = 0
        self.span_s = 0.5 # from its start until all is fetched

    def wipe(self):
        shutil.rmtree(os.path.join(self.agent.folder, "state", "cache"))
        if self.agent.disk:
            self.agent.disk.wipe()
        self.ready = set()
        self.wiped += 1

    def look(self, full):
        """Start quietly and look at everything."""
        a = self.agent
        a.list("empty.csv")
        a.start()
        check_files(a)
        some = None if full else lambda r: self.random.sample(r, min(1, len(r)))
        self.ready = check_studies(a, self.truth, some, self.ready)
        if full:
            check_log(a)

    def evict_some(self):
        """Evict; in half of the rounds the kill comes at once."""
        gone = {u for u in sorted(self.ready) if self.random.random() < 0.8}
        gone = {u for u in gone if self.agent.evict(u)}
        self.ready -= gone # a viewer may hold one: then it stays
        if self.random.random() < 0.5:
            wait_gone(self.agent, gone)
        else:
            time.sleep(self.random.uniform(0, 0.02))
            self.evicting += 1
        self.agent.kill()

    def fetch_some(self):
        """Start it with work to do, and kill it at a random moment."""
        a = self.agent
        a.list("full.csv")
        a.spawn()
        time.sleep(self.random.uniform(0, self.span_s))
        try:
            now = a.studies()
        except OSError:
            now = {}
            self.early += 1
        a.kill()
        ready = {u for u in now if now[u]["state"] == "ready"}
        self.ready |= ready
        self.mid += any(s["state"] == "fetching" for s in now.values())
        # most kills shall meet a fetch, however fast this machine is just now
        if len(ready) == len(self.truth):
            self.span_s *= 0.8
        elif not now:
            self.span_s *= 1.2

    def round(self, n):
        if n % 25 == 0:
            self.wipe()
        self.look(n % 10 == 0)
        self.evict_some()
        self.fetch_some()


def torment(t, viewer, rounds):
    wanted = set(t.truth)
    t.agent.list("full.csv")
    began = time.monotonic()
    t.agent.start()
    wait_ready(t.agent, wanted, 60)
    t.span_s = min(2.0, 1.2 * (time.monotonic() - began))
    t.agent.kill()
    t.ready = set(wanted)
    for n in range(1, rounds + 1):
        t.round(n)
        if viewer.lie:
            raise Lie(viewer.lie)
        if n % 10 == 0:
            print(f"  {n:5} rounds: killed {t.mid} times while fetching, "
                  f"{t.evicting} evicting, {t.early} starting; cache wiped "
                  f"{t.wiped} times; viewer: {viewer.got} objects, "
                  f"{viewer.whole} whole studies" + (
                      f"; {t.agent.disk.undone} files undone"
                      if t.agent.disk else ""), flush=True)
    t.look(True)
    t.agent.list("full.csv")
    wait_ready(t.agent, wanted, 60)
    check_studies(t.agent, t.truth, None, wanted)
    if t.agent.kill(signal.SIGTERM) != 0:
        raise Lie("it does not stop in peace")
    t.ready = wanted
    t.look(True)
    t.agent.kill(signal.SIGTERM)
    if viewer.lie:
        raise Lie(viewer.lie)
    if rounds >= 20 and t.mid * 5 < rounds:
        raise Lie(f"only {t.mid} of {rounds} kills met a fetch: no test")


def main():
    rounds, seed = int(sys.argv[1]), int(sys.argv[2])
    folder = sys.argv[3]
    node, web, archive = map(int, sys.argv[4:7])
    truth = {}
    with open(os.path.join(folder, "wanted.txt")) as f:
        for study in f.read().split():
            code, truth[study] = retrieve("PACS", archive, study)
            if code != 0 or not truth[study]:
                print(f"the archive does not send {study}")
                return 1
    agent = Agent(folder, node, web)
    rng = random.Random(seed)
    if FAULTS:
        agent.on(Disk(agent.cache, rng))
    t = Torture(agent, truth, rng)
    viewer = Viewer(node, truth, seed + 1)
    viewer.start()
    try:
        torment(t, viewer, rounds)
    except Lie as lie:
        print(f"FAIL: {lie}")
        with open(agent.log, errors="replace") as log:
            told = [line for line in log if " info " not in line or
                    "loaded" in line or " failed=0 " not in line]
        print("".join(told[-40:]), end="")
        return 1
    finally:
        viewer.stop.set()
        viewer.join(timeout=70)
        if agent.p and agent.p.poll() is None:
            agent.p.kill()
            agent.p.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
