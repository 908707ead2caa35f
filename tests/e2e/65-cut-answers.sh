#!/bin/sh
# Goal of this test:
# - an archive that answers with 50 studies at most, and does not say that there
#   are more, is asked again by date: every study of the patient is found.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need Orthanc dcmsend dcmodify curl python3
N=130
"$B/tools/fill" "$N" 1 "$T/house" "$T/files" || fail "no studies"
rm -rf "$T/house"
find "$T/files" -name '*.dcm' -exec dcmodify -nb -ma PatientID=MANY {} + \
	>/dev/null 2>&1 || fail "dcmodify"
ORTHANC_LIMIT=50
start_orthanc
send ORTHANC "$OR_PORT" "$T/files" || fail "send to Orthanc"
{
	echo "case_id,start,room,patient_id"
	echo "LONG,$(date -u -d '+6 hours' +%Y-%m-%dT%H:%M:%SZ),Theatre 6,MANY"
} >"$T/list.csv"
EXTRA='[relevance "all"]
modality = MR
match = .*
newest = 1000
within = 1200 months'
configure <<END
pacs ORTHANC $OR_PORT c-get
END
start_agent
wait_case LONG ready 100
have=$(api cases | json "len(d[0]['studies'])")
[ "$have" -eq "$N" ] || fail "$have of $N studies were found"
grep -q 'answer.by_date.*more=80 still_cut=0' "$T/agent.log" ||
	fail "it was not asked by date: $(grep by_date "$T/agent.log")"
n=$(grep -c 'answer.by_date' "$T/agent.log")
echo "  $N studies of an archive that tells 50: all found ($n times by date)"
