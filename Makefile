# Two commands do it all on a fresh machine: `make serve` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install --quiet --constraint constraints.txt --editable
ARGS ?=

.PHONY: serve bench test camera-test image-test ranges-test lint results format clean

serve: $(VENV)/serve.stamp  ## set up, start the server, open the page; ARGS="--source 0 --quality 30"
	$(BIN)/confcodec serve $(ARGS)

bench: $(VENV)/serve.stamp  ## a call with itself for 10 s; prints rate, PSNR and times
	$(BIN)/confcodec bench $(ARGS)

test: $(VENV)/test.stamp system lint  ## lint, types and every test, those in a real browser included
	mkdir -p test-artifacts
	$(BIN)/pytest --junit-xml test-artifacts/junit.xml $(ARGS)

camera-test: $(VENV)/test.stamp camera-system  ## the camera code on a V4L2 device, in an emulated machine; ARGS=CHECK runs that alone
	$(BIN)/python -m tests.camera.boot $(ARGS)

image-test: $(VENV)/test.stamp  ## build the Dockerfile without an engine, and call inside; minutes, not part of test
	$(BIN)/python -m tests.image

ranges-test: $(VENV)/test.stamp  ## the tests with the lowest and the newest versions that pyproject.toml allows
	$(BIN)/python -m tests.ranges $(ARGS)

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

CODECS ?= rt,cae,jpeg,jpeg:420,jpeg2000,webp,avif,avif:4
results: $(VENV)/test.stamp  ## docs/results.md with its plot, measured over PICTURES=FOLDER
	$(BIN)/confcodec eval $(PICTURES) --codecs $(CODECS) --threads 1 --page docs/results.md --force --group-by prefix $(ARGS)

format: $(VENV)/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) test-artifacts .cache/camera .mypy_cache .ruff_cache .pytest_cache

$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/serve.stamp: pyproject.toml constraints.txt | $(BIN)/pip libraries
	$(INSTALL) ".[audio]"
	touch $@

$(VENV)/test.stamp: pyproject.toml constraints.txt | $(BIN)/pip libraries
	$(INSTALL) ".[audio,lab,test]"
	touch $@ $(VENV)/serve.stamp

# Debian packages: OpenCV's wheel needs OpenGL and GLib; the tests a browser, Node, coturn and Redis.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
APT := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get

.PHONY: libraries system camera-system
libraries:
	@ldconfig -p 2>/dev/null | grep -q libGL.so.1 && ldconfig -p | grep -q libglib-2.0.so.0 \
		|| { $(APT) update -qq && $(APT) install -y -qq libgl1 libglib2.0-0; }

system:
	@command -v chromium >/dev/null && command -v node >/dev/null \
		&& command -v turnserver >/dev/null && command -v redis-server >/dev/null \
		|| { $(APT) update -qq && $(APT) install -y -qq chromium nodejs coturn redis-server; }

# The emulator is installed; the kernel that it boots is fetched by the test, and kept in .cache/.
camera-system:
	@command -v qemu-system-x86_64 >/dev/null && test -d .cache/camera/kernel \
		|| { $(APT) update -qq && $(APT) install -y -qq --no-install-recommends qemu-system-x86; } \
		|| { echo "camera-test: FAILED, QEMU could not be installed: apt-get install qemu-system-x86"; exit 1; }
