// SPDX-License-Identifier: GPL-2.0-only
/*
 * On whose behalf attachments are made, and what has to come of that: of the importer's own device,
 * or of a PCI function that it knows when the program begins, and which nobody takes from it.
 */
#include <errno.h>
#include <string.h>

#include "program.h"

#define BIT(n) (1U << (n))

/* Values of the parameter "device". */
enum { DEVICE_OWN, DEVICE_FUNCTION, DEVICE_UNKNOWN };

/*
 * A bounce buffer is a copy of memory that takes its place, whatever others have written there
 * meanwhile (docs/modules/kernels.md). There is no engine for jobs where there is one.
 */
static bool bounces(const struct dmabuf_revoke_device *device)
{
	return !(device->engines & (BIT(DMABUF_REVOKE_ENGINE_CPU) |
				    BIT(DMABUF_REVOKE_ENGINE_IOVA)));
}

bool fuzz_devices_find(struct fuzz_board *board, int importer)
{
	struct dmabuf_revoke_device devices[64];
	uint32_t count;

	if (dr_devices(importer, devices, FUZZ_COUNT(devices), &count))
		return false;
	for (uint32_t i = 0; i < count && i < FUZZ_COUNT(devices); i++) {
		bool function = strchr(devices[i].name, ':');

		if (function && bounces(&devices[i]))
			continue;
		board->device[function ? DEVICE_FUNCTION : DEVICE_OWN] = devices[i];
	}
	/* Where there is none to spare all programs are about the importer's own. */
	if (!*board->device[DEVICE_FUNCTION].name)
		board->device[DEVICE_FUNCTION] = board->device[DEVICE_OWN];
	return *board->device[DEVICE_OWN].name;
}

void fuzz_device_name(const struct fuzz_board *board, uint64_t which, char *name)
{
	memset(name, 0, DMABUF_REVOKE_DEVICE_LEN);
	if (which == DEVICE_FUNCTION)
		memcpy(name, board->device[which].name, DMABUF_REVOKE_DEVICE_LEN);
	else if (which == DEVICE_UNKNOWN)
		memcpy(name, "0000:00:1f.7", sizeof("0000:00:1f.7"));
	else if (which > DEVICE_UNKNOWN)
		memset(name, 'x', DMABUF_REVOKE_DEVICE_LEN);
}

static const struct dmabuf_revoke_device *
device_of(const struct fuzz_board *board, const struct dmabuf_revoke_attach *in)
{
	if (!*in->device)
		return &board->device[DEVICE_OWN];
	for (int i = DEVICE_OWN; i <= DEVICE_FUNCTION; i++)
		if (!strncmp(in->device, board->device[i].name, sizeof(in->device)))
			return &board->device[i];
	return NULL;
}

/* What the structure asks of the device. */
static bool can(const struct dmabuf_revoke_device *device,
		const struct dmabuf_revoke_attach *in)
{
	return (!(in->flags & DMABUF_REVOKE_ATTACH_PEER2PEER) ||
		device->flags & DMABUF_REVOKE_DEVICE_PEER2PEER) &&
	       (!in->engine || device->engines & BIT(in->engine));
}

static void check_engine(struct fuzz_lane *lane, const struct dmabuf_revoke_device *device,
			 const struct dmabuf_revoke_attach *in, uint32_t engine)
{
	if (!device) {
		fuzz_wrong(lane, "success for a device that there is not");
		return;
	}
	if (!can(device, in) || !(device->engines & BIT(engine)))
		fuzz_wrong(lane, "success with engine %u, which is not the device's", engine);
	if (in->engine ? engine != in->engine : engine == DMABUF_REVOKE_ENGINE_DMAENGINE)
		fuzz_wrong(lane, "engine %u was chosen for %u", engine, in->engine);
}

/* Whose exporter refuses by the kind of an attachment only: nobody else has a say. */
static bool is_let_in(struct fuzz_lane *lane, const struct dmabuf_revoke_attach *in)
{
	const struct fuzz_slot *source = fuzz_slot(lane, "dmabuf_fd");
	struct fuzz_fact *fact = fuzz_fact(lane->board, source ? source->id : 0);

	return fact && atomic_load(&fact->seen) && !atomic_load(&fact->faulty) &&
	       !in->misbehave && in->kind <= DMABUF_REVOKE_KIND_PINNED;
}

void fuzz_judge_attach(struct fuzz_lane *lane, const struct dmabuf_revoke_attach *in,
		       const struct dmabuf_revoke_attach *out, long result)
{
	const struct dmabuf_revoke_device *device = device_of(lane->board, in);

	/* A shorter one says less than it seems to. */
	if (in->size != sizeof(*in))
		return;
	if (!result) {
		check_engine(lane, device, in, out->engine);
		return;
	}
	if (!is_let_in(lane, in))
		return;
	if (result == -EOPNOTSUPP && device && can(device, in))
		fuzz_wrong(lane, "the device cannot, but says that it can");
	if ((result == -EBUSY || result == -ENXIO) &&
	    in->engine != DMABUF_REVOKE_ENGINE_DMAENGINE)
		fuzz_wrong(lane, "no channel, but none was asked for");
}
