#!/bin/sh
# Shell scripts run under any POSIX shell and on a Mac: "#!/bin/sh" first, no
# complaint of shellcheck and checkbashisms (where installed), no option that
# only GNU tools have unless the same line has a way round it ("||").
bad=0
list=$(find . -name '*.sh' -type f ! -path './build/*' ! -path './.git/*' |
    sort)
for f in $list; do
	if ! head -n 1 "$f" | grep -q '^#!/bin/sh'; then
		echo "$f:1: want #!/bin/sh"
		bad=1
	fi
	if command -v shellcheck >/dev/null; then
		# SC2016: a program of awk in single quotes is meant so
		shellcheck -s sh -x -P SCRIPTDIR -e SC2016 -f gcc "$f" || bad=1
	fi
	if command -v checkbashisms >/dev/null; then
		checkbashisms -p "$f" || bad=1
	fi
done
# shellcheck disable=SC2086 # our own names have no blanks
awk '
function word(re) { return $0 ~ ("(^|[ \t|;&(`])" re "([ \t|;&)]|$)") }
/^[ \t]*#/ || /\|\|/ { next }
FILENAME ~ /lint\/scripts\.sh$/ { next }
word("sed -i") || word("date -d") || word("date \\+%[^ ]*N") ||
word("stat -c") || word("grep -P") || word("find .* -printf") ||
word("xargs -r") || word("nproc") || word("sha256sum") ||
word("readlink -f") || word("mktemp --tmpdir") || word("tac") ||
word("head -n -[0-9]+") || word("install -D") || word("base64 -w[0-9]*") {
	print FILENAME ":" FNR ": only GNU has this: " $0
	bad = 1
}
END { exit bad }' $list || bad=1
exit "$bad"
