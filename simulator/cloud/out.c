/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/cloud/out.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/timefmt.h"
#include "simulator/cloud/cloud.h"

#define STRF_MAX 1024

void out_open(struct buf *out, const char *name)
{
	buf_addf(out, "<%s>", name);
}

void out_close(struct buf *out, const char *name)
{
	buf_addf(out, "</%s>", name);
}

void out_text(struct buf *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '&')
			buf_addstr(out, "&amp;");
		else if (c == '<')
			buf_addstr(out, "&lt;");
		else if (c == '>')
			buf_addstr(out, "&gt;");
		else if (c == '"')
			buf_addstr(out, "&quot;");
		else if (c == '\r' || c == '\n' || c == '\t')
			buf_addf(out, "&#%d;", c);
		else if (c < 0x20) /* XML 1.0 cannot hold it in any spelling */
			buf_addch(out, '?');
		else
			buf_addch(out, (char)c);
	}
}

void out_str(struct buf *out, const char *name, const char *text)
{
	if (!text)
		return;
	out_open(out, name);
	out_text(out, text);
	out_close(out, name);
}

void out_strf(struct buf *out, const char *name, const char *fmt, ...)
{
	char text[STRF_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	out_str(out, name, text);
}

void out_int(struct buf *out, const char *name, int64_t n)
{
	buf_addf(out, "<%s>%" PRId64 "</%s>", name, n, name);
}

void out_bool(struct buf *out, const char *name, bool b)
{
	out_str(out, name, b ? "true" : "false");
}

void out_time_ms(struct buf *out, const char *name, int64_t ms)
{
	char text[TIME_TEXT_MAX];

	time_format(text, ms / 1000);
	/* "2020-03-20T12:00:00Z": the milliseconds go before the Z */
	buf_addf(out, "<%s>%.19s.%03dZ</%s>", name, text, (int)(ms % 1000), name);
}

void out_tags(struct buf *out, const struct cloud_tag *tags, size_t nr)
{
	if (nr == 0)
		return;
	out_open(out, "tagSet");
	for (size_t i = 0; i < nr; i++) {
		out_open(out, "item");
		out_str(out, "key", tags[i].key);
		out_str(out, "value", tags[i].value);
		out_close(out, "item");
	}
	out_close(out, "tagSet");
}
