/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/sync/ignore_glob.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/mem.h"

enum step_kind {
	STEP_BYTE, /* that one */
	STEP_ANY,  /* any but '/' */
	STEP_SET,  /* one of a set, never '/' */
	STEP_STAR, /* any number of bytes but '/' */
	STEP_DEEP, /* any number of bytes */
	STEP_HERE, /* ahead of DEEP and '/': both may be passed over */
};

struct step {
	unsigned char kind;
	unsigned char byte;
	const uint8_t *set; /* 32 bytes, a bit a byte */
};

struct glob {
	struct step *v;
	size_t nr, cap;
};

struct reader {
	struct arena *arena;
	const char *p, *end;
	struct glob *glob;
};

static void put(struct reader *reader, enum step_kind kind, unsigned char byte, const uint8_t *set)
{
	struct glob *glob = reader->glob;

	glob->v = arena_grow(reader->arena, glob->v, glob->nr, &glob->cap, sizeof(*glob->v));
	glob->v[glob->nr++] = (struct step){ (unsigned char)kind, byte, set };
}

static void set_add(uint8_t *set, unsigned low, unsigned high)
{
	for (unsigned c = low; c <= high; c++)
		set[c / 8] = (uint8_t)(set[c / 8] | 1u << c % 8);
}

/* ASCII only, whatever the locale is: as git does. */
static bool add_class(uint8_t *set, const char *name, size_t len)
{
	static const struct {
		const char *name;
		int (*has)(int);
	} classes[] = { { "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank },
			{ "cntrl", iscntrl }, { "digit", isdigit }, { "graph", isgraph },
			{ "lower", islower }, { "print", isprint }, { "punct", ispunct },
			{ "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit } };

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		if (strlen(classes[i].name) != len || memcmp(classes[i].name, name, len) != 0)
			continue;
		for (unsigned c = 0; c < 128; c++)
			if (classes[i].has((int)c))
				set_add(set, c, c);
		return true;
	}
	return false;
}

/* A byte of a set, an escape taken off. */
static bool take_byte(struct reader *reader, unsigned char *ret)
{
	if (reader->p < reader->end && *reader->p == '\\')
		reader->p++;
	if (reader->p >= reader->end)
		return false;
	*ret = (unsigned char)*reader->p++;
	return true;
}

/* "[:name:]": 1 taken, 0 it is none, -1 no such class. */
static int take_class(struct reader *reader, uint8_t *set)
{
	const char *name = reader->p + 2;

	if (reader->end - reader->p < 2 || reader->p[0] != '[' || reader->p[1] != ':')
		return 0;
	const char *close = memchr(name, ']', (size_t)(reader->end - name));
	if (!close)
		return -1;
	if (close == name || close[-1] != ':')
		return 0;
	if (!add_class(set, name, (size_t)(close - name) - 1))
		return -1;
	reader->p = close + 1;
	return 1;
}

/* Behind '['. A ']' that comes first is one of the set. */
static bool take_set(struct reader *reader)
{
	uint8_t *set = arena_alloc(reader->arena, 32);
	bool negated = reader->p < reader->end && (*reader->p == '!' || *reader->p == '^');
	unsigned char low = 0, high;
	bool have_low = false;

	reader->p += negated;
	for (bool first = true; first || reader->p >= reader->end || *reader->p != ']';
	     first = false) {
		int rc = take_class(reader, set);

		if (rc < 0 || reader->p >= reader->end)
			return false;
		if (rc > 0) {
			have_low = false;
			continue;
		}
		if (*reader->p == '-' && have_low && reader->end - reader->p > 1 &&
		    reader->p[1] != ']') {
			reader->p++;
			if (!take_byte(reader, &high))
				return false;
			if (low <= high)
				set_add(set, low, high);
			have_low = false;
			continue;
		}
		if (!take_byte(reader, &low))
			return false;
		set_add(set, low, low);
		have_low = true;
	}
	reader->p++;
	for (size_t i = 0; negated && i < 32; i++)
		set[i] = (uint8_t)~set[i];
	set['/' / 8] &= (uint8_t) ~(1u << '/' % 8);
	put(reader, STEP_SET, 0, set);
	return true;
}

/* Stars: two or more of them reach through folders where they are all of a name. */
static void take_stars(struct reader *reader, const char *start)
{
	const char *first = reader->p - 1;

	while (reader->p < reader->end && *reader->p == '*')
		reader->p++;
	bool at_end = reader->p == reader->end;
	bool slash = !at_end && *reader->p == '/';
	bool escaped = reader->end - reader->p > 1 && reader->p[0] == '\\' && reader->p[1] == '/';

	if (reader->p - first < 2 || (first > start && first[-1] != '/') ||
	    !(at_end || slash || escaped)) {
		put(reader, STEP_STAR, 0, NULL);
		return;
	}
	if (slash)
		put(reader, STEP_HERE, 0, NULL);
	put(reader, STEP_DEEP, 0, NULL);
}

struct glob *glob_new(struct arena *arena, const char *pattern, size_t len)
{
	struct glob *glob = arena_alloc(arena, sizeof(*glob));
	struct reader reader = { arena, pattern, pattern + len, glob };

	while (reader.p < reader.end) {
		unsigned char c = (unsigned char)*reader.p++;

		if (c == '*') {
			take_stars(&reader, pattern);
		} else if (c == '?') {
			put(&reader, STEP_ANY, 0, NULL);
		} else if (c == '[') {
			if (!take_set(&reader))
				return NULL;
		} else {
			if (c == '\\' && reader.p == reader.end)
				return NULL;
			if (c == '\\')
				c = (unsigned char)*reader.p++;
			put(&reader, STEP_BYTE, c, NULL);
		}
	}
	return glob;
}

/* Marks a place, and those that are reached from it without a byte. */
static void mark(const struct glob *glob, bool *places, size_t at)
{
	while (!places[at]) {
		places[at] = true;
		if (at == glob->nr)
			return;
		if (glob->v[at].kind == STEP_HERE)
			mark(glob, places, at + 3);
		else if (glob->v[at].kind != STEP_STAR && glob->v[at].kind != STEP_DEEP)
			return;
		at++;
	}
}

static void pass(const struct glob *glob, size_t at, unsigned char c, bool *next)
{
	const struct step *step = &glob->v[at];

	switch ((enum step_kind)step->kind) {
	case STEP_BYTE:
		if (step->byte == c)
			mark(glob, next, at + 1);
		break;
	case STEP_ANY:
		if (c != '/')
			mark(glob, next, at + 1);
		break;
	case STEP_SET:
		if (step->set[c / 8] >> c % 8 & 1)
			mark(glob, next, at + 1);
		break;
	case STEP_STAR:
		if (c != '/')
			mark(glob, next, at);
		break;
	case STEP_DEEP:
		mark(glob, next, at);
		break;
	case STEP_HERE:
		break;
	}
}

bool glob_match(const struct glob *glob, const char *text, size_t len)
{
	bool room[2][128], *now = room[0], *next = room[1];
	bool *heap = NULL;
	size_t places = glob->nr + 1;

	if (places > sizeof(room[0])) {
		heap = xmalloc(2 * places);
		now = heap;
		next = heap + places;
	}
	memset(now, 0, places);
	mark(glob, now, 0);
	for (size_t i = 0; i < len; i++) {
		bool any = false;

		memset(next, 0, places);
		for (size_t at = 0; at < glob->nr; at++)
			if (now[at]) {
				pass(glob, at, (unsigned char)text[i], next);
				any = true;
			}
		bool *swap = now;
		now = next;
		next = swap;
		if (!any)
			break;
	}
	bool matched = now[glob->nr];
	free(heap);
	return matched;
}
