#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check launchd property lists: every key known and of its type, none twice,
label equal to the file's name, program absolute (launchd.plist(5)). launchd
itself says no more than "Bootstrap failed: 5".

usage: plist.py [FILE...]       default: launchd/*.plist
"""
import glob
import os
import plistlib
import sys
import xml.parsers.expat

STRING, FLAG, NUMBER, LIST, DICT = str, bool, int, list, dict
KEYS = {
    "Label": STRING, "ProgramArguments": LIST, "Program": STRING,
    "UserName": STRING, "GroupName": STRING, "RunAtLoad": FLAG,
    "KeepAlive": FLAG, "ThrottleInterval": NUMBER, "ExitTimeOut": NUMBER,
    "ProcessType": STRING, "Umask": NUMBER, "SoftResourceLimits": DICT,
    "HardResourceLimits": DICT, "StandardErrorPath": STRING,
    "StandardOutPath": STRING, "WorkingDirectory": STRING,
    "StartCalendarInterval": LIST, "EnvironmentVariables": DICT,
    "Sockets": DICT, "AbandonProcessGroup": FLAG,
}
NEEDED = ("Label", "ProgramArguments", "UserName", "StandardErrorPath")
ABSOLUTE = ("StandardErrorPath", "StandardOutPath", "WorkingDirectory",
            "Program")
PROCESS_TYPES = ("Background", "Standard", "Adaptive", "Interactive")
LIMITS = ("Core", "CPU", "Data", "FileSize", "MemoryLock", "NumberOfFiles",
          "NumberOfProcesses", "ResidentSetSize", "Stack")
CALENDAR = {"Minute": 59, "Hour": 23, "Day": 31, "Weekday": 7, "Month": 12}


def duplicate_keys(data):
    """plistlib keeps the last of two equal keys without a word."""
    found, open_dicts, text = [], [], [None]

    def start(name, _attributes):
        if name == "dict":
            open_dicts.append(set())
        text[0] = "" if name == "key" else None

    def characters(part):
        if text[0] is not None:
            text[0] += part

    def end(name):
        if name == "key":
            if text[0] in open_dicts[-1]:
                found.append(text[0])
            open_dicts[-1].add(text[0])
            text[0] = None
        elif name == "dict":
            open_dicts.pop()

    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler = start
    parser.CharacterDataHandler = characters
    parser.EndElementHandler = end
    parser.Parse(data, True)
    return found


def is_a(value, kind):
    if kind is NUMBER and isinstance(value, bool):
        return False
    return isinstance(value, kind)


def check_program(job):
    arguments = job.get("ProgramArguments", [])
    if not arguments or not all(isinstance(a, str) for a in arguments):
        yield "ProgramArguments: want strings"
    elif not arguments[0].startswith("/"):
        yield f"ProgramArguments: want an absolute program, " \
              f"have '{arguments[0]}'"
    for key in ABSOLUTE:
        if key in job and not str(job[key]).startswith("/"):
            yield f"{key}: want an absolute path, have '{job[key]}'"


def check_values(job):
    kind = job.get("ProcessType", "Standard")
    if kind not in PROCESS_TYPES:
        yield f"ProcessType: want one of {PROCESS_TYPES}, have '{kind}'"
    if not 0 <= job.get("Umask", 0) <= 0o777:
        yield f"Umask: want 0 to 511 (decimal), have {job['Umask']}"
    for name in ("SoftResourceLimits", "HardResourceLimits"):
        for key, value in job.get(name, {}).items():
            if key not in LIMITS or not is_a(value, NUMBER):
                yield f"{name}: {key}: want a known limit and a number"
    for when in job.get("StartCalendarInterval", []):
        for key, value in when.items():
            if key not in CALENDAR or not is_a(value, NUMBER) or \
                    not 0 <= value <= CALENDAR[key]:
                yield f"StartCalendarInterval: {key}: not a time"
    if job.get("KeepAlive") and "StartCalendarInterval" in job:
        yield "KeepAlive: want none beside StartCalendarInterval"


def check(path):
    with open(path, "rb") as f:
        data = f.read()
    if not data.startswith(b"<?xml"):
        yield "want '<?xml' in the first bytes"
    try:
        job = plistlib.loads(data)
        twice = duplicate_keys(data)
    except Exception as e:  # plistlib raises whatever its parser meets
        yield f"cannot be read: {e}"
        return
    if not isinstance(job, dict):
        yield "want a dictionary"
        return
    for key in twice:
        yield f"{key}: stands twice"
    for key in NEEDED:
        if key not in job:
            yield f"{key}: missing"
    wrong = False
    for key, value in job.items():
        if key not in KEYS:
            yield f"{key}: unknown key"
        elif not is_a(value, KEYS[key]):
            wrong = True
            yield f"{key}: want {KEYS[key].__name__}, " \
                  f"have {type(value).__name__}"
    name = os.path.basename(path)
    if job.get("Label", "") + ".plist" != name:
        yield f"Label: want the file's name, have '{job.get('Label')}'"
    if not wrong:
        yield from check_program(job)
        yield from check_values(job)


def main():
    paths = sys.argv[1:] or sorted(glob.glob("launchd/*.plist"))
    bad = 0
    for path in paths:
        for text in check(path):
            print(f"{path}: {text}")
            bad += 1
    return 1 if bad or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
