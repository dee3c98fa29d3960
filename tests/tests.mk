# tests.mk - every C file in tests/<tier>/ is one cmocka program; every *.sh there is one too (of Python
# there is one that runs them all).
#
# Tiers: unit and grad (seconds), golden (tests/data/golden; a larger set from ../shared/golden, or says
# loudly that it is absent), fault, cli, contract, python. tests/slow/ runs in `make test-all` only.

TIERS      := unit grad golden fault cli contract python
TEST_SRC   := $(foreach t,$(TIERS),$(wildcard tests/$(t)/*.c))
SLOW_SRC   := $(wildcard tests/slow/*.c)
TEST_COMMON := $(BUILD)/tests/support.o $(BUILD)/tests/analytic.o
TEST_BIN   := $(TEST_SRC:%.c=$(BUILD)/%)
SLOW_BIN   := $(SLOW_SRC:%.c=$(BUILD)/%)
TEST_SH    := $(foreach t,$(TIERS),$(wildcard tests/$(t)/*.sh))
SLOW_SH    := $(wildcard tests/slow/*.sh)

$(BUILD)/tests/%: CPPFLAGS += -Itests

$(TEST_BIN) $(SLOW_BIN): $(BUILD)/%: $(BUILD)/%.o $(TEST_COMMON) $(BOTH)
	$(Q)$(CC) $(LDFLAGS) $(filter %.o,$^) $(BOTH) $(BOTH_LIBS) -lcmocka -o $@

# The frame of the command line, without its commands.
CLI_FRAME := $(foreach o,$(CLI_OBJ),$(if $(findstring /cmd_,$o)$(findstring /main.o,$o),,$o))
$(BUILD)/tests/cli/%: CPPFLAGS += -Itools/cli
$(filter $(BUILD)/tests/cli/%,$(TEST_BIN)): $(CLI_FRAME)

tests: $(TEST_BIN) $(EXAMPLE_BIN) # build the test programs without running them

test: ## build and test, below 20 minutes on two cores
	@scripts/install-deps
	@$(MAKE) --no-print-directory $(JOBS) run-tests

run-tests: $(PROGRAM) $(TEST_BIN) $(EXAMPLE_BIN) check-layers $(if $(SAN),,python)
	@BUILD=$(BUILD) scripts/run-tests $(TEST_BIN) $(TEST_SH)
	@scripts/check-format || [ -z "$$CI" ] # at home it is said, in CI it fails

test-all: ## everything: the slow tests and the sanitizers too
	@scripts/install-deps
	@$(MAKE) --no-print-directory $(JOBS) run-tests
	@$(MAKE) --no-print-directory $(JOBS) run-slow
	@$(MAKE) --no-print-directory $(JOBS) run-tests SAN=address,undefined

run-slow: $(PROGRAM) $(SLOW_BIN)
	@BUILD=$(BUILD) scripts/run-tests $(SLOW_BIN) $(SLOW_SH)

check-layers: ## the rules on #include lines and on circles of files
	@scripts/check-layers

check-format: ## whether clang-format 14 would change anything
	@scripts/check-format

.PHONY: tests run-tests run-slow
.SECONDARY:
