# examples.mk - every C file in examples/ is one program on the public headers alone.

EXAMPLE_SRC := $(wildcard examples/*.c)
EXAMPLE_BIN := $(EXAMPLE_SRC:%.c=$(BUILD)/%)

$(EXAMPLE_BIN): $(BUILD)/%: %.c $(STATIC) $(wildcard include/diffuscope/*.h)
	@mkdir -p $(@D)
	$(Q)$(CC) -Iinclude $(CFLAGS) $< $(LDFLAGS) $(STATIC) $(LDLIBS) -o $@

examples: $(EXAMPLE_BIN) ## the example programs, under build/examples/

.PHONY: examples
