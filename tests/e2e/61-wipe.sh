#!/bin/sh
# Goal of this test (Z05):
# - `understudy wipe --yes` removes every image and all that was noted of
#   patients: no word of the fixtures is left in any file below the state
#   folder, while the agent runs and after it has ended;
# - it fetches nothing afterwards, and says so, until it is started again;
#   then the coming cases turn ready again.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 curl
phantom
start_archive "$T/hospital/dicom"
NODE_PORT=$(port)
configure <<END
archive ARCHIVE $AR_PORT c-get
END
cp "$T/hospital/list.csv" "$T/list.csv"
start_agent
wait_case CASE-1001 ready 60
wait_case CASE-1002 ready 60

{
	python3 tests/e2e/archive.py --list "$T/hospital/dicom" |
		awk -F '\t' '{ print $1; print $2 }'
	printf '%s\n' LINDQVIST OKONJO MARCHETTI UD4100 "$(birth_of CASE-1001)" \
		"$(birth_of CASE-1002)" CASE-100
} | sort -u >"$T/words.txt"
traces() { find "$STATE" -type f -exec grep -aFl -f "$T/words.txt" {} +; }
[ -n "$(traces)" ] || fail "the words are not those of the fixtures"

understudy() { "$CLI" -S "$STATE/control.sock" "$@"; }
understudy wipe >"$T/no.txt" 2>&1 && fail "it was not meant"
grep -q -e --yes "$T/no.txt" || fail "it does not tell how"
curl -s -o /dev/null -X POST "http://127.0.0.1:$WEB_PORT/api/wipe"
[ -n "$(traces)" ] || fail "a bare POST has wiped"
understudy wipe --yes >"$T/wipe.txt" 2>&1 || fail "$(cat "$T/wipe.txt")"
grep -q wiped "$T/wipe.txt" || fail "$(cat "$T/wipe.txt")"
[ -z "$(traces)" ] || fail "left over: $(traces)"
[ -z "$(find "$STATE/cache" -name '*.dcm')" ] || fail "images are left"
code=$(curl -s -o /dev/null -w '%{http_code}' \
	"http://127.0.0.1:$WEB_PORT/healthz")
[ "$code" = 503 ] || fail "healthz says $code"
[ "$(readiness CASE-1001)" = failed ] || fail "shown: $(api cases)"
understudy prefetch CASE-1001 >/dev/null 2>&1 && fail "it fetches again"
understudy look >/dev/null 2>&1
touch "$T/list.csv"
sleep 1
[ -z "$(traces)" ] || fail "came back: $(traces)"
findscu -S -aet VIEWER -aec UNDERSTUDY -k 0008,0052=STUDY -k 0010,0020 \
	127.0.0.1 "$NODE_PORT" >/dev/null 2>&1 # it lives
understudy status >/dev/null 2>&1 || fail "no agent"
stop "$AGENT_PID"
[ -z "$(traces)" ] || fail "left over at the end: $(traces)"

start_agent
wait_case CASE-1001 ready 60
echo "$(wc -l <"$T/words.txt") words of patients, none left; ready again"
