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

WORLD_TESTS := $(BUILD)/tests/unit/test_world $(BUILD)/tests/unit/test_judge
$(WORLD_TESTS): $(WORLD_LIB)
$(WORLD_TESTS): LDLIBS := $(WORLD_LIB) $(STATIC) $(LDLIBS)
$(WORLD_TESTS:%=%.o): CPPFLAGS += -Iworld

# Drawing and resampling are most of a scene's cost.
$(BUILD)/world/%.o: override CFLAGS += -O3

all run-tests: $(WORLD)

# MODEL=DIR, QUICK=1 (three minutes of one core), SEEDS=N per occupation, QUALITY_OUT=DIR.
MODEL ?= models/specimen
QUALITY_OUT ?= out/quality
specimen-quality: $(WORLD) ## the table of how well a model has learnt the world (MODEL=DIR, QUICK=1)
	@$(WORLD) quality -m $(MODEL) --out $(QUALITY_OUT) $(if $(QUICK),--quick) \
	    $(if $(SEEDS),--seeds $(SEEDS)) $(QUALITY_FLAGS)

world-data: ## rebuild world/sprites from the published drawings (npm, librsvg, Python)
	world/fetch-sprites

.PHONY: world-data specimen-quality
