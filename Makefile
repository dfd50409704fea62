# Everything a newcomer needs: `make demo` and `make test`. Both install what is missing first, and
# take seconds when nothing has changed.

VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2

# What the demo deploys: a registry name or a .tflite file, and .wav or .npy files.
MODEL ?= kws-demo
INPUT ?= $(if $(filter kws-demo,$(MODEL)),$(wildcard models/kws_demo/recordings/*.wav))
OUTPUT ?= mcu-deploy-out/demo

.PHONY: demo test lint format bench train-kws-demo setup setup-dev clean

demo: setup
	$(BIN)/mcu-deploy deploy "$(MODEL)" --force --output-dir "$(OUTPUT)" $(addprefix --input ,$(INPUT))

test: setup-dev
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --durations=10

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

# Makes models/kws_demo anew: an hour on two cores, and needs the MicroNets on MCU_DEPLOY_MODEL_PATH.
train-kws-demo:
	@tools/setup.sh $(VENV) train
	$(BIN)/python models/kws_demo/training/run.py

setup:
	@tools/setup.sh $(VENV)

setup-dev:
	@tools/setup.sh $(VENV) dev

clean:
	rm -rf build mcu-deploy-out
