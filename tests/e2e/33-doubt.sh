#!/bin/sh
# Goal of this test:
# - images that a viewer fetched before any case wanted them, and that are of
#   another patient than the archive's database says, are held when a case
#   wants them;
# - a question for series that fails takes nothing away from a case, and what
#   could not be judged is fetched to be safe.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 curl getscu dcmodify
phantom
field() { # NAME: of the case, as the list has it
	python3 -c 'import csv, sys
print(next(r[sys.argv[2]] for r in csv.DictReader(open(sys.argv[1]))
           if r["case_id"] == "CASE-1001"))' "$T/hospital/list.csv" "$1"
}
NODE_PORT=$(port)
cp -r "$T/hospital/dicom" "$T/strange"
find "$T/strange" -type f -exec dcmodify -nb -ie -m 0010,0010=STRANGER^Else \
	-m 0010,0030=19500101 {} + >"$T/dcmodify.log" 2>&1 || fail "dcmodify"
start_archive --say "$(field patient_name)" "$(field birth_date | tr -d -)" \
	"$T/strange"
head -n 1 "$T/hospital/list.csv" >"$T/list.csv"
configure <<END
archive ARCHIVE $AR_PORT c-get
END
start_agent
WEB=http://127.0.0.1:$WEB_PORT
until_ok 20 sh -c "curl -sf $WEB/api/status | grep -q '\"up\"'"
while read -r uid; do
	getstudy UNDERSTUDY "$NODE_PORT" "$uid" "$T/got/$uid" || true # not hers
done <"$T/wanted.txt"
n=$(api studies | json "len([s for s in d if s['state'] == 'ready'])")
[ "$n" -ge 1 ] || fail "the viewer got nothing: $(api studies)"
grep '^CASE-1001,' "$T/hospital/list.csv" >>"$T/list.csv"
is_held() {
	api cases | json "all(s['state'] == 'held' and 'what is here' in s['why']
		for c in d for s in c['studies']) and d[0]['readiness']" |
		grep -qx failed
}
until_ok 20 is_held || fail "it is shown: $(api cases)"
stop "$AGENT_PID"
stop "$AR_PID"
echo "  another patient's images, fetched before the case: held"

STATE=$T/state2
AR_PORT=$(port)
start_archive --describe 'MRI study' --no-series "$T/no-series" \
	"$T/hospital/dicom"
{
	head -n 1 "$T/hospital/list.csv"
	grep '^CASE-1001,' "$T/hospital/list.csv"
} >"$T/list.csv"
configure <<END
archive ARCHIVE $AR_PORT c-get
END
start_agent
wait_case CASE-1001 ready 30
wanted() { api cases | json "[len(c['studies']) for c in d]"; }
before=$(wanted)
asked=$(grep -c '00080052=SERIES' "$T/asked.txt")
touch "$T/no-series"
sed 's/Closure of/Revised closure of/' "$T/list.csv" >"$T/list.new"
mv "$T/list.new" "$T/list.csv"
refused() { [ "$(grep -c '00080052=SERIES' "$T/asked.txt")" -gt "$asked" ]; }
until_ok 20 refused || fail "it is not asked again"
sleep 2
[ "$(wanted)" = "$before" ] || fail "taken away: $before, then $(wanted)"
echo "  a question for series that fails takes nothing away"
stop "$AGENT_PID"
STATE=$T/state3
configure <<END
archive ARCHIVE $AR_PORT c-get
END
start_agent
is_wanted() { [ "$(wanted)" = "[2]" ]; }
until_ok 20 is_wanted || fail "not wanted: $(api cases)"
rm "$T/no-series"
wait_case CASE-1001 ready 60
echo "  what could not be judged is fetched"
