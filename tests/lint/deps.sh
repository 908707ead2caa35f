#!/bin/sh
# Install what is missing, from one list: Debian and Ubuntu by apt, macOS by
# Homebrew. Does nothing, quickly, when everything is there. `deps.sh demo`
# leaves out what only tests need.
# package on Debian : what it brings : formula on macOS ("-" = comes along) :
# "t" = for tests only. What it brings is a path, a header, or lib/ and a
# library, the latter two in whatever folder this architecture has for them.
list='
gcc:/usr/bin/gcc:-
g++:/usr/bin/g++:-
pkg-config:/usr/bin/pkg-config:pkgconf
libdcmtk-dev:/usr/include/dcmtk/config/osconfig.h:dcmtk
dcmtk:/usr/bin/dcmqrscp:-
libev-dev:/usr/include/ev.h:libev
libsqlite3-dev:/usr/include/sqlite3.h:sqlite
libcurl4-openssl-dev:curl/curl.h:curl
libcmocka-dev:/usr/include/cmocka.h:cmocka:t
libmicrohttpd-dev:microhttpd.h:libmicrohttpd
libjansson-dev:jansson.h:jansson
libinih-dev:/usr/include/ini.h:inih
libicu-dev:unicode/uregex.h:icu4c
libssl-dev:openssl/evp.h:openssl@3
libopenjp2-7-dev:lib/libopenjp2.so:openjpeg
libxxhash-dev:/usr/include/xxhash.h:xxhash
zlib1g-dev:/usr/include/zlib.h:-
curl:/usr/bin/curl:-
python3:/usr/bin/python3:-
orthanc:/usr/sbin/Orthanc:-:t
orthanc-dicomweb:/usr/share/orthanc/plugins/libOrthancDicomWeb.so:-:t
dicom3tools:/usr/bin/dciodvfy:-:t
shellcheck:/usr/bin/shellcheck:shellcheck:t
mandoc:/usr/bin/mandoc:-:t
procps:/usr/bin/pgrep:-:t
iproute2:/usr/sbin/ip:-:t
npm:/usr/bin/npm:node:t
chromium:/usr/bin/chromium:-:t
unzip:/usr/bin/unzip:-:t
'
if [ "$(uname -s)" = Darwin ]; then
	command -v brew >/dev/null || {
		echo "deps: Homebrew is needed: https://brew.sh"
		exit 1
	}
	# shellcheck disable=SC2046 # one word each
	brew install --quiet $(echo "$list" |
		awk -F : 'NF >= 3 && $3 != "-" { print $3 }')
	exit
fi
multi=$(gcc -print-multiarch 2>/dev/null || dpkg --print-architecture)
missing=""
for row in $list; do
	package=${row%%:*}
	rest=${row#*:}
	file=${rest%%:*}
	[ "${1:-}" = demo ] && [ "${row%:t}" != "$row" ] && continue
	case $file in
	/usr/bin/npm) command -v npm >/dev/null && continue ;;
	/*) [ -e "$file" ] && continue ;;
	lib/*) [ -e "/usr/lib/$multi/${file#lib/}" ] && continue ;;
	*)
		[ -e "/usr/include/$file" ] && continue
		[ -e "/usr/include/$multi/$file" ] && continue
		;;
	esac
	missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "deps: installing$missing"
sudo=""
[ "$(id -u)" -eq 0 ] || sudo="sudo"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# shellcheck disable=SC2086 # one word each
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null || exit 1
# Debian starts its Orthanc as a service; the tests start their own
if [ "${missing#*orthanc}" != "$missing" ]; then
	$sudo service orthanc stop >/dev/null 2>&1
fi
exit 0
