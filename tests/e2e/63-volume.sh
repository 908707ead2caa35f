#!/bin/sh
# Goal of this test (C13):
# - a cache whose volume is taken away while the agent runs: it is unhealthy
#   and says why, nothing is removed, and nothing is put in its place;
# - it goes on when the volume is back;
# - started without the volume it refuses, and makes nothing.
# Needs to mount (root and a namespace of its own); a Mac's disk stands in by a
# bind mount.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need dcmqrscp dcmsend curl python3 unshare mount
if [ -z "${OWN_MOUNTS:-}" ]; then
	unshare -m true 2>/dev/null || skip "no mounts of our own"
	rmdir "$T"
	OWN_MOUNTS=1 exec unshare -m --propagation private sh "$0" "$@"
fi
V=$T/volume
mkdir "$T/disk" "$V"
mount --bind "$T/disk" "$V" 2>/dev/null || skip "it may not mount"
trap 'code=$?; umount -l "$V" 2>/dev/null; (exit "$code"); finish' EXIT
phantom
cp "$T/hospital/list.csv" "$T/full.csv"
grep -e '^case_id' -e '^CASE-1002,' "$T/full.csv" >"$T/list.csv"
NODE_PORT=$(port)
start_qrscp
send PACS "$QR_PORT" "$T/hospital/dicom" || fail "send to dcmqrscp"
CACHE_KEYS="path = $V/cache"
configure <<END
pacs PACS $QR_PORT c-get
END
start_agent
wait_case CASE-1002 ready 60
objects() { find "$1" -name '*.dcm' | wc -l; }
n=$(objects "$T/disk")
[ "$n" -gt 0 ] || fail "the cache is not where it was told to be"
healthz() { curl -s "http://127.0.0.1:$WEB_PORT/healthz"; }
says() { healthz | grep -q "$1"; }

# taken away, and an urgent case comes
umount -l "$V"
until_ok 30 says 'not in its place' || fail "gone: it says $(healthz)"
"$CLI" -S "$STATE/control.sock" status | grep -q 'not in its place' ||
	fail "gone: status does not say it"
cp "$T/full.csv" "$T/list.new"
mv "$T/list.new" "$T/list.csv"
sleep 5
[ -z "$(ls -A "$V")" ] || fail "gone: something is in its place: $(ls "$V")"
[ "$(objects "$T/disk")" -eq "$n" ] || fail "gone: $(objects "$T/disk") of $n"
echo "  taken away: said, nothing removed, nothing put in its place"

mount --bind "$T/disk" "$V"
until_ok 30 says '^ok' || fail "back: it says $(healthz)"
wait_case CASE-1003 ready 60
[ "$(objects "$T/disk")" -gt "$n" ] || fail "back: nothing was fetched"
echo "  back: goes on"

# started without it
stop "$AGENT_PID"
umount -l "$V"
: >"$T/agent.log"
timeout 20 "$PROG" -c "$T/agent.conf" >>"$T/agent.log" 2>&1 &&
	fail "it starts without its volume"
grep -q 'is its volume mounted' "$T/agent.log" ||
	fail "it does not say why: $(tail -n 3 "$T/agent.log")"
[ -z "$(ls -A "$V")" ] || fail "it made $(ls "$V")"
mount --bind "$T/disk" "$V"
start_agent
wait_case CASE-1003 ready 30
echo "  started without it: refused, nothing made; with it: all is there"
