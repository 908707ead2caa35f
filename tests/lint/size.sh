#!/bin/sh
# How long functions and files may be: prints offenders, fails if there are
# any, and ends with the median. Hard stops: function 60 lines, file 600, three
# levels of nesting. A function that is little more than the table of a switch
# is exempt from the first.
find agent include tests \( -name '*.[ch]' -o -name '*.cc' \) -type f | sort |
    xargs awk '
function offend(text) { print text; bad = 1 }
FNR == 1 {
	if (lines > 600) offend(file ": " lines " lines, want at most 600")
	file = FILENAME; inside = 0; sig = ""
}
{ lines = FNR }
# a definition: its name at column 0, then "{" alone
/^[A-Za-z_~][A-Za-z0-9_:~ ]*\(/ { sig = $0; next }
/^\{/ && !inside && sig != "" {
	inside = 1; start = FNR; cases = 0
	name = sig; sub(/\(.*/, "", name)
	next
}
inside && /^[ \t]*(case |default:)/ { cases++ }
inside && /^\t\t\t\t\t+(if|for|while|do|switch|return|goto|break)[ (;]/ {
	offend(FILENAME ":" FNR ": " name ": nested deeper than 3")
}
/^\}/ && inside {
	n = FNR - start - 1
	length_of[++functions] = n
	if (n > 60 && cases * 5 < n * 2)
		offend(FILENAME ":" start ": " name ": " n \
		    " lines, want at most 60")
	inside = 0
}
/^\}/ || /;[ \t]*$/ { if (!inside) sig = "" }
END {
	if (lines > 600) offend(file ": " lines " lines, want at most 600")
	for (i = 0; i <= 10000 && seen * 2 < functions; i++) {
		for (f = 1; f <= functions; f++)
			if (length_of[f] == i) seen++
		median = i
	}
	print "size: " functions + 0 " functions, median " median + 0 " lines"
	exit bad
}' || exit 1
