/* SPDX-License-Identifier: Apache-2.0 */
/* Where the network cuts a document must not matter: whole and in pieces tell the same. The first
 * byte of the input says how it is cut, and where the handler stops. */
#include <stdbool.h>
#include <string.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/xml.h"
#include "tests/fuzz/fuzz.h"

struct listener {
	struct buf log;
	int left; /* events until it refuses */
};

static int on_start(void *ctx, const char *name, int depth)
{
	struct listener *listener = ctx;

	buf_addf(&listener->log, "+%s %d\n", name, depth);
	return listener->left-- > 0 ? 0 : -1;
}

static int on_end(void *ctx, const char *name, int depth, const char *text, size_t len)
{
	struct listener *listener = ctx;

	FUZZ_CHECK(strlen(text) == len);
	buf_addf(&listener->log, "-%s %d %s\n", name, depth, text);
	return listener->left-- > 0 ? 0 : -1;
}

/* piece 0: whole. Every piece is a block of its own. */
static bool listen_to(struct listener *listener, const uint8_t *data, size_t size, size_t piece)
{
	struct xml_handler handler = { .ctx = listener, .start = on_start, .end = on_end };
	struct xml_stream *stream = xml_stream_new(&handler, XML_MAX_BYTES, "input");
	struct error err = ERROR_INIT;
	bool good = true;

	for (size_t at = 0, n; at < size && good; at += n) {
		n = piece && piece < size - at ? piece : size - at;

		char *block = malloc(n);

		FUZZ_CHECK(block != NULL);
		memcpy(block, data + at, n);
		good = xml_stream_feed(stream, block, n, &err) == 0;
		free(block);
	}
	good = good && xml_stream_finish(stream, &err) == 0;
	FUZZ_CHECK(good || (err.kind == ERROR_PROTOCOL && err.message[0]));
	xml_stream_free(stream);
	return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;

	int left = data[0] & 0x80 ? (data[0] & 0x70) >> 4 : 1 << 20;
	struct listener whole = { .log = BUF_INIT, .left = left };
	struct listener pieces = { .log = BUF_INIT, .left = left };
	bool whole_ok = listen_to(&whole, data + 1, size - 1, 0);
	bool pieces_ok = listen_to(&pieces, data + 1, size - 1, 1 + (data[0] & 15));

	FUZZ_CHECK(whole_ok == pieces_ok);
	if (whole_ok)
		FUZZ_CHECK(strcmp(whole.log.data, pieces.log.data) == 0);
	buf_release(&whole.log);
	buf_release(&pieces.log);
	return 0;
}
