#!/bin/sh
# Goal of this test:
# - over a wire that loses, repeats and delays packets (N02) all becomes ready,
#   each object sent once, byte for byte;
# - a network that changes in the middle of a transfer (N03: another address of
#   ours, a name that is not known for a while, IPv6 alone) costs less than a
#   minute, and no object twice but those that were on their way.
# Needs namespaces of its own (root) and /dev/net/tun.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need Orthanc dcmsend curl python3 unshare nsenter ip
if [ -z "${OWN_NET:-}" ]; then
	[ -c /dev/net/tun ] || skip "no /dev/net/tun"
	unshare -nm true 2>/dev/null || skip "no network of our own"
	rmdir "$T"
	OWN_NET=1 exec unshare -nm --propagation private sh "$0" "$@"
fi
ip link set lo up
unshare -n sleep 600 &
FAR_PID=$!
PIDS="$PIDS $FAR_PID"
FAR="nsenter -t $FAR_PID -n"
far() { $FAR "$@"; }
until_ok 5 far ip link set lo up || fail "no network for the archive"
echo "10 0 0 0" >"$T/how"
python3 tests/e2e/wire.py "$FAR_PID" "$T/how" >"$T/wire.log" 2>&1 &
PIDS="$PIDS $!"
until_ok 5 ip link show us0 || skip "no tun: $(cat "$T/wire.log")"
until_ok 5 far ip link show us1 || fail "no wire to the archive"
ip addr add 10.9.0.1/24 dev us0
ip addr add fd09::1/64 dev us0 nodad
far ip addr add 10.9.0.2/24 dev us1
far ip addr add fd09::2/64 dev us1 nodad
ip link set us0 up
far ip link set us1 up
cp /etc/hosts "$T/hosts"
mount --bind "$T/hosts" /etc/hosts || skip "it may not mount"

phantom
cp "$T/hospital/list.csv" "$T/list.csv"
NODE_PORT=$(port)
start_orthanc
send ORTHANC "$OR_PORT" "$T/hospital/dicom" || fail "send to Orthanc"
ASSOCIATIONS=2 # Orthanc serves four, and may wait for two that are gone
EXTRA='[limits]
archive_time = 5 s'
# begin HOST: an agent with an empty cache
begin() {
	from=$(date +%s)
	ARCHIVE_HOST=$1
	rm -rf "$T/state"
	: >"$T/agent.log"
	configure <<END
pacs ORTHANC $OR_PORT c-get
END
	start_agent
}
stored() {
	curl -s "http://127.0.0.1:$WEB_PORT/metrics" |
		awk '$1 == "understudy_objects_stored_total" { print $2 }'
}
held() { api status | json "d['cache']['instances']"; }
# all_ready WHAT SECONDS
all_ready() {
	for c in CASE-1002 CASE-1003; do
		wait_case "$c" ready "$2"
	done
	[ "$(stored)" -le $(($(held) * 11 / 10)) ] ||
		fail "$1: $(stored) objects came for $(held)"
	echo "  $1: ready after $(($(date +%s) - from)) s, $(stored) objects came for $(held)"
}

begin 10.9.0.2
all_ready "20 ms, nothing lost" 60
n=$(held)
stop "$AGENT_PID"

echo "5 2 1 5" >"$T/how"
begin 10.9.0.2
all_ready "2 % lost, 1 % twice, 5 % late" 100
[ "$(held)" -eq "$n" ] || fail "$(held) objects, not $n"
stop "$AGENT_PID"
echo "10 0 0 0" >"$T/how"

# another address in the middle: what was open leads nowhere any more
begin 10.9.0.2
some() { [ "$(stored)" -ge "$1" ]; }
until_ok 30 some 5 || fail "nothing comes"
ip addr del 10.9.0.1/24 dev us0
ip addr add 10.9.0.7/24 dev us0
all_ready "another address of ours" 60
stop "$AGENT_PID"

# a name that nobody knows, until somebody does
begin pacs.example.org
until_ok 20 grep -q 'archive.down archive=pacs' "$T/agent.log" ||
	fail "a name that nobody knows: not told"
echo "10.9.0.2 pacs.example.org" >>"$T/hosts"
all_ready "a name that was not known for a while" 60
stop "$AGENT_PID"

# DCMTK and Orthanc listen by IPv4 only: a relay beside the archive
ip addr del 10.9.0.7/24 dev us0
# shellcheck disable=SC2086 # words on purpose
$FAR python3 -c 'import asyncio, sys
async def copy(a, b):
    while data := await a.read(65536):
        b.write(data)
        await b.drain()
    b.close()
async def met(r, w):
    ar, aw = await asyncio.open_connection("127.0.0.1", sys.argv[1])
    await asyncio.gather(copy(r, aw), copy(ar, w))
async def main():
    s = await asyncio.start_server(met, "fd09::2", sys.argv[1])
    await s.serve_forever()
asyncio.run(main())' "$OR_PORT" >"$T/relay.log" 2>&1 &
PIDS="$PIDS $!"
begin fd09::2
all_ready "IPv6 alone" 60
stop "$AGENT_PID"
stop "$OR_PID" KILL # it would wait for minutes for an address that is gone
