/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libinih splits a line into key and value; everything that depends on more than one line is done
 * here, in the reader that hands it the lines. Its own ways would lose data without a word: lines
 * cut at 200 bytes, section names at 49, a nested block flattened into its parent's key, and no line
 * numbers. https://github.com/benhoyt/inih
 */
#include "core/ini.h"

#include <ini.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/text.h"

#define INI_BYTES_MAX ((size_t)1 << 20)
#define INI_LINE_MAX  8192

struct reader {
	struct ini *ini;
	const char *name; /* of the file */
	const char *pos, *end;
	int line;
	const char *section; /* NULL before the first */
	const char *parent;  /* the last key that was not nested; NULL after a section's line */
	bool parent_empty;   /* only an empty value opens a nested block */
	int indent;	     /* of the last line that was not nested */
	bool nested;	     /* the line that is with libinih now */
	bool failed;
	struct error *err;
};

static int bad(struct reader *r, const char *why)
{
	r->failed = true;
	return error_set(r->err, ERROR_CONFIG, "%s:%d: %s", r->name, r->line, why);
}

static void add(struct reader *r, const char *key, const char *value)
{
	struct ini *ini = r->ini;

	ini->v = arena_grow(&ini->arena, ini->v, ini->nr, &ini->cap, sizeof(*ini->v));
	ini->v[ini->nr++] = (struct ini_entry){ .section = r->section,
						.key = key,
						.value = arena_strdup(&ini->arena, value),
						.line = r->line };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Valid UTF-8, and no control character but the tab. */
static bool is_clean(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		bool c1 = c == 0xc2 && i + 1 < len && (unsigned char)s[i + 1] < 0xa0;

		if ((c < 0x20 && c != '\t') || c == 0x7f || c1)
			return false;
	}
	return text_is_utf8(s, len);
}

/* "[name]" alone on its line; blanks inside the brackets do not count. */
static int section_line(struct reader *r, const char *s, size_t len)
{
	const char *close = memrchr(s, ']', len);

	if (!close)
		return bad(r, "a section's line has no ']'");
	for (const char *p = close + 1; p < s + len; p++) {
		if (*p == '#' || *p == ';')
			break;
		if (!is_blank(*p))
			return bad(r, "there is text behind a section's ']'");
	}
	const char *start = s + 1;
	while (start < close && is_blank(*start))
		start++;
	while (close > start && is_blank(close[-1]))
		close--;
	if (close == start)
		return bad(r, "a section has no name");
	r->section = arena_strndup(&r->ini->arena, start, (size_t)(close - start));
	r->parent = NULL;
	add(r, NULL, NULL);
	return 0;
}

/* Decides what a line is; 1: it is a "key = value" for libinih. */
static int take_line(struct reader *r, const char *s, size_t len)
{
	int indent = 0;

	if (!is_clean(s, len))
		return bad(r, "the line holds bytes that are not printable UTF-8");
	while (len > 0 && is_blank(s[len - 1]))
		len--;
	while ((size_t)indent < len && is_blank(s[indent]))
		indent++;
	s += indent;
	len -= (size_t)indent;
	if (len == 0 || *s == '#' || *s == ';')
		return 0;
	r->nested = r->parent && indent > r->indent;
	if (r->nested) {
		if (r->parent_empty)
			return 1;
		return bad(r, "an indented line continues a value; one value takes one line");
	}
	r->indent = indent;
	if (*s == '[')
		return section_line(r, s, len);
	if (!r->section)
		return bad(r, "a setting stands before the first [section]");
	return 1;
}

/* libinih's fgets: the next "key = value", without its indentation. */
static char *next_line(char *out, int size, void *ctx)
{
	struct reader *r = ctx;

	while (!r->failed && r->pos < r->end) {
		const char *s = r->pos;
		const char *nl = memchr(s, '\n', (size_t)(r->end - s));
		size_t len = (size_t)((nl ? nl : r->end) - s);

		r->pos = nl ? nl + 1 : r->end;
		r->line++;
		if (len > 0 && s[len - 1] == '\r')
			len--;
		if (len > INI_LINE_MAX) {
			bad(r, "the line is longer than 8192 bytes");
			break;
		}
		if (take_line(r, s, len) <= 0)
			continue;
		while (is_blank(*s)) {
			s++;
			len--;
		}
		if (*s == '=' || *s == ':') {
			bad(r, "a setting has no name");
			break;
		}
		if (!memchr(s, '=', len) && !memchr(s, ':', len)) {
			bad(r, "expected 'key = value'");
			break;
		}
		snprintf(out, (size_t)size, "%.*s\n", (int)len, s);
		return out;
	}
	return NULL;
}

static int on_pair(void *ctx, const char *section, const char *key, const char *value)
{
	struct reader *r = ctx;

	(void)section; /* cut at 49 bytes */
	if (r->nested) {
		add(r, arena_printf(&r->ini->arena, "%s.%s", r->parent, key), value);
	} else {
		r->parent = arena_strdup(&r->ini->arena, key);
		r->parent_empty = value[0] == '\0';
		add(r, r->parent, value);
	}
	return 1;
}

static void configure_libinih(void)
{
	ini_use_stack = false;
	ini_max_line = INI_LINE_MAX + 4;
	ini_initial_alloc = INI_LINE_MAX + 4;
	ini_allow_multiline = false;
	ini_allow_inline_comments = false;
	ini_allow_bom = false;
	ini_stop_on_first_error = true;
}

int ini_read(const char *text, size_t len, const char *name, struct ini *ret, struct error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct ini ini = { .nr = 0 };
	struct reader r = { .ini = &ini, .name = name, .pos = text, .end = text + len, .err = err };

	if (len > INI_BYTES_MAX)
		return error_set(err, ERROR_CONFIG, "%s: larger than 1 MiB", name);
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		r.pos += 3;
	pthread_once(&once, configure_libinih);
	int rc = ini_parse_stream(next_line, &r, on_pair, &r);
	if (rc == -2)
		out_of_memory();
	if (rc != 0 && !r.failed)
		bad(&r, "expected 'key = value'");
	if (r.failed) {
		ini_release(&ini);
		return -1;
	}
	*ret = ini;
	return 0;
}

void ini_release(struct ini *ini)
{
	arena_release(&ini->arena);
	memset(ini, 0, sizeof(*ini));
}

const char *ini_get(const struct ini *ini, const char *section, const char *key)
{
	for (size_t i = ini->nr; i-- > 0;) {
		const struct ini_entry *entry = &ini->v[i];

		if (entry->key && !strcasecmp(entry->key, key) &&
		    text_equal(entry->section, section))
			return entry->value;
	}
	return NULL;
}

bool ini_has_section(const struct ini *ini, const char *section)
{
	for (size_t i = 0; i < ini->nr; i++)
		if (text_equal(ini->v[i].section, section))
			return true;
	return false;
}
