// SPDX-License-Identifier: GPL-2.0-only
/* FREE gives up an id; EXPORT makes one more descriptor. */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "life.h"

static void free_it(uint64_t id)
{
	succeeds(dr_free(exporter, id, NULL, 0, NULL));
}

/* --- FREE ---------------------------------------------------------------- */

CASE(give_up, E13_idle_buffer_is_revoked_and_its_id_gone)
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

CASE(give_up, revoked_buffer)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	revoke_fully(buffer.id);
	free_it(buffer.id);
	holds(eventually(is_gone, buffer.id));
	close(buffer.fd);
}

CASE(give_up, E15_suspended_buffer)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	suspend_fully(buffer.id);
	free_it(buffer.id);
	holds(eventually(is_gone, buffer.id));
	equal(query_fd(buffer.fd).state, DMABUF_REVOKE_STATE_REVOKED);
	close(buffer.fd);
}

CASE(give_up, E13_does_not_wait_and_leaves_an_orphan)
{
	struct buffer buffer =
		buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY);
	int told = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);

	free_it(buffer.id);
	equal(query(buffer.id).orphaned, 1);
	equal(query(buffer.id).pending.maps, 1);
	equal(status(told).invalidations, 1);
	/* An administrator can, once more, to no effect. */
	free_it(buffer.id);
	equal(status(told).invalidations, 1);
	close(told);
	close(buffer.fd);
	holds(listed(buffer.id));
	close(att);
	holds(eventually(is_gone, buffer.id));
	equal(bytes_in_system(), 0);
}

CASE(give_up, other_buffers_of_the_file_stay)
{
	struct buffer a = buffer_alloc(PAGE, 0), b = buffer_alloc(PAGE, 0);

	free_it(a.id);
	equal(state_of(b.id), DMABUF_REVOKE_STATE_LIVE);
	equal(query(b.id).orphaned, 0);
	close(a.fd);
	close(b.fd);
}

CASE(give_up, all_of_many)
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

CASE(give_up, E16_unwritable_argument_keeps_the_id)
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

/* --- EXPORT -------------------------------------------------------------- */

CASE(give_up, exported_descriptor_is_of_the_same_buffer)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int more = succeeds(dr_export(exporter, buffer.id));
	uint8_t *a = cpu_map(buffer.fd, PAGE), *b = cpu_map(more, PAGE);

	equal(query_fd(more).id, buffer.id);
	a[3] = 7;
	equal(b[3], 7);
	close(buffer.fd);
	revoke_fully(buffer.id);
	equal(query_fd(more).state, DMABUF_REVOKE_STATE_REVOKED);
	cpu_unmap(a, PAGE);
	cpu_unmap(b, PAGE);
	close(more);
}

CASE(give_up, descriptor_can_be_had_again_after_the_last_one)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int att, more;

	close(buffer.fd);
	more = succeeds(dr_export(exporter, buffer.id));
	att = attach_mapped(more, DMABUF_REVOKE_KIND_DYNAMIC, 0);
	close(att);
	close(more);
	/* The owner holds it all the same. */
	equal(state_of(buffer.id), DMABUF_REVOKE_STATE_LIVE);
	free_it(buffer.id);
	holds(eventually(is_gone, buffer.id));
}

CASE(give_up, export_in_every_state)
{
	struct buffer buffer =
		buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);

	suspend_times_out(buffer.id, 0);
	close(succeeds(dr_export(exporter, buffer.id)));
	revoke_times_out(buffer.id, 0);
	close(succeeds(dr_export(exporter, buffer.id)));
	close(att);
	revoke_fully(buffer.id);
	close(succeeds(dr_export(exporter, buffer.id)));
	close(buffer.fd);
}

CASE(give_up, export_after_FREE)
{
	struct buffer buffer =
		buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);

	free_it(buffer.id);
	close(succeeds(dr_export(exporter, buffer.id)));
	close(att);
	holds(eventually(is_gone, buffer.id));
	fails(dr_export(exporter, buffer.id), ENOENT);
	close(buffer.fd);
}

static int export_with(uint64_t id, uint32_t fd_flags)
{
	struct dmabuf_revoke_export arg = {
		.size = sizeof(arg),
		.id = id,
		.fd_flags = fd_flags,
	};
	int ret = sys(ioctl(exporter, DMABUF_REVOKE_IOC_EXPORT, &arg));

	return ret ?: arg.fd;
}

CASE(give_up, export_flags)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int open = succeeds(export_with(buffer.id, 0));
	int closing = succeeds(export_with(buffer.id, O_CLOEXEC));

	equal(fcntl(open, F_GETFD), 0);
	equal(fcntl(closing, F_GETFD), FD_CLOEXEC);
	fails(export_with(buffer.id, O_RDWR), EINVAL);
	fails(export_with(buffer.id, O_NONBLOCK | O_CLOEXEC), EINVAL);
	fails(export_with(buffer.id, 1U << 31), EINVAL);
	close(closing);
	close(open);
	close(buffer.fd);
}

CASE(give_up, export_has_the_access_mode_of_ALLOC)
{
	static const int modes[] = { O_RDONLY, O_RDWR };

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct dmabuf_revoke_alloc arg = {
			.size = sizeof(arg),
			.length = PAGE,
			.fd_flags = modes[i],
		};
		int more;

		succeeds(sys(ioctl(exporter, DMABUF_REVOKE_IOC_ALLOC, &arg)));
		more = succeeds(dr_export(exporter, arg.id));
		equal(fcntl(more, F_GETFL) & O_ACCMODE, modes[i]);
		close(more);
		close(arg.fd);
	}
}

CASE(give_up, export_without_a_free_descriptor_is_EMFILE)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	forbid_new_fds();
	fails(dr_export(exporter, buffer.id), EMFILE);
	allow_new_fds();
	close(succeeds(dr_export(exporter, buffer.id)));
	close(buffer.fd);
}

CASE(give_up, E16_unwritable_argument_leaves_no_descriptor)
{
	struct dmabuf_revoke_export *arg = page_with(PROT_READ | PROT_WRITE);
	struct buffer buffer = buffer_alloc(PAGE, 0);
	int before = open_fds();

	arg->size = sizeof(*arg);
	arg->id = buffer.id;
	succeeds(sys(mprotect(arg, PAGE, PROT_READ)));
	fails(sys(ioctl(exporter, DMABUF_REVOKE_IOC_EXPORT, arg)), EFAULT);
	equal(open_fds(), before);
	cpu_unmap(arg, PAGE);
	close(buffer.fd);
}
