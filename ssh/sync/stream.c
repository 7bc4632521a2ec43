/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/sync/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <archive.h>
#include <archive_entry.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/mem.h"
#include "ssh/sync/manifest.h"
#include "ssh/sync/squeeze.h"

struct stream {
	struct squeeze *squeeze;
	struct archive *tar; /* NULL: bytes as they are */
	struct archive_entry *entry;
	struct buf path, out;
	size_t taken; /* of out */
	uint64_t bytes;
	const struct clock *clock;
	int64_t idle_since_ms; /* 0: not waiting */
	int64_t began_ms;      /* of a stretch of work */
	struct error error;    /* why the archive's callback failed */
	bool over;	       /* nothing more is wanted of it */
};

/* What libarchive has made. */
static la_ssize_t on_write(struct archive *tar, void *ctx, const void *data, size_t len)
{
	struct stream *stream = ctx;

	if (stream->over)
		return -1;
	if (squeeze_feed(stream->squeeze, data, len, false, &stream->out, &stream->error) < 0) {
		archive_set_error(tar, EIO, "%s", stream->error.message);
		return -1;
	}
	return (la_ssize_t)len;
}

struct stream *stream_new(enum stream_kind kind, bool tar, const struct clock *clock)
{
	struct stream *stream = xcalloc(1, sizeof(*stream));

	stream->squeeze = squeeze_new(kind);
	stream->path = (struct buf)BUF_INIT;
	stream->out = (struct buf)BUF_INIT;
	stream->clock = clock;
	if (!tar)
		return stream;
	stream->tar = archive_write_new();
	stream->entry = archive_entry_new();
	if (!stream->tar || !stream->entry ||
	    archive_write_set_format_pax(stream->tar) != ARCHIVE_OK ||
	    /* names are bytes, here and there: no character set may come between */
	    archive_write_set_format_option(stream->tar, "pax", "hdrcharset", "BINARY") !=
		    ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(stream->tar, 0) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(stream->tar, 1) != ARCHIVE_OK ||
	    archive_write_open(stream->tar, stream, NULL, on_write, NULL) != ARCHIVE_OK)
		out_of_memory();
	return stream;
}

void stream_free(struct stream *stream)
{
	if (!stream)
		return;
	if (stream->tar) {
		stream->over = true; /* what it still writes at its end is nothing to us */
		archive_write_free(stream->tar);
		archive_entry_free(stream->entry);
	}
	squeeze_free(stream->squeeze);
	buf_release(&stream->path);
	buf_release(&stream->out);
	free(stream);
}

static int failed(struct stream *stream, const char *path, struct error *err)
{
	if (stream->error.kind != ERROR_NONE) {
		*err = stream->error;
		return -1;
	}
	return error_set(err, ERROR_IO, "cannot pack '%s': %s", shown_of(path, strlen(path)).text,
			 archive_error_string(stream->tar));
}

/* Between calls from outside time is the connection's; within them it is ours. */
static void work_begins(struct stream *stream)
{
	int64_t now = clock_mono_ms(stream->clock);

	if (stream->idle_since_ms)
		squeeze_time(stream->squeeze, 0, (now - stream->idle_since_ms) * 1000000);
	stream->idle_since_ms = 0;
	stream->began_ms = now;
}

static void work_ends(struct stream *stream)
{
	int64_t now = clock_mono_ms(stream->clock);

	if (stream->began_ms)
		squeeze_time(stream->squeeze, (now - stream->began_ms) * 1000000, 0);
	stream->began_ms = 0;
	stream->idle_since_ms = now;
}

static mode_t type_bits(enum tree_type type)
{
	return type == TREE_DIR ? S_IFDIR : type == TREE_LINK ? S_IFLNK : S_IFREG;
}

int stream_entry(struct stream *stream, const char *folder, const struct manifest_entry *entry,
		 struct error *err)
{
	struct archive_entry *to = archive_entry_clear(stream->entry);
	int64_t seconds = entry->mtime_ns / 1000000000, ns = entry->mtime_ns % 1000000000;

	/* before 1970 libarchive and GNU tar read a fraction differently: whole seconds, rounded down */
	if (ns < 0) {
		ns = 0;
		seconds--;
	}
	if (stream->began_ms == 0)
		work_begins(stream);
	buf_clear(&stream->path);
	buf_addstr(&stream->path, folder);
	if (folder[0] && entry->path[0])
		buf_addch(&stream->path, '/');
	buf_addstr(&stream->path, entry->path);
	archive_entry_copy_pathname(to, stream->path.data);
	archive_entry_set_filetype(to, type_bits(entry->type));
	archive_entry_set_perm(to, entry->mode);
	archive_entry_set_mtime(to, (time_t)seconds, seconds < 0 ? 0 : (long)ns);
	archive_entry_set_size(to, entry->type == TREE_FILE ? (la_int64_t)entry->size : 0);
	if (entry->type == TREE_LINK)
		archive_entry_copy_symlink(to, entry->target);
	/* ARCHIVE_WARN: a name that is no text, which is as it should be */
	int rc = archive_write_header(stream->tar, to);
	return rc == ARCHIVE_OK || rc == ARCHIVE_WARN ? 0 : failed(stream, entry->path, err);
}

int stream_data(struct stream *stream, const void *data, size_t len, struct error *err)
{
	if (stream->began_ms == 0)
		work_begins(stream);
	if (!stream->tar)
		return squeeze_feed(stream->squeeze, data, len, false, &stream->out, err);
	for (size_t done = 0; done < len;) {
		la_ssize_t n =
			archive_write_data(stream->tar, (const char *)data + done, len - done);

		if (n <= 0)
			return failed(stream, stream->path.data, err);
		done += (size_t)n;
	}
	return 0;
}

int stream_end(struct stream *stream, struct error *err)
{
	if (stream->tar && archive_write_close(stream->tar) != ARCHIVE_OK)
		return failed(stream, "the end", err);
	return squeeze_feed(stream->squeeze, "", 0, true, &stream->out, err);
}

size_t stream_take(struct stream *stream, char *buf, size_t n)
{
	size_t left = stream->out.len - stream->taken;

	if (left == 0)
		return 0;
	if (stream->began_ms)
		work_ends(stream);
	if (n > left)
		n = left;
	memcpy(buf, stream->out.data + stream->taken, n);
	stream->taken += n;
	stream->bytes += n;
	if (stream->taken == stream->out.len) {
		buf_clear(&stream->out);
		stream->taken = 0;
	}
	return n;
}

uint64_t stream_bytes(const struct stream *stream)
{
	return stream->bytes;
}

int stream_level(const struct stream *stream)
{
	return squeeze_level(stream->squeeze);
}

void stream_sha256(struct stream *stream, char hex[65])
{
	squeeze_sha256(stream->squeeze, hex);
}
