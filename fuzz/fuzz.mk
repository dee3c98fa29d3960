# fuzz.mk - one libFuzzer harness per parser of files that may be hostile.
#
#   make -j2 fuzz                     every harness for FUZZ_SECONDS, two at a time
#   make fuzz FUZZ_ONLY=fuzz_png      one of them
#
# What grows in corpora stays under the build folder; an input that crashes is kept there as
# found-HARNESS-*. Run a harness on that file to repeat the crash, and add a test when it is fixed.

FUZZ_SECONDS ?= 600
FUZZ_SAN     := fuzzer-no-link,address,undefined
FUZZ_ONLY    ?= $(basename $(notdir $(wildcard fuzz/fuzz_*.c)))

fuzz: ## fuzz every parser (clang; FUZZ_SECONDS=600 each)
	@scripts/install-deps clang libomp-dev libclang-rt-dev
	@$(MAKE) --no-print-directory SAN=$(FUZZ_SAN) CC=clang CFLAGS="-O1 -g" ISAS=portable fuzz-run

fuzz-build: $(FUZZ_ONLY:%=$(BUILD)/fuzz/%)

fuzz-run: $(FUZZ_ONLY:%=fuzz-run-%)

$(BUILD)/fuzz/fuzz_%: $(BUILD)/fuzz/fuzz_%.o $(BUILD)/fuzz/support.o $(BUILD)/fuzz/small.o $(STATIC)
	$(CC) $(LDFLAGS) -fsanitize=fuzzer $^ $(LDLIBS) -o $@

$(BUILD)/fuzz/seeds: fuzz/seeds.py
	@rm -rf $@
	@python3 fuzz/seeds.py $@

fuzz-run-%: $(BUILD)/fuzz/% $(BUILD)/fuzz/seeds
	@mkdir -p $(BUILD)/fuzz/corpus/$* $(BUILD)/fuzz/seeds/$*
	@echo "$*: $(FUZZ_SECONDS) s"
	@UBSAN_OPTIONS=print_stacktrace=1 OMP_NUM_THREADS=1 $(BUILD)/fuzz/$* \
	    -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	    -artifact_prefix=$(BUILD)/fuzz/found-$*- \
	    $(BUILD)/fuzz/corpus/$* $(BUILD)/fuzz/seeds/$* > $(BUILD)/fuzz/$*.log 2>&1 \
	    && grep -E 'Done|stat::number' $(BUILD)/fuzz/$*.log | sed 's/^/$*: /' \
	    || { tail -60 $(BUILD)/fuzz/$*.log; exit 1; }

.PHONY: fuzz-build fuzz-run
