# world.mk - the specimen's world: a small library that trainers and tests link, and its command.

WORLD_SRC := $(filter-out world/main.c,$(wildcard world/*.c))
WORLD_OBJ := $(WORLD_SRC:%.c=$(BUILD)/%.o)
WORLD_LIB := $(BUILD)/libworld.a
WORLD     := $(BUILD)/diffuscope-world

$(WORLD_LIB): $(WORLD_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(WORLD): $(BUILD)/world/main.o $(WORLD_LIB) $(STATIC)
	$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(BUILD)/tests/unit/test_world: $(WORLD_LIB)
$(BUILD)/tests/unit/test_world: LDLIBS := $(WORLD_LIB) $(STATIC) $(LDLIBS)
$(BUILD)/tests/unit/test_world.o: CPPFLAGS += -Iworld

# Drawing and resampling are most of a scene's cost.
$(BUILD)/world/%.o: override CFLAGS += -O3

all run-tests: $(WORLD)

world-data: ## rebuild world/sprites from the published drawings (npm, librsvg, Python)
	world/fetch-sprites

.PHONY: world-data
