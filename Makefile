# The commands require Python and make, install nothing outside this folder, and create a new virtual environment each time.
#   make demo                      install the device package and segment a synthetic photograph
#   make test                      install everything and run the tests, except ARM64
#   make test-arm64                run the device code on emulated ARM64 boards, after `make test`
#   make baseline                  measure the shipped models into benchmarks/baseline.json, after `make test`
#   make fuzz MINUTES=n            read mutated files with every reader, after `make test`; SEED=s
#   make endurance FRAMES=n        memory, descriptors and threads over n frames, after `make test`
#   make kill-test KILLS=n         kill commands at random moments, after `make test`; SEED=s
#   make hashes                    renew requirements/*.txt from constraints.txt; requires uv
#   make demo PYTHON=python3.12    use another Python
PYTHON ?= python3
DEMO = .venv-demo/bin
TEST = .venv-test/bin

# This code is also valid in old Python versions, so that they print the required version.
define CHECK_PYTHON
import sys
version = "%d.%d" % sys.version_info[:2]
if sys.version_info < (3, 10):
    sys.exit("edgeseg needs Python 3.10 or newer; $(PYTHON) is %s. Choose another: make $(MAKECMDGOALS) PYTHON=python3.11" % version)
try:
    import ensurepip, venv
except ImportError:
    sys.exit("$(PYTHON) cannot create virtual environments. Install the missing package:\n"
             "    sudo apt-get install -y python%s-venv" % version)
endef
export CHECK_PYTHON

# $(call fresh,FOLDER,HASHES,WHAT): create a virtual environment, and install the packages of
# requirements/HASHES.txt and WHAT. The packages are verified by hash. The build of WHAT uses the
# version of hatchling in HASHES.txt.
define fresh
	@$(PYTHON) -c "$$CHECK_PYTHON"
	$(PYTHON) -m venv --clear $(1)
	$(1)/bin/python -m pip install $(PIP_OPTIONS) --require-hashes --requirement requirements/$(2).txt
	$(1)/bin/python -m pip install $(PIP_OPTIONS) --no-build-isolation $(3)
endef
PIP_OPTIONS = --disable-pip-version-check --progress-bar off

.PHONY: help demo test test-arm64 baseline fuzz endurance kill-test hashes

help:
	@sed -n 's/^#   //p' Makefile

demo:
	$(call fresh,.venv-demo,device,--no-deps .)
	$(DEMO)/edgeseg draw --seed 29 -o demo
	$(DEMO)/edgeseg run demo/fundus_29.png -o demo
	@echo "photograph  $(CURDIR)/demo/fundus_29.png"
	@echo "mask        $(CURDIR)/demo/fundus_29_vessels.png"
	@echo "overlay     $(CURDIR)/demo/fundus_29_overlay.jpg"

test:
	$(call fresh,.venv-test,dev,--constraint constraints.txt -e '.[dev]')
	$(TEST)/python -m pytest -m "not arm64" -n auto --dist loadfile $(PYTEST_ARGS)

test-arm64:
	$(TEST)/python -m pytest -m arm64 $(PYTEST_ARGS)

# Baseline of the gate: every shipped file in ONNX Runtime. Five rounds are enough, because only
# ratios of latencies are compared.
EDGESEG ?= $(TEST)/edgeseg
baseline:
	$(EDGESEG) bench --all --runtime onnxruntime --threads 2 --runs 5 --data synthetic:4 \
	    --data "drive:$${EDGESEG_DATA:?name the folder that contains DRIVE and STARE}/DRIVE" \
	    --data "stare:$$EDGESEG_DATA/STARE" \
	    --json benchmarks/baseline.json

# Robustness tests; docs/robustness.md contains the results. These tests use one thread, so that a
# run can be repeated exactly.
SEED ?= 1
fuzz endurance kill-test: export OMP_NUM_THREADS = 1
fuzz:
	$(TEST)/python -m fuzz --minutes $${MINUTES:?give MINUTES=n} --seed $(SEED)

endurance:
	$(TEST)/python benchmarks/endurance.py $${FRAMES:?give FRAMES=n} -- --threads 1

kill-test:
	$(TEST)/python benchmarks/kill_test.py $${KILLS:?give KILLS=n} --seed $(SEED)

# torch and the packages that only torch requires are omitted, because the builds for CPU and CUDA
# have different hashes. pip installs torch by the version in constraints.txt.
UV ?= uv
COMPILE = $(UV) pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-strip-extras \
    --python-version 3.10 --constraint constraints.txt pyproject.toml
UNHASHED = sed -E '/^(torch|triton|cuda-|nvidia-)/,/[^\\]$$/d'
hashes:
	mkdir -p requirements
	printf 'hatchling\n' | $(COMPILE) - > requirements/device.txt
	printf 'hatchling\n' | $(COMPILE) --extra dev - | $(UNHASHED) > requirements/dev.txt
	$(COMPILE) --extra openvino > requirements/openvino.txt
