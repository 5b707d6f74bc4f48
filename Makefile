# make run            MediaHub on http://127.0.0.1:8000/ (PHOTOS=~/Pictures also adds that folder)
# make test           every check, then the tests
# make bench          the benchmarks, one table
# make lock           after a change of requirements/*.in
#
# Only make and Python 3.11, 3.12 or 3.13 have to be there. uv is used when it is.

PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin
COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--override requirements/overrides.txt

# The newest Python that fits, PYTHON first; a new environment is made by it.
MAKE_VENV = \
	for python in $(PYTHON) python3.13 python3.12 python3.11; do \
		if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then break; fi; \
		python=; \
	done; \
	if [ -z "$$python" ]; then \
		echo "MediaHub needs Python 3.11, 3.12 or 3.13; $$($(PYTHON) --version 2>&1) is here." >&2; \
		echo "Install one of them, or say where it is: make run PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi; \
	if [ ! -x $(BIN)/python ]; then \
		if command -v uv >/dev/null; then uv venv --quiet --python "$$python" $(VENV); else "$$python" -m venv $(VENV); fi; \
	fi

INSTALL = \
	if command -v uv >/dev/null; then \
		uv pip install --quiet --python $(BIN)/python --require-hashes -r $$lock; \
	else \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $$lock; \
	fi

.PHONY: run test check bench lock

run: $(VENV)/installed
	@exec $(BIN)/python -m mediahub.run $(if $(PHOTOS),--photos "$(PHOTOS)")

$(VENV)/installed: requirements/base.txt
	@$(MAKE_VENV)
	@echo "Installing what MediaHub needs into $(VENV) ..."
	@lock=requirements/base.txt; $(INSTALL)
	@touch $@

$(VENV)/installed-dev: requirements/dev.txt
	@$(MAKE_VENV)
	@lock=requirements/dev.txt; $(INSTALL)
	@touch $@

test: check
	$(BIN)/python -m pytest

check: $(VENV)/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy ml media apps mediahub tests bench
	$(BIN)/lint-imports
	$(BIN)/python tools/check_django.py

bench: $(VENV)/installed-dev
	$(BIN)/python -m bench

lock:
	$(COMPILE) requirements/base.in -o requirements/base.txt
	$(COMPILE) requirements/dev.in -o requirements/dev.txt
