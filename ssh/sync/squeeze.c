/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/sync/squeeze.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <zlib.h>
#include <zstd.h>

#include "core/error.h"
#include "core/mem.h"

#define ROOM	  ((size_t)64 << 10)
#define GZIP_BITS (15 + 16) /* the largest window, with gzip's header and checksum */
#define GZIP_FAST 1

struct squeeze {
	enum stream_kind kind;
	ZSTD_CCtx *zstd;
	z_stream gzip;
	EVP_MD_CTX *hash;
	int level;
	uint64_t frame_in, frame_out; /* of the frame under way */
	int64_t worked_ns, waited_ns;
};

struct squeeze *squeeze_new(enum stream_kind kind)
{
	struct squeeze *squeeze = xcalloc(1, sizeof(*squeeze));

	squeeze->kind = kind;
	squeeze->level = kind == STREAM_PLAIN ? 0 : 1;
	switch (kind) {
	case STREAM_ZSTD:
		squeeze->zstd = ZSTD_createCCtx();
		if (!squeeze->zstd)
			out_of_memory();
		ZSTD_CCtx_setParameter(squeeze->zstd, ZSTD_c_checksumFlag, 1);
		ZSTD_CCtx_setParameter(squeeze->zstd, ZSTD_c_compressionLevel, squeeze->level);
		break;
	case STREAM_GZIP:
		if (deflateInit2(&squeeze->gzip, GZIP_FAST, Z_DEFLATED, GZIP_BITS, 8,
				 Z_DEFAULT_STRATEGY) != Z_OK)
			out_of_memory();
		break;
	case STREAM_PLAIN:
		squeeze->hash = EVP_MD_CTX_new();
		if (!squeeze->hash || !EVP_DigestInit_ex(squeeze->hash, EVP_sha256(), NULL))
			out_of_memory();
		break;
	}
	return squeeze;
}

void squeeze_free(struct squeeze *squeeze)
{
	if (!squeeze)
		return;
	ZSTD_freeCCtx(squeeze->zstd);
	if (squeeze->kind == STREAM_GZIP)
		deflateEnd(&squeeze->gzip);
	EVP_MD_CTX_free(squeeze->hash);
	free(squeeze);
}

int squeeze_level(const struct squeeze *squeeze)
{
	return squeeze->level;
}

void squeeze_time(struct squeeze *squeeze, int64_t worked_ns, int64_t waited_ns)
{
	squeeze->worked_ns += worked_ns;
	squeeze->waited_ns += waited_ns;
}

/* By what the frame that ended has shown. */
static void choose_level(struct squeeze *squeeze)
{
	bool dense = squeeze->frame_out * 100 > squeeze->frame_in * 97;
	int was = squeeze->level;

	if (dense)
		squeeze->level = squeeze->kind == STREAM_ZSTD ? STREAM_FAST : 0;
	else if (was < 1)
		squeeze->level = 1;
	else if (squeeze->kind == STREAM_ZSTD && squeeze->waited_ns > 2 * squeeze->worked_ns)
		squeeze->level = was + 2 < STREAM_LEVEL_MAX ? was + 2 : STREAM_LEVEL_MAX;
	else if (squeeze->waited_ns < squeeze->worked_ns / 2)
		squeeze->level = was > 3 ? was - 2 : 1;
	squeeze->frame_in = squeeze->frame_out = 0;
	squeeze->worked_ns = squeeze->waited_ns = 0;
}

/* Room for n more bytes behind what out holds. */
static char *room_for(struct buf *out, size_t n)
{
	size_t len = out->len;

	if (out->cap < len + n + 1) {
		static const char zeros[ROOM];

		for (size_t left = n; left > 0;) {
			size_t part = left < ROOM ? left : ROOM;

			if (buf_add(out, zeros, part) < 0)
				return NULL;
			left -= part;
		}
		out->len = len;
	}
	return out->data + len;
}

static int too_much(struct error *err)
{
	return error_set(err, ERROR_IO, "the compressed stream has no room");
}

static int feed_zstd(struct squeeze *squeeze, const void *data, size_t len, bool end,
		     struct buf *out, struct error *err)
{
	ZSTD_inBuffer in = { data, len, 0 };
	size_t left;

	do {
		ZSTD_outBuffer to = { room_for(out, ROOM), ROOM, 0 };

		if (!to.dst)
			return too_much(err);
		left = ZSTD_compressStream2(squeeze->zstd, &to, &in,
					    end ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return error_set(err, ERROR_IO, "cannot compress: %s",
					 ZSTD_getErrorName(left));
		out->len += to.pos;
		squeeze->frame_out += to.pos;
	} while (end ? left > 0 : in.pos < in.size);
	return 0;
}

static int feed_gzip(struct squeeze *squeeze, const void *data, size_t len, int flush,
		     struct buf *out, struct error *err)
{
	z_stream *gzip = &squeeze->gzip;
	int rc;

	gzip->next_in = (Bytef *)(uintptr_t)data;
	gzip->avail_in = (uInt)len;
	do {
		char *to = room_for(out, ROOM);

		if (!to)
			return too_much(err);
		gzip->next_out = (Bytef *)to;
		gzip->avail_out = ROOM;
		rc = deflate(gzip, flush);
		if (rc == Z_STREAM_ERROR)
			return error_set(err, ERROR_IO, "cannot compress");
		out->len += ROOM - gzip->avail_out;
		squeeze->frame_out += ROOM - gzip->avail_out;
	} while (gzip->avail_out == 0 || (flush == Z_FINISH && rc != Z_STREAM_END));
	return 0;
}

static int set_level(struct squeeze *squeeze, struct buf *out, struct error *err)
{
	int was = squeeze->level;

	choose_level(squeeze);
	if (squeeze->level == was)
		return 0;
	if (squeeze->kind == STREAM_ZSTD) {
		ZSTD_CCtx_setParameter(squeeze->zstd, ZSTD_c_compressionLevel, squeeze->level);
	} else if (squeeze->kind == STREAM_GZIP) {
		/* the change flushes what the old level still held, for which there must be room */
		char *to = room_for(out, ROOM);

		if (!to)
			return too_much(err);
		squeeze->gzip.avail_in = 0;
		squeeze->gzip.next_out = (Bytef *)to;
		squeeze->gzip.avail_out = ROOM;
		deflateParams(&squeeze->gzip, squeeze->level, Z_DEFAULT_STRATEGY);
		out->len += ROOM - squeeze->gzip.avail_out;
	}
	return 0;
}

int squeeze_feed(struct squeeze *squeeze, const void *data, size_t len, bool last, struct buf *out,
		 struct error *err)
{
	bool end;
	int rc;

	squeeze->frame_in += len;
	end = last || squeeze->frame_in >= STREAM_FRAME;
	switch (squeeze->kind) {
	case STREAM_ZSTD:
		rc = feed_zstd(squeeze, data, len, end, out, err);
		break;
	case STREAM_GZIP: /* its window is 32 KiB: frames of its own would cost, and win nothing */
		rc = feed_gzip(squeeze, data, len,
			       last  ? Z_FINISH
			       : end ? Z_BLOCK
				     : Z_NO_FLUSH,
			       out, err);
		break;
	case STREAM_PLAIN:
	default:
		EVP_DigestUpdate(squeeze->hash, data, len);
		rc = buf_add(out, data, len) < 0 ? too_much(err) : 0;
		return rc;
	}
	if (rc == 0 && end && !last)
		rc = set_level(squeeze, out, err);
	return rc;
}

void squeeze_sha256(struct squeeze *squeeze, char hex[65])
{
	unsigned char digest[32];

	EVP_DigestFinal_ex(squeeze->hash, digest, NULL);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}
