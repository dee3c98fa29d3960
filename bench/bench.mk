# bench.mk - every C file in bench/ is one timing program; `make bench` runs them all.

BENCH_SRC := $(wildcard bench/*.c)
BENCH_BIN := $(BENCH_SRC:%.c=$(BUILD)/%)

$(BENCH_BIN): $(BUILD)/%: $(BUILD)/%.o $(STATIC)
	$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

bench: $(BENCH_BIN) ## timings, as ratios to oneDNN's convolution on the same machine
	@for b in $(BENCH_BIN); do GOMP_SPINCOUNT=$${GOMP_SPINCOUNT:-1000} $$b || exit 1; done
