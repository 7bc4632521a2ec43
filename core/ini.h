/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INI over libinih, as AWS's files use it: sections, key = value, '#' and ';' comment lines, and one
 * level of nesting by indentation ("s3 =" then "  addressing_style = path" becomes key
 * "s3.addressing_style"). Bounded: 1 MiB, lines of 8 KiB. Keys and values are valid UTF-8 without
 * control bytes, else ERROR_CONFIG with the line. Later values win; sections of one name are one.
 * Indentation works as in Python's configparser, which AWS's own tools use: a section may be
 * indented as a whole; '#' and ';' inside a value are part of it.
 */
#ifndef GPUCLOUD_CORE_INI_H
#define GPUCLOUD_CORE_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"

struct error;

struct ini_entry {
	const char *section;
	const char *key, *value; /* both NULL for a section's own line */
	int line;		 /* from 1 */
};

struct ini {
	struct arena arena;
	struct ini_entry *v;
	size_t nr, cap;
};

/* name: the file's name for messages. ret starts zeroed. (Not ini_parse: libinih has one.) */
int ini_read(const char *text, size_t len, const char *name, struct ini *ret, struct error *err);
void ini_release(struct ini *ini);

/* NULL when absent; of several, the last. Sections compare exactly, keys without case. */
const char *ini_get(const struct ini *ini, const char *section, const char *key);
bool ini_has_section(const struct ini *ini, const char *section); /* even an empty one */

#endif
