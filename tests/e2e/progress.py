#!/usr/bin/env python3
"""Show the cases of an agent turning ready: progress.py URL SECONDS.

On a terminal one bar a case, redrawn; else a line for each change. Exit 0
when every case is ready, 1 when the time is over."""
import json
import shutil
import sys
import time
import urllib.request

tty = sys.stdout.isatty()
COLUMNS = shutil.get_terminal_size((100, 24)).columns
WIDTH = max(8, min(28, COLUMNS - 66))  # of a bar
TEXT = max(12, min(34, COLUMNS - WIDTH - 38))  # of a procedure


def bar(have, want):
    full = WIDTH * have // want if want else 0
    return "█" * full + "░" * (WIDTH - full)


def line(case):
    studies = [s for s in case["studies"] if s["state"] != "held"]
    have = sum(s["instances"] for s in studies)
    want = sum(s["expected"] or 0 for s in studies)
    return (f"  {case['start'][11:16]}  {case['procedure'][:TEXT]:{TEXT}} "
            f"{bar(have, want)} {have:5} of {want:5}  {case['readiness']}")


def main():
    url, limit = sys.argv[1], time.time() + float(sys.argv[2])
    shown, drawn, opener = {}, 0, urllib.request.build_opener(
        urllib.request.ProxyHandler({}))
    while True:
        cases = json.load(opener.open(url + "/api/cases"))
        if tty:
            if drawn:
                print(f"\x1b[{drawn}A", end="")
            for c in cases:
                print("\x1b[2K" + line(c))
            drawn = len(cases)
        else:
            for c in cases:
                if shown.get(c["id"]) != c["readiness"]:
                    shown[c["id"]] = c["readiness"]
                    print(line(c), flush=True)
        if cases and all(c["readiness"] == "ready" for c in cases):
            return 0
        if time.time() > limit:
            return 1
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
