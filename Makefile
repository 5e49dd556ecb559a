# The README's two commands. They need Python and make, install nothing outside this folder, and start afresh each time.
#   make demo                      draw a photograph, find its vessels (no torch)
#   make test                      the whole suite (torch included)
#   make demo PYTHON=python3.12    with another Python
#   make baseline                  measure the shipped models anew: benchmarks/baseline.json, after `make test`
PYTHON ?= python3
DEMO = .venv-demo/bin
TEST = .venv-test/bin

# Written for any Python, so that an old one can read it and say so.
define CHECK_PYTHON
import sys
version = "%d.%d" % sys.version_info[:2]
if sys.version_info < (3, 10):
    sys.exit("edgeseg needs Python 3.10 or newer; $(PYTHON) is %s. Name another: make $(MAKECMDGOALS) PYTHON=python3.11" % version)
try:
    import ensurepip, venv
except ImportError:
    sys.exit("$(PYTHON) cannot make virtual environments. This installs what it lacks:\n"
             "    sudo apt-get install -y python%s-venv" % version)
endef
export CHECK_PYTHON

# $(call fresh,FOLDER,WHAT): a new virtual environment that holds WHAT; the versions are those that CI tries.
# In the environment, not as -c, because only so do they also reach the build of our own wheel.
define fresh
	@$(PYTHON) -c "$$CHECK_PYTHON"
	$(PYTHON) -m venv --clear $(1)
	PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
	    $(1)/bin/python -m pip install --disable-pip-version-check --progress-bar off $(2)
endef

.PHONY: help demo test baseline

help:
	@sed -n 's/^#   //p' Makefile

demo:
	$(call fresh,.venv-demo,.)
	$(DEMO)/edgeseg draw --seed 29 -o demo
	$(DEMO)/edgeseg run demo/fundus_29.png -o demo
	@echo "photograph  $(CURDIR)/demo/fundus_29.png"
	@echo "mask        $(CURDIR)/demo/fundus_29_vessels.png"
	@echo "overlay     $(CURDIR)/demo/fundus_29_overlay.png"

test:
	$(call fresh,.venv-test,-e '.[dev]')
	$(TEST)/python -m pytest $(PYTEST_ARGS)

# The gate's baseline: every shipped file in ONNX Runtime. Its times only serve as ratios, so few rounds do.
EDGESEG ?= $(TEST)/edgeseg
baseline:
	$(EDGESEG) bench --all --runtime onnxruntime --threads 2 --runs 5 --data synthetic:4 \
	    --data "drive:$${EDGESEG_DATA:?names the folder that holds DRIVE and STARE}/DRIVE" \
	    --data "stare:$$EDGESEG_DATA/STARE" \
	    --json benchmarks/baseline.json
