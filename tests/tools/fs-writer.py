#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
#
# Keeps a file system busy, and knows what must be in a snapshot of it.
#
# fs-writer.py write DIR LOG STOP
#     Threads create files of random size and content below DIR, fsync them
#     and their directory, and remove old ones; one more creates, overwrites
#     and renames files without fsync.  Ends when the file STOP exists.
#
# fs-writer.py check LOG DIR ASKED RETURNED
#     DIR is the file system in a snapshot that was asked for and returned at
#     these times (nanoseconds).  Every file whose fsync returned before ASKED,
#     and whose removal was not begun before RETURNED, must be there byte for
#     byte; none whose creation was begun after RETURNED may be there.
#
# LOG has a line per event, written when it is over:
#     made NAME SHA256 BEGUN ENDED     with fsync
#     loose NAME - BEGUN ENDED         without
#     gone NAME - BEGUN ENDED

import hashlib
import os
import random
import sys
import threading
import time

KEEP = 400          # synced files of one thread
LOOSE = 200


def sync_dir(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class Log:
    def __init__(self, path):
        self.file = open(path, "a", buffering=1)
        self.lock = threading.Lock()

    def add(self, kind, name, digest, begun):
        with self.lock:
            self.file.write(f"{kind} {name} {digest} {begun} "
                            f"{time.time_ns()}\n")


def synced_writer(top, log, stop, number):
    rng = random.Random(number)
    directory = os.path.join(top, f"synced{number}")
    os.makedirs(directory, exist_ok=True)
    sync_dir(top)
    names = []
    count = 0
    while not os.path.exists(stop):
        name = f"synced{number}/file{count}"
        count += 1
        data = os.urandom(rng.choice((10, 3000, 4096, 50000, 200000)))
        begun = time.time_ns()
        with open(os.path.join(top, name), "wb") as f:
            half = len(data) // 2
            f.write(data[:half])
            f.flush()
            f.write(data[half:])
            f.flush()
            os.fsync(f.fileno())
        sync_dir(directory)
        log.add("made", name, hashlib.sha256(data).hexdigest(), begun)
        names.append(name)
        if len(names) > KEEP:
            victim = names.pop(rng.randrange(len(names)))
            begun = time.time_ns()
            # Logged before it is done: whoever reads the log then knows
            # that the file may be missing.
            log.add("gone", victim, "-", begun)
            os.unlink(os.path.join(top, victim))


def loose_writer(top, log, stop):
    rng = random.Random(99)
    directory = os.path.join(top, "loose")
    os.makedirs(directory, exist_ok=True)
    count = 0
    while not os.path.exists(stop):
        name = f"loose/file{count}"
        begun = time.time_ns()
        with open(os.path.join(top, name), "wb") as f:
            f.write(os.urandom(rng.choice((100, 5000, 100000))))
        log.add("loose", name, "-", begun)
        if count >= LOOSE:
            os.unlink(os.path.join(top, f"loose/file{count - LOOSE}"))
        with open(os.path.join(top, "loose/overwritten"), "ab") as f:
            f.seek(0)
            f.write(os.urandom(65536))
            if f.tell() > 64 << 20:
                f.truncate(0)
        count += 1


def write(top, log_path, stop):
    log = Log(log_path)
    threads = [threading.Thread(target=synced_writer,
                                args=(top, log, stop, n)) for n in range(3)]
    threads.append(threading.Thread(target=loose_writer,
                                    args=(top, log, stop)))
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def file_hash(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def check(log_path, top, asked, returned):
    made, gone, begun_at = {}, {}, {}
    with open(log_path) as log:
        for line in log:
            kind, name, digest, begun, ended = line.split()
            if kind == "gone":
                gone[name] = int(begun)
            else:
                begun_at[name] = int(begun)
            if kind == "made":
                made[name] = (digest, int(ended))
    bad = 0
    must = 0
    for name, (digest, ended) in made.items():
        if ended >= asked or gone.get(name, returned) < returned:
            continue
        must += 1
        try:
            if file_hash(os.path.join(top, name)) == digest:
                continue
            what = "differs"
        except OSError as e:
            what = e.strerror
        print(f"{name}: fsynced before the snapshot: {what}")
        bad += 1
    seen = 0
    for directory, _, files in os.walk(top):
        for f in files:
            name = os.path.relpath(os.path.join(directory, f), top)
            seen += 1
            if begun_at.get(name, 0) > returned:
                print(f"{name}: created after the snapshot")
                bad += 1
    print(f"{must} files fsynced before, {seen} files seen, {bad} wrong")
    return bad == 0 and must > 0


def main():
    if sys.argv[1:2] == ["write"] and len(sys.argv) == 5:
        write(*sys.argv[2:])
    elif sys.argv[1:2] == ["check"] and len(sys.argv) == 6:
        if not check(sys.argv[2], sys.argv[3], int(sys.argv[4]),
                     int(sys.argv[5])):
            sys.exit(1)
    else:
        sys.exit("usage: see the top of fs-writer.py")


main()
