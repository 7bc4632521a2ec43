/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/relay.h"

#include <errno.h>
#include <string.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/text.h"

static bool passes(char c)
{
	return c == '\n' || c == '\t' || c == '\r';
}

/* How many bytes a character has that begins like this; 1 where it is no beginning. */
static size_t char_len(unsigned char lead)
{
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	return lead >= 0xf0 && lead <= 0xf4 ? 4 : 1;
}

/* How many bytes at the end are a character that goes on in the next piece. */
static size_t unfinished(const char *data, size_t len)
{
	for (size_t n = 1; n <= 3 && n <= len; n++) {
		unsigned char byte = (unsigned char)data[len - n];

		if ((byte & 0xc0) != 0x80)
			return char_len(byte) > n ? n : 0;
	}
	return 0;
}

static void show(const char *data, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len;) {
		size_t run = 0;

		while (i + run < len && !passes(data[i + run]))
			run++;
		text_escape(out, data + i, run);
		i += run;
		if (i < len)
			buf_addch(out, data[i++]);
	}
}

static int put(struct relay *relay, const char *data, size_t len, struct error *err)
{
	if (fwrite(data, 1, len, relay->file) == len && fflush(relay->file) == 0)
		return 0;
	relay->closed = errno == EPIPE;
	return error_errno(err, ERROR_IO, "cannot write what the command printed");
}

int relay_write(struct relay *relay, const char *data, size_t len, struct error *err)
{
	struct buf whole = BUF_INIT, text = BUF_INIT;

	if (!relay->terminal)
		return put(relay, data, len, err);
	buf_add(&whole, relay->carried, relay->nr_carried);
	buf_add(&whole, data, len);
	relay->nr_carried = unfinished(whole.data, whole.len);
	whole.len -= relay->nr_carried;
	memcpy(relay->carried, whole.data + whole.len, relay->nr_carried);
	show(whole.data, whole.len, &text);
	int rc = text.len ? put(relay, text.data, text.len, err) : 0;
	buf_release(&whole);
	buf_release(&text);
	return rc;
}

int relay_end(struct relay *relay, struct error *err)
{
	struct buf text = BUF_INIT;
	int rc = 0;

	if (relay->nr_carried > 0) {
		show(relay->carried, relay->nr_carried, &text);
		relay->nr_carried = 0;
		rc = put(relay, text.data, text.len, err);
	}
	buf_release(&text);
	return rc;
}
