# SPDX-License-Identifier: GPL-2.0-only
#
# make help lists what there is. The modules are built by Kbuild; this file is for
# people: it calls the kernel's build system, the guests and the checks.

KVER	?= $(shell uname -r)
KDIR	?= /lib/modules/$(KVER)/build
# A kernel of one's own runs alone, unless KERNELS names it among others.
ifneq ($(KERNEL_BUILD)$(KERNEL_IMAGE),)
KERNELS	?= own
endif
BUILD	?= $(CURDIR)/build
# What takes longest comes first, so that all end together.
ALL	:= 7.3 7.3-debug 6.12 6.1 7.3-swiotlb 7.3-m32 7.3-iommu 7.3-rt 6.12-rt 6.1-rt
# Emulated on another architecture they would make check-all too long.
ARM64	:= 7.3-arm64 7.3-arm64-16k 6.12-arm64 7.3-arm64-iommu 7.3-arm64-debug
# Where make check leaves out what judges the judge.
JUDGED	:= 7.3 6.12 6.1
# Those that have drivers to be judged, each its own.
SURVEYED := 7.3 6.12 6.1 7.3-iommu
KERNELS	?= $(if $(filter aarch64,$(shell uname -m)),7.3-arm64,7.3)
TESTS	?=

VERSION	:= $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
SUDO	:= $(if $(filter 0,$(shell id -u)),,sudo)
OWN	:= $(if $(KERNEL_BUILD),--kernel-build '$(KERNEL_BUILD)') \
	$(if $(KERNEL_IMAGE),--kernel-image '$(KERNEL_IMAGE)')
# What the setup is told of: one's own may be of another architecture.
EMULATED = $(KERNELS) $(if $(KERNEL_BUILD),$(shell sed -n 's/^CONFIG_ARM64=y$$/own-arm64/p' \
	'$(KERNEL_BUILD)/include/config/auto.conf' 2>/dev/null))
# The suite is all that says something of a kernel of one's own.
OURS	= $(filter-out own,$(KERNELS))
GUEST	:= python3 scripts/guest
# The headers of the others are those of these; 32 bits are the programs, swiotlb and iommu
# the boot.
LINTED	= $(filter-out %-debug %-16k %-rt %-m32 %-swiotlb %-iommu,$(KERNELS))
# What DKMS builds from.
SOURCES	:= dkms.conf Kbuild Makefile LICENSE include exporter importer
DKMS_SOURCE := /usr/src/dmabuf-revoke-$(VERSION)

.PHONY: help
help:
	@echo 'In a QEMU guest (sets up what it needs):'
	@echo '  demo            revoke a buffer under running DMA and show what happens'
	@echo '  demo-device     and a PCI device that goes on all the same: an IOMMU blocks it;'
	@echo '                  KERNELS=7.3: without one it writes to the memory'
	@echo '  judge           a verdict on your driver: IMPORTER="program argument..." or'
	@echo '                  EXPORTER=...; MODULE=file.ko or directory to load;'
	@echo '                  KERNEL_BUILD or KERNELS as for check; JUDGE="--repeat 20" for'
	@echo '                  options of test-importer or test-exporter'
	@echo '  check           lint, the suite on 7.3 and the quick tests of the host'
	@echo '                  KERNELS="6.1 7.3-rt" for other kernels, TESTS=expression'
	@echo '                  for a choice of tests (as pytest -k)'
	@echo '                  KERNEL_BUILD=directory for a kernel that you have built'
	@echo '                  there (KERNEL_IMAGE=file: not its bzImage); demo and'
	@echo '                  shell take them too'
	@echo '  check-all       everything: all kernels, packages, costs, coverage'
	@echo '  check-debug     the suite on the instrumented kernel only'
	@echo '  coverage        the same, and a report of the lines that it runs'
	@echo '  check-arm64     the suite on kernels for arm64, which check-all leaves out'
	@echo '  check-judge     the tests of the judge on $(JUDGED), where check runs them'
	@echo '                  on 7.3 only, and not all of them'
	@echo '  fuzz            random programs on KERNEL=7.3-debug until one fails;'
	@echo '                  SEED=1, MINUTES=10, OPERATIONS=number for an earlier end'
	@echo '  bench           what it costs, beside the system heap, udmabuf and vgem: in time'
	@echo '                  and in instructions; BENCH="--short alloc" for arguments of bench'
	@echo '  survey          judge every driver that a guest has, on KERNELS="$(SURVEYED)",'
	@echo '                  and write docs/drivers.md'
	@echo '  shell           a shell in the guest'
	@echo '  lint            style and static checks only'
	@echo 'On this machine:'
	@echo '  modules         build both modules for KDIR=$(KDIR)'
	@echo '  programs        build the command and the test programs in BUILD=$(BUILD)'
	@echo '  dkms-install    build and install both modules by DKMS for KVER=$(KVER)'
	@echo '  dkms-remove     the reverse, for all versions and kernels'
	@echo '  install         the command, its man page, completion and header,'
	@echo '                  to DESTDIR and PREFIX'
	@echo '  uninstall       the reverse'
	@echo '  dist            release tarball of HEAD, in BUILD/dist'
	@echo '  deb             Debian packages of this machine'\''s release, in BUILD/deb'
	@echo '  clean           remove what was built'

.PHONY: demo demo-device judge check check-all check-debug check-arm64 check-judge coverage fuzz bench survey shell lint
demo:
	scripts/setup --guest-only $(EMULATED)
	$(GUEST) run $(OWN) $(addprefix --kernel ,$(firstword $(KERNELS))) -- \
		sh -c 'modprobe -a dmabuf_revoke_exporter dmabuf_revoke_importer && exec dmabuf-revoke demo $(DEMO)'

# The device is QEMU's edu, the last one; without the driver that makes a DMA engine of it the
# importer takes it.
demo-device: KERNELS = $(if $(strip $(OWN)),own,7.3-iommu)
demo-device:
	scripts/setup --guest-only $(EMULATED)
	$(GUEST) run $(OWN) $(addprefix --kernel ,$(firstword $(KERNELS))) -- \
		sh -c 'modprobe -a dmabuf_revoke_exporter dmabuf_revoke_importer && \
			device=$$(grep -l 0x11e8 /sys/bus/pci/devices/*/device | tail -n 1 | cut -d/ -f 6) && \
			{ modprobe -q dbr_edu && driver=dbr_edu || driver=dmabuf_revoke_importer; } && \
			echo $$driver >/sys/bus/pci/devices/$$device/driver_override && \
			echo $$device >/sys/bus/pci/drivers_probe && \
			exec dmabuf-revoke demo --device $$device $(DEMO)'

judge:
	$(if $(IMPORTER)$(EXPORTER),,$(error make judge IMPORTER='program argument...', or EXPORTER=))
	scripts/setup --guest-only $(EMULATED)
	$(GUEST) judge $(OWN) $(addprefix --kernel ,$(firstword $(KERNELS))) \
		$(addprefix --module ,$(MODULE)) $(if $(EXPORTER),--exporter) \
		$(if $(JUDGE),--options='$(JUDGE)') -- $(or $(EXPORTER),$(IMPORTER))

HOST	:= quick
check:
	scripts/setup $(if $(OURS),,--guest-only $(EMULATED))
	$(GUEST) check $(OWN) $(addprefix --kernel ,$(KERNELS)) \
		$(if $(OURS),--host $(HOST) $(addprefix --lint ,$(filter-out own,$(LINTED)))) \
		$(if $(TESTS),--tests '$(TESTS)')

check-all: KERNELS = $(ALL)
check-all: HOST = all
check-all: check

check-debug:
	scripts/setup --guest-only $(EMULATED)
	$(GUEST) check --kernel 7.3-debug $(if $(TESTS),--tests '$(TESTS)')

check-arm64:
	scripts/setup
	$(GUEST) check --host foreign $(addprefix --kernel ,$(ARM64)) $(if $(TESTS),--tests '$(TESTS)')

# Names, since pytest of bookworm knows no folders.
check-judge: KERNELS = $(JUDGED)
check-judge: TESTS = test_blocked or test_exporters or test_importers or test_left \
	or test_misuse or test_reports or test_tables
check-judge:
	scripts/setup --guest-only $(EMULATED)
	$(GUEST) check $(addprefix --kernel ,$(KERNELS)) --tests '$(TESTS)'

# Also where a test failed.
coverage:
	-$(MAKE) check-debug
	$(GUEST) coverage --kernel 7.3-debug

fuzz:
	scripts/setup --guest-only $(EMULATED)
	$(GUEST) fuzz $(OWN) --kernel $(or $(KERNEL),$(filter own,$(KERNELS)),7.3-debug) \
		$(addprefix --seed ,$(SEED)) $(addprefix --minutes ,$(MINUTES)) \
		$(addprefix --operations ,$(OPERATIONS))

bench:
	scripts/setup --bench $(EMULATED)
	$(GUEST) bench $(OWN) $(addprefix --kernel ,$(firstword $(KERNELS))) -- $(BENCH)

survey: KERNELS = $(SURVEYED)
survey:
	scripts/setup --guest-only $(EMULATED)
	$(GUEST) survey $(addprefix --kernel ,$(KERNELS))

shell:
	scripts/setup --guest-only $(EMULATED)
	$(GUEST) shell $(OWN) $(addprefix --kernel ,$(firstword $(KERNELS)))

lint: KERNELS = $(ALL)
lint:
	scripts/setup
	scripts/lint $(LINTED)

.PHONY: modules programs
modules:
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

programs:
	$(MAKE) -C tools BUILD=$(BUILD)
	$(MAKE) -C tests BUILD=$(BUILD)

.PHONY: dkms-install dkms-remove install uninstall install-source
dkms-install: dkms-remove
	$(SUDO) mkdir -p $(DKMS_SOURCE)
	$(SUDO) cp -r $(SOURCES) $(DKMS_SOURCE)/
	$(SUDO) dkms add -m dmabuf-revoke -v $(VERSION)
	$(SUDO) dkms install -m dmabuf-revoke -v $(VERSION) -k $(KVER)

dkms-remove:
	$(SUDO) scripts/dkms-remove

install uninstall:
	$(MAKE) -C tools BUILD=$(BUILD) $@

# For packages, which leave it to dkms to add and to build it.
install-source:
	mkdir -p $(DESTDIR)$(DKMS_SOURCE)
	cp -r $(filter-out Makefile LICENSE,$(SOURCES)) $(DESTDIR)$(DKMS_SOURCE)/

.PHONY: deb
deb:
	scripts/setup --deb
	scripts/deb $(BUILD)/deb

.PHONY: dist
dist:
	scripts/dist $(BUILD)/dist

.PHONY: clean
clean:
	rm -rf $(BUILD)
	-[ ! -d $(KDIR) ] || $(MAKE) -C $(KDIR) M=$(CURDIR) clean
