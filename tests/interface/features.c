// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMABUF_REVOKE_FEATURE_*: what the header says of a kernel that has it, and of one
 * that does not.
 */
#include "life.h"

#define LENGTH (64 * KIB)

static struct buffer buffer_for_all(void)
{
	return buffer_alloc(LENGTH, ACCEPT_LEGACY);
}

static int attach_static(struct buffer *buffer)
{
	return attach(buffer->fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);
}

static bool has_static_map(void)
{
	return kernel_can(DMABUF_REVOKE_FEATURE_STATIC_MAP);
}

CASE(features, static_importer_is_mapped_and_pinned_from_attach_to_detach)
{
	struct buffer buffer = buffer_for_all();
	int att = attach_static(&buffer);

	for (int i = 0; i < 2; i++) {
		equal(query(buffer.id).pending.legacy_maps, !has_static_map());
		equal(query(buffer.id).pending.pins, !has_static_map());
		succeeds(dr_map(att, 0));
		equal(query(buffer.id).pending.legacy_maps, 1);
		equal(query(buffer.id).pending.pins, 1);
		succeeds(dr_unmap(att));
	}
	close(att);
	nothing_is_in_use(buffer.id);
	close(buffer.fd);
}

/* The core hands out its table. What that leads to is the buffer, and nothing else. */
static void cached_table_holds_up_the_revoke(struct buffer *buffer, int att,
					     uint32_t crc)
{
	equal(revoke_times_out(buffer->id, 10 * MSEC).pending.legacy_maps, 1);
	for (int i = 0; i < 2; i++) {
		equal(device_crc(att, 0, LENGTH), crc);
		succeeds(dr_unmap(att));
	}
	equal(state_of(buffer->id), DMABUF_REVOKE_STATE_REVOKING);
	fails(dr_attach(importer, buffer->fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0),
	      ENODEV);
}

CASE(features, E3_E6_static_importer_that_was_idle_at_a_revoke)
{
	struct buffer buffer = buffer_for_all();
	uint8_t *memory = cpu_map(buffer.fd, LENGTH);
	int att = attach_static(&buffer);
	struct dmabuf_revoke_submit job = { .length = 1 };

	fill_noise(memory, LENGTH, 3);
	if (has_static_map()) {
		revoke_fully(buffer.id);
		fails(dr_map(att, 0), ENODEV);
		fails(dr_submit(att, &job), ENODEV);
	} else {
		cached_table_holds_up_the_revoke(&buffer, att,
						 crc32(memory, LENGTH));
	}
	close(att);
	cpu_unmap(memory, LENGTH);
	revoke_fully(buffer.id);
	nothing_is_in_use(buffer.id);
	close(buffer.fd);
}

CASE(features, E15_static_importer_that_was_idle_at_a_suspension)
{
	struct buffer buffer = buffer_for_all();
	int att = attach_static(&buffer);

	if (has_static_map()) {
		suspend_fully(buffer.id);
		fails(dr_map(att, 0), ENODEV);
		close(attach_static(&buffer));
	} else {
		equal(suspend_times_out(buffer.id, 0).pending.legacy_maps, 1);
		fails(dr_attach(importer, buffer.fd,
				DMABUF_REVOKE_KIND_LEGACY_STATIC, 0), ENODEV);
		close(att);
		suspend_fully(buffer.id);
	}
	restore_fully(buffer.id);
	if (!has_static_map())
		att = attach_static(&buffer);
	succeeds(dr_map(att, 0));
	close(att);
	close(buffer.fd);
}

CASE(features, E14_static_importer_that_is_idle_at_a_move)
{
	struct buffer buffer = buffer_for_all();
	int att = attach_static(&buffer);

	if (!has_static_map()) {
		fails(dr_move(exporter, buffer.id, DMABUF_REVOKE_FOREVER), EBUSY);
		close(att);
	}
	move_fully(buffer.id);
	equal(query(buffer.id).moves, 1);
	if (has_static_map())
		close(att);
	close(buffer.fd);
}

CASE(features, E14_map_by_a_dynamic_importer_pins)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	bool can = kernel_can(DMABUF_REVOKE_FEATURE_MAP_UNPINNED);

	equal(query(buffer.id).pending.pins, !can);
	equal(status(att).pinned, 0);
	equal(map_prevents_move(buffer.id, att), !can);
	succeeds(dr_unmap(att));
	nothing_is_in_use(buffer.id);
	move_fully(buffer.id);
	close(att);
	close(buffer.fd);
}

/* That it pins does not keep anybody from taking the buffer back. */
CASE(features, E4_pin_by_a_map_goes_with_the_invalidation)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);

	suspend_fully(buffer.id);
	nothing_is_in_use(buffer.id);
	restore_fully(buffer.id);
	succeeds(dr_map(att, 0));
	revoke_fully(buffer.id);
	nothing_is_in_use(buffer.id);
	close(att);
	close(buffer.fd);
}
