# bench.mk - every C file in bench/ is one timing program; `make bench` runs them all.

BENCH_SRC := $(wildcard bench/*.c)
STUDY_SRC := bench/info_cost.c bench/info_rate.c
BENCH_BIN := $(patsubst %.c,$(BUILD)/%,$(filter-out $(STUDY_SRC),$(BENCH_SRC)))
STUDY_BIN := $(STUDY_SRC:%.c=$(BUILD)/%)

$(BENCH_BIN) $(STUDY_BIN): $(BUILD)/%: $(BUILD)/%.o $(STATIC)
	$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

bench: $(BENCH_BIN) ## timings, as ratios to oneDNN's convolution on the same machine
	@for b in $(BENCH_BIN); do GOMP_SPINCOUNT=$${GOMP_SPINCOUNT:-1000} $$b || exit 1; done

# Studies that are started by hand: info_cost runs for minutes, info_rate needs a trained model.
$(BUILD)/bench/info_cost: $(BUILD)/tests/analytic.o
