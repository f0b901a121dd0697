// SPDX-License-Identifier: GPL-2.0-only
/* ATTACH, MAP, UNMAP, STATUS: an attachment and its states. */
#include <sys/ioctl.h>

#include "common.h"

static const uint32_t kinds[] = {
	DMABUF_REVOKE_KIND_DYNAMIC,
	DMABUF_REVOKE_KIND_PINNED,
	DMABUF_REVOKE_KIND_LEGACY_STATIC,
	DMABUF_REVOKE_KIND_LEGACY_RDMA,
};

static bool pins(uint32_t kind)
{
	return kind == DMABUF_REVOKE_KIND_PINNED ||
	       kind == DMABUF_REVOKE_KIND_LEGACY_RDMA;
}

static struct buffer buffer_for_all(uint64_t length)
{
	return buffer_alloc(length, ACCEPT_LEGACY);
}

static struct dmabuf_revoke_importer_info info(void)
{
	struct dmabuf_revoke_importer_info info;

	succeeds(dr_importer_info(importer, &info));
	return info;
}

CASE(attachments, info_tells_version_and_limits)
{
	equal(info().abi_version, DMABUF_REVOKE_ABI_VERSION);
	holds(info().max_jobs >= 2);
}

CASE(attachments, info_tells_the_features_that_the_exporter_tells)
{
	struct dmabuf_revoke_exporter_info other;

	succeeds(dr_exporter_info(exporter, &other));
	equal(info().features, other.features);
}

CASE(attachments, info_counts_attachments_and_jobs)
{
	struct dmabuf_revoke_importer_info before = info();
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	device_crc(att, 0, PAGE);
	equal(info().attachments, before.attachments + 1);
	equal(info().jobs, before.jobs);
	submit_busy(att, DMABUF_REVOKE_OP_READ, 0, ENDLESS);
	equal(info().jobs, before.jobs + 1);
	close(att);
	equal(info().attachments, before.attachments);
	equal(info().jobs, before.jobs);
	close(buffer.fd);
}

CASE(attachments, attach_of_every_kind_describes_itself)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct buffer buffer = buffer_for_all(3 * PAGE);
		int att = attach(buffer.fd, kinds[i], 0);
		struct dmabuf_revoke_status out = status(att);

		equal(out.kind, kinds[i]);
		equal(out.attach_flags, 0);
		equal(out.state, DMABUF_REVOKE_ATTACHMENT_IDLE);
		equal(out.pinned, pins(kinds[i]));
		equal(out.length, 3 * PAGE);
		equal(out.maps + out.unmaps + out.invalidations, 0);
		equal(out.jobs_running + out.jobs_uncollected, 0);
		equal(out.invalidated_ns + out.unmapped_ns, 0);
		equal(query(buffer.id).attachments, 1);
		equal(query(buffer.id).legacy_attachments,
		      kinds[i] >= DMABUF_REVOKE_KIND_LEGACY_STATIC);
		close(att);
		equal(query(buffer.id).attachments, 0);
		equal(query(buffer.id).pending.pins, 0);
		close(buffer.fd);
	}
}

CASE(attachments, attach_sets_cloexec_and_nonblock_and_tells_the_length)
{
	struct buffer buffer = buffer_alloc(2 * PAGE, 0);

	for (int mode = 0; mode < 4; mode++) {
		struct dmabuf_revoke_attach arg = {
			.size = sizeof(arg),
			.dmabuf_fd = buffer.fd,
			.fd_flags = (mode & 1 ? O_CLOEXEC : 0) |
				    (mode & 2 ? O_NONBLOCK : 0),
		};

		succeeds(sys(ioctl(importer, DMABUF_REVOKE_IOC_ATTACH, &arg)));
		equal(arg.length, 2 * PAGE);
		equal(fcntl(arg.fd, F_GETFD), mode & 1 ? FD_CLOEXEC : 0);
		equal(fcntl(arg.fd, F_GETFL) & O_NONBLOCK,
		      mode & 2 ? O_NONBLOCK : 0);
		close(arg.fd);
	}
	close(buffer.fd);
}

CASE(attachments, attach_remembers_defer_unmap)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_PINNED,
			 DMABUF_REVOKE_ATTACH_DEFER_UNMAP);

	equal(status(att).attach_flags, DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	close(att);
	close(buffer.fd);
}

CASE(attachments, attachment_outlives_every_other_descriptor)
{
	int owner;
	struct buffer buffer = buffer_alloc_owned(PAGE, 0, &owner);
	int second = succeeds(dr_open(DMABUF_REVOKE_IMPORTER_PATH));
	int att = succeeds(dr_attach(second, buffer.fd,
				     DMABUF_REVOKE_KIND_DYNAMIC, 0));

	close(second);
	close(buffer.fd);
	device_crc(att, 0, PAGE);
	close(owner);
	holds(eventually(is_gone, buffer.id));
	fails(dr_map(att, 0), ENODEV);
	close(att);
	holds(eventually(is_gone, buffer.id));
}

CASE(attachments, attachment_shared_by_two_descriptors_lives_on)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int copy = dup(att);
	uint64_t job = submit_running(att, buffer.fd, 0, ENDLESS, NULL);

	close(att);
	equal(status(copy).state, DMABUF_REVOKE_ATTACHMENT_MAPPED);
	equal(status(copy).running, job);
	equal(query(buffer.id).attachments, 1);
	close(copy);
	equal(query(buffer.id).attachments, 0);
	close(buffer.fd);
}

CASE(attachments, map_and_unmap_of_every_kind_are_counted)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct buffer buffer = buffer_for_all(PAGE);
		int att = attach(buffer.fd, kinds[i], 0);

		for (uint64_t round = 1; round <= 3; round++) {
			succeeds(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL));
			equal(status(att).state,
			      DMABUF_REVOKE_ATTACHMENT_MAPPED);
			equal(status(att).maps, round);
			equal(query(buffer.id).pending.maps, 1);
			succeeds(dr_unmap(att));
			equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_IDLE);
			equal(status(att).unmaps, round);
			holds(status(att).unmapped_ns);
		}
		equal(query(buffer.id).pending.maps,
		      maps_when_attaching(kinds[i]));
		close(att);
		equal(query(buffer.id).pending.maps, 0);
		close(buffer.fd);
	}
}

CASE(attachments, status_tells_direction_and_segments_of_the_mapping)
{
	struct buffer buffer = buffer_alloc(16 * MIB, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	for (uint32_t dir = 0; dir <= DMABUF_REVOKE_FROM_DEVICE; dir++) {
		equal(status(att).segments, 0);
		succeeds(dr_map(att, dir));
		equal(status(att).direction, dir);
		holds(status(att).segments >= 1);
		holds(status(att).segments <= 16 * MIB / PAGE);
		succeeds(dr_unmap(att));
		equal(status(att).direction, 0);
	}
	close(att);
	close(buffer.fd);
}

CASE(attachments, map_twice_is_EBUSY)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	fails(dr_map(att, DMABUF_REVOKE_BIDIRECTIONAL), EBUSY);
	fails(dr_map(att, DMABUF_REVOKE_TO_DEVICE), EBUSY);
	equal(status(att).maps, 1);
	close(att);
	close(buffer.fd);
}

CASE(attachments, unmap_during_a_job_is_EBUSY)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	device_crc(att, 0, PAGE);
	succeeds(dr_unmap(att));
	succeeds(dr_map(att, 0));
	submit_busy(att, DMABUF_REVOKE_OP_WRITE, 0, ENDLESS);
	fails(dr_unmap(att), EBUSY);
	equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_MAPPED);
	close(att);
	close(buffer.fd);
}

/* Not EBUSY: what the exporter says, and that of a revoke is ENODEV. */
CASE(attachments, map_between_invalidation_and_unmap_asks_the_exporter)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC,
			 DMABUF_REVOKE_ATTACH_DEFER_UNMAP);
	struct dmabuf_revoke_submit job = { .length = 1 };

	submit_running(att, buffer.fd, 0, ENDLESS, NULL);
	revoke_times_out(buffer.id, 0);
	equal(status(att).state, DMABUF_REVOKE_ATTACHMENT_INVALIDATED);
	fails(dr_map(att, 0), ENODEV);
	fails(dr_submit(att, &job), ENODEV);
	fails(dr_unmap(att), EBUSY);
	close(att);
	revoke_fully(buffer.id);
	close(buffer.fd);
}

static void direction_admits(uint32_t direction, uint32_t op, int error)
{
	struct buffer buffer = buffer_alloc(2 * PAGE, 0);
	int att = attach(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	struct dmabuf_revoke_submit job = {
		.op = op,
		.length = PAGE,
		.dst_offset = op == DMABUF_REVOKE_OP_COPY ? PAGE : 0,
	};

	succeeds(dr_map(att, direction));
	if (error) {
		fails(dr_submit(att, &job), error);
		equal(status(att).jobs_running, 0);
	} else {
		collect_ok(att, submit(att, job));
	}
	close(att);
	close(buffer.fd);
}

CASE(attachments, direction_of_the_mapping_binds_jobs)
{
	direction_admits(DMABUF_REVOKE_TO_DEVICE, DMABUF_REVOKE_OP_READ, 0);
	direction_admits(DMABUF_REVOKE_TO_DEVICE, DMABUF_REVOKE_OP_WRITE,
			 EACCES);
	direction_admits(DMABUF_REVOKE_TO_DEVICE, DMABUF_REVOKE_OP_COPY,
			 EACCES);
	direction_admits(DMABUF_REVOKE_FROM_DEVICE, DMABUF_REVOKE_OP_READ,
			 EACCES);
	direction_admits(DMABUF_REVOKE_FROM_DEVICE, DMABUF_REVOKE_OP_WRITE, 0);
	direction_admits(DMABUF_REVOKE_FROM_DEVICE, DMABUF_REVOKE_OP_COPY,
			 EACCES);
	direction_admits(DMABUF_REVOKE_BIDIRECTIONAL, DMABUF_REVOKE_OP_COPY, 0);
}

CASE(attachments, many_attachments_on_one_buffer_warns_overlap)
{
	struct buffer buffer = buffer_for_all(PAGE);
	int atts[64];

	for (size_t i = 0; i < ARRAY_SIZE(atts); i++)
		atts[i] = attach_mapped(buffer.fd, kinds[i % 4], 0);
	equal(query(buffer.id).attachments, ARRAY_SIZE(atts));
	equal(query(buffer.id).pending.maps, ARRAY_SIZE(atts));
	equal(query(buffer.id).pending.legacy_maps, ARRAY_SIZE(atts) / 2);
	for (size_t i = 0; i < ARRAY_SIZE(atts); i++)
		close(atts[i]);
	equal(query(buffer.id).attachments, 0);
	equal(query(buffer.id).pending.pins, 0);
	close(buffer.fd);
}

CASE(attachments, close_cancels_jobs_at_once)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	uint64_t began;

	submit_busy(att, DMABUF_REVOKE_OP_WRITE, 0, ENDLESS);
	submit_busy(att, DMABUF_REVOKE_OP_READ, 0, ENDLESS);
	began = dr_now();
	close(att);
	holds(dr_now() - began < SOON);
	equal(query(buffer.id).pending.fences, 0);
	equal(query(buffer.id).pending.maps, 0);
	close(buffer.fd);
}
