/* SPDX-License-Identifier: Apache-2.0 */
/* Finds out which shape a file has. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "fleet/price_file_internal.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf" /* in UTF-8 */

static int hint_aws(struct error *err)
{
	return error_hint(err, "aws ec2 describe-spot-price-history --output json | gpucloud "
			       "history --file -");
}

static int read_input(struct buf *buf, struct error *err)
{
	char chunk[16384];
	ssize_t n;

	if (isatty(STDIN_FILENO)) {
		error_set(err, ERROR_USAGE, "no prices come in at the standard input");
		return hint_aws(err);
	}
	while ((n = read(STDIN_FILENO, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, ERROR_IO, "cannot read the standard input");
		if (buf_add(buf, chunk, (size_t)n) < 0)
			return error_set(err, ERROR_IO,
					 "the standard input is longer than %zu bytes",
					 PRICE_FILE_MAX_BYTES);
	}
	return 0;
}

/* Editors and shells of other systems put it there. */
static void skip_mark(struct buf *buf)
{
	const size_t len = sizeof(BYTE_ORDER_MARK) - 1;

	if (!text_starts_with(buf->data, BYTE_ORDER_MARK))
		return;
	buf->len -= len;
	memmove(buf->data, buf->data + len, buf->len + 1);
}

static bool is_json(char first)
{
	return first == '{' || first == '[';
}

static int take_csv(const char *path, const struct buf *buf, int64_t latest,
		    struct price_files *files, struct error *err)
{
	struct price_file file;

	if (price_file_parse(path, buf, latest, &file, err) < 0)
		return -1;
	files->arena = file.arena;
	files->v = arena_alloc(&files->arena, sizeof(*files->v));
	files->v[0] = (struct price_file_series){ file.type, file.zone, "", file.points, file.nr };
	files->nr = 1;
	return 0;
}

static int parse(const char *path, const struct buf *buf, int64_t latest, struct price_files *files,
		 struct error *err)
{
	size_t blank = strspn(buf->data, " \t\r\n");
	bool input = strcmp(path, "-") == 0;

	if (is_json(buf->data[blank]))
		return price_json_parse(path, buf, latest, files, err);
	if (blank == buf->len && !input)
		return error_set(err, ERROR_USAGE, "'%s' is empty", price_path_show(path).text);
	if (blank == buf->len) {
		error_set(err, ERROR_USAGE, "nothing came in at the standard input");
		return hint_aws(err);
	}
	if (!input)
		return take_csv(path, buf, latest, files, err);
	error_set(err, ERROR_USAGE, "what comes in at the standard input is no JSON");
	return error_hint(err, "only a file's name tells the type and zone of CSV: TYPE_ZONE.csv");
}

int price_files_read(const char *path, int64_t now, struct price_files *ret, struct error *err)
{
	struct price_files files = { 0 };
	struct buf buf = BUF_INIT_MAX(PRICE_FILE_MAX_BYTES);
	int rc = strcmp(path, "-") == 0 ? read_input(&buf, err)
					: file_read(path, PRICE_FILE_MAX_BYTES, &buf, err);

	if (rc == 0) {
		skip_mark(&buf);
		rc = parse(path, &buf, now + PRICE_FILE_AHEAD_S, &files, err);
	}
	buf_release(&buf);
	if (rc < 0)
		price_files_release(&files);
	else
		*ret = files;
	return rc;
}

void price_files_release(struct price_files *files)
{
	arena_release(&files->arena);
	*files = (struct price_files){ 0 };
}
