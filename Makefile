# Understudy. GNU make 3.81 or newer. `make help` lists the targets.
.DEFAULT_GOAL := all
SHELL := /bin/sh
FLAVOUR ?= debug
UNAME := $(shell uname -s)
B := build/$(FLAVOUR)
Q := $(if $(V),,@)

ROOMS := base text model run wire store index dicom http schedule prefetch \
	cache node web main
C_SRC := $(sort $(wildcard $(ROOMS:%=agent/%/*.c)))
CC_SRC := $(sort $(wildcard agent/dicom/*.cc))
# the helper with the codecs: a program of its own, nothing of it in the agent
DECODE_SRC := $(sort $(wildcard agent/decode/*.c agent/decode/*.cc))
DECODE_OBJ := $(patsubst %,$(B)/%.o,$(basename $(DECODE_SRC)))
PROGRAMS := agent/main/understudyd.c agent/main/understudy.c
LIB_SRC := $(filter-out $(PROGRAMS),$(C_SRC))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o) $(CC_SRC:%.cc=$(B)/%.o) $(B)/page.o
TEST_SRC := $(sort $(wildcard $(ROOMS:%=tests/%/test_*.c)))
TESTS := $(TEST_SRC:tests/%.c=$(B)/tests/%)
TOOL_SRC := $(sort $(wildcard tests/tools/*.c))
TOOLS := $(TOOL_SRC:tests/tools/%.c=$(B)/tools/%)
# preloaded into the agent by tests, where the loader can
PRELOADS := $(if $(filter Linux,$(UNAME)),$(B)/tools/faults.so)
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))

CPPFLAGS += -Iinclude -Iagent -DUNDERSTUDY_VERSION='"$(VERSION)"'
VERSION := 0.1.0
ifeq ($(UNAME),Darwin)
BREW := $(shell brew --prefix 2>/dev/null || echo /opt/homebrew)
export PKG_CONFIG_PATH := $(BREW)/opt/sqlite/lib/pkgconfig:$(BREW)/opt/curl/lib/pkgconfig:$(BREW)/opt/openssl@3/lib/pkgconfig:$(BREW)/opt/icu4c/lib/pkgconfig:$(PKG_CONFIG_PATH)
CPPFLAGS += -D_DARWIN_C_SOURCE
LDFLAGS += -L$(BREW)/lib
SYSINC := -isystem $(BREW)/include
DCMTK_PREFIX ?= $(BREW)/opt/dcmtk
else
CPPFLAGS += -D_DEFAULT_SOURCE -D_POSIX_C_SOURCE=200809L
DCMTK_PREFIX ?= /usr
endif
PKGS := sqlite3 libcurl jansson libmicrohttpd icu-i18n icu-uc libcrypto libxxhash zlib
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) libopenjp2 2>/dev/null | sed 's/-I/-isystem /g')
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
DCMTK_LIBS := -L$(DCMTK_PREFIX)/lib -ldcmdata -loflog -lofstd \
	$(if $(wildcard $(DCMTK_PREFIX)/lib*/liboficonv* $(DCMTK_PREFIX)/lib/*/liboficonv*),-loficonv)
DECODE_LIBS := -L$(DCMTK_PREFIX)/lib -ldcmjpeg -lijg8 -lijg12 -lijg16 \
	-ldcmjpls -ldcmtkcharls -ldcmimage -ldcmimgle $(DCMTK_LIBS) \
	$(shell pkg-config --libs libopenjp2 2>/dev/null) -lz -lpthread -lm
LIBS := $(DCMTK_LIBS) $(PKG_LIBS) -lev -linih -lpthread -lm
ifneq ($(DCMTK_PREFIX),/usr)
SYSINC += -isystem $(DCMTK_PREFIX)/include
endif

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wcast-qual -Wformat=2 \
	-Wswitch-enum -Wundef
CWARN := $(WARN) -Wstrict-prototypes -Wmissing-prototypes
HARDEN := -fstack-protector-strong -fPIE
OPT.debug := -O2 -g $(HARDEN)
OPT.asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined
OPT.tsan := -O1 -g -fsanitize=thread
OPT.cov := -O0 -g --coverage
OPT := $(OPT.$(FLAVOUR))
CFLAGS += -std=c17 $(OPT) $(CWARN)
CXXFLAGS += -std=c++17 $(OPT) $(WARN)
LINK = $(Q)echo "  LINK  $@"; mkdir -p $(@D); $(CXX) $(OPT) $(LDFLAGS) -o $@

PROGRAM_NAMES := understudyd understudy understudy-decode
all: programs ## build the agent and the command
ifeq ($(FLAVOUR),debug)
programs: $(PROGRAM_NAMES:%=build/%)
$(PROGRAM_NAMES:%=build/%): build/%: $(B)/%
	$(Q)cp $< $@.new && mv $@.new $@
else
programs: $(PROGRAM_NAMES:%=$(B)/%)
endif

$(B)/understudyd: $(B)/agent/main/understudyd.o $(LIB_OBJ)
	$(LINK) $^ $(LIBS)
$(B)/understudy: $(B)/agent/main/understudy.o $(LIB_OBJ)
	$(LINK) $^ $(LIBS)
# this check opens pipes, which the sandbox forbids
ifeq ($(FLAVOUR),asan)
$(B)/agent/decode/%.o: CXXFLAGS += -fno-sanitize=vptr
endif
$(B)/understudy-decode: $(DECODE_OBJ) $(filter $(B)/agent/base/%,$(LIB_OBJ))
	$(LINK) $^ $(DECODE_LIBS)

# What a compiler says of a file stays beside its object: check refuses it.
COMPILED = 2>$@.warn || { cat $@.warn >&2; exit 1; }; cat $@.warn >&2
$(B)/%.o: %.c
	$(Q)echo "  CC    $<"; mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(SYSINC) $(PKG_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $< $(COMPILED)
$(B)/%.o: %.cc
	$(Q)echo "  CXX   $<"; mkdir -p $(@D)
	$(Q)$(CXX) $(CPPFLAGS) $(SYSINC) $(PKG_CFLAGS) $(CXXFLAGS) -MMD -MP -c -o $@ $< $(COMPILED)
$(B)/tests/%: $(B)/tests/%.o $(LIB_OBJ)
	$(LINK) $< $(LIB_OBJ) $(LIBS) -lcmocka
$(B)/tools/%: $(B)/tests/tools/%.o $(LIB_OBJ)
	$(LINK) $< $(LIB_OBJ) $(LIBS)
$(B)/tools/%.so: tests/preload/%.c
	$(Q)echo "  LINK  $@"; mkdir -p $(@D)
	$(Q)$(CC) -std=c17 -O2 -g -fPIC -shared $(CWARN) -o $@ $< -ldl
-include $(shell find build $(B) -name '*.d' 2>/dev/null | sort -u)

# the page, as bytes of the program
$(B)/page.c: agent/web/page.html
	$(Q)mkdir -p $(@D)
	$(Q)(echo '#include <stddef.h>'; \
	echo 'extern const unsigned char web_page[]; extern const size_t web_page_size;'; \
	echo 'const unsigned char web_page[] = {'; \
	od -An -v -tu1 $< | sed 's/[0-9][0-9]*/&,/g'; \
	echo '}; const size_t web_page_size = sizeof(web_page);') >$@.new
	$(Q)mv $@.new $@
$(B)/page.o: $(B)/page.c
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

help: ## list the targets
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## /\1	/p' Makefile | sort | \
		awk -F '\t' '{ printf "  %-14s %s\n", $$1, $$2 }'

deps: ## install what is missing (apt or Homebrew)
	$(Q)sh tests/lint/deps.sh

demo: ## the main job on an embedded hospital; ONESHOT=1 ends by itself
	$(Q)sh tests/lint/deps.sh demo
	$(Q)$(MAKE) all $(B)/tools/phantom
	$(Q)sh tests/e2e/demo.sh $(if $(ONESHOT),--oneshot)

# one line a program, the failures in full; the sum at the end
RUN_TESTS = PROG=$(B)/understudyd CLI=$(B)/understudy \
	sh tests/lint/run.sh $(B)
NO_WARNINGS = ! find $(B) -name '*.warn' -size +0 | grep .
# some tests run the helper, which lies beside their folder
tests: $(TESTS) $(TOOLS) $(PRELOADS) $(B)/understudy-decode # build every test
$(B)/tests/dicom/test_decode $(B)/tests/dicom/test_decode_faults: \
	| $(B)/understudy-decode
check: ## unit tests alone, warnings as errors
	$(Q)$(MAKE) FLAVOUR=$(FLAVOUR) tests
	$(Q)$(NO_WARNINGS)
	$(Q)$(RUN_TESTS) unit
check-%: ## unit tests of one room
	$(Q)$(MAKE) tests
	$(Q)$(RUN_TESTS) unit $*
e2e: ## end to end against real peers
	$(Q)$(MAKE) all tests
	$(Q)$(RUN_TESTS) e2e $(E2E)
test: deps ## everything: lint, unit, end to end
	$(Q)$(MAKE) lint
	$(Q)$(MAKE) all tests
	$(Q)$(NO_WARNINGS)
	$(Q)$(RUN_TESTS) all
asan: ## unit tests under the address and undefined-behaviour sanitizers
	$(Q)$(MAKE) FLAVOUR=asan check
tsan: ## unit tests under the thread sanitizer
	$(Q)$(MAKE) FLAVOUR=tsan check
coverage: ## lines covered by the unit tests (needs lcov)
	$(Q)command -v lcov >/dev/null || { echo "coverage: lcov is needed"; exit 2; }
	$(Q)$(MAKE) FLAVOUR=cov check
	$(Q)lcov -q -c -d build/cov/agent -o build/cov/all.info
	$(Q)lcov --list build/cov/all.info | tail -n 80
FUZZ_S ?= 60
fuzz: ## fuzz every parser for FUZZ_S seconds (needs clang)
	$(Q)sh tests/lint/fuzz.sh $(FUZZ_S)
bench: ## speed, ours and the peers in one run, as ratios
	$(Q)$(MAKE) all tests
	$(Q)sh tests/e2e/bench.sh
simulate: ## a hospital's month on a virtual clock; draws a night
	$(Q)$(MAKE) $(B)/tools/simulate
	$(Q)$(B)/tools/simulate --svg $(B)/night.svg
	$(Q)echo "the night: $(B)/night.svg"
torture: ## kill -9 and power cuts under load, TORTURE rounds (100); faults
	$(Q)$(MAKE) all tests
	$(Q)sh tests/e2e/80-kill.sh $(or $(TORTURE),100)
	$(Q)sh tests/e2e/82-faults.sh 40
soak: ## day after day on one agent, SOAK days (600)
	$(Q)$(MAKE) all tests
	$(Q)sh tests/e2e/84-soak.sh $(or $(SOAK),600)
lint: floors size ## style, scripts, manual pages, property lists
	$(Q)sh tests/lint/banned.sh
	$(Q)sh tests/lint/scripts.sh
	$(Q)sh tests/lint/man.sh
	$(Q)python3 tests/lint/plist.py launchd/*.plist
floors: ## which room may know which
	$(Q)sh tests/lint/floors.sh
size: ## functions over 60 lines, files over 600
	$(Q)sh tests/lint/size.sh
macos-check: ## compile the C for macOS with a cross compiler
	$(Q)sh tests/lint/macos-check.sh

PREFIX ?= /usr/local
SYSCONF ?= /etc
install: all ## install programs, manuals, configuration, service files
	install -d $(DESTDIR)$(PREFIX)/libexec $(DESTDIR)$(PREFIX)/bin \
		$(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/share/man/man5 \
		$(DESTDIR)$(PREFIX)/share/man/man8 \
		$(DESTDIR)$(SYSCONF)/understudy
	install -m 755 build/understudyd build/understudy-decode \
		$(DESTDIR)$(PREFIX)/libexec/
	install -m 755 build/understudy $(DESTDIR)$(PREFIX)/bin/
	install -m 644 conf/understudy.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 conf/understudy.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 644 conf/understudyd.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	test -e $(DESTDIR)$(SYSCONF)/understudy/understudy.conf || \
		install -m 644 conf/understudy.conf \
		$(DESTDIR)$(SYSCONF)/understudy/
ifeq ($(UNAME),Darwin)
	install -d $(DESTDIR)/Library/LaunchDaemons $(DESTDIR)/etc/newsyslog.d
	install -m 644 launchd/*.plist $(DESTDIR)/Library/LaunchDaemons/
	install -m 644 launchd/understudy.newsyslog.conf \
		$(DESTDIR)/etc/newsyslog.d/understudy.conf
else
	install -d $(DESTDIR)/lib/systemd/system
	install -m 644 launchd/understudy.service \
		$(DESTDIR)/lib/systemd/system/
endif
uninstall: ## remove what install put, but not the configuration or the cache
	rm -f $(DESTDIR)$(PREFIX)/libexec/understudyd \
		$(DESTDIR)$(PREFIX)/libexec/understudy-decode \
		$(DESTDIR)$(PREFIX)/bin/understudy \
		$(DESTDIR)$(PREFIX)/share/man/man1/understudy.1 \
		$(DESTDIR)$(PREFIX)/share/man/man5/understudy.conf.5 \
		$(DESTDIR)$(PREFIX)/share/man/man8/understudyd.8
ifeq ($(UNAME),Darwin)
	rm -f $(DESTDIR)/Library/LaunchDaemons/org.understudy.*.plist \
		$(DESTDIR)/etc/newsyslog.d/understudy.conf
else
	rm -f $(DESTDIR)/lib/systemd/system/understudy.service
endif
clean: ## remove everything built
	rm -rf build

.PHONY: all programs help deps demo tests check e2e test asan tsan coverage fuzz bench simulate soak \
	torture lint floors size macos-check install uninstall clean
.PRECIOUS: $(B)/%.o $(B)/page.c
