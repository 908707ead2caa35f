#!/bin/sh
# Goal of this test:
# - a study that is held back leaves by no door, not even with partial = yes,
#   and a push of it ends;
# - what is not whole is whole by no door;
# - a request that names another patient's identifier gets nothing, here or
#   from an archive.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 findscu getscu storescp curl
phantom
cp "$T/list.csv" "$T/true.csv"
NODE_KEYS="partial = yes"
NODE_PORT=$(port)
start_archive "$T/hospital/dicom"
configure <<END
archive ARCHIVE $AR_PORT c-get
END
sed -i.bak 's/^ae_title = OSIRIX/&\npush = yes/' "$T/agent.conf"
mkdir "$T/viewer"
storescp -aet OSIRIX +xa +B --sleep-during 1 -od "$T/viewer" "$VIEWER_PORT" \
	>"$T/storescp.log" 2>&1 &
PIDS="$PIDS $!"
WEB=http://127.0.0.1:$WEB_PORT
code() { curl -s -o /dev/null -w '%{http_code}' "$@"; }
count() { find "$1" -type f | wc -l; }
# by_web UID: the status of each way to have it
by_web() {
	for path in "dicom-web/studies/$1" "dicom-web/studies/$1/metadata" \
		"wado?requestType=WADO&studyUID=$1"; do
		code "$WEB/$path"
		echo
	done | sort -u
	curl -s "$WEB/dicom-web/studies?StudyInstanceUID=$1"
	echo
}
nothing_by_web() {
	[ "$(by_web "$1" | tr -d '\n ')" = '404[]' ] ||
		fail "$2 by DICOMweb: $(by_web "$1")"
}

# --- another patient's identifier, before anything is here
S=$(head -n 1 "$T/wanted.txt")
head -n 1 "$T/true.csv" >"$T/list.csv"
start_agent
until_ok 20 sh -c "curl -sf $WEB/api/status | grep -q '\"up\"'"
for turn in first second; do
	mkdir "$T/$turn"
	getscu -P +B -aet V -aec UNDERSTUDY -od "$T/$turn" \
		-k 0008,0052=STUDY -k 0010,0020=NOT-THIS-PATIENT \
		-k "0020,000D=$S" 127.0.0.1 "$NODE_PORT" >>"$T/getscu.log" 2>&1
	[ "$(count "$T/$turn")" -eq 0 ] || fail "another patient's images"
done
echo "  another patient's identifier: nothing"

# --- held while it is being pushed
cp "$T/true.csv" "$T/list.csv"
until_ok 40 all_are 'ready|none' || fail "$(not_ready)"
until_ok 20 sh -c "[ \$(find '$T/viewer' -type f | wc -l) -ge 2 ]" ||
	fail "nothing is pushed"
awk -F, -v OFS=, 'NR > 1 { $7 = "SOMEBODY^ELSE"; $8 = "19010203" } { print }' \
	"$T/true.csv" >"$T/list.new"
mv "$T/list.new" "$T/list.csv"
until_ok 20 all_are failed || fail "not held: $(api cases)"
sleep 3 # the object under way may end
before=$(count "$T/viewer")
[ "$(found "$S")" -eq 0 ] || fail "a held study is listed"
getstudy UNDERSTUDY "$NODE_PORT" "$S" "$T/held"
[ "$(count "$T/held")" -eq 0 ] || fail "a held study is served"
nothing_by_web "$S" "a held study"
sleep 3
[ "$(count "$T/viewer")" -eq "$before" ] || fail "a held study is pushed on"
stop "$AGENT_PID"
stop "$AR_PID"
echo "  held: by no door, and the push has ended"

# --- half a study
rm -rf "$STATE"
cp "$T/true.csv" "$T/list.csv"
unset AR_PORT
start_archive --cut "$T/hospital/dicom"
sed -i.bak "/^ae_title = ARCHIVE/,/^port/s/^port = .*/port = $AR_PORT/" \
	"$T/agent.conf"
start_agent
half() { api studies | json "next(s['study_uid'] for s in d
	if s['instances'] and s['state'] in ('incomplete', 'failed'))"; }
until_ok 30 half || fail "no half study: $(api studies)"
stop "$AR_PID"
H=$(half)
until_ok 20 sh -c "curl -sf $WEB/api/status | grep -q '\"down\"'"
nothing_by_web "$H" "half a study"
all=$(study "$H" | json "d['expected']")
findscu -S -aet V -aec UNDERSTUDY -k 0008,0052=STUDY -k "0020,000D=$H" \
	-k 0020,1208 127.0.0.1 "$NODE_PORT" >"$T/find.log" 2>&1
grep -q "(0020,1208) IS \[$all *\]" "$T/find.log" ||
	fail "want the archive's count of $all: $(cat "$T/find.log")"
echo "  half a study: the archive's count, and whole by no door"
