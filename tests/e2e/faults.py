#!/usr/bin/env python3
"""Let the K-th call of each kind fail and see that nothing is lost by it.

usage: faults.py COUNT SEED FOLDER NODE-PORT WEB-PORT ARCHIVE-PORT
As torture.py; FAULTS names the library. For each kind of call and each error
it may end with, COUNT values of K, the first ones and a sample of the others:
an agent with an empty cache fetches all while that call fails. It may end, but
says why and does not crash; then it is started again, as launchd does. In the
end all is ready, whole and of the archive's bytes, and so it is after one more
start."""
import os
import random
import shutil
import signal
import sys
import time

import torture
from torture import Agent, Lie

CALLS = {"open": ("EMFILE", "EIO"), "write": ("ENOSPC", "EIO", "short"),
         "sync": ("EIO",), "rename": ("EIO", "ENOSPC"), "mkdir": ("ENOSPC",),
         "unlink": ("EIO",), "alloc": ("ENOMEM",)}


def fresh(agent):
    shutil.rmtree(os.path.join(agent.folder, "state"), ignore_errors=True)
    open(agent.log, "w").close()


def count_calls(agent, truth):
    """How many calls of each kind a quiet run makes."""
    fresh(agent)
    agent.env["FAULTS_COUNT"] = os.path.join(agent.folder, "counts.txt")
    agent.start()
    torture.wait_ready(agent, set(truth), 30)
    if agent.kill(signal.SIGTERM) != 0:
        raise Lie("it does not stop in peace")
    with open(agent.env.pop("FAULTS_COUNT")) as f:
        return {w[0]: int(w[1]) for w in map(str.split, f)}


def some_of(n, count, rng):
    """The first ones, and others in all orders of magnitude."""
    first = range(1, min(n, count // 2) + 1)
    rest = {int(len(first) + (n - len(first)) ** rng.random())
            for _ in range(count - len(first))}
    return sorted(set(first) | {k for k in rest if 0 < k <= n})


def ended(agent, kind):
    """It has ended: announced, and by its own will, unless no memory was to
    be had."""
    code = agent.p.returncode
    with open(agent.log, errors="replace") as f:
        told = any(w in line.lower() for line in f
                   for w in (" error ", "memory", "allocate"))
    if code < 0 and not (kind == "alloc" and code == -signal.SIGABRT):
        raise Lie(f"it crashed: signal {-code}")
    if not told:
        raise Lie(f"it ended with {code} and did not say why")


def run(agent, truth, kind, k, error):
    fresh(agent)
    agent.env["FAULTS_CALL"] = f"{kind}:{k}:{error}"
    agent.spawn()
    agent.env.pop("FAULTS_CALL")
    ends = 0
    limit = time.monotonic() + 30
    while True:
        try:
            have = agent.studies()
        except OSError:
            have = {}
        for u, s in have.items():
            if s["state"] == "ready" and (
                    s["instances"] != len(truth[u]) or
                    s["expected"] != len(truth[u])):
                raise Lie(f"{u} is ready with {s['instances']} objects")
        if {u for u in have if have[u]["state"] == "ready"} == set(truth):
            break
        if agent.p.poll() is not None:
            ended(agent, kind)
            ends += 1
            if ends > 2:
                raise Lie("it ends again and again")
            agent.spawn()
        if time.monotonic() > limit:
            raise Lie("not all ready within 30 s: " + str(
                [(s["state"], s["reason"]) for s in have.values()]))
        time.sleep(0.02)
    torture.check_files(agent)
    torture.check_studies(agent, truth, None, set(truth))
    if agent.kill(signal.SIGTERM) != 0:
        raise Lie("it does not stop in peace")
    agent.start()
    torture.check_files(agent)
    torture.check_studies(agent, truth, lambda r: [], set(truth))
    agent.kill()
    return ends


def main():
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    folder = sys.argv[3]
    node, web, archive = map(int, sys.argv[4:7])
    rng = random.Random(seed)
    truth = {}
    with open(os.path.join(folder, "wanted.txt")) as f:
        for study in f.read().split():
            code, truth[study] = torture.retrieve("PACS", archive, study)
            if code != 0 or not truth[study]:
                print(f"the archive does not send {study}")
                return 1
    agent = Agent(folder, node, web)
    agent.env.update(LD_PRELOAD=torture.FAULTS, FAULTS_FOLDER=agent.cache)
    agent.list("full.csv")
    what = "a quiet run"
    try:
        calls = count_calls(agent, truth)
        for kind, errors in CALLS.items():
            runs = ends = 0
            for error in errors:
                for k in some_of(calls[kind], count, rng):
                    what = f"{kind} {k} of {calls[kind]}: {error}"
                    ends += run(agent, truth, kind, k, error)
                    runs += 1
            print(f"  {kind:6} {calls[kind]:7} calls, {runs:3} failed one at "
                  f"a time: it ended {ends} times", flush=True)
    except Lie as lie:
        print(f"FAIL: {what}: {lie}")
        return 1
    finally:
        if agent.p and agent.p.poll() is None:
            agent.p.kill()
            agent.p.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
