/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef XML_H
#define XML_H

#include <stdio.h>

/* As the text of an element or the value of an attribute, whatever is in it. */
void xml_print(FILE *out, const char *text);
/* Of @text at most @most characters, with … in the midst if there are more. */
void xml_print_short(FILE *out, const char *text, unsigned int most);

#endif
