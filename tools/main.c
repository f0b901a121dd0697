// SPDX-License-Identifier: GPL-2.0-only
/* dmabuf-revoke VERB: the table of verbs. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "lib/text/message.h"

static const struct verb verbs[] = {
	{ "info", "", "Show what the modules offer and what is in use",
	  NULL, verb_info },
	{ "alloc", "SIZE [-- PROGRAM [ARGUMENT]...]",
	  "Allocate a revocable buffer and hold it",
	  "With a PROGRAM, runs it with the buffer's dma-buf as an inherited file\n"
	  "descriptor, DMABUF_REVOKE_FD in its environment, and the buffer's id in\n"
	  "DMABUF_REVOKE_ID; then exits as PROGRAM did (128+N after signal N, 126 or\n"
	  "127 if it cannot be run). Without one, prints the id and holds the buffer\n"
	  "until SIGINT, SIGTERM or SIGHUP. Either way the buffer is revoked at the end.\n"
	  "--read-only binds CPU mappings only: a device may write to what it imports.",
	  verb_alloc },
	{ "list", "", "List the buffers",
	  "root (CAP_SYS_ADMIN) sees all buffers, others see none but their own.",
	  verb_list },
	{ "show", "[ID]", "Show everything about one buffer, and who uses it",
	  "By id this needs root (CAP_SYS_ADMIN); by --fd whoever holds a dma-buf may ask,\n"
	  "but is not told who else uses it.",
	  verb_show },
	{ "blockers", "ID", "Name what uses a buffer, and so would hold up a revoke", NULL,
	  verb_blockers },
	{ "revoke", "[ID]...", "Take buffers back and wait until nothing uses them",
	  "Several are revoked at once, and then waited for together. After a timeout the\n"
	  "revoke goes on; revoking again resumes the wait. Those that are late are named,\n"
	  "with what holds them up.",
	  verb_revoke },
	{ "suspend", "[ID]...", "Take buffers back until restore",
	  "As revoke, but their contents are kept. They stay suspended when this ends.",
	  verb_suspend },
	{ "restore", "[ID]...", "Give suspended buffers back to their importers",
	  "Waits until the suspension is complete. After a timeout they stay suspended.",
	  verb_restore },
	{ "move", "ID", "Replace a buffer's memory under its importers",
	  "Waits until the contents are copied. After a timeout the move goes on; --resume\n"
	  "waits for it, and does not move it once more.",
	  verb_move },
	{ "free", "[ID]...", "Give up buffers, and check their quarantine",
	  "Revokes them without waiting, and gives up their ids: as if their owner had\n"
	  "closed its file. Of one made with --quarantine it prints the pages that were\n"
	  "written to after the revoke, and exits 1 if there are any, or if nobody can\n"
	  "tell, since it was not revoked completely before.",
	  verb_free },
	{ "export", "ID [-- PROGRAM [ARGUMENT]...]", "Hand on another descriptor of a buffer",
	  "With a PROGRAM, runs it as alloc does. Without one, holds the descriptor until\n"
	  "SIGINT, SIGTERM or SIGHUP, for attach or show --pid --fd, or a program that\n"
	  "fetches it (pidfd_getfd). It keeps neither the memory nor the buffer from being\n"
	  "revoked.",
	  verb_export },
	{ "faults", "ID [FAULT]...", "Make a buffer's exporter wrong on purpose from now on",
	  "Instead of the faults that were set so before; without any it is right again.\n"
	  "fail-attach, fail-pin, fail-map, fail-vmap, fail-mmap and fail-cpu-access make\n"
	  "that call fail; tell-in-pin, tell-in-map and tell-on-restore invalidate the\n"
	  "importers' mappings then; hold-in-map and hold-after-tell block whoever maps, or\n"
	  "revokes, suspends or moves, with the resv lock held, until this is called again,\n"
	  "or a minute has passed. For root (CAP_SYS_ADMIN).",
	  verb_faults },
	{ "attach", "", "Attach the test importer to a dma-buf and print what happens to it",
	  "Maps the dma-buf and prints events until it has been invalidated and unmapped,\n"
	  "or until SIGINT, SIGTERM or SIGHUP. Without --fd the dma-buf is that of\n"
	  "DMABUF_REVOKE_FD, as set by alloc and export. Its exporter may be any that does\n"
	  "not demand peer-to-peer, as those of vfio-pci and of RDMA devices do:\n"
	  "\n"
	  "  dmabuf-revoke alloc 64M -- dmabuf-revoke attach --stream\n"
	  "  dmabuf-revoke revoke ID                      # in another terminal",
	  verb_attach },
	{ "demo", "[FILE]", "Revoke a buffer in the midst of DMA and show what everybody saw",
	  "Puts FILE (default: this program) into a buffer, lets importers of every kind\n"
	  "read it by DMA while the CPU reads a mapping of it, revokes it, and checks what\n"
	  "each of them got. With --device then two more revokes, under DMA of that PCI\n"
	  "function; after the second one it goes on with DMA to where it was mapped. An IOMMU\n"
	  "blocks that; without one it is found in memory that is kept and watched. Exits 0\n"
	  "only if every check is ok.",
	  verb_demo },
	{ "bench", "[GROUP]...", "Measure what allocating, mapping and revoking cost",
	  "Beside our buffers it measures those of the system heap, udmabuf and vgem, where\n"
	  "there are such. GROUPs are memory, alloc, attach, mmap, revoke, dma, cpus and\n"
	  "many; without any, all. Figures of different runs cannot be compared, unless the\n"
	  "time is said to be instructions.",
	  verb_bench },
	{ "watch", "[-- PROGRAM [ARGUMENT]...]", "Show who did what to dma-bufs, and when",
	  "Records while PROGRAM runs, or until SIGINT, SIGTERM or SIGHUP, and prints a timeline\n"
	  "of each dma-buf: its exporter, its importers, fences, the lock. Drivers may be any;\n"
	  "our modules need not be loaded. For root; the kernel has to have kprobe events, and\n"
	  "BTF or --offsets. Exits 0 if all was recorded, whatever PROGRAM exits with.",
	  verb_watch },
	{ "test-importer", "-- PROGRAM [ARGUMENT]...",
	  "Say pass or fail of a driver that imports dma-bufs, clause by clause",
	  "Runs PROGRAM, which uses the driver under test, once per scenario, with a buffer of\n"
	  "ours as the descriptor DMABUF_REVOKE_FD, revokes and moves that, and judges what the\n"
	  "driver did. PROGRAM may answer on the socket DMABUF_REVOKE_CONTROL: \"done ERRNO\", to\n"
	  "begin with, and to each \"again\". For root. Exits 0 if nothing failed, 1 if something did,\n"
	  "or it was interrupted, 77 if nothing could be judged.",
	  verb_test_importer },
	{ "test-exporter", "[-- PROGRAM [ARGUMENT]...]",
	  "Say pass or fail of a driver that exports dma-bufs, clause by clause",
	  "Lets importers of each kind use a dma-buf of the exporter under test, has it revoked\n"
	  "and moved meanwhile, and judges what the exporter did. PROGRAM makes it export a new\n"
	  "buffer for each scenario, sends the descriptor on the socket DMABUF_REVOKE_CONTROL, and\n"
	  "makes the exporter act when it reads revoke, suspend, restore, move or remove there.\n"
	  "Without one the dma-buf is that of --fd or DMABUF_REVOKE_FD, and commands, run by the\n"
	  "shell, make its exporter act. Its contents are lost. Exits 0 if nothing failed, 1 if\n"
	  "something did, 77 if nothing could be judged:\n"
	  "\n"
	  "  dmabuf-revoke alloc 1M -- sh -c 'dmabuf-revoke test-exporter \\\n"
	  "      --revoke \"dmabuf-revoke revoke $DMABUF_REVOKE_ID\"'",
	  verb_test_exporter },
	{ "doctor", "", "Say why it does not work here, and what to do about it",
	  "Looks at the kernel, the modules, their nodes and the exporter's limit. Exits 0\n"
	  "if all is well; 77 if a module is not loaded, not reachable or of another\n"
	  "version; 1 if only something else was found. Root is told more than others.",
	  verb_doctor },
	{ 0 },
};

static void print_help(FILE *out)
{
	const struct verb *verb;

	fprintf(out, "Usage: dmabuf-revoke VERB [OPTION]... [ARGUMENT]...\n\n"
		"Allocate dma-bufs, import them, revoke them.\n\nVerbs:\n");
	for (verb = verbs; verb->name; verb++)
		fprintf(out, "  %-13s %s\n", verb->name, verb->summary);
	fprintf(out, "\nOptions:\n"
		"  --help    print this; after a verb: about that verb\n"
		"  --version print the version\n"
		"\nExit status: 0 done, 1 refused or failed, 2 wrong usage,\n"
		"77 not possible here (module not loaded), or nothing judged.\n");
}

static int unknown_verb(const char *name)
{
	complain("unknown verb '%s'", name);
	print_help(stderr);
	return STATUS_USAGE;
}

static int run(int argc, char **argv)
{
	const struct verb *verb;

	if (argc < 2) {
		print_help(stderr);
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_help(stdout);
		return STATUS_DONE;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("dmabuf-revoke %s\n", VERSION);
		return STATUS_DONE;
	}
	for (verb = verbs; verb->name; verb++)
		if (!strcmp(argv[1], verb->name))
			return verb->run(verb, argc - 1, argv + 1);
	return unknown_verb(argv[1]);
}

int main(int argc, char **argv)
{
	int status;

	setlocale(LC_CTYPE, "");
	status = run(argc, argv);
	/* Output that got lost (disk full) must not look like success. */
	if (fflush(stdout) || ferror(stdout))
		return status ? status : explain(ACT_OTHER, errno, "writing the output");
	return status;
}
