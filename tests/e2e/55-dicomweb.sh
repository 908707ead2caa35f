#!/bin/sh
# Goal of this test:
# - every object of the real files, in every transfer syntax and class, comes
#   over WADO-RS, WADO-URI and as a ZIP as it lies in the archive: same
#   syntax, same bytes;
# - metadata is valid JSON for all of them, packed or not, and what it names
#   as bulk data is there; frames are the pieces of the pixel data;
# - dicomweb-client, which shares no code with us, finds and retrieves;
# - who may not ask is refused, who may is told what there is.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 curl
GOOD=$DATA/dicom/good
[ -d "$GOOD" ] || skip "no real files at $GOOD"
EXTRA=$EVERYTHING
NODE_PORT=$(port)
start_archive --fill "$GOOD"
configure <<END
archive ARCHIVE $AR_PORT c-get
END
awk '{ print } /^\[web\]/ { print "cors = https://viewer.example.org" }' \
	"$T/agent.conf" >"$T/agent.new"
mv "$T/agent.new" "$T/agent.conf"
python3 tests/e2e/archive.py --fill --list "$GOOD" 2>/dev/null |
	cut -f 1 | sort -u | cases
start_agent
until_ok 50 all_are ready || fail "$(not_ready)"
stop "$AR_PID"
BASE=http://127.0.0.1:$WEB_PORT
W=$BASE/dicom-web

python3 tests/e2e/getter.py file - "$GOOD" 2>/dev/null | sort >"$T/want.txt"
for way in rs instance uri zip; do
	python3 tests/e2e/webget.py "$way" "$BASE" >"$T/have.txt" \
		2>"$T/webget.log" || fail "$way: $(tail -n 3 "$T/webget.log")"
	sort "$T/have.txt" | diff "$T/want.txt" - >"$T/diff.log" ||
		fail "$way: the bytes differ"
done
awk '{ n++; bytes += $3; seen[$2] = 1 } END { for (s in seen) k++
	print n " objects in " k " syntaxes, " bytes " bytes, four ways, " \
		"all equal" }' "$T/want.txt"
for way in metadata frames; do
	python3 tests/e2e/webget.py "$way" "$BASE" >"$T/$way.txt" \
		2>"$T/webget.log" || fail "$way: $(tail -n 3 "$T/webget.log")"
done
[ "$(wc -l <"$T/metadata.txt")" -eq "$(wc -l <"$T/want.txt")" ] ||
	fail "want metadata of all"
awk '{ n++; f += $2 } END { print f " frames of " n " images" }' \
	"$T/frames.txt"

# status WANT PATH [options of curl]
status() {
	want=$1
	path=$2
	shift 2
	have=$(curl -s -o "$T/body" -D "$T/head" -w '%{http_code}' "$@" \
		"$BASE$path")
	[ "$have" = "$want" ] || fail "$path $*: want $want, have $have"
}
# header PATTERN
header() { grep -qi "$1" "$T/head" || fail "want $1: $(cat "$T/head")"; }
no_header() { if grep -qi "$1" "$T/head"; then fail "want no $1"; fi; }
S=$(curl -s "$W/studies?limit=1" | json "d[0]['0020000D']['Value'][0]")

status 404 /dicom-web/studies/1.2.3
status 404 /dicom-web/studies/1.2.3/metadata
status 404 /dicom-web/studies/../etc
status 404 "/dicom-web/studies/$S/thumbnail"
status 404 /dicom-web/patients
status 406 "/dicom-web/studies/$S" -H 'Accept: image/png'
status 406 "/dicom-web/studies/$S/metadata" -H 'Accept: application/dicom+xml'
status 400 "/dicom-web/studies?limit=many"
status 400 "/wado?requestType=WADO&studyUID=../x"
status 400 "/wado?studyUID=$S"
status 404 "/wado?requestType=WADO&studyUID=1.2.3"
status 406 "/wado?requestType=WADO&studyUID=$S&contentType=image/jpeg"
status 405 /dicom-web/studies -X POST
status 200 "/dicom-web/studies?fuzzymatching=true&PatientName=nobody"
header '^Warning: 299 .*fuzzymatching parameter is not supported'
[ "$(json "d" <"$T/body")" = "[]" ] || fail "want no study"
status 200 "/dicom-web/studies?limit=1" -H 'Accept: application/json'
header '^Content-Type: application/json'
status 200 "/dicom-web/studies/$S" -I
header '^Content-Length: '

# the page of one viewer may read, others may not
V="Origin: https://viewer.example.org"
status 204 /dicom-web/studies -X OPTIONS -H "$V" \
	-H 'Access-Control-Request-Method: GET'
header '^Access-Control-Allow-Origin: https://viewer.example.org'
status 200 /dicom-web/studies -H "$V"
header '^Access-Control-Allow-Origin: https://viewer.example.org'
status 403 /dicom-web/studies -H 'Origin: https://evil.example.org'
no_header '^Access-Control'
status 403 /api/status -H "$V"
no_header '^Access-Control'
status 403 /dicom-web/studies -H 'Host: evil.example.org'
status 200 /dicom-web/studies
no_header '^Access-Control'
echo "refused what is not served, let in the viewer that is named"

need npm node
export NODE_PATH="$PWD/build/npm/node_modules"
if [ ! -d "$NODE_PATH/dicomweb-client" ]; then
	mkdir -p build/npm
	cp tests/e2e/package.json build/npm/
	npm install --prefix build/npm --ignore-scripts --no-audit --no-fund \
		--no-package-lock >"$T/npm.log" 2>&1 ||
		skip "npm cannot install dicomweb-client"
fi
node tests/e2e/dicomweb.js "$W" >"$T/js.txt" 2>"$T/js.log" ||
	fail "dicomweb-client: $(grep '^failed' "$T/js.txt")"
# native ones come as they are, the rest converted; a study with one that
# cannot be is refused whole, for it asks for Explicit LE
awk -v want="$(wc -l <"$T/want.txt")" '
NR == FNR && $1 == "refused" { refused[$2] = 1; r++; next }
NR == FNR { have[$1 " " $2 " " $3] = 1; n++; next }
$2 ~ /^1\.2\.840\.10008\.1\.2(\.1)?$/ && !($1 in refused) &&
    !(($1 " " $3 " " $4) in have) { print "differs: " $1; bad = 1 }
END { print "dicomweb-client got " n " objects, was refused " r + 0
	exit bad || n + r != want }' "$T/js.txt" "$T/want.txt" ||
	fail "dicomweb-client: want all as they are"
