#!/bin/sh
# Manual pages are clean mdoc: mandoc says nothing at warning level or above.
pages=$(find . -name '*.[1578]' -type f ! -path './build/*' \
    ! -path './.git/*' | sort)
if [ -z "$pages" ] || ! command -v mandoc >/dev/null; then
	echo "man: skipped (no page or no mandoc)"
	exit 0
fi
# shellcheck disable=SC2086 # our own names have no blanks
mandoc -T lint -W warning $pages
