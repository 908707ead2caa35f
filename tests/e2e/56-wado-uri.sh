#!/bin/sh
# Goal of this test:
# - OsiriX' WADO retrieval (eleven at a time, useOrig) and its DownloadURL (a
#   ZIP of a study or series, read by unzip) work;
# - names in the ZIP tell an order and no patient;
# - transferSyntax converts what can be converted, and says when it cannot;
# - a damaged object is never sent as whole, in any form, and is withdrawn.
# shellcheck source=tests/e2e/lib.sh
. tests/e2e/lib.sh
need python3 curl unzip
phantom
EXTRA=$EVERYTHING
S=$(awk '$2 == "CASE-1003" { c = 1; next } c { print $2; exit }' \
	"$T/hospital/expect.txt")
NODE_PORT=$(port)
start_archive "$T/hospital/dicom"
configure <<END
archive ARCHIVE $AR_PORT c-get
END
start_agent
wait_case CASE-1003 ready 30
stop "$AR_PID"
BASE=http://127.0.0.1:$WEB_PORT
W=$BASE/dicom-web
U="$BASE/wado?requestType=WADO&studyUID=$S"

curl -sSf "$W/studies/$S/instances?includefield=0020000E" >"$T/all.json"
json '"\n".join("%s %s" % (o["0020000E"]["Value"][0],
	o["00080018"]["Value"][0]) for o in d)' <"$T/all.json" >"$T/all.txt"
[ "$(wc -l <"$T/all.txt")" -eq 21 ] || fail "want 21 instances"
mkdir "$T/out"
n=0
while read -r r i; do
	n=$((n + 1))
	echo "url = \"$U&seriesUID=$r&objectUID=$i&contentType=application/dicom&useOrig=true\""
	echo "output = \"$T/out/$n.dcm\""
done <"$T/all.txt" >"$T/curl.conf"
curl -sSf -Z --parallel-max 11 -K "$T/curl.conf" 2>"$T/curl.log" || fail "eleven at a time"
[ "$(find "$T/out" -type f | wc -l)" -eq 21 ] || fail "want 21 files"

# a study and a series as ZIP
curl -sSf -o "$T/s.zip" -D "$T/head" "$U" || fail "no ZIP"
unzip -tq "$T/s.zip" >"$T/unzip.log" 2>&1 || fail "unzip: $(cat "$T/unzip.log")"
unzip -q -d "$T/unzipped" "$T/s.zip"
same "$T/out" "$T/unzipped" >"$T/same.log" || fail "ZIP and files differ"
getstudy UNDERSTUDY "$NODE_PORT" "$S" "$T/got" || fail "C-GET"
same "$T/out" "$T/got" >"$T/same.log" || fail "WADO-URI and C-GET differ"
unzip -Z1 "$T/s.zip" >"$T/names"
[ "$(wc -l <"$T/names")" -eq 21 ] || fail "want 21 entries"
grep -qvE '^S[0-9]{3}/I[0-9]{5}\.dcm$' "$T/names" && fail "odd names"
length=$(sed -n 's/^[Cc]ontent-[Ll]ength: \([0-9]*\).*/\1/p' "$T/head")
[ "$length" -eq "$(wc -c <"$T/s.zip")" ] || fail "want the length before"
read -r r i <"$T/all.txt"
curl -sSf -o "$T/r.zip" "$U&seriesUID=$r" || fail "no ZIP of a series"
[ "$(unzip -Z1 "$T/r.zip" | wc -l)" -eq "$(grep -c "^$r " "$T/all.txt")" ] ||
	fail "want one series"
python3 -m zipfile -t "$T/r.zip" >/dev/null || fail "python cannot read it"

# another syntax
ask() { curl -s -o "$T/body" -w '%{http_code}' "$U&seriesUID=$r&objectUID=$i&$1"; }
[ "$(ask transferSyntax=1.2.840.10008.1.2.4.70)" = 406 ] ||
	fail "want 406 for a syntax that is not made here"
[ "$(ask 'transferSyntax=1.2.840.10008.1.2.4.70&useOrig=true')" = 200 ] ||
	fail "want the stored one with useOrig"
if [ -x "$(dirname "$PROG")/understudy-decode" ]; then
	[ "$(ask transferSyntax=1.2.840.10008.1.2)" = 200 ] ||
		fail "want Implicit LE: $(cat "$T/body")"
	python3 -c "import sys
sys.path.insert(0, 'tests/e2e')
import webget
print(webget.split(open('$T/body', 'rb').read())[1].decode())" \
		>"$T/syntax"
	[ "$(cat "$T/syntax")" = 1.2.840.10008.1.2 ] || fail "want Implicit LE"
fi
[ "$(ask anonymize=yes)" = 406 ] || fail "want no pretence of anonymity"

# flip one byte of one object on the disk
path=$(find "$STATE" "$T" -name '*.dcm' -path '*/??/??/*' -size +10k |
	head -n 1)
[ -n "$path" ] || fail "no object file"
python3 -c "import sys
p = sys.argv[1]
b = bytearray(open(p, 'rb').read())
b[-100] ^= 1
open(p, 'wb').write(b)" "$path"
hit=0
for way in rs zip uri; do
	python3 tests/e2e/webget.py "$way" "$BASE" >"$T/have.txt" 2>&1 ||
		hit=$((hit + 1))
done
[ "$hit" -ge 1 ] || fail "a damaged object was sent as whole"
until_ok 10 curl -sf "$BASE/metrics" || fail "the agent is gone"
curl -sf "$BASE/metrics" | grep -q '^understudy_objects_damaged.* [1-9]' ||
	fail "the damage is not counted"
echo "files, ZIPs and syntaxes as asked; damage is never sent as whole"
