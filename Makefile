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
PROGRAMS := agent/main/understudyd.c agent/main/understudy.c
LIB_SRC := $(filter-out $(PROGRAMS),$(C_SRC))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o) $(CC_SRC:%.cc=$(B)/%.o) $(B)/page.o
TEST_SRC := $(sort $(wildcard $(ROOMS:%=tests/%/test_*.c)))
TESTS := $(TEST_SRC:tests/%.c=$(B)/tests/%)
TOOL_SRC := $(sort $(wildcard tests/tools/*.c))
TOOLS := $(TOOL_SRC:tests/tools/%.c=$(B)/tools/%)
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
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null | sed 's/-I/-isystem /g')
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
DCMTK_LIBS := -L$(DCMTK_PREFIX)/lib -ldcmdata -loflog -lofstd \
	$(if $(wildcard $(DCMTK_PREFIX)/lib*/liboficonv* $(DCMTK_PREFIX)/lib/*/liboficonv*),-loficonv)
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
WERROR ?=
CFLAGS += -std=c17 $(OPT) $(CWARN) $(WERROR)
CXXFLAGS += -std=c++17 $(OPT) $(WARN) $(WERROR)
# link the libraries that live in libmicrohttpd's and friends' shadow once
LINK = $(Q)echo "  LINK  $@"; mkdir -p $(@D); $(CXX) $(OPT) $(LDFLAGS) -o $@

all: build/understudyd build/understudy ## build the agent and the command

build/understudyd: $(B)/agent/main/understudyd.o $(LIB_OBJ)
	$(LINK) $^ $(LIBS)
build/understudy: $(B)/agent/main/understudy.o $(LIB_OBJ)
	$(LINK) $^ $(LIBS)

$(B)/%.o: %.c
	$(Q)echo "  CC    $<"; mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(SYSINC) $(PKG_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(B)/%.o: %.cc
	$(Q)echo "  CXX   $<"; mkdir -p $(@D)
	$(Q)$(CXX) $(CPPFLAGS) $(SYSINC) $(PKG_CFLAGS) $(CXXFLAGS) -MMD -MP -c -o $@ $<
$(B)/tests/%: $(B)/tests/%.o $(LIB_OBJ)
	$(LINK) $< $(LIB_OBJ) $(LIBS) -lcmocka
$(B)/tools/%: $(B)/tests/tools/%.o $(LIB_OBJ)
	$(LINK) $< $(LIB_OBJ) $(LIBS)
-include $(shell find build -name '*.d' 2>/dev/null)
