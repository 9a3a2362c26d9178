# Two commands: `make book` ends with the rendered book, `make test` with the tests passed. Each sets up what it needs.
PYTHON ?= python3.11
BIN := .venv/bin
PROFILE ?= quick
SNAKEMAKE := $(BIN)/snakemake --cores all --rerun-incomplete --nolock --keep-going --quiet progress host --config

.PHONY: book look pdf paper page test lint benchmark peers lock clean

book: .venv/.complete
	$(SNAKEMAKE) profile=$(PROFILE) -- book
	@echo "The book is there: _build/html/index.html"

# The full protocol: makes what is missing or stale, exactly that, then the book of it.
paper: .venv/.complete
	$(BIN)/anisodiff plan _build/paper/plan.json
	$(SNAKEMAKE) profile=paper -- artefacts
	$(MAKE) book PROFILE=paper

# Every page of the book in a browser (Chromium or Chrome): errors, other hosts, accessibility, weight.
look: book
	$(BIN)/python -m pytest tests/built --override-ini addopts="-q --numprocesses auto"

# The whole book as a PDF, from the pages that `make book` has run.
TEX := latexmk texlive-xetex texlive-latex-extra texlive-fonts-recommended fonts-texgyre fonts-texgyre-math fonts-dejavu-core
pdf:
	@command -v latexmk >/dev/null && command -v xelatex >/dev/null || \
		{ echo "make pdf needs latexmk and xelatex, from TeX Live; in Debian: apt install $(TEX)" >&2; exit 2; }
	$(MAKE) book
	rm -rf _build/pdf && mkdir -p _build/pdf
	cp -r _build/source _build/pdf/source
	$(BIN)/jupyter-book build _build/pdf/source --path-output _build/pdf --builder latex -W -n --keep-going \
		> _build/logs/pdf.log 2>&1 || { grep -E 'WARNING|ERROR|Error' _build/logs/pdf.log >&2; exit 1; }
	cd _build/pdf/_build/latex && latexmk -xelatex -interaction=nonstopmode anisodiff.tex >> ../../../logs/pdf.log 2>&1 \
		|| { tail -n 20 ../../../logs/pdf.log >&2; exit 1; }
	mv _build/pdf/_build/latex/anisodiff.pdf _build/anisodiff.pdf
	@echo "The book is there: _build/anisodiff.pdf"

# One page with other parameters beside the book's: make page PAGE=learned_lambda ARGS="-p level 30"
page: .venv/.complete
	$(if $(PAGE),,$(error say which page: make page PAGE=learned_lambda))
	$(SNAKEMAKE) profile=$(PROFILE) -- _build/source/notebooks/$(PAGE).ipynb
	$(BIN)/python -m anisodiff.reports.pages compare $(PAGE) $(ARGS)

test: .venv/.complete lint
	$(BIN)/python -m pytest

lint: .venv/.complete
	$(BIN)/ruff check .
	$(BIN)/nbstripout --verify --keep-id notebooks/*.ipynb
	$(BIN)/python -m anisodiff.reports.lint

benchmark: .venv/.complete
	$(BIN)/python -m pytest tests/benchmarks --override-ini addopts=

# The library beside deepinv, in an environment of its own (1.7 GB): no part of the project needs it.
peers: .venv-peers/.complete
	.venv-peers/bin/python -m pytest tests/peers --confcutdir tests/peers --override-ini addopts=-q

# Needs uv; torch stays out, for the reader chooses its build. environment.yml follows: the tests say how.
lock:
	uv pip compile pyproject.toml --all-extras --python-version 3.11 --generate-hashes --quiet \
		--custom-compile-command 'make lock' --no-emit-package torch --no-emit-package setuptools \
		--output-file requirements.txt

clean:
	rm -rf _build .snakemake

.venv/.complete: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -qq --disable-pip-version-check torch==2.13.0 setuptools
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check
	touch $@

.venv-peers/.complete: tests/peers/requirements.txt requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv-peers
	grep -oE '^[[:alnum:]._-]+==[^ ;]+' requirements.txt > .venv-peers/constraints.txt
	.venv-peers/bin/python -m pip install -qq --disable-pip-version-check torch==2.13.0 setuptools
	.venv-peers/bin/python -m pip install -qq --disable-pip-version-check --no-build-isolation \
		--constraint .venv-peers/constraints.txt --editable . --requirement tests/peers/requirements.txt
	.venv-peers/bin/python -m pip check
	touch $@
