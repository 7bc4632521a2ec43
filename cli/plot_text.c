/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/plot_parts.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/text.h"

/* Bytes of the character at s, which is valid UTF-8. */
static size_t char_len(const char *s)
{
	unsigned char c = (unsigned char)*s;

	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* Everything but Latin, Greek and their like may be two columns wide: counted so. */
static size_t char_columns(const char *s)
{
	return (unsigned char)*s >= 0xe1 ? 2 : 1;
}

/* Escaped, and what of it is shown: its bytes. Sets `cut` where that is not all. */
static size_t shown(struct buf *escaped, const char *s, size_t max, bool *cut)
{
	size_t len = 0, columns = 0, room_for_dots = 0;

	text_escape(escaped, s, strnlen(s, 16 * PLOT_NAME_MAX));
	while (len < escaped->len) {
		size_t n = char_columns(escaped->data + len);

		if (columns + n > max) {
			*cut = true;
			return room_for_dots;
		}
		columns += n;
		len += char_len(escaped->data + len);
		if (columns + 1 <= max)
			room_for_dots = len;
	}
	*cut = false;
	return len;
}

size_t plot_text(struct buf *out, const char *s, size_t max, bool utf8)
{
	struct buf escaped = BUF_INIT;
	bool cut;
	size_t len = shown(&escaped, s, max, &cut), columns = 0;

	for (size_t i = 0; i < len; i += char_len(escaped.data + i)) {
		if (utf8 || !(escaped.data[i] & 0x80))
			buf_add(out, escaped.data + i, char_len(escaped.data + i));
		else
			buf_addch(out, '?');
		columns += utf8 ? char_columns(escaped.data + i) : 1;
	}
	if (cut && max) {
		buf_addstr(out, utf8 ? "\xe2\x80\xa6" : "~");
		columns++;
	}
	buf_release(&escaped);
	return columns;
}

void plot_xml(struct buf *out, const char *s, size_t max)
{
	struct buf text = BUF_INIT;

	plot_text(&text, s, max, true);
	for (const char *p = text.data; *p; p++) {
		switch (*p) {
		case '&':
			buf_addstr(out, "&amp;");
			break;
		case '<':
			buf_addstr(out, "&lt;");
			break;
		case '>':
			buf_addstr(out, "&gt;");
			break;
		case '"':
			buf_addstr(out, "&quot;");
			break;
		case '\'':
			buf_addstr(out, "&#39;");
			break;
		default:
			buf_addch(out, *p);
		}
	}
	buf_release(&text);
}

void plot_json(struct buf *out, const char *s, size_t max)
{
	struct buf text = BUF_INIT;

	plot_text(&text, s, max, true);
	buf_addch(out, '"');
	for (const char *p = text.data; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_addf(out, "\\%c", *p);
		else if (strchr("<>&", *p)) /* nothing in it may end the script that holds it */
			buf_addf(out, "\\u%04x", (unsigned int)(unsigned char)*p);
		else
			buf_addch(out, *p);
	}
	buf_addch(out, '"');
	buf_release(&text);
}
