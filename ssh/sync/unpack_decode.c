/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/sync/unpack_decode.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

#include "core/error.h"
#include "core/mem.h"
#include "ssh/tree.h"

#define OUT_SIZE   ((size_t)128 << 10)
#define WINDOW_LOG 23 /* 8 MiB: zstd -1 takes 512 KiB */

/* Of what cannot be compressed, packing makes more: never as much as this. */
#define WIRE_SLACK ((uint64_t)64 << 10)

struct decode_engine {
	ZSTD_DCtx *zstd;
	z_stream gzip;
	bool gzip_ready;
	char out[OUT_SIZE];
};

void decode_init(struct decode *decode, uint64_t limit)
{
	memset(decode, 0, sizeof(*decode));
	decode->limit = limit;
}

void decode_release(struct decode *decode)
{
	if (decode->engine) {
		ZSTD_freeDCtx(decode->engine->zstd);
		if (decode->engine->gzip_ready)
			inflateEnd(&decode->engine->gzip);
	}
	free(decode->engine);
	decode->engine = NULL;
}

static int refuse(const char *what, struct error *err)
{
	return error_set(err, ERROR_PROTOCOL, "the machine's stream is refused: %s", what);
}

static int give(struct decode *decode, const char *data, size_t len, struct error *err)
{
	if (len > decode->limit - decode->plain) {
		error_set(err, ERROR_PROTOCOL,
			  "the machine's stream is refused: it holds more than the %" PRIu64
			  " bytes there can be",
			  decode->limit);
		return -1;
	}
	decode->plain += len;
	return len > 0 ? decode->out(decode->ctx, data, len, err) : 0;
}

static int feed_zstd(struct decode *decode, const void *data, size_t len, struct error *err)
{
	struct decode_engine *engine = decode->engine;
	ZSTD_inBuffer in = { .src = data, .size = len };
	bool full = false;

	while (!decode->over && (in.pos < in.size || full)) {
		ZSTD_outBuffer out = { .dst = engine->out, .size = OUT_SIZE };
		size_t rc = ZSTD_decompressStream(engine->zstd, &out, &in);

		if (ZSTD_isError(rc))
			return error_set(
				err, ERROR_PROTOCOL,
				"the machine's stream is refused: it is damaged (zstd: %s)",
				ZSTD_getErrorName(rc));
		decode->over = rc == 0;
		full = out.pos == OUT_SIZE;
		if (give(decode, engine->out, out.pos, err) < 0)
			return -1;
	}
	return in.pos < in.size ? refuse("it goes on after its end", err) : 0;
}

static int feed_gzip(struct decode *decode, const void *data, size_t len, struct error *err)
{
	z_stream *gzip = &decode->engine->gzip;
	unsigned char in[4096];
	const unsigned char *from = data;

	while (len > 0 && !decode->over) {
		size_t n = len < sizeof(in) ? len : sizeof(in);

		memcpy(in, from, n); /* zlib's input is not const */
		gzip->next_in = in;
		gzip->avail_in = (uInt)n;
		do {
			gzip->next_out = (unsigned char *)decode->engine->out;
			gzip->avail_out = OUT_SIZE;
			int rc = inflate(gzip, Z_NO_FLUSH);

			if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
				return refuse("it is damaged (gzip)", err);
			decode->over = rc == Z_STREAM_END;
			if (give(decode, decode->engine->out, OUT_SIZE - gzip->avail_out, err) < 0)
				return -1;
		} while (!decode->over && gzip->avail_out == 0);
		from += n - gzip->avail_in;
		len -= n - gzip->avail_in;
	}
	return len > 0 ? refuse("it goes on after its end", err) : 0;
}

/* The first bytes tell whether the frame ends with a checksum (RFC 8878, 3.1.1.1.1). */
static int head_zstd(struct decode *decode, const char **data, size_t *len, struct error *err)
{
	static const unsigned char magic[4] = { 0x28, 0xb5, 0x2f, 0xfd };

	while (decode->head_len < sizeof(decode->head) && *len > 0) {
		decode->head[decode->head_len++] = (unsigned char)*(*data)++;
		--*len;
	}
	if (decode->head_len < sizeof(decode->head))
		return 0;
	if (memcmp(decode->head, magic, sizeof(magic)) != 0)
		return refuse("it is no zstd frame", err);
	if (!(decode->head[4] & 0x04))
		return refuse("it has no checksum", err);
	decode->engine->zstd = ZSTD_createDCtx();
	if (!decode->engine->zstd)
		out_of_memory();
	ZSTD_DCtx_setParameter(decode->engine->zstd, ZSTD_d_windowLogMax, WINDOW_LOG);
	return feed_zstd(decode, decode->head, sizeof(decode->head), err);
}

static int begin(struct decode *decode, struct error *err)
{
	static const struct {
		const char *mark;
		enum decode_kind kind;
	} kinds[] = {
		{ "=zstd", DECODE_ZSTD },
		{ "=gzip", DECODE_GZIP },
		{ "=plain", DECODE_PLAIN },
	};

	if (decode->mark[0] != '=') {
		error_set(err, ERROR_PROTOCOL, "the machine says '%s' where a stream was to begin",
			  shown_of(decode->mark, strlen(decode->mark)).text);
		return error_hint(err, "what its shell prints at the start of each session "
				       "must not go to standard output");
	}
	decode->kind = DECODE_OTHER;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(decode->mark, kinds[i].mark))
			decode->kind = kinds[i].kind;
	decode->over = decode->kind == DECODE_OTHER;
	if (!decode->over)
		decode->engine = xcalloc(1, sizeof(*decode->engine));
	if (decode->kind == DECODE_GZIP) {
		if (inflateInit2(&decode->engine->gzip, 16 + MAX_WBITS) != Z_OK)
			out_of_memory();
		decode->engine->gzip_ready = true;
	}
	return 0;
}

static int take_mark(struct decode *decode, const char **data, size_t *len, struct error *err)
{
	while (*len > 0) {
		char c = *(*data)++;

		--*len;
		if (c != '\0' && decode->mark_len < DECODE_MARK_MAX - 1 &&
		    (decode->mark_len > 0 || c == '=')) {
			decode->mark[decode->mark_len++] = c;
			continue;
		}
		if (c != '\0') { /* no mark of ours: some of it for the message */
			size_t room = DECODE_MARK_MAX - 1 - decode->mark_len;

			if (room > 0)
				decode->mark[decode->mark_len++] = c;
			for (room = room > 0 ? room - 1 : 0; room > 0 && *len > 0; room--, --*len)
				decode->mark[decode->mark_len++] = *(*data)++;
			if (decode->mark[0] == '=')
				decode->mark[0] = '?';
		}
		return begin(decode, err);
	}
	return 0;
}

int decode_feed(struct decode *decode, const char *data, size_t len, struct error *err)
{
	uint64_t wire_limit = decode->limit + decode->limit / 32 + WIRE_SLACK;

	decode->wire += len;
	if (decode->wire > wire_limit)
		return refuse("it does not end", err);
	if (decode->kind == DECODE_MARK && take_mark(decode, &data, &len, err) < 0)
		return -1;
	if (decode->kind == DECODE_ZSTD && decode->head_len < sizeof(decode->head) &&
	    head_zstd(decode, &data, &len, err) < 0)
		return -1;
	if (len == 0)
		return 0;
	switch (decode->kind) {
	case DECODE_ZSTD:
		return feed_zstd(decode, data, len, err);
	case DECODE_GZIP:
		return feed_gzip(decode, data, len, err);
	case DECODE_PLAIN:
		return give(decode, data, len, err);
	case DECODE_MARK:
	case DECODE_OTHER:
	default:
		return refuse("it goes on after its end", err);
	}
}

int decode_end(struct decode *decode, struct error *err)
{
	if (decode->kind == DECODE_PLAIN || decode->over)
		return 0;
	return refuse("it was cut off", err);
}
