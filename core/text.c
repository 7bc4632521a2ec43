/* SPDX-License-Identifier: Apache-2.0 */
#include "core/text.h"

#include <stdint.h>
#include <string.h>

#include "core/arena.h"
#include "core/buf.h"

#define LABEL_MAX 63

/* How many bytes follow a first byte, and what the second may be (Unicode 15, table 3-7). */
static bool utf8_first(struct text_utf8 *state, unsigned char c)
{
	state->low = 0x80;
	state->high = 0xbf;
	if (c < 0x80) {
		state->need = 0;
	} else if (c >= 0xc2 && c <= 0xdf) {
		state->need = 1;
	} else if (c >= 0xe0 && c <= 0xef) {
		state->need = 2;
		if (c == 0xe0)
			state->low = 0xa0;
		else if (c == 0xed)
			state->high = 0x9f;
	} else if (c >= 0xf0 && c <= 0xf4) {
		state->need = 3;
		if (c == 0xf0)
			state->low = 0x90;
		else if (c == 0xf4)
			state->high = 0x8f;
	} else {
		return false;
	}
	return true;
}

bool text_utf8_feed(struct text_utf8 *state, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (!state->need) {
			if (!utf8_first(state, c))
				return false;
			continue;
		}
		if (c < state->low || c > state->high)
			return false;
		state->need--;
		state->low = 0x80;
		state->high = 0xbf;
	}
	return true;
}

bool text_is_utf8(const char *s, size_t len)
{
	struct text_utf8 state = { 0 };

	return text_utf8_feed(&state, s, len) && !state.need;
}

/* Reads the character at s (len > 0). Returns its bytes, 0 where it is not UTF-8. */
static size_t utf8_char(const char *s, size_t len, uint32_t *ret)
{
	static const unsigned char first_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	struct text_utf8 state = { 0 };

	if (!utf8_first(&state, (unsigned char)s[0]))
		return 0;

	size_t n = (size_t)state.need + 1;

	if (n > len || !text_is_utf8(s, n))
		return 0;

	uint32_t c = (unsigned char)s[0] & first_bits[n];

	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((unsigned char)s[i] & 0x3f);
	*ret = c;
	return n;
}

/* Characters that move the cursor, start a sequence, or turn the reading order. */
static bool is_hostile(uint32_t c)
{
	return (c >= 0x80 && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f || c == 0x61c;
}

void text_escape(struct buf *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		unsigned char byte = (unsigned char)s[i];
		uint32_t c = 0;
		size_t n = utf8_char(s + i, len - i, &c);

		if (byte < 0x20 || byte == 0x7f) {
			char caret[2] = { '^', (char)(byte ^ 0x40) };

			buf_add(out, caret, sizeof(caret));
			i++;
		} else if (n && !is_hostile(c)) {
			buf_add(out, s + i, n);
			i += n;
		} else {
			for (n = n ? n : 1; n; n--, i++)
				buf_addf(out, "\\x%02x", (unsigned int)(unsigned char)s[i]);
		}
	}
}

char *text_escaped(struct arena *arena, const char *s)
{
	struct buf out = BUF_INIT;

	if (!s)
		return NULL;
	text_escape(&out, s, strlen(s));

	char *copy = arena_strndup(arena, out.data, out.len);

	buf_release(&out);
	return copy;
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool text_is_token(const char *s, const char *also, size_t max)
{
	size_t n = s ? strnlen(s, max + 1) : 0;

	if (!n || n > max)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!is_lower(s[i]) && !is_upper(s[i]) && !is_digit(s[i]) &&
		    !(also && strchr(also, s[i])))
			return false;
	}
	return true;
}

bool text_is_label(const char *s)
{
	size_t n = s ? strnlen(s, LABEL_MAX + 1) : 0;

	if (!n || n > LABEL_MAX || s[0] == '-' || s[0] == '_')
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!is_lower(s[i]) && !is_digit(s[i]) && s[i] != '-' && s[i] != '_')
			return false;
	}
	return true;
}

void text_to_label(char out[64], const char *s)
{
	size_t n = 0;
	size_t len = strlen(s);

	for (size_t i = 0; i < len && n < LABEL_MAX;) {
		uint32_t ignored = 0;
		size_t step = utf8_char(s + i, len - i, &ignored);
		char c = is_upper(s[i]) ? (char)(s[i] - 'A' + 'a') : s[i];

		i += step ? step : 1;
		if (!is_lower(c) && !is_digit(c) && c != '_')
			c = '-';
		if (n || (c != '-' && c != '_'))
			out[n++] = c;
	}
	if (!n)
		out[n++] = 'x';
	out[n] = '\0';
}

bool text_starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool text_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t min = a < b ? a : b;

	return min < c ? min : c;
}

/* Optimal string alignment: three rows are enough, since a swap looks two rows back. */
size_t text_distance(const char *a, const char *b)
{
	size_t rows[3][TEXT_DISTANCE_MAX + 1];
	size_t na = strnlen(a, TEXT_DISTANCE_MAX + 1);
	size_t nb = strnlen(b, TEXT_DISTANCE_MAX + 1);

	if (na > TEXT_DISTANCE_MAX || nb > TEXT_DISTANCE_MAX)
		return TEXT_DISTANCE_MAX;
	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i + 2) % 3];
		const size_t *two_above = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = min3(above[j] + 1, row[j - 1] + 1, change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    two_above[j - 2] + 1 < row[j])
				row[j] = two_above[j - 2] + 1;
		}
	}
	return rows[na % 3][nb];
}

bool text_glob(const char *pattern, const char *s)
{
	const char *star = NULL; /* just past the last '*', and how far it reaches */
	const char *reach = NULL;

	while (*s) {
		if (*pattern == '*') {
			star = ++pattern;
			reach = s;
		} else if (*pattern == *s) {
			pattern++;
			s++;
		} else if (star) {
			pattern = star;
			s = ++reach;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
