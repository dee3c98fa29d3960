# world.mk - the specimen's world. Its scenes and their judge (world/) are a room of the library; its own
# command (world/tool/) exports scenes and measures models.

WORLD     := $(BUILD)/diffuscope-world
WORLD_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard world/tool/*.c))

$(WORLD): $(WORLD_OBJ) $(BOTH)
	$(Q)$(CC) $(LDFLAGS) $^ $(BOTH_LIBS) -o $@

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
