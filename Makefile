# Everything a newcomer needs: `make demo` and `make test`. Both install what is missing first, and
# take seconds when nothing has changed.

VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2

# What the demo deploys: MODEL a .tflite file, INPUT .wav files. By default what is found on
# MCU_DEPLOY_MODEL_PATH and MCU_DEPLOY_AUDIO_PATH.
MODEL ?=
INPUT ?=
OUTPUT ?= mcu-deploy-out/demo

.PHONY: demo test test-slow lint format bench setup setup-dev clean

demo: setup
	@$(BIN)/python tools/demo.py --model "$(MODEL)" --input "$(INPUT)" --output-dir "$(OUTPUT)"

test: setup-dev
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not slow" --durations=15

test-slow: setup-dev
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m slow --durations=15

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $$(git ls-files '*.c' '*.h')

bench: setup
	$(BIN)/python benchmarks/deployments.py

setup:
	@tools/setup.sh $(VENV)

setup-dev:
	@tools/setup.sh $(VENV) dev

clean:
	rm -rf build mcu-deploy-out
