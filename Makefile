# diffuscope: the front door. `make help` lists what is behind it.
#
# One non-recursive Makefile; sources are found by folder, header dependencies are generated.

BUILD   ?= build
PREFIX  ?= /usr/local
CC      ?= cc
CFLAGS  ?= -O2 -g
VERSION := $(shell sed -n 's/^\#define DS_VERSION  *"\(.*\)"/\1/p' include/diffuscope/base.h)
SOMAJOR := $(firstword $(subst ., ,$(VERSION)))

# SAN=address,undefined builds everything with sanitizers, in a folder of its own.
ifdef SAN
comma := ,
override BUILD := $(BUILD)-$(subst $(comma),-,$(SAN))
SANFLAGS := -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=undefined
endif

WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes $(if $(WERROR),-Werror)
override CFLAGS += -std=c11 $(WARN) -fopenmp -fPIC -fvisibility=hidden -ffp-contract=off $(SANFLAGS)
CPPFLAGS += -D_GNU_SOURCE -DDS_BUILDING -Iinclude -Isrc -I.
LDLIBS   := -ldnnl -ljansson -lutf8proc -lpng -ljpeg -lm
LDFLAGS  += -fopenmp $(SANFLAGS)


# libdiffuscope-report: letters of any script for figures, and, where that library is installed, the
# grammar of captions (diffuscope daam --syntax).
REPORT_LIBS  := -lpangocairo-1.0 -lpango-1.0 -lgobject-2.0 -lcairo
LINK_GRAMMAR := $(shell pkg-config --exists link-grammar 2>/dev/null && echo yes)
ifdef LINK_GRAMMAR
REPORT_LIBS += -llink-grammar
$(BUILD)/src/optional/use.o: CPPFLAGS += -DDS_HAVE_LINK_GRAMMAR
endif
ifndef SAN # clang leaves the sanitizers' symbols to the program
ALL_DEFINED := -Wl,-z,defs
endif

LIB_SRC  := $(filter-out src/kernels/simd/% src/optional/%,$(wildcard src/*/*.c src/*/*/*.c world/*.c))
REPORT_SRC := src/optional/use.c src/optional/pango.c \
            $(if $(LINK_GRAMMAR),src/optional/link_grammar.c src/optional/links.c)
SIMD_SRC := $(wildcard src/kernels/simd/*.c)
CLI_SRC  := $(wildcard tools/cli/*.c tools/cli/*/*.c)
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/%.o) $(BUILD)/gen/layout.o
CLI_OBJ  := $(CLI_SRC:%.c=$(BUILD)/%.o)
REPORT_OBJ := $(REPORT_SRC:%.c=$(BUILD)/%.o)

# Vector kernels are compiled once per instruction set; src/kernels/choose.c picks at run time.
# A machine that is not x86-64 builds the portable set alone.
ifeq ($(shell uname -m),x86_64)
ISAS := v2 v3 v4 v4bf16
endif
ISAS           ?= portable
ISA_v2         := -march=x86-64-v2
ISA_v3         := -march=x86-64-v3
ISA_v4         := -march=x86-64-v4 -mprefer-vector-width=512
ISA_v4bf16     := $(ISA_v4) -mavx512bf16
ISA_portable   :=
SIMD_OBJ       := $(foreach i,$(ISAS),$(SIMD_SRC:%.c=$(BUILD)/%.$(i).o))

PROGRAM := $(BUILD)/diffuscope
STATIC  := $(BUILD)/libdiffuscope.a
SHARED  := $(BUILD)/libdiffuscope.so.$(VERSION)
REPORT_STATIC := $(BUILD)/libdiffuscope-report.a
REPORT_SHARED := $(BUILD)/libdiffuscope-report.so.$(VERSION)
# What a program links that wants both, after its own objects.
BOTH    := $(REPORT_STATIC) $(STATIC)
BOTH_LIBS = $(LDLIBS) $(REPORT_LIBS)

# V=1 shows the commands; the front doors build with one job per core.
Q    = $(if $(V),,@echo '  $@';)
JOBS := -j$(shell nproc 2>/dev/null || echo 2)

.PHONY: all help demo deps test test-all check-layers check-format bench fuzz install clean format
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

all: $(PROGRAM) $(STATIC) $(SHARED) $(REPORT_STATIC) $(REPORT_SHARED) ## build the program and the libraries under build/

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile */*.mk | expand -t 24

deps: ## install what is missing from the distribution
	@scripts/install-deps

demo: ## build, draw four prompts, write out/demo/report.html
	@scripts/install-deps
	@$(MAKE) --no-print-directory $(JOBS) $(PROGRAM)
	@BUILD=$(BUILD) scripts/demo

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

define isa_rule
$(BUILD)/%.$(1).o: %.c
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CPPFLAGS) $$(CFLAGS) -O3 $$(ISA_$(1)) -DDS_ISA=$(1) -MMD -MP -c $$< -o $$@
endef
$(foreach i,$(ISAS),$(eval $(call isa_rule,$(i))))

# The optimiser's loops vectorise once a square root need not set errno.
$(BUILD)/src/optim/optim.o: override CFLAGS += -O3 -fno-math-errno

$(BUILD)/src/optional/pango.o: CPPFLAGS += $(shell pkg-config --cflags pangocairo)

# Style and script of the report page, as string literals.
PAGE_PARTS := $(BUILD)/gen/page.css.inc $(BUILD)/gen/page.js.inc
$(BUILD)/gen/%.inc: src/report/%
	@mkdir -p $(@D)
	$(Q)sed -e 's/[\\"]/\\&/g' -e 's/.*/"&\\n"/' $< > $@
$(BUILD)/src/report/page.o: $(PAGE_PARTS)
$(BUILD)/src/report/page.o: CPPFLAGS += -I$(BUILD)/gen

# CLIP's merges, and letters for figures, as numbers.
$(BUILD)/gen/clip_merges.inc: src/models/clip_merges.bin
$(BUILD)/gen/letters.inc: src/report/letters.bin
$(BUILD)/gen/clip_merges.inc $(BUILD)/gen/letters.inc:
	@mkdir -p $(@D)
	$(Q)od -An -v -tu1 $< | sed -e 's/[0-9][0-9]*/&,/g' > $@
$(BUILD)/src/models/tokenizer_clip.o: $(BUILD)/gen/clip_merges.inc
$(BUILD)/src/report/letters.o: $(BUILD)/gen/letters.inc
$(BUILD)/src/models/tokenizer_clip.o $(BUILD)/src/report/letters.o: CPPFLAGS += -I$(BUILD)/gen

$(BUILD)/src/kernels/choose.o: CPPFLAGS += $(ISAS:%=-DDS_HAVE_ISA_%)

# Sizes and offsets of the public structs, for other languages; without Python, none.
$(BUILD)/gen/layout.c: scripts/declarations $(wildcard include/diffuscope/*.h)
	@mkdir -p $(@D)
	$(Q)if command -v python3 >/dev/null; then scripts/declarations "$(CC)" layout $@; else \
	    echo '#include <diffuscope/base.h>' > $@; \
	    echo 'const ds_struct_field *ds_struct_field_at(int i) { (void)i; return NULL; }' >> $@; fi
$(BUILD)/gen/layout.o: $(BUILD)/gen/layout.c
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(STATIC): $(LIB_OBJ) $(SIMD_OBJ)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(SHARED): $(LIB_OBJ) $(SIMD_OBJ)
	$(Q)$(CC) -shared $(ALL_DEFINED) -Wl,-soname,libdiffuscope.so.$(SOMAJOR) $(LDFLAGS) $^ $(LDLIBS) -o $@
	@ln -sf $(@F) $(BUILD)/libdiffuscope.so.$(SOMAJOR)
	@ln -sf $(@F) $(BUILD)/libdiffuscope.so

$(REPORT_STATIC): $(REPORT_OBJ)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# Inner helpers that the core does not export are linked in once more.
$(REPORT_SHARED): $(REPORT_OBJ) $(BUILD)/src/base/arena.o $(SHARED)
	$(Q)$(CC) -shared $(ALL_DEFINED) -Wl,-soname,libdiffuscope-report.so.$(SOMAJOR) $(LDFLAGS) \
	    $(filter %.o,$^) -L$(BUILD) -ldiffuscope $(REPORT_LIBS) -o $@
	@ln -sf $(@F) $(BUILD)/libdiffuscope-report.so.$(SOMAJOR)
	@ln -sf $(@F) $(BUILD)/libdiffuscope-report.so

$(BUILD)/tools/cli/%.o: CPPFLAGS += -Itools/cli
$(PROGRAM): $(CLI_OBJ) $(BOTH)
	$(Q)$(CC) $(LDFLAGS) $^ $(BOTH_LIBS) -o $@

include world/world.mk
include examples/examples.mk
include tests/tests.mk
include bench/bench.mk
include fuzz/fuzz.mk
include python/python.mk

SHARE = $(DESTDIR)$(PREFIX)/share
install: all ## copy program, specimen, libraries, headers, manual to $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig \
	    $(DESTDIR)$(PREFIX)/include/diffuscope
	install -m755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/
	install -m644 $(STATIC) $(SHARED) $(REPORT_STATIC) $(REPORT_SHARED) $(DESTDIR)$(PREFIX)/lib/
	for l in libdiffuscope libdiffuscope-report; do \
	    ln -sf $$l.so.$(VERSION) $(DESTDIR)$(PREFIX)/lib/$$l.so.$(SOMAJOR); \
	    ln -sf $$l.so.$(VERSION) $(DESTDIR)$(PREFIX)/lib/$$l.so; done
	install -m644 include/diffuscope/*.h $(DESTDIR)$(PREFIX)/include/diffuscope/
	for l in diffuscope diffuscope-report; do \
	    sed -e 's,@PREFIX@,$(PREFIX),' -e 's,@VERSION@,$(VERSION),' -e 's,@LIBS@,$(LDLIBS),' \
	        -e 's,@REPORT_LIBS@,$(REPORT_LIBS),' $$l.pc.in \
	        > $(DESTDIR)$(PREFIX)/lib/pkgconfig/$$l.pc || exit 1; done
	for f in $$(cd models && find specimen -type f 2>/dev/null); do \
	    install -D -m644 models/$$f $(SHARE)/diffuscope/$$f || exit 1; done
	install -d $(SHARE)/man/man1 $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions
	$(PROGRAM) help --completion bash > $(SHARE)/bash-completion/completions/diffuscope
	$(PROGRAM) help --completion zsh > $(SHARE)/zsh/site-functions/_diffuscope
	$(PROGRAM) help --man > $(SHARE)/man/man1/diffuscope.1
	for c in $$($(PROGRAM) help --names); do \
	    $(PROGRAM) help --man $$c > $(SHARE)/man/man1/diffuscope-$$c.1 || exit 1; done

format: ## let clang-format 14 lay out the sources
	$(or $(shell command -v clang-format-14),clang-format) -i $$(git ls-files '*.c' '*.h')

clean: ## remove build output
	rm -rf build build-*

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
