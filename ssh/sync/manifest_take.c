/* SPDX-License-Identifier: Apache-2.0 */
/* A listing of the machine's, which may be anything at all. */
#include "ssh/sync/manifest_take.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"

/* "f 644 SIZE TIME " ahead of a path, and either of them. */
#define STRING_MAX (MANIFEST_PATH_MAX + 200)
#define NAME_BYTES 255

void manifest_take_init(struct manifest_taker *taker, const char *name)
{
	memset(taker, 0, sizeof(*taker));
	taker->name = name;
	taker->part = (struct buf)BUF_INIT_MAX(STRING_MAX);
}

void manifest_take_release(struct manifest_taker *taker)
{
	buf_release(&taker->part);
	manifest_release(&taker->manifest);
	memset(taker, 0, sizeof(*taker));
	taker->part = (struct buf)BUF_INIT_MAX(STRING_MAX);
}

static int bad(const struct manifest_taker *taker, const char *what, const char *text, size_t len,
	       struct error *err)
{
	return error_set(err, ERROR_PROTOCOL, "the machine's list of '%s' has %s: '%s'",
			 shown_of(taker->name, strlen(taker->name)).text, what,
			 shown_of(text, len).text);
}

/* A name at a time: none empty, none "." or "..", none too long for any disk. NULL: fine. */
static const char *wrong_path(const char *path, size_t len)
{
	unsigned depth = 0;

	if (len == 0)
		return NULL;
	if (len >= MANIFEST_PATH_MAX)
		return "too long a path";
	if (path[0] == '/')
		return "an absolute path";
	for (size_t start = 0; start <= len;) {
		const char *name = path + start;
		const char *slash = memchr(name, '/', len - start);
		size_t n = slash ? (size_t)(slash - name) : len - start;

		if (n == 0)
			return "an empty name in a path";
		if ((n == 1 && name[0] == '.') || (n == 2 && name[0] == '.' && name[1] == '.'))
			return "a path that climbs";
		if (n > NAME_BYTES)
			return "too long a name";
		if (++depth > TREE_DEPTH_MAX)
			return "too deep a path";
		start += n + 1;
	}
	return NULL;
}

/* Digits of a base up to a ceiling; *at moves past them and the character that ends them. */
static bool take_number(const char **at, const char *end, unsigned base, uint64_t max, char until,
			uint64_t *ret)
{
	const char *p = *at;
	uint64_t value = 0;

	for (; p < end && *p >= '0' && *p < (char)('0' + base); p++) {
		unsigned digit = (unsigned)(*p - '0');

		if (value > (max - digit) / base)
			return false;
		value = value * base + digit;
	}
	if (p == *at || p >= end || *p != until)
		return false;
	*at = p + 1;
	*ret = value;
	return true;
}

/* Seconds, a fraction of any length of which nine digits count, a blank. */
static bool take_time(const char **at, const char *end, int64_t *ret)
{
	const char *p = *at;
	bool negative = p < end && *p == '-';
	uint64_t seconds, fraction = 0;
	int digits = 0;

	p += negative;
	const char *dot = p;
	while (dot < end && *dot >= '0' && *dot <= '9')
		dot++;
	char until = dot < end && *dot == '.' ? '.' : ' ';
	if (!take_number(&p, end, 10, INT64_MAX / 1000000000 - 1, until, &seconds))
		return false;
	if (until == '.') {
		for (; p < end && *p >= '0' && *p <= '9'; p++, digits++)
			if (digits < 9)
				fraction = fraction * 10 + (unsigned)(*p - '0');
		if (digits == 0 || digits > 20 || p >= end || *p != ' ')
			return false;
		for (; digits < 9; digits++)
			fraction *= 10;
		p++;
	}
	/* find writes -3.25 s as "-4.75": the fraction counts forwards */
	int64_t whole = (int64_t)(seconds * 1000000000);
	*ret = (negative ? -whole : whole) + (int64_t)fraction;
	*at = p;
	return true;
}

static enum tree_type type_of(char c)
{
	switch (c) {
	case 'f':
		return TREE_FILE;
	case 'd':
		return TREE_DIR;
	case 'l':
		return TREE_LINK;
	case 'p':
	case 's':
	case 'b':
	case 'c':
	case 'D':
		return TREE_SPECIAL;
	default:
		return TREE_UNKNOWN;
	}
}

static int take_entry(struct manifest_taker *taker, const char *data, size_t len, struct error *err)
{
	struct manifest *manifest = &taker->manifest;
	struct manifest_entry entry = { 0 };
	const char *at = data + 2, *end = data + len;
	uint64_t mode = 0;
	const char *wrong;

	entry.type = len >= 2 && data[1] == ' ' ? type_of(data[0]) : TREE_UNKNOWN;
	if (entry.type == TREE_UNKNOWN)
		return bad(taker, "a line of an unknown type", data, len, err);
	if (!take_number(&at, end, 8, 07777, ' ', &mode))
		return bad(taker, "impossible permissions", data, len, err);
	if (!take_number(&at, end, 10, INT64_MAX, ' ', &entry.size))
		return bad(taker, "an impossible size", data, len, err);
	if (!take_time(&at, end, &entry.mtime_ns))
		return bad(taker, "an impossible time", data, len, err);
	if (end - at > 2 && at[0] == '.' && at[1] == '/') /* as find has it for what it was named */
		at += 2;
	size_t path_len = (size_t)(end - at);
	wrong = wrong_path(at, path_len);
	if (wrong)
		return bad(taker, wrong, at, path_len, err);
	taker->text += path_len + 1;
	if (manifest->nr >= TREE_ENTRIES_MAX || taker->text > MANIFEST_TEXT_MAX)
		return error_set(err, ERROR_PROTOCOL, "the machine has more than %zu files in '%s'",
				 manifest->nr, shown_of(taker->name, strlen(taker->name)).text);
	entry.mode = (uint16_t)(mode & 0777);
	if (entry.type != TREE_FILE)
		entry.size = 0;
	entry.path = arena_strndup(&manifest->arena, at, path_len);
	manifest->v =
		arena_grow(&manifest->arena, manifest->v, manifest->nr, &taker->cap, sizeof(entry));
	manifest->v[manifest->nr++] = entry;
	taker->link_next = true;
	return 0;
}

static int take_link(struct manifest_taker *taker, const char *data, size_t len, struct error *err)
{
	struct manifest *manifest = &taker->manifest;
	struct manifest_entry *entry = &manifest->v[manifest->nr - 1];

	taker->link_next = false;
	if ((entry->type == TREE_LINK) != (len > 0))
		return bad(taker, "a link without a target, or a target without a link",
			   entry->path, strlen(entry->path), err);
	if (len >= MANIFEST_PATH_MAX)
		return bad(taker, "a link to too long a path", entry->path, strlen(entry->path),
			   err);
	taker->text += len;
	if (len > 0)
		entry->target = arena_strndup(&manifest->arena, data, len);
	return 0;
}

int manifest_take_string(struct manifest_taker *taker, const char *data, size_t len,
			 struct error *err)
{
	if (taker->over)
		return bad(taker, "more behind its end", data, len, err);
	if (taker->link_next)
		return take_link(taker, data, len, err);
	if (len == 0 || data[0] != '=')
		return take_entry(taker, data, len, err);
	if (len == 8 && !memcmp(data, "=missing", len) && taker->manifest.nr == 0) {
		taker->manifest.missing = true;
		taker->over = true;
		return 0;
	}
	if (len == 4 && !memcmp(data, "=end", len)) {
		taker->over = true;
		return 0;
	}
	if (!taker->mark)
		return bad(taker, "an unknown mark", data, len, err);
	char *mark = arena_strndup(&taker->manifest.arena, data, len);
	return taker->mark(taker->ctx, mark, err);
}

int manifest_take(struct manifest_taker *taker, const char *data, size_t len, struct error *err)
{
	while (len > 0) {
		const char *nul = memchr(data, '\0', len);
		size_t n = nul ? (size_t)(nul - data) : len;
		const char *string = data;
		size_t string_len = n;

		if (!nul || taker->part.len > 0) {
			if (buf_add(&taker->part, data, n) < 0)
				return bad(taker, "a line without end", taker->part.data,
					   taker->part.len, err);
			string = taker->part.data;
			string_len = taker->part.len;
		}
		if (!nul)
			return 0;
		if (string_len >= STRING_MAX)
			return bad(taker, "a line without end", string, string_len, err);
		if (manifest_take_string(taker, string, string_len, err) < 0)
			return -1;
		buf_clear(&taker->part);
		data += n + 1;
		len -= n + 1;
	}
	return 0;
}

/* Sorted: the same path twice, or something in what is no folder, shows. */
static int check_all(const struct manifest_taker *taker, struct error *err)
{
	const struct manifest *manifest = &taker->manifest;
	char parent[MANIFEST_PATH_MAX] = "";

	for (size_t i = 1; i < manifest->nr; i++) {
		const char *path = manifest->v[i].path;
		const char *slash = strrchr(path, '/');
		size_t n = slash ? (size_t)(slash - path) : 0;

		if (!strcmp(path, manifest->v[i - 1].path))
			return bad(taker, "a path twice", path, strlen(path), err);
		if (n == 0 || (strlen(parent) == n && !memcmp(parent, path, n)))
			continue;
		memcpy(parent, path, n);
		parent[n] = '\0';
		const struct manifest_entry *in = manifest_find(manifest, parent);
		if (!in || in->type != TREE_DIR)
			return bad(taker, "a path in what is no folder", path, strlen(path), err);
	}
	return 0;
}

int manifest_take_end(struct manifest_taker *taker, struct manifest *ret, struct error *err)
{
	struct manifest *manifest = &taker->manifest;
	const struct manifest_entry *root;

	if (!taker->over)
		return bad(taker, "no end; it breaks off after",
			   manifest->nr > 0 ? manifest->v[manifest->nr - 1].path : "",
			   manifest->nr > 0 ? strlen(manifest->v[manifest->nr - 1].path) : 0, err);
	manifest_sort(manifest);
	root = manifest->nr > 0 ? &manifest->v[0] : NULL;
	if (!manifest->missing && (!root || root->path[0]))
		return bad(taker, "no root", "", 0, err);
	manifest->single = root && root->type != TREE_DIR;
	if (manifest->single && manifest->nr > 1)
		return bad(taker, "a path in what is no folder", manifest->v[1].path,
			   strlen(manifest->v[1].path), err);
	if (check_all(taker, err) < 0)
		return -1;
	*ret = *manifest;
	memset(manifest, 0, sizeof(*manifest));
	manifest_take_release(taker);
	return 0;
}
