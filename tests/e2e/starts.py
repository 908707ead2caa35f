#!/usr/bin/env python3
"""How long an agent takes until it serves, and what it costs when idle.

usage: starts.py PROG CONF NODE-PORT WEB-PORT LOG
Starts the agent after a clean stop, after kill -9 and, where we may drop what
the system remembers of the disk, after that as well (a power cut); each three
times, the median counts. It serves when its page answers and a C-ECHO does.
Then the sweep is awaited and, over 30 s, the share of a processor is measured
and how often its threads wake."""
import glob
import os
import signal
import subprocess
import sys
import time
import urllib.request

PROG, CONF, NODE, WEB, LOG = sys.argv[1:6]
ROUNDS = 3
IDLE_S = 30


def start():
    begin = time.monotonic()
    with open(LOG, "w") as log:
        p = subprocess.Popen([PROG, "-c", CONF], stderr=log)
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{WEB}/healthz",
                                   timeout=60).read()
            break
        except OSError:
            if p.poll() is not None:
                sys.exit("it ended: " + open(LOG).read())
            time.sleep(0.005)
    subprocess.run(["echoscu", "-aec", "UNDERSTUDY", "127.0.0.1", NODE],
                   check=True)
    return p, time.monotonic() - begin


def end(p, sig):
    p.send_signal(sig)
    p.wait()


def forget():
    """Whether the system remembers nothing of the disk any more."""
    try:
        os.sync()
        with open("/proc/sys/vm/drop_caches", "w") as f:
            f.write("3")
        return True
    except OSError:
        return False


def status(p, what):
    with open(f"/proc/{p.pid}/status") as f:
        return next(int(line.split()[1]) for line in f
                    if line.startswith(what))


def used(p):
    """Seconds of processor, and how often a thread has gone to sleep."""
    with open(f"/proc/{p.pid}/stat") as f:
        words = f.read().rsplit(")", 1)[1].split()
    seconds = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    sleeps = 0
    for path in glob.glob(f"/proc/{p.pid}/task/*/status"):
        with open(path) as f:
            sleeps += next(int(line.split()[1]) for line in f
                           if line.startswith("voluntary"))
    return seconds, sleeps


def row(label, value):
    print(f"  {label:42} {value:>8}", flush=True)


def starts(label, sig, cold=False):
    times = []
    p, _ = start()
    for _ in range(ROUNDS):
        end(p, sig)
        if cold and not forget():
            row(label, "not here")
            return start()[0]
        p, t = start()
        times.append(t)
    row(label, f"{sorted(times)[ROUNDS // 2]:.2f} s")
    return p


def main():
    end(starts("serves, after a clean stop", signal.SIGTERM), signal.SIGTERM)
    end(starts("serves, after kill -9", signal.SIGKILL), signal.SIGTERM)
    p = starts("serves, after kill -9 and a cold disk", signal.SIGKILL, True)
    limit = time.monotonic() + 600
    while " cache.swept " not in open(LOG).read():
        if time.monotonic() > limit:
            sys.exit("the sweep does not end")
        time.sleep(1)
    row("resident memory, with the sweep done",
        f"{status(p, 'VmRSS') / 1024:.1f} MB")
    time.sleep(5)
    before = used(p)
    time.sleep(IDLE_S)
    after = used(p)
    row("idle: share of a core",
        f"{100 * (after[0] - before[0]) / IDLE_S:.2f} %")
    row("idle: threads that wake, a second",
        f"{(after[1] - before[1]) / IDLE_S:.1f}")
    row("resident memory, at most",
        f"{status(p, 'VmHWM') / 1024:.1f} MB")
    end(p, signal.SIGTERM)


if __name__ == "__main__":
    main()
