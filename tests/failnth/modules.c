// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation fails once: loading the modules. The devices must not be open, so
 * these are not CASEs.
 */
#include <glob.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "failnth.h"

TIME_LIMIT(110);

/*
 * Those before are the module loader's. What our init functions make is made last,
 * and coverage shows that each of their error paths is taken.
 */
#define OUR_POINTS 150

static const char *name;
static int file = -1;

static long unload(void)
{
	return sys(syscall(SYS_delete_module, name, O_NONBLOCK));
}

static long load(void)
{
	return sys(syscall(SYS_finit_module, file, "", 0));
}

static void unload_again(void)
{
	succeeds(unload());
}

static bool is_loaded(void)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s", name);
	return !access(path, F_OK);
}

static void each_load_fails(const char *module, const char *report,
			    int other_error)
{
	struct utsname system;
	char pattern[256];
	glob_t found;

	need_fault_injection();
	name = module;
	uname(&system);
	snprintf(pattern, sizeof(pattern), "/lib/modules/%s/updates/*/%s.ko",
		 system.release, name);
	equal(glob(pattern, 0, NULL, &found), 0);
	file = succeeds(sys(open(found.gl_pathv[0], O_RDONLY | O_CLOEXEC)));
	globfree(&found);
	if (is_loaded())
		succeeds(unload());

	load_fails_at_last_points(report, load, unload_again, OUR_POINTS,
				  other_error);

	succeeds(load());
	close(file);
}

TEST(modules, exporter)
{
	each_load_fails("dmabuf_revoke_exporter", "LOAD_EXPORTER", 0);
}

TEST(modules, importer)
{
	/* What the driver core makes of a platform device whose name has no memory. */
	each_load_fails("dmabuf_revoke_importer", "LOAD_IMPORTER", EINVAL);
}
