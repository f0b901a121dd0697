// SPDX-License-Identifier: GPL-2.0-only
/* EXPORT makes one more descriptor. */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "life.h"

CASE(export, E23_exported_descriptor_is_of_the_same_buffer)
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

CASE(export, descriptor_can_be_had_again_after_the_last_one)
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
	succeeds(dr_free(exporter, buffer.id, NULL, 0, NULL));
	holds(eventually(is_gone, buffer.id));
}

CASE(export, export_in_every_state)
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

CASE(export, export_after_FREE)
{
	struct buffer buffer =
		buffer_alloc(PAGE, DMABUF_REVOKE_ALLOC_ACCEPT_LEGACY);
	int att = attach_mapped(buffer.fd, DMABUF_REVOKE_KIND_LEGACY_STATIC, 0);

	succeeds(dr_free(exporter, buffer.id, NULL, 0, NULL));
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

CASE(export, export_flags)
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

CASE(export, export_has_the_access_mode_of_ALLOC)
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

CASE(export, export_without_a_free_descriptor_is_EMFILE)
{
	struct buffer buffer = buffer_alloc(PAGE, 0);

	forbid_new_fds();
	fails(dr_export(exporter, buffer.id), EMFILE);
	allow_new_fds();
	close(succeeds(dr_export(exporter, buffer.id)));
	close(buffer.fd);
}

CASE(export, E16_unwritable_argument_leaves_no_descriptor)
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
