/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/sync/unpack_tar.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/mem.h"

#define NS 1000000000

/* Fields of a header: where, and how long. */
#define NAME_AT	   0
#define NAME_LEN   100
#define SIZE_AT	   124
#define MTIME_AT   136
#define NUMBER_LEN 12
#define SUM_AT	   148
#define SUM_LEN	   8
#define TYPE_AT	   156
#define MAGIC_AT   257
#define PREFIX_AT  345
#define PREFIX_LEN 155

static int refuse(const char *what, struct error *err)
{
	return error_set(err, ERROR_PROTOCOL, "the machine's archive is refused: %s", what);
}

static int refuse_entry(const struct tar_entry *entry, const char *what, struct error *err)
{
	return error_set(err, ERROR_PROTOCOL, "the machine's archive is refused: '%s' %s",
			 shown_of(entry->path, strlen(entry->path)).text, what);
}

/* Octal digits, ended by a blank or NUL or by the field's end. */
static bool octal(const unsigned char *field, size_t len, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i = 0;

	while (i < len && field[i] >= '0' && field[i] <= '7')
		value = value << 3 | (uint64_t)(field[i++] - '0');
	if (i == 0 || (i < len && field[i] != ' ' && field[i] != '\0'))
		return false;
	*ret = value;
	return true;
}

static bool decimal(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (!*text)
		return false;
	for (; *text >= '0' && *text <= '9'; text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret = value;
	return *text == '\0';
}

/* "[-]SECONDS[.FRACTION]" to ns; what is finer is cut off. */
static bool time_of(char *text, int64_t *ret)
{
	bool negative = *text == '-';
	char *point = strchr(text, '.');
	uint64_t seconds, ns = 0, scale = NS;

	if (point)
		*point++ = '\0';
	if (!decimal(text + negative, INT64_MAX / NS - 1, &seconds))
		return false;
	for (; point && *point >= '0' && *point <= '9'; point++) {
		scale /= 10;
		ns += scale * (uint64_t)(*point - '0');
	}
	if (point && *point)
		return false;
	*ret = (int64_t)(seconds * NS + ns);
	if (negative)
		*ret = -*ret;
	return true;
}

static bool is_zero(const unsigned char *block)
{
	for (size_t i = 0; i < TAR_BLOCK; i++)
		if (block[i])
			return false;
	return true;
}

static bool sum_is_right(const unsigned char *block)
{
	uint64_t told, sum = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= SUM_AT && i < SUM_AT + SUM_LEN ? ' ' : block[i];
	return octal(block + SUM_AT, SUM_LEN, &told) && told == sum;
}

static void header_path(const unsigned char *block, struct tar_entry *entry)
{
	const char *name = (const char *)block + NAME_AT;
	const char *prefix = (const char *)block + PREFIX_AT;

	snprintf(entry->path, sizeof(entry->path), "%.*s%s%.*s", PREFIX_LEN, prefix,
		 prefix[0] ? "/" : "", NAME_LEN, name);
}

static const char *type_name(unsigned char type)
{
	switch (type) {
	case '1':
		return "is a hard link";
	case '2':
		return "is a link that was not asked for";
	case '3':
	case '4':
		return "is a device";
	case '5':
		return "is a folder that was not asked for";
	case '6':
		return "is a pipe";
	case 'S':
		return "is sparse";
	default:
		return "is of an unknown kind";
	}
}

int tar_header(const unsigned char block[TAR_BLOCK], struct tar_entry *entry, enum tar_kind *kind,
	       uint64_t *size, struct error *err)
{
	unsigned char type = block[TYPE_AT];
	uint64_t seconds;

	if (is_zero(block)) {
		*kind = TAR_ZERO;
		*size = 0;
		return 0;
	}
	if (memcmp(block + MAGIC_AT,
		   "ustar\0"
		   "00",
		   8) != 0 ||
	    !sum_is_right(block))
		return refuse("a header is damaged", err);
	if (!octal(block + SIZE_AT, NUMBER_LEN, size))
		return refuse("a header has no size", err);
	if (type == 'x') {
		*kind = TAR_PAX;
		return *size > 0 && *size <= TAR_PAX_MAX ? 0
							 : refuse("a pax header is too large", err);
	}
	if (!entry->has_path)
		header_path(block, entry);
	if (type != '0' && type != '\0')
		return refuse_entry(entry, type_name(type), err);
	if (!entry->has_mtime) {
		if (!octal(block + MTIME_AT, NUMBER_LEN, &seconds))
			return refuse_entry(entry, "has no time", err);
		entry->mtime_ns = (int64_t)seconds * NS; /* at most 36 bits of seconds */
	}
	if (entry->has_size)
		*size = entry->size;
	entry->size = *size;
	*kind = TAR_FILE;
	return 0;
}

static int pax_record(const char *key, char *value, struct tar_entry *entry, struct error *err)
{
	if (!strcmp(key, "path")) {
		if (!*value || strlen(value) >= sizeof(entry->path))
			return refuse("a name is too long", err);
		snprintf(entry->path, sizeof(entry->path), "%s", value);
		entry->has_path = true;
	} else if (!strcmp(key, "size")) {
		if (!decimal(value, INT64_MAX, &entry->size))
			return refuse("a size is no number", err);
		entry->has_size = true;
	} else if (!strcmp(key, "mtime")) {
		if (!time_of(value, &entry->mtime_ns))
			return refuse("a time is no number", err);
		entry->has_mtime = true;
	} else if (!strncmp(key, "GNU.sparse.", 11)) {
		return refuse("a file is sparse", err);
	} else if (!strcmp(key, "linkpath")) {
		return refuse("it holds a link that was not asked for", err);
	}
	return 0; /* owners and the like: not ours to keep */
}

/* Records "LENGTH KEY=VALUE\n"; the length counts all of it. */
int tar_pax(const char *data, size_t len, struct tar_entry *entry, struct error *err)
{
	while (len > 0) {
		char record[MANIFEST_PATH_MAX + 64];
		size_t told = 0, digits = 0;

		while (digits < len && digits < 6 && data[digits] >= '0' && data[digits] <= '9')
			told = told * 10 + (size_t)(data[digits++] - '0');
		if (digits == 0 || digits == len || data[digits] != ' ' || told > len ||
		    told < digits + 4 || data[told - 1] != '\n')
			return refuse("a pax header is damaged", err);
		size_t n = told - digits - 2; /* without blank and newline */

		if (n >= sizeof(record))
			return refuse("a pax header is too large", err);
		memcpy(record, data + digits + 1, n);
		record[n] = '\0';
		char *value = strchr(record, '=');

		if (!value || strlen(record) != n)
			return refuse("a pax header is damaged", err);
		*value++ = '\0';
		if (pax_record(record, value, entry, err) < 0)
			return -1;
		data += told;
		len -= told;
	}
	return 0;
}
