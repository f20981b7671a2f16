# Hark.  `make demo` and `make test` are all that a stranger needs; Meson and Ninja do the work.
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= cc
# Relative paths throughout: the tree may lie below a folder with a space in its name.
MESON = build/meson
MUSL = build/musl

.PHONY: all packages demo test test-long bench fuzz lint install clean

all: $(MESON)/build.ninja $(MUSL)/build.ninja
	@ninja -C $(MESON)
	@ninja -C $(MUSL)
	@tools/stage $(MESON) $(MUSL) build

packages:
	@tools/packages build

# The engine of observers is built once a machine, which takes minutes; here, so that it is seen.  Where it
# cannot be built, the setup says so and goes on without.
$(MESON)/build.ninja:
	@tools/wasmtime-build >/dev/null || true
	@meson setup $(MESON) --prefix="$(PREFIX)" --libdir=lib >build-setup.log 2>&1 || { cat build-setup.log; rm -f build-setup.log; exit 1; }
	@mkdir -p build && mv build-setup.log build/setup.log

$(MUSL)/build.ninja: etc/musl.ini
	@tools/musl-setup $(MUSL)

demo: packages
	@$(MAKE) --no-print-directory all
	@tools/demo build

test:
	@tools/packages test
	@$(MAKE) --no-print-directory all
	@tests/run

test-long:
	@tools/packages test
	@$(MAKE) --no-print-directory all
	@tests/run --long

bench:
	@tools/packages build
	@$(MAKE) --no-print-directory all
	@bench/run

build/fuzz/build.ninja:
	@CC=clang meson setup build/fuzz -Dfuzz=true -Dtests=false >build-fuzz.log 2>&1 || { cat build-fuzz.log; rm -f build-fuzz.log; exit 1; }
	@rm -f build-fuzz.log

fuzz: build/fuzz/build.ninja
	@ninja -C build/fuzz fuzz-all
	@meson test -C build/fuzz --suite fuzz --print-errorlogs

install: all
	@meson configure $(MESON) --prefix="$(PREFIX)" --libdir=lib >/dev/null
	@DESTDIR="$(DESTDIR)" meson install -C $(MESON) --quiet
	@tools/install-static $(MUSL) "$(DESTDIR)$(PREFIX)/bin"

clean:
	rm -rf build
