/* SPDX-License-Identifier: GPL-2.0-only */
/* What every verb of the command shares: its table entry, and how it exits. */
#ifndef COMMAND_H
#define COMMAND_H

enum status {
	STATUS_DONE		= 0,
	STATUS_FAILED		= 1,
	STATUS_USAGE		= 2,
	STATUS_IMPOSSIBLE	= 77,
};

struct verb {
	const char *name;
	const char *arguments;		/* what follows the options, for help */
	const char *summary;		/* one line */
	const char *details;		/* paragraphs for --help, or NULL */
	/* @argv[0] is the verb's name. Returns an enum status. */
	int (*run)(const struct verb *verb, int argc, char **argv);
};

int verb_alloc(const struct verb *verb, int argc, char **argv);
int verb_attach(const struct verb *verb, int argc, char **argv);
int verb_bench(const struct verb *verb, int argc, char **argv);
int verb_blockers(const struct verb *verb, int argc, char **argv);
int verb_demo(const struct verb *verb, int argc, char **argv);
int verb_doctor(const struct verb *verb, int argc, char **argv);
int verb_export(const struct verb *verb, int argc, char **argv);
int verb_faults(const struct verb *verb, int argc, char **argv);
int verb_free(const struct verb *verb, int argc, char **argv);
int verb_info(const struct verb *verb, int argc, char **argv);
int verb_list(const struct verb *verb, int argc, char **argv);
int verb_move(const struct verb *verb, int argc, char **argv);
int verb_restore(const struct verb *verb, int argc, char **argv);
int verb_revoke(const struct verb *verb, int argc, char **argv);
int verb_show(const struct verb *verb, int argc, char **argv);
int verb_suspend(const struct verb *verb, int argc, char **argv);
int verb_test_exporter(const struct verb *verb, int argc, char **argv);
int verb_test_importer(const struct verb *verb, int argc, char **argv);
int verb_watch(const struct verb *verb, int argc, char **argv);

#endif
