// SPDX-License-Identifier: GPL-2.0-only
/* E12: what others than the owner may. */
#include "common.h"

/* A buffer of @exporter, another file of the same device, and its dma-buf. */
struct strangers {
	struct buffer buffer;
	int other;
};

static struct strangers strangers_new(void)
{
	struct strangers s = { .buffer = buffer_alloc(PAGE, 0) };

	s.other = succeeds(dr_open(DMABUF_REVOKE_EXPORTER_PATH));
	return s;
}

static void strangers_free(struct strangers *s)
{
	close(s->other);
	close(s->buffer.fd);
}

static int revoke_through_other(void *arg)
{
	struct strangers *s = arg;

	return dr_revoke(s->other, s->buffer.id, 0, NULL);
}

static int revoke_through_own(void *arg)
{
	struct strangers *s = arg;

	return dr_revoke(exporter, s->buffer.id, 0, NULL);
}

static int query_through_other(void *arg)
{
	struct strangers *s = arg;
	struct dmabuf_revoke_query out;

	return dr_query(s->other, s->buffer.id, &out);
}

static int query_by_descriptor(void *arg)
{
	struct strangers *s = arg;
	struct dmabuf_revoke_query out;

	return dr_query_fd(s->other, s->buffer.fd, &out);
}

static int list_through_other(void *arg)
{
	struct strangers *s = arg;
	uint64_t id = 0;
	uint32_t count;
	int ret = dr_list(s->other, &id, 1, &count);

	return ret ?: count || id ? -EEXIST : 0;
}

static int list_through_own(void *arg)
{
	struct strangers *s = arg;
	uint64_t ids[8];
	uint32_t count;
	int ret = dr_list(exporter, ids, ARRAY_SIZE(ids), &count);

	return ret ?: count != 1 || ids[0] != s->buffer.id ? -EEXIST : 0;
}

CASE(strangers, E12_stranger_may_not_revoke)
{
	struct strangers s = strangers_new();

	fails(as_nobody(revoke_through_other, &s), EPERM);
	equal(query(s.buffer.id).state, DMABUF_REVOKE_STATE_LIVE);
	strangers_free(&s);
}

/* The dma-buf's descriptor is inherited as well and makes no difference. */
CASE(strangers, E12_stranger_with_the_descriptor_may_query_by_it_alone)
{
	struct strangers s = strangers_new();

	fails(as_nobody(query_through_other, &s), EPERM);
	succeeds(as_nobody(query_by_descriptor, &s));
	strangers_free(&s);
}

CASE(strangers, E12_stranger_sees_only_its_own_buffers)
{
	struct strangers s = strangers_new();

	succeeds(as_nobody(list_through_other, &s));
	succeeds(as_nobody(list_through_own, &s));
	strangers_free(&s);
}

CASE(strangers, E12_owner_is_whoever_uses_the_file)
{
	struct strangers s = strangers_new();

	succeeds(as_nobody(revoke_through_own, &s));
	equal(query(s.buffer.id).state, DMABUF_REVOKE_STATE_REVOKED);
	strangers_free(&s);
}

CASE(strangers, E12_administrator_may_revoke_through_any_file)
{
	struct strangers s = strangers_new();

	succeeds(query_through_other(&s));
	succeeds(revoke_through_other(&s));
	strangers_free(&s);
}

CASE(strangers, E12_root_of_another_user_namespace_may_not)
{
	struct strangers s = strangers_new();
	int ret = as_namespace_root(revoke_through_other, &s);

	if (ret == -ENOTSUP)
		skip("no user namespace: needs CONFIG_USER_NS and user.max_user_namespaces > 0");
	fails(ret, EPERM);
	fails(as_namespace_root(query_through_other, &s), EPERM);
	succeeds(as_namespace_root(list_through_other, &s));
	strangers_free(&s);
}

static int open_exporter(void *arg)
{
	int fd = dr_open(arg);

	return fd < 0 ? fd : 0;
}

CASE(strangers, nodes_are_for_root_only)
{
	succeeds(in_child(open_exporter, DMABUF_REVOKE_EXPORTER_PATH));
	fails(as_nobody(open_exporter, DMABUF_REVOKE_EXPORTER_PATH), EACCES);
	fails(as_nobody(open_exporter, DMABUF_REVOKE_IMPORTER_PATH), EACCES);
}
