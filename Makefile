# Everything a newcomer needs: `make demo` and `make test`. Both install what is missing first, and
# take seconds when nothing has changed.

VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2

# What the demo deploys: a registry name or a .tflite file, and .wav or .npy files.
MODEL ?= kws-demo
INPUT ?= $(if $(filter kws-demo,$(MODEL)),$(wildcard models/kws_demo/recordings/*.wav))
OUTPUT ?= mcu-deploy-out/demo

.PHONY: demo test test-slow lint format bench fuzz train-kws-demo setup setup-dev clean

demo: setup
	$(BIN)/mcu-deploy deploy "$(MODEL)" --force --output-dir "$(OUTPUT)" $(addprefix --input ,$(INPUT))

test: setup-dev
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --durations=10

# 5,000 random graphs, natively and on QEMU: half an hour on two cores.
test-slow: setup-dev
	$(BIN)/python -m pytest -n $(JOBS) -m slow

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $$(git ls-files '*.c' '*.cc' '*.h')

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $$(git ls-files '*.c' '*.cc' '*.h')

bench: setup
	$(BIN)/python benchmarks/instructions.py

# Hostile command and weight streams for the NPU's model, on one core for FUZZ_SECONDS each. Needs clang and
# its libFuzzer (Debian: clang, libclang-rt-dev). What breaks the model is left in build/fuzz as crash-*.
FUZZ_SECONDS ?= 1800
NPU_MODEL := firmware_templates/npu/model
fuzz: setup-dev
	mkdir -p build/fuzz/found-model build/fuzz/found-weights
	$(BIN)/python tests/npu/fuzz/corpus.py build/fuzz/corpus $(MODELS)
	for name in model weights; do \
	  clang -std=c11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -I$(NPU_MODEL) \
	    tests/npu/fuzz/fuzz_npu_$$name.c $(NPU_MODEL)/*.c -o build/fuzz/fuzz_npu_$$name && \
	  (cd build/fuzz && nice ./fuzz_npu_$$name -timeout=10 -max_len=16384 -max_total_time=$(FUZZ_SECONDS) \
	    -print_final_stats=1 found-$$name corpus/$$name) || exit 1; \
	done

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
