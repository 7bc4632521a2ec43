/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/sync/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/codec.h"
#include "core/error.h"
#include "core/mem.h"

#define NS 1000000000

/* GNU tar fills its last record, of 128 blocks as we ask for it. */
#define ZEROS_MAX 258

#define FLUSH_EVERY ((uint64_t)16 << 20)

/* Headers of one file: two blocks and what the pax header holds, its name twice. */
#define HEADERS_MAX ((uint64_t)6 * TAR_BLOCK)

void stage_name(const char *path, char out[STAGE_NAME_MAX])
{
	char hex[SHA256_HEX_MAX];

	sha256_hex(path, strlen(path), hex);
	memcpy(out, hex, STAGE_NAME_MAX - 1);
	out[STAGE_NAME_MAX - 1] = '\0';
}

int stage_create(int stage_fd, const char *name)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(stage_fd, name, flags, 0600);

	if (fd < 0 && errno == EEXIST && unlinkat(stage_fd, name, 0) == 0)
		fd = openat(stage_fd, name, flags, 0600);
	return fd;
}

int stage_write(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int unpack_settle(int fd, const struct unpack_file *file)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };

	times[1].tv_sec = (time_t)(file->mtime_ns / NS - (file->mtime_ns % NS < 0));
	times[1].tv_nsec = (long)((file->mtime_ns % NS + NS) % NS);
	return fchmod(fd, file->mode) < 0 || futimens(fd, times) < 0 ? -1 : 0;
}

static int on_plain(void *ctx, const char *data, size_t len, struct error *err);

void unpack_init(struct unpack *unpack, const struct unpack_order *order)
{
	uint64_t limit = (uint64_t)ZEROS_MAX * TAR_BLOCK + UNPACK_PASS_MAX;

	memset(unpack, 0, sizeof(*unpack));
	unpack->order = order;
	unpack->fd = -1;
	unpack->pax = (struct buf)BUF_INIT_MAX(TAR_PAX_MAX + 1);
	unpack->pass_max = UNPACK_PASS_MAX;
	for (size_t i = 0; i < order->nr; i++) {
		uint64_t more =
			order->files[i].size + HEADERS_MAX + 2 * strlen(order->files[i].path);

		limit = more > UINT64_MAX / 4 - limit ? UINT64_MAX / 4 : limit + more;
	}
	decode_init(&unpack->decode, limit);
	unpack->decode.ctx = unpack;
	unpack->decode.out = on_plain;
}

void unpack_release(struct unpack *unpack)
{
	if (unpack->fd >= 0)
		close(unpack->fd);
	unpack->fd = -1;
	buf_release(&unpack->pax);
	decode_release(&unpack->decode);
}

static int fail_local(const struct unpack *unpack, struct error *err)
{
	const char *path = unpack->file->path;
	bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;

	error_errno(err, ERROR_IO, "cannot write '%s'", shown_of(path, strlen(path)).text);
	if (full)
		error_hint(err, "make room and run it again: what has arrived is kept, and what "
				"stands at the target is untouched");
	return -1;
}

static int refuse(const char *path, const char *what, struct error *err)
{
	error_set(err, ERROR_PROTOCOL, "the machine's archive is refused: '%s' %s",
		  shown_of(path, strlen(path)).text, what);
	return error_hint(err, "nothing of it was written; do not trust this machine");
}

static size_t find(const struct unpack_order *order, const char *path)
{
	size_t low = 0, high = order->nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order_of = strcmp(order->files[mid].path, path);

		if (order_of == 0)
			return mid;
		if (order_of < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return order->nr;
}

/* Not as it was listed: what it holds now goes by, up to a bound. */
static int pass_over(struct unpack *unpack, uint64_t size, struct error *err)
{
	const struct unpack_file *file = unpack->file;
	uint64_t beyond = size > file->size ? size - file->size : 0;

	unpack->file->state = UNPACK_CHANGED;
	if (beyond > unpack->pass_max - unpack->passed) {
		error_set(err, ERROR_CONFLICT,
			  "'%s' on the machine was listed with %" PRIu64
			  " bytes and then came with %" PRIu64,
			  shown_of(file->path, strlen(file->path)).text, file->size, size);
		return error_hint(err, "nothing of it was written; try again when nothing "
				       "writes to it any more");
	}
	unpack->passed += beyond;
	unpack->at = UNPACK_PASS;
	return 0;
}

/* The file's header was read; what follows it is of `size`. */
static int begin_file(struct unpack *unpack, uint64_t size, struct error *err)
{
	const struct unpack_order *order = unpack->order;
	const char *path = unpack->entry.path;
	char name[STAGE_NAME_MAX];

	if (path[0] == '.' && path[1] == '/')
		path += 2;
	size_t index = find(order, path);
	if (index == order->nr)
		return refuse(path, "was not asked for", err);
	if (index < unpack->next)
		return refuse(path, "comes twice, or out of its turn", err);
	unpack->next = index + 1;
	unpack->file = &order->files[index];
	unpack->left = size;
	unpack->pad = (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
	if (size != unpack->file->size || unpack->entry.mtime_ns != unpack->file->mtime_ns)
		return pass_over(unpack, size, err);
	unpack->at = UNPACK_DATA;
	stage_name(path, name);
	unpack->fd = stage_create(order->stage_fd, name);
	return unpack->fd < 0 ? fail_local(unpack, err) : 0;
}

static void tell(const struct unpack *unpack, uint64_t bytes, bool whole)
{
	if (unpack->order->moved)
		unpack->order->moved(unpack->order->ctx, unpack->file, bytes, whole);
}

/* All of its data, and the zeros after it, have come. */
static int end_file(struct unpack *unpack, struct error *err)
{
	bool whole = unpack->at == UNPACK_DATA;

	if (whole) {
		int rc = unpack_settle(unpack->fd, unpack->file);

		rc = close(unpack->fd) < 0 ? -1 : rc;
		unpack->fd = -1;
		if (rc < 0)
			return fail_local(unpack, err);
		unpack->file->state = UNPACK_DONE;
		tell(unpack, 0, true);
	}
	unpack->file = NULL;
	unpack->entry = (struct tar_entry){ 0 };
	unpack->at = UNPACK_HEAD;
	return 0;
}

static int take_data(struct unpack *unpack, const char **data, size_t *len, struct error *err)
{
	size_t n = unpack->left < *len ? (size_t)unpack->left : *len;

	if (n > 0 && unpack->at == UNPACK_DATA) {
		if (stage_write(unpack->fd, *data, n) < 0)
			return fail_local(unpack, err);
		/* to disk while the rest is on its way: all of it will have to be there in the end */
		if ((unpack->left - n) / FLUSH_EVERY != unpack->left / FLUSH_EVERY)
			sync_file_range(unpack->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
		tell(unpack, n, false);
	}
	unpack->left -= n;
	*data += n;
	*len -= n;
	if (unpack->left > 0)
		return 0;
	n = unpack->pad < *len ? unpack->pad : *len;
	unpack->pad -= n;
	*data += n;
	*len -= n;
	return unpack->pad == 0 ? end_file(unpack, err) : 0;
}

static int take_pax(struct unpack *unpack, const char **data, size_t *len, struct error *err)
{
	size_t n = unpack->left < *len ? (size_t)unpack->left : *len;

	buf_add(&unpack->pax, *data, n);
	unpack->left -= n;
	*data += n;
	*len -= n;
	if (unpack->left > 0)
		return 0;
	n = unpack->pad < *len ? unpack->pad : *len;
	unpack->pad -= n;
	*data += n;
	*len -= n;
	if (unpack->pad > 0)
		return 0;
	unpack->at = UNPACK_HEAD;
	return tar_pax(unpack->pax.data, unpack->pax.len, &unpack->entry, err);
}

static int take_header(struct unpack *unpack, struct error *err)
{
	enum tar_kind kind;
	uint64_t size;

	if (tar_header(unpack->block, &unpack->entry, &kind, &size, err) < 0)
		return -1;
	if (unpack->at == UNPACK_END && kind != TAR_ZERO)
		return error_set(err, ERROR_PROTOCOL,
				 "the machine's archive is refused: it goes "
				 "on after its end");
	switch (kind) {
	case TAR_ZERO:
		unpack->at = UNPACK_END;
		if (unpack->pax.len > 0 || ++unpack->zeros > ZEROS_MAX)
			return error_set(err, ERROR_PROTOCOL,
					 "the machine's archive is refused: it does not end");
		return 0;
	case TAR_PAX:
		if (unpack->pax.len > 0)
			return error_set(err, ERROR_PROTOCOL,
					 "the machine's archive is refused: a pax header of "
					 "nothing");
		unpack->at = UNPACK_PAX;
		unpack->left = size;
		unpack->pad = (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
		return 0;
	case TAR_FILE:
	default:
		buf_clear(&unpack->pax);
		if (begin_file(unpack, size, err) < 0)
			return -1;
		return size == 0 ? end_file(unpack, err) : 0;
	}
}

static int take_block(struct unpack *unpack, const char **data, size_t *len, struct error *err)
{
	size_t room = TAR_BLOCK - unpack->block_len;
	size_t n = room < *len ? room : *len;

	memcpy(unpack->block + unpack->block_len, *data, n);
	unpack->block_len += n;
	*data += n;
	*len -= n;
	if (unpack->block_len < TAR_BLOCK)
		return 0;
	unpack->block_len = 0;
	return take_header(unpack, err);
}

static int on_plain(void *ctx, const char *data, size_t len, struct error *err)
{
	struct unpack *unpack = ctx;

	while (len > 0) {
		int rc;

		if (unpack->at == UNPACK_PAX)
			rc = take_pax(unpack, &data, &len, err);
		else if (unpack->at == UNPACK_DATA || unpack->at == UNPACK_PASS)
			rc = take_data(unpack, &data, &len, err);
		else
			rc = take_block(unpack, &data, &len, err);
		if (rc < 0)
			return -1;
	}
	return 0;
}

int unpack_feed(struct unpack *unpack, const char *data, size_t len, struct error *err)
{
	return decode_feed(&unpack->decode, data, len, err);
}

int unpack_end(struct unpack *unpack, struct error *err)
{
	if (decode_end(&unpack->decode, err) < 0)
		return -1;
	if (unpack->decode.kind == DECODE_OTHER)
		return 0;
	if (unpack->at != UNPACK_END || unpack->block_len > 0)
		return error_set(err, ERROR_PROTOCOL,
				 "the machine's archive is refused: it was cut off");
	return 0;
}
