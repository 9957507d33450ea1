# The commands of this project; `make` alone lists them. No compiler is needed, but for `make native`; where there is one
# for C, installing compiles the code predictor's kernel, which makes a model faster.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

PIP_OPTIONS := --quiet --disable-pip-version-check --prefer-binary
PIP := .venv/bin/python -m pip install $(PIP_OPTIONS)
PINNED_LLAMA := .venv/bin/python -c 'import tomllib; \
  print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["native"])'
PARITY_PIP := .parity-venv/bin/python -m pip install $(PIP_OPTIONS)

# Some environments hold a HOST that means something else (tcsh: this machine's name; conda: a platform). From the
# environment only an address counts; on make's command line anything does.
ifeq ($(origin HOST),environment)
ifeq ($(shell printf %s "$$HOST" | grep -Ex '[0-9a-fA-F.:]+|localhost'),)
override HOST :=
endif
endif
# As for HOST: the environment's MODEL may be that of something else, so only what must be meant for Timbre counts.
ifeq ($(origin MODEL),environment)
ifeq ($(shell case "$$MODEL" in (*Qwen3-TTS*) echo yes;; (*) test -d "$$MODEL" && echo yes;; esac),)
override MODEL :=
endif
endif
# What an install is made of, beside code that it only points to.
INSTALLED := pyproject.toml engine/build_kernels.py $(wildcard engine/timbre_engine/kernels/*.[ch])
README_GENERATOR := .venv/readme-generator/node_modules/.bin/readme-generator
RUN_OPTIONS := $(if $(HOST),--host '$(HOST)') $(if $(PORT),--port '$(PORT)') $(if $(PACE),--pace '$(PACE)')
RUN_STAMP := .venv/.run-stamp
ifneq ($(MODEL),)
RUN_OPTIONS += --model '$(MODEL)' $(if $(QUANT),--quant '$(QUANT)')
# What is a model directory already needs no conversion.
RUN_STAMP := .venv/.$(shell test -f '$(MODEL)/model.json' && echo model || echo convert)-stamp
endif

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo '  Variables of run: MODEL=Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice (a name on the Hub, or a folder: a checkpoint or'
	@echo '  a model directory), QUANT=Q4_K_M (or Q4_0, Q8_0, F16, F32: how a model is converted, once),'
	@echo '  HOST=0.0.0.0 (HTTPS and a token, for other devices), PORT=8760, PACE=rtf=0.9,first=250ms'
	@echo '  and from the environment REDIS_URL (default: an embedded Valkey). More: make run OPTIONS=--help'
	@echo '  Variables of voices: BASE, RECORDINGS, OUTPUT=artefacts/voices, TRAINER=train/bin/timbre-loras (of an environment with the extra train)'

.PHONY: run
run: $(RUN_STAMP) ## Run Timbre on this machine until Ctrl-C; installs what is needed first
	@exec .venv/bin/timbre run $(RUN_OPTIONS) $(OPTIONS)

.PHONY: charts
charts: .venv/.dev-stamp .venv/.readme-generator-stamp ## Write what is generated of the charts: the values' schema and README, and the dashboards
	@PYTHONPATH=charts .venv/bin/python -m timbre_charts
	@test ! -x $(README_GENERATOR) || $(README_GENERATOR) --values charts/timbre/values.yaml --readme charts/timbre/README.md >/dev/null

.PHONY: dashboard-picture
dashboard-picture: .venv/.dev-stamp apt-packages ## Draw docs/images/dashboard.png from a run of three minutes that a Prometheus scrapes; wants KUBEBUILDER_ASSETS
	@PYTHONPATH=charts:tests .venv/bin/python tests/bench/draw_dashboards.py

.PHONY: page-picture
page-picture: .venv/.dev-stamp apt-packages ## Draw docs/images/a2ui.png from the page as a real browser shows it
	@PYTHONPATH=tests .venv/bin/python tests/bench/draw_page.py

.PHONY: test
test: .venv/.dev-stamp .venv/.readme-generator-stamp apt-packages ## Run all tests; TESTS=tests/common runs some
	@.venv/bin/pytest $(TESTS)

.PHONY: parity
parity: .venv/.dev-stamp .parity-venv/.made .parity-venv/llama-cpp-python/.made ## Compare the engine with the official implementation, which is installed beside it
	@.venv/bin/pytest tests/parity

.PHONY: native
native: .venv/.native-stamp ## Build llama.cpp's library as the image has it (minutes, a C++ compiler), and test the engine over it
	@TIMBRE_ENGINE_LLAMA_LIBRARY=native .venv/bin/pytest -k 'not contract or native' \
	  tests/golden/test_codes.py tests/golden/test_processors.py tests/engine/contract tests/engine/test_llama.py \
	  tests/engine/blackbox/test_qwen3tts_adapters.py

.PHONY: check
check: .venv/.dev-stamp ## Check format, lint, types and import contracts
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

.PHONY: format
format: .venv/.dev-stamp ## Format the code, and mend what the linter can
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

.PHONY: bench-servers
bench-servers: .venv/.dev-stamp ## Measure which server carries 1,000 listeners best
	@.venv/bin/python tests/bench/bench_servers.py

.PHONY: bench-ttfb
bench-ttfb: .venv/.dev-stamp ## Measure the time from Redis to the first sound
	@.venv/bin/python tests/bench/bench_ttfb.py

.PHONY: bench-listeners
bench-listeners: .venv/.dev-stamp ## Measure one utterance to 1,000 listeners of the bridge
	@.venv/bin/python tests/bench/bench_listeners.py

.PHONY: bench-engine
bench-engine: .venv/.dev-stamp ## Measure the Qwen3-TTS engine at its true size; MODEL=DIR measures a real one
	@.venv/bin/python tests/bench/bench_engine.py $(if $(MODEL),--model '$(MODEL)')

.PHONY: bench-ready
bench-ready: .venv/.dev-stamp ## Measure how long a voice takes to be Ready, on the cluster of TIMBRE_TEST_KUBECONFIG
	@.venv/bin/python tests/bench/bench_ready.py

.PHONY: bench-operator
bench-operator: .venv/.dev-stamp ## Measure 1,000 VoiceProfiles on one engine; wants KUBEBUILDER_ASSETS; ten minutes, five of them idle
	@.venv/bin/python tests/bench/bench_operator.py

.PHONY: soak
soak: .venv/.dev-stamp apt-packages ## Speech in a real browser for ten minutes, an operator without its API server for 90 s, and with 1,000 voices
	@SOAK_SECONDS=600 .venv/bin/pytest -q -s tests/page/test_soak.py
	@SOAK_AWAY_SECONDS=90 .venv/bin/pytest -q tests/api/test_operator_replicas.py -k away
	@SOAK_PROFILES=1000 SOAK_IDLE_SECONDS=300 .venv/bin/pytest -q tests/api/test_many_profiles.py

.PHONY: voices
voices: .venv/.convert-stamp ## Make Lisa's, Electra's and Renarde's voices of recordings: BASE=HF_DIR RECORDINGS=DIR
	@test -n "$$BASE" || { echo 'timbre: BASE is missing: make voices BASE=checkpoint RECORDINGS=folder;' \
	  'timbre-engine pull Qwen/Qwen3-TTS-12Hz-0.6B-Base checkpoint gets one' >&2; exit 1; }
	@test -n "$$RECORDINGS" || { echo 'timbre: RECORDINGS is missing: make voices BASE=checkpoint RECORDINGS=folder;' \
	  'docs/voices.md says how to record' >&2; exit 1; }
	@.venv/bin/timbre-loras voices "$$BASE" "$$RECORDINGS" -o '$(or $(OUTPUT),artefacts/voices)' $(if $(TRAINER),--trainer '$(TRAINER)') $(OPTIONS)

.PHONY: images
images: ## Build the container images; TAG=dev, REGISTRY=localhost, BASE=docker.io/library/python:3.13-slim
	@REGISTRY='$(REGISTRY)' BASE='$(BASE)' containers/build '$(or $(TAG),dev)' $(COMPONENTS)

COMPOSE = $(if $(shell docker compose version 2>/dev/null),docker compose,podman-compose)
# Named one by one they have to be all of them; otherwise compose finds the first and the last by itself.
MODEL_FILES := docker-compose.yml docker-compose.model.yml $(wildcard docker-compose.override.yml)

.PHONY: up
up: .venv/.run-stamp ## Run docker-compose.yml: Redis, engine and bridge in containers; MODEL=DIR speaks with a model directory
	@command -v $(firstword $(COMPOSE)) >/dev/null || { \
	  echo 'timbre: docker compose or podman-compose is needed: install one of them' >&2; exit 1; }
	@test -z '$(MODEL)' || test -f '$(MODEL)/model.json' || { \
	  echo 'timbre: MODEL is a model directory here, as timbre-engine convert makes it: $(MODEL) holds no model.json' >&2; exit 1; }
	@.venv/bin/timbre compose
	@mkdir -p voices/loras
	@$(if $(MODEL),MODEL="$$(cd '$(MODEL)' && pwd)") $(COMPOSE) $(if $(MODEL),$(addprefix --file ,$(MODEL_FILES))) up --detach
	@token=$$(.venv/bin/timbre token create --speak --secret-file compose/secrets/token-secret) \
	  && echo "the page, for 12 hours: http://127.0.0.1:$(or $(PORT),8760)/#token=$$token"

.PHONY: down
down: ## Stop what `make up` started
	@$(COMPOSE) down

.PHONY: clean
clean: ## Remove .venv, caches and builds
	@rm -rf .venv .parity-venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist engine/timbre_engine/kernels/*.so
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.run-stamp: .venv/.made $(INSTALLED)
	@echo 'installing what the run needs into .venv'
	@$(PIP) --editable '.[run]'
	@touch $@

.venv/.model-stamp: .venv/.made $(INSTALLED)
	@echo 'installing what the run with a model needs into .venv'
	@$(PIP) --editable '.[run,qwen3tts]'
	@touch .venv/.run-stamp $@

.venv/.convert-stamp: .venv/.made $(INSTALLED)
	@echo 'installing what the run with a model, and its conversion, need into .venv'
	@$(PIP) --editable '.[run,convert,loras]'
	@touch .venv/.run-stamp .venv/.model-stamp $@

.venv/.dev-stamp: .venv/.made $(INSTALLED)
	@echo 'installing what tests and checks need into .venv'
	@$(PIP) --editable '.[dev]'
	@touch .venv/.run-stamp .venv/.model-stamp .venv/.convert-stamp $@

# A wheel of an image's build that lies in dist already is taken.
.venv/.native-stamp: .venv/.dev-stamp
	@echo 'building llama.cpp, unless its wheel is there: minutes'
	@PYTHON=.venv/bin/python containers/llama-wheel dist "$$($(PINNED_LLAMA))"
	@$(PIP) --find-links dist --editable '.[native]'
	@touch $@

# The official package names libraries of its 25 Hz models and of its demonstration, and dashscope is here for Qwen's
# vocabulary: both are installed without what they depend on. Training is tested here too.
.parity-venv/.made: .venv/.made tests/parity/requirements.txt
	@echo 'installing the official implementation, with PyTorch, into .parity-venv'
	@.venv/bin/python -m venv .parity-venv
	@$(PARITY_PIP) --requirement tests/parity/requirements.txt
	@$(PARITY_PIP) --no-deps qwen-tts==0.1.1 dashscope==2.0.2
	@touch $@

# llama.cpp's own converter of adapters is in the archive that `make native` builds; nothing is built here.
.parity-venv/llama-cpp-python/.made: .parity-venv/.made pyproject.toml
	@echo "fetching llama.cpp's own converter of adapters, to compare ours with it"
	@rm -rf $(@D) && .venv/bin/python -m pip download $(PIP_OPTIONS) --no-deps --no-binary :all: --dest $(@D) "$$($(PINNED_LLAMA))"
	@touch $@

# Makes the table of values in a chart's README; without Node it is not made anew, and its test is skipped.
.venv/.readme-generator-stamp: .venv/.made Makefile
	@if command -v npm >/dev/null; then \
	  echo "installing what makes the charts' README"; \
	  npm install --prefix .venv/readme-generator --silent --no-audit --no-fund --ignore-scripts @bitnami/readme-generator-for-helm@2.7.2; \
	else \
	  echo "no npm: the charts' README is not checked"; \
	fi
	@touch $@

# The newest Python that is tried is the newest that all dependencies have wheels for.
.venv/.made:
	@chosen=; bare=; \
	for python in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
	  command -v $$python >/dev/null || continue; \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  if $$python -c 'import ensurepip, venv' 2>/dev/null; then chosen=$$python; break; fi; \
	  bare=$${bare:-$$python}; \
	done; \
	if [ -n "$$chosen" ]; then \
	  echo "making .venv with $$($$chosen --version)"; $$chosen -m venv .venv && touch $@; \
	elif [ -n "$$bare" ]; then \
	  echo "timbre: $$bare cannot make a virtual environment: apt install $$bare-venv (Debian, Ubuntu)" >&2; exit 1; \
	else \
	  echo 'timbre: Python 3.11 or newer is needed: install it, or name one by make PYTHON=/path/to/python' >&2; exit 1; \
	fi

# Tests of rediss:// URLs need Debian's redis-server, since the embedded Valkey has no TLS; those of the page chromium;
# that of publishing to a registry docker-registry; those of dashboards and alerts prometheus.
.PHONY: apt-packages
apt-packages:
	@missing=; for package in redis-server chromium docker-registry prometheus; do \
	  command -v $$package >/dev/null || missing="$$missing $$package"; \
	done; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing$$missing, for the tests"; \
	  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1; \
	  install="apt-get install -qq -y --no-install-recommends $$missing"; \
	  { $$install || { apt-get update -qq && $$install; }; } >/dev/null 2>&1 \
	    || echo 'they could not be installed: the tests that need them will be skipped'; \
	else \
	  echo "missing:$$missing (apt install$$missing): the tests that need them will be skipped"; \
	fi
