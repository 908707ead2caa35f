#!/bin/sh
# Fuzz every parser for the given seconds each, with the address and the
# undefined-behaviour sanitizer; the corpus grows under build/.
seconds=${1:-60}
command -v clang >/dev/null || {
	echo "fuzz: clang is needed"
	exit 2
}
out=build/fuzz
flags="-O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
	-Iinclude -Iagent -D_DEFAULT_SOURCE -D_POSIX_C_SOURCE=200809L"
bad=0
for src in tests/fuzz/fuzz_*.c; do
	name=$(basename "$src" .c)
	seeds=tests/fuzz/corpus/${name#fuzz_}
	mkdir -p "$out/$name"
	extra=""
	# shellcheck disable=SC2086 # words on purpose
	if [ "$name" = fuzz_dataset ] || [ "$name" = fuzz_json ]; then
		for cc in agent/dicom/*.cc; do
			# vptr checks need the C++ runtime of the sanitizer
			clang++ -std=c++17 $flags -fno-sanitize=vptr -c -o "$out/$(basename "$cc").o" "$cc" || exit 1
		done
		extra="$out/*.cc.o -ldcmdata -loflog -lofstd -lstdc++"
	fi
	# shellcheck disable=SC2086 # words on purpose
	clang -std=c17 $flags -o "$out/$name.bin" "$src" agent/wire/*.c \
		agent/text/*.c agent/base/*.c $extra -lz -ljansson -licui18n -licuuc \
		-lpthread || exit 1
	echo "fuzz: $name for $seconds s"
	# the corpus that is kept, the one that grows
	if [ -d "$seeds" ]; then
		"$out/$name.bin" -max_total_time="$seconds" -print_final_stats=0 \
			-verbosity=0 -artifact_prefix="$out/" "$out/$name" "$seeds"
	else
		"$out/$name.bin" -max_total_time="$seconds" -verbosity=0 \
			-artifact_prefix="$out/" "$out/$name"
	fi || bad=1
done
exit $bad
