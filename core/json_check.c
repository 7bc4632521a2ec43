/* SPDX-License-Identifier: Apache-2.0 */
#include "core/json_check.h"

#include <stdbool.h>
#include <string.h>

#include "core/json.h"
#include "core/text.h"

/* cJSON copies a number into 64 bytes and would silently cut a longer one. */
#define NUMBER_MAX 63

struct scan {
	const char *text;
	size_t len, pos;
	size_t values;
	const char *wrong; /* the first complaint */
};

static bool refuse(struct scan *scan, const char *wrong)
{
	if (!scan->wrong)
		scan->wrong = wrong;
	return false;
}

/* The byte at pos; '\0' past the end, which is never a valid one anywhere. */
static char peek(const struct scan *scan)
{
	return scan->pos < scan->len ? scan->text[scan->pos] : '\0';
}

static bool at_end(struct scan *scan, const char *wrong)
{
	return refuse(scan, scan->pos < scan->len ? wrong : "it ends too early");
}

static void skip_space(struct scan *scan)
{
	while (peek(scan) && strchr(" \t\n\r", peek(scan)))
		scan->pos++;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool skip_digits(struct scan *scan)
{
	if (!is_digit(peek(scan)))
		return at_end(scan, "a malformed number");
	while (is_digit(peek(scan)))
		scan->pos++;
	return true;
}

static bool scan_number(struct scan *scan)
{
	size_t start = scan->pos;

	if (peek(scan) == '-')
		scan->pos++;
	if (peek(scan) == '0')
		scan->pos++;
	else if (!skip_digits(scan))
		return false;
	if (is_digit(peek(scan)))
		return refuse(scan, "a malformed number");
	if (peek(scan) == '.') {
		scan->pos++;
		if (!skip_digits(scan))
			return false;
	}
	if (peek(scan) == 'e' || peek(scan) == 'E') {
		scan->pos++;
		if (peek(scan) == '+' || peek(scan) == '-')
			scan->pos++;
		if (!skip_digits(scan))
			return false;
	}
	if (scan->pos - start > NUMBER_MAX)
		return refuse(scan, "a number with too many digits");
	return true;
}

/* Four hex digits at pos, or -1. */
static int scan_hex4(struct scan *scan)
{
	static const char digits[] = "0123456789abcdef";
	int value = 0;

	for (size_t i = 0; i < 4; i++, scan->pos++) {
		char c = peek(scan);
		const char *at =
			c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

		if (!at)
			return -1;
		value = value * 16 + (int)(at - digits);
	}
	return value;
}

/* pos is just past the 'u'. */
static bool scan_unicode_escape(struct scan *scan)
{
	int code = scan_hex4(scan);

	if (code < 0)
		return at_end(scan, "a malformed \\u escape");
	if ((code < 0x20 && code != '\t' && code != '\n' && code != '\r') || code == 0x7f)
		return refuse(scan, "a control character in a string");
	if (code < 0xd800 || code > 0xdfff)
		return true;
	if (code <= 0xdbff && peek(scan) == '\\' && ++scan->pos && peek(scan) == 'u') {
		scan->pos++;
		code = scan_hex4(scan);
		if (code >= 0xdc00 && code <= 0xdfff)
			return true;
	}
	return at_end(scan, "half of a surrogate pair");
}

static bool scan_escape(struct scan *scan)
{
	char c = peek(scan);

	scan->pos++;
	if (c == 'u')
		return scan_unicode_escape(scan);
	if (c == 'b' || c == 'f')
		return refuse(scan, "a control character in a string");
	if (c && strchr("\"\\/nrt", c))
		return true;
	scan->pos--;
	return at_end(scan, "an unknown escape in a string");
}

static bool scan_string(struct scan *scan)
{
	struct text_utf8 utf8 = { 0 };

	for (scan->pos++; scan->pos < scan->len; scan->pos++) {
		unsigned char c = (unsigned char)scan->text[scan->pos];

		if (!text_utf8_feed(&utf8, &scan->text[scan->pos], 1))
			return refuse(scan, "invalid UTF-8 in a string");
		if (c < 0x20 || c == 0x7f)
			return refuse(scan, "a control character in a string");
		if (c == '"') {
			scan->pos++;
			return true;
		}
		if (c == '\\') {
			scan->pos++;
			if (!scan_escape(scan))
				return false;
			scan->pos--; /* the loop steps over the escape's last byte */
		}
	}
	return refuse(scan, "it ends too early");
}

static bool scan_literal(struct scan *scan, const char *word)
{
	size_t n = strlen(word);

	if (scan->len - scan->pos < n || memcmp(scan->text + scan->pos, word, n) != 0)
		return refuse(scan, "an unexpected character");
	scan->pos += n;
	return true;
}

static bool scan_value(struct scan *scan, size_t depth);

static bool scan_member_name(struct scan *scan)
{
	if (peek(scan) != '"')
		return at_end(scan, "a member without a quoted name");
	if (!scan_string(scan))
		return false;
	skip_space(scan);
	if (peek(scan) != ':')
		return at_end(scan, "a member without a ':'");
	scan->pos++;
	return true;
}

/* An object or an array; pos is at its opening bracket. */
static bool scan_container(struct scan *scan, size_t depth)
{
	char close = peek(scan) == '{' ? '}' : ']';

	if (depth > JSON_MAX_DEPTH)
		return refuse(scan, "it is nested too deep");
	scan->pos++;
	skip_space(scan);
	if (peek(scan) == close) {
		scan->pos++;
		return true;
	}
	for (;;) {
		skip_space(scan);
		if (close == '}' && !scan_member_name(scan))
			return false;
		if (!scan_value(scan, depth + 1))
			return false;
		skip_space(scan);
		if (peek(scan) == close) {
			scan->pos++;
			return true;
		}
		if (peek(scan) != ',')
			return at_end(scan, "an unexpected character");
		scan->pos++;
	}
}

static bool scan_value(struct scan *scan, size_t depth)
{
	skip_space(scan);
	if (++scan->values > JSON_MAX_VALUES)
		return refuse(scan, "it has too many values");

	char c = peek(scan);

	if (c == '{' || c == '[')
		return scan_container(scan, depth);
	if (c == '"')
		return scan_string(scan);
	if (c == '-' || is_digit(c))
		return scan_number(scan);
	if (c == 't')
		return scan_literal(scan, "true");
	if (c == 'f')
		return scan_literal(scan, "false");
	if (c == 'n')
		return scan_literal(scan, "null");
	return at_end(scan, "an unexpected character");
}

const char *json_check(const char *text, size_t len, size_t *at)
{
	struct scan scan = { .text = text, .len = len };

	if (scan_value(&scan, 1)) {
		skip_space(&scan);
		if (scan.pos < scan.len)
			refuse(&scan, "something follows the value");
	}
	*at = scan.pos;
	return scan.wrong;
}
