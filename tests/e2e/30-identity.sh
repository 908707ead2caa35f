#!/bin/sh
# Goal of this test:
# - the same identifier with another birth date, family name or issuer is held
#   back: state held, case failed, the reason in words, nothing fetched;
# - an identifier with a wildcard or a backslash is never asked for;
# - where only the identifier can be compared the study is fetched and marked,
#   and held with strict_identity;
# - a corrected row sets it right, whatever another row says;
# - an archive whose answer agrees but whose objects are of somebody else:
#   held, nothing kept, nothing shown;
# - a study that was ready is shown no more when its row turns out wrong.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 findscu curl
phantom
S1=$(awk '$2 == "CASE-1001" { c = 1; next } c && $1 == "wanted" {
	print $2; exit }' "$T/hospital/expect.txt")
B1=$(birth_of CASE-1001)
B2=$(birth_of CASE-1002)
B3=$(birth_of CASE-1003)
NODE_PORT=$(port)
start_archive "$T/hospital/dicom"
configure <<END
archive ARCHIVE $AR_PORT c-get
END
at=$(in_hours 6)
list <<END
date,$at,Theatre 6,UD4100237,,LINDQVIST^Ebba,19990909,x
name,$at,Theatre 6,UD4100761,,"Bergström, Tobias",$B2,x
issuer,$at,Theatre 6,UD4101108,OTHER-HOSPITAL,MARCHETTI^Giulia,$B3,x
star,$at,Theatre 6,UD41*,,,,x
mark,$at,Theatre 6,UD410023?,,,,x
slash,$at,Theatre 6,UD4100237\\UD4100761,,,,x
END
start_agent

# what the reasons of a case and of its studies say: says CASE WORDS
says() {
	api cases | json "[str(c['reason']) + str([s['reason'] for s in
		c['studies']]) for c in d if c['id'] == '$1'][0]" |
		grep -qi "$2" || fail "$1: want '$2', have $(not_ready)"
}
for c in date name issuer star mark slash; do
	wait_case "$c" failed 20
done
says date 'birth date differs'
says name 'family name differs'
says issuer 'issuer of the identifier differs'
says star 'never asked'
says mark 'never asked'
says slash 'never asked'
grep -q '[*?]\|UD4100237.UD41' "$T/asked.txt" &&
	fail "an unsafe identifier went out"
grep -q 'C-GET\|C-MOVE' "$T/asked.txt" && fail "something was fetched"
api "studies/$S1" | json "d['state']" | grep -qx held ||
	fail "the study is not held: $(api "studies/$S1")"
[ "$(found "$S1")" -eq 0 ] || fail "a held study is listed to viewers"
api status | json "d['cache']['instances']" | grep -qx 0 ||
	fail "the cache has something"
"$CLI" -S "$STATE/control.sock" why date | grep -qi 'birth date differs' ||
	fail "the command does not say why"

# corrected beside another wrong row of the same identifier, and one where only
# the identifier is known
list <<END
wrong,$at,Theatre 6,UD4100237,,LINDQVIST^Ebba,20220101,Closure of VSD
date,$at,Theatre 6,UD4100237,,LINDQVIST^Ebba,$B1,Closure of VSD
only,$at,Theatre 6,UD4101108,,,,Fontan
END
wait_case date ready 30
wait_case only ready 30
wait_case wrong failed 10
is_readiness date ready || fail "a wrong row takes a right one's studies"
api cases | json "[[s['identifier_only'] for s in c['studies']]
	for c in d if c['id'] in ('date', 'only')]" >"$T/only.txt"
grep -qF '[[False, False], [True]]' "$T/only.txt" ||
	fail "identifier only: $(cat "$T/only.txt")"
[ "$(found "$S1")" -eq 1 ] || fail "a ready study is not listed"
while read -r uid; do
	grep -q "^C-[GM][EO].*$uid" "$T/asked.txt" &&
		fail "a study that no rule wants was fetched"
done <"$T/unwanted.txt"

# strict: what cannot be compared is held; and an archive that says another
# birth date than the list
stop "$AGENT_PID"
stop "$AR_PID"
start_archive --other-birth-date "$T/hospital/dicom"
STATE=$T/strict
mkdir -p "$STATE"
PREFETCH='strict_identity = yes'
configure <<END
archive ARCHIVE $AR_PORT c-get
END
list <<END
date,$at,Theatre 6,UD4100237,,LINDQVIST^Ebba,$B1,Closure of VSD
only,$at,Theatre 6,UD4101108,,,,Fontan
END
start_agent
wait_case date failed 20
wait_case only failed 20
says date 'birth date differs'
says only 'identifier only'
# the list and the archive's answers say one birth date, the objects another
list <<END
date,$at,Theatre 6,UD4100237,,LINDQVIST^Ebba,19010101,Closure of VSD
END
until_ok 20 sh -c "curl -sf http://127.0.0.1:$WEB_PORT/api/cases |
	grep -q 'another patient'" || fail "not held for its objects: $(api cases)"
is_readiness date failed || fail "a stranger's study: $(readiness date)"
[ "$(found "$S1")" -eq 0 ] || fail "a stranger's study is listed"
[ "$(find "$STATE/cache" -name '*.dcm' | wc -l)" -eq 0 ] ||
	fail "a stranger's objects were kept"

# ready, then the row's birth date is corrected to another one
stop "$AGENT_PID"
stop "$AR_PID"
start_archive "$T/hospital/dicom"
STATE=$T/later
mkdir -p "$STATE"
PREFETCH=''
configure <<END
archive ARCHIVE $AR_PORT c-get
END
list <<END
date,$at,Theatre 6,UD4100237,,LINDQVIST^Ebba,$B1,Closure of VSD
END
start_agent
wait_case date ready 30
[ "$(found "$S1")" -eq 1 ] || fail "a ready study is not listed"
list <<END
date,$at,Theatre 6,UD4100237,,LINDQVIST^Ebba,19990909,Closure of VSD
END
wait_case date failed 20
[ "$(found "$S1")" -eq 0 ] || fail "a held study is listed"
list <<END
date,$at,Theatre 6,UD4100237,,LINDQVIST^Ebba,$B1,Closure of VSD
END
wait_case date ready 20
[ "$(found "$S1")" -eq 1 ] || fail "a corrected study is not listed"
echo "identity: held, never asked, marked and corrected"
