/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FLAVOUR_H
#define FLAVOUR_H

/*
 * What follows "linux-image" in the name of Debian's package for a machine that uname()
 * calls so: "-amd64"; nothing where it has several, or none.
 */
const char *debian_flavour(const char *machine);

#endif
