// SPDX-License-Identifier: GPL-2.0-only
/* Attachments on behalf of a PCI function: which there are, and what they can do. */
#include <stdio.h>
#include <sys/ioctl.h>

#include "function.h"

#define LENGTH (4 * PAGE)
#define P2P DMABUF_REVOKE_ATTACH_PEER2PEER
#define CAN(device, engine)						\
	((device).engines & 1U << DMABUF_REVOKE_ENGINE_##engine)

static const uint32_t kinds[] = {
	DMABUF_REVOKE_KIND_DYNAMIC, DMABUF_REVOKE_KIND_PINNED,
	DMABUF_REVOKE_KIND_LEGACY_STATIC, DMABUF_REVOKE_KIND_LEGACY_RDMA,
};

CASE(behalf, the_importers_own_device_comes_first)
{
	struct dmabuf_revoke_device own;
	uint32_t count;

	succeeds(dr_devices(importer, &own, 1, &count));
	holds(count >= 1);
	expect_text(own.name, "dmabuf-revoke-importer");
	equal(own.dma_mask, UINT64_MAX);
	equal(own.iommu, DMABUF_REVOKE_IOMMU_NONE);
	equal(own.flags, 0);
	holds(CAN(own, CPU));
	holds(CAN(own, NONE));
}

CASE(behalf, devices_beyond_the_capacity_are_counted_only)
{
	struct dmabuf_revoke_device two[2];
	uint32_t before, count;

	function_bind();
	succeeds(dr_devices(importer, NULL, 0, &before));
	holds(before >= 2);
	memset(two, 0xff, sizeof(two));
	succeeds(dr_devices(importer, two, 1, &count));
	equal(count, before);
	equal((uint8_t)two[1].name[0], 0xff);
	function_unbind();
	succeeds(dr_devices(importer, NULL, 0, &count));
	equal(count, before - 1);
}

CASE(behalf, a_function_is_what_the_kernel_says_of_it)
{
	struct dmabuf_revoke_device device;

	function_bind();
	holds(function_is_there(&device));
	equal(device.dma_mask, UINT64_MAX);
	holds(CAN(device, NONE));
	equal(device.attachments, 0);
	/* Either addresses are translated, or they are those of memory. */
	if (device.iommu == DMABUF_REVOKE_IOMMU_TRANSLATED)
		holds(CAN(device, IOVA) && !CAN(device, CPU));
	else
		holds(!CAN(device, IOVA));
	function_unbind();
}

CASE(behalf, attachments_are_counted)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	struct dmabuf_revoke_device device;
	int att[2];

	function_bind();
	att[0] = attach_for_function(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	att[1] = attach_for_function(buffer.fd, DMABUF_REVOKE_KIND_PINNED, 0);
	function_is_there(&device);
	equal(device.attachments, 2);
	close(att[0]);
	close(att[1]);
	function_is_there(&device);
	equal(device.attachments, 0);
	close(buffer.fd);
	function_unbind();
}

static void does_dma(int att, int dmabuf)
{
	uint8_t *memory = cpu_map(dmabuf, LENGTH);

	cpu_begins(dmabuf);
	fill_noise(memory, LENGTH, 7);
	cpu_ends(dmabuf);
	equal(device_crc(att, 0, LENGTH), crc32(memory, LENGTH));
	collect_ok(att, submit_fill(att, LENGTH, 0x0123456789abcdef, 0));
	cpu_begins(dmabuf);
	expect(is_filled(memory, LENGTH, 0x0123456789abcdef));
	cpu_ends(dmabuf);
	cpu_unmap(memory, LENGTH);
}

CASE(behalf, each_kind_does_what_it_does_for_our_own_device)
{
	struct dmabuf_revoke_device device;

	function_bind();
	function_is_there(&device);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct buffer buffer = buffer_alloc(LENGTH, ACCEPT_LEGACY);
		int att = attach_for_function(buffer.fd, kinds[i], 0);
		struct dmabuf_revoke_blocker blocker;

		succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
		blocker = only_blocker(buffer.id);
		expect_text(blocker.name, function);
		if (function_has_engine())
			does_dma(att, buffer.fd);
		if (kinds[i] < DMABUF_REVOKE_KIND_LEGACY_STATIC) {
			revoke_fully(buffer.id);
			equal(status(att).invalidations, 1);
			fails(dr_map(att, 0), ENODEV);
		}
		close(att);
		close(buffer.fd);
	}
	function_unbind();
}

/* As a test that an engine is there, not that each job is right: jobs.c has that. */
CASE(behalf, AUTO_is_what_the_device_can_do)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	struct dmabuf_revoke_device device;
	struct dmabuf_revoke_attach arg = { .dmabuf_fd = buffer.fd };

	function_bind();
	function_is_there(&device);
	memcpy(arg.device, function, sizeof(arg.device));
	succeeds(dr_attach_as(importer, &arg));
	holds(device.engines & 1U << arg.engine);
	equal(arg.engine, CAN(device, CPU) ? DMABUF_REVOKE_ENGINE_CPU :
			  CAN(device, IOVA) ? DMABUF_REVOKE_ENGINE_IOVA :
					      DMABUF_REVOKE_ENGINE_NONE);
	close(arg.fd);
	arg = (struct dmabuf_revoke_attach){ .dmabuf_fd = buffer.fd };
	succeeds(dr_attach_as(importer, &arg));
	equal(arg.engine, DMABUF_REVOKE_ENGINE_CPU);
	close(arg.fd);
	close(buffer.fd);
	function_unbind();
}

CASE(behalf, without_an_engine_there_are_no_jobs)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	struct dmabuf_revoke_submit job = { .length = 1 };
	struct dmabuf_revoke_attach arg = {
		.dmabuf_fd = buffer.fd,
		.engine = DMABUF_REVOKE_ENGINE_NONE,
	};

	succeeds(dr_attach_as(importer, &arg));
	succeeds(dr_map(arg.fd, DMABUF_REVOKE_BIDIRECTIONAL));
	fails(dr_submit(arg.fd, &job), EOPNOTSUPP);
	equal(status(arg.fd).jobs_running, 0);
	revoke_fully(buffer.id);
	equal(status(arg.fd).unmaps, 1);
	close(arg.fd);
	close(buffer.fd);
}

CASE(behalf, peer_to_peer_is_for_functions_on_kernels_that_have_it)
{
	struct buffer buffer = buffer_alloc(LENGTH, ACCEPT_LEGACY);
	struct dmabuf_revoke_device device;

	function_bind();
	function_is_there(&device);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		bool can_ask = kinds[i] != DMABUF_REVOKE_KIND_LEGACY_STATIC;
		int ret = try_attach_for(function, buffer.fd, kinds[i], P2P);

		if (!can_ask) {
			fails(ret, EINVAL);
		} else if (device.flags & DMABUF_REVOKE_DEVICE_PEER2PEER) {
			succeeds(ret);
			equal(status(ret).attach_flags, P2P);
			succeeds(dr_map(ret, DMABUF_REVOKE_BIDIRECTIONAL));
			close(ret);
		} else {
			fails(ret, EOPNOTSUPP);
		}
		fails(try_attach_for("", buffer.fd, kinds[i], P2P),
		      can_ask ? EOPNOTSUPP : EINVAL);
	}
	close(buffer.fd);
	function_unbind();
}

CASE(behalf, wrong_names_and_engines)
{
	struct buffer buffer = buffer_alloc(LENGTH, 0);
	struct dmabuf_revoke_attach good = { .dmabuf_fd = buffer.fd }, arg;

	fails(try_attach_for("0000:ff:1f.7", buffer.fd, 0, 0), ENODEV);
	fails(try_attach_for("x", buffer.fd, 0, 0), ENODEV);
	fails(try_attach_for("dmabuf-revoke-importe", buffer.fd, 0, 0), ENODEV);
	fails(try_attach_for("dmabuf-revoke-importerx", buffer.fd, 0, 0), ENODEV);
	close(succeeds(try_attach_for("dmabuf-revoke-importer", buffer.fd, 0, 0)));
	arg = good;
	memset(arg.device, 'x', sizeof(arg.device));
	fails(dr_attach_as(importer, &arg), EINVAL);
	arg = good;
	arg.engine = DMABUF_REVOKE_ENGINE_DMAENGINE + 1;
	fails(dr_attach_as(importer, &arg), EINVAL);
	arg.engine = UINT32_MAX;
	fails(dr_attach_as(importer, &arg), EINVAL);
	arg.engine = DMABUF_REVOKE_ENGINE_IOVA;
	fails(dr_attach_as(importer, &arg), EOPNOTSUPP);
	arg = good;
	arg.reserved = 1;
	fails(dr_attach_as(importer, &arg), EINVAL);
	equal(query(buffer.id).attachments, 0);
	close(buffer.fd);
}

static int attach_rogue(int dmabuf)
{
	struct dmabuf_revoke_attach arg = {
		.dmabuf_fd = dmabuf,
		.fd_flags = O_CLOEXEC,
		.misbehave = DMABUF_REVOKE_MISBEHAVE_DMA_AFTER_UNMAP,
	};
	int ret;

	memcpy(arg.device, function, sizeof(arg.device));
	ret = dr_attach_as(importer, &arg);
	return ret ?: arg.fd;
}

/* What an IOMMU does not translate any more is a fault, and the memory is as it was. */
CASE(behalf, I3_DMA_after_the_unmap_faults_behind_an_IOMMU)
{
	struct buffer buffer = buffer_alloc(LENGTH, DMABUF_REVOKE_ALLOC_QUARANTINE);
	struct dmabuf_revoke_segment first;
	struct dmabuf_revoke_device device;
	struct dmabuf_revoke_free out;
	uint32_t count;
	int att;

	function_bind();
	function_is_there(&device);
	if (!CAN(device, IOVA)) {
		function_unbind();
		skip("no IOMMU translates for the function: the guest 7.3-iommu has one");
	}
	att = succeeds(attach_rogue(buffer.fd));
	succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
	succeeds(dr_segments(att, &first, 1, &count));
	revoke_fully(buffer.id);
	expect_event(att, DMABUF_REVOKE_EVENT_MAPPED);
	expect_event(att, DMABUF_REVOKE_EVENT_INVALIDATED);
	expect_event(att, DMABUF_REVOKE_EVENT_UNMAPPED);
	equal(expect_event(att, DMABUF_REVOKE_EVENT_DMA_FAULT).job, first.address);
	succeeds(dr_free(exporter, buffer.id, NULL, 0, &out));
	equal(out.checked, 1);
	equal(out.changed, 0);
	close(att);
	close(buffer.fd);
	function_unbind();
}

/* Without one it is for memory that is watched, at addresses that are not bounce buffers'. */
CASE(behalf, DMA_after_the_unmap_is_refused_where_it_would_do_harm)
{
	uint32_t flags[] = { 0, DMABUF_REVOKE_ALLOC_QUARANTINE };
	struct dmabuf_revoke_device device;

	function_bind();
	function_is_there(&device);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct buffer buffer = buffer_alloc(PAGE, flags[i]);
		int ret = attach_rogue(buffer.fd);

		if (CAN(device, IOVA) || (CAN(device, CPU) && flags[i]))
			close(succeeds(ret));
		else
			fails(ret, EOPNOTSUPP);
		equal(query(buffer.id).attachments, 0);
		close(buffer.fd);
	}
	function_unbind();
}

/* A program that was built when there was no device to choose. */
CASE(behalf, attach_without_the_new_members)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	struct dmabuf_revoke_attach arg = {
		.size = offsetof(struct dmabuf_revoke_attach, device),
		.dmabuf_fd = buffer.fd,
		.device = "nobody",
		.engine = 77,
	};

	succeeds(sys(ioctl(importer, DMABUF_REVOKE_IOC_ATTACH, &arg)));
	equal(arg.engine, 77);
	device_crc(arg.fd, 0, PAGE);
	close(arg.fd);
	close(buffer.fd);
}
