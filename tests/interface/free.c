// SPDX-License-Identifier: GPL-2.0-only
/* FREE gives up an id. */
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "life.h"

static void free_it(uint64_t id)
{
	succeeds(dr_free(exporter, id, NULL, 0, NULL));
}

CASE(free, E13_idle_buffer_is_revoked_and_its_id_gone)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	free_it(buffer.id);
	equal(query_fd(buffer.fd).orphaned, 1);
	holds(eventually(is_gone, buffer.id));
	equal(query_fd(buffer.fd).state, DMABUF_REVOKE_STATE_REVOKED);
	equal(bytes_in_system(), 0);
	fails(dr_free(exporter, buffer.id, NULL, 0, NULL), ENOENT);
	fails(dr_attach(importer, buffer.fd, 0, 0), ENODEV);
	close(buffer.fd);
}

CASE(free, revoked_buffer)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	revoke_fully(buffer.id);
	free_it(buffer.id);
	holds(eventually(is_gone, buffer.id));
	close(buffer.fd);
}

CASE(free, E15_suspended_buffer)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	suspend_fully(buffer.id);
	free_it(buffer.id);
	holds(eventually(is_gone, buffer.id));
	equal(query_fd(buffer.fd).state, DMABUF_REVOKE_STATE_REVOKED);
	close(buffer.fd);
}

CASE(free, E13_does_not_wait_and_leaves_an_orphan)
{
	struct buffer buffer =
		buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY);
	int importer = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);

	free_it(buffer.id);
	equal(query(buffer.id).orphaned, 1);
	equal(query(buffer.id).pending.maps, 1);
	equal(status(importer).invalidations, 1);
	/* An administrator can, once more, to no effect. */
	free_it(buffer.id);
	equal(status(importer).invalidations, 1);
	close(importer);
	close(buffer.fd);
	holds(listed(buffer.id));
	close(att);
	holds(eventually(is_gone, buffer.id));
	equal(bytes_in_system(), 0);
}

CASE(free, other_buffers_of_the_file_stay)
{
	struct buffer a = buffer_alloc(PAGE, 0), b = buffer_alloc(PAGE, 0);

	free_it(a.id);
	equal(state_of(b.id), DMABUF_REVOKE_STATE_LIVE);
	equal(query(b.id).orphaned, 0);
	close(a.fd);
	close(b.fd);
}

CASE(free, all_of_many)
{
	struct buffer buffers[64];

	for (size_t i = 0; i < ARRAY_SIZE(buffers); i++)
		buffers[i] = buffer_alloc(PAGE, 0);
	for (size_t i = 0; i < ARRAY_SIZE(buffers); i++) {
		/* From the middle to both ends. */
		size_t j = i % 2 ? 31 - i / 2 : 32 + i / 2;

		close(buffers[j].fd);
		free_it(buffers[j].id);
	}
	for (size_t i = 0; i < ARRAY_SIZE(buffers); i++)
		holds(eventually(is_gone, buffers[i].id));
	equal(bytes_in_system(), 0);
}

CASE(free, E16_unwritable_argument_keeps_the_id)
{
	struct dmabuf_revoke_free *arg = page_with(PROT_READ | PROT_WRITE);
	struct buffer buffer = buffer_alloc(PAGE, 0);

	arg->size = sizeof(*arg);
	arg->id = buffer.id;
	succeeds(sys(mprotect(arg, PAGE, PROT_READ)));
	fails(sys(ioctl(exporter, DMABUF_REVOKE_IOC_FREE, arg)), EFAULT);
	equal(state_of(buffer.id), DMABUF_REVOKE_STATE_LIVE);
	equal(query(buffer.id).orphaned, 0);
	cpu_unmap(arg, PAGE);
	close(buffer.fd);
}
