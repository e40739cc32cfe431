# `make test` and `make demo` need only make and Python 3.11-3.13: they create .venv and install into it.
# TORCH=cpu or TORCH=cuda chooses the build of torch; where it is not given, cuda if nvidia-smi works.
ifeq ($(origin TORCH), undefined)
TORCH := $(shell nvidia-smi >/dev/null 2>&1 && echo cuda || echo cpu)
endif
BIN := .venv/bin
STAMP := .venv/installed-$(TORCH)

.PHONY: demo test install constraints

demo: $(STAMP)
	$(BIN)/worldsim demo

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile

install: $(STAMP)

# The stamp is the last thing that the script writes: an interrupted or failed installation is repeated.
$(STAMP): pyproject.toml constraints.txt scripts/install.sh
	sh scripts/install.sh $(TORCH)

# Pin what .venv holds now; torch without its build label, so that one line fits the CPU and the CUDA build.
constraints: $(STAMP)
	$(BIN)/pip freeze --all --exclude pip --exclude-editable | sed 's/^\(torch==[^+]*\)+.*/\1/' > constraints.new
	mv constraints.new constraints.txt
