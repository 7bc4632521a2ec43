/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/price_file.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bidding/series.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/file.h"
#include "core/money.h"
#include "core/timefmt.h"
#include "fleet/price_file_internal.h"

#define HEADER	  "unix_s,price_usd_per_h"
#define SUFFIX	  ".csv"
#define LINE_MAX_ 64			/* the longest honest line is half of it */
#define NAME_MAX_ 63			/* of a type or a zone */
#define TIME_MAX  INT64_C(253402300799) /* the last second of the year 9999 */

struct price_path price_path_show(const char *path)
{
	struct price_path shown;
	size_t len = strlen(path);

	snprintf(shown.text, sizeof(shown.text), "%s%s", len > PRICE_PATH_SHOWN ? "..." : "",
		 len > PRICE_PATH_SHOWN ? path + len - PRICE_PATH_SHOWN : path);
	return shown;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name(const char *s, size_t len, char also)
{
	if (!len || len > NAME_MAX_)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = s[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!letter && !is_digit(c) && c != '-' && c != '.' && c != also)
			return false;
	}
	return true;
}

/* Zones hold no '_', types of some clouds do: the last one parts them. */
static int split_name(const char *path, struct price_file *file, struct error *err)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t len = strlen(name), end = strlen(SUFFIX);
	const char *part = strrchr(name, '_');

	if (len > end && strcmp(name + len - end, SUFFIX) == 0 && part) {
		size_t type_len = (size_t)(part - name);
		size_t zone_len = len - end - type_len - 1;

		if (is_name(name, type_len, '_') && is_name(part + 1, zone_len, '-')) {
			file->type = arena_strndup(&file->arena, name, type_len);
			file->zone = arena_strndup(&file->arena, part + 1, zone_len);
			return 0;
		}
	}
	error_set(err, ERROR_USAGE, "the name of '%s' does not tell the type and the zone",
		  price_path_show(path).text);
	return error_hint(err, "name a file of prices TYPE_ZONE.csv, as p2.xlarge_us-east-1e.csv");
}

/* One line without its end; `text` is NUL-terminated and printable. */
static int parse_row(char *text, struct price_point *ret, struct error *err)
{
	char *comma = strchr(text, ',');
	int64_t time = 0;

	if (!comma)
		return error_set(err, ERROR_USAGE, "there is no comma: expected %s", HEADER);
	if (comma == text)
		return error_set(err, ERROR_USAGE, "the time is missing");
	for (const char *p = text; p < comma; p++) {
		if (!is_digit(*p))
			return error_set(err, ERROR_USAGE,
					 "the time is not a whole number of Unix seconds");
		time = time * 10 + (*p - '0');
		if (time > TIME_MAX)
			return error_set(err, ERROR_USAGE, "the time is past the year 9999");
	}
	ret->time = time;
	ret->micros = PRICE_GAP;
	if (!comma[1])
		return 0;
	if (money_parse(comma + 1, "the price", &ret->micros, err) < 0)
		return -1;
	if (ret->micros <= 0)
		return error_set(err, ERROR_USAGE, "the price must be above 0");
	return 0;
}

/* A header like ours in all but the currency says more than that it is a wrong one. */
static int refuse_header(const char *text, struct error *err)
{
	static const char before[] = "unix_s,price_", after[] = "_per_h";
	size_t head = strlen(before), len = strlen(text);

	if (len == head + 3 + strlen(after) && strncmp(text, before, head) == 0 &&
	    strcmp(text + head + 3, after) == 0) {
		error_set(err, ERROR_USAGE,
			  "the prices are in the currency '%.3s', and only dollars are compared",
			  text + head);
		return error_hint(err,
				  "turn them into dollars, and name the column price_usd_per_h");
	}
	return error_set(err, ERROR_USAGE, "the first line must be %s", HEADER);
}

/* Copies a line out of the file, its CR taken off. Every byte must be printable ASCII. */
static int take_line(const char *line, size_t len, char out[LINE_MAX_ + 1], struct error *err)
{
	if (len && line[len - 1] == '\r')
		len--;
	if (len > LINE_MAX_)
		return error_set(err, ERROR_USAGE, "the line is too long");
	for (size_t i = 0; i < len; i++)
		if (line[i] < ' ' || line[i] > '~')
			return error_set(err, ERROR_USAGE, "there is a byte that is no plain text");
	memcpy(out, line, len);
	out[len] = '\0';
	return 0;
}

static int parse_line(const char *line, size_t len, size_t number, struct price_file *file,
		      struct error *err)
{
	char text[LINE_MAX_ + 1];

	if (take_line(line, len, text, err) < 0)
		return -1;
	if (number > 1)
		return parse_row(text, &file->points[file->nr++], err);
	return strcmp(text, HEADER) == 0 ? 0 : refuse_header(text, err);
}

int price_time_check(int64_t time, int64_t latest, struct error *err)
{
	char text[TIME_TEXT_MAX];

	if (time <= latest)
		return 0;
	return error_set(err, ERROR_USAGE, "the time %s is in the future", time_format(text, time));
}

bool price_points_trim(struct price_point **v, size_t *nr)
{
	while (*nr && (*v)[0].micros == PRICE_GAP) {
		++*v;
		--*nr;
	}
	return *nr > 0;
}

static size_t count_lines(const struct buf *buf)
{
	size_t nr = 0;

	for (const char *p = buf->data; (p = memchr(p, '\n', buf->len - (size_t)(p - buf->data)));
	     p++)
		nr++;
	return nr + (buf->len && buf->data[buf->len - 1] != '\n');
}

static int parse(const char *path, const struct buf *buf, int64_t latest, struct price_file *file,
		 struct error *err)
{
	size_t lines = count_lines(buf), number = 0;
	const char *p = buf->data, *end = buf->data + buf->len;

	if (!buf->len)
		return error_set(err, ERROR_USAGE, "'%s' is empty", price_path_show(path).text);
	if (lines > PRICE_FILE_MAX_ROWS + 1)
		return error_set(err, ERROR_USAGE, "'%s' has more than %zu rows",
				 price_path_show(path).text, PRICE_FILE_MAX_ROWS);
	file->points = arena_alloc(&file->arena, lines * sizeof(*file->points));
	while (p < end) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((stop ? stop : end) - p);

		if (parse_line(p, len, ++number, file, err) < 0 ||
		    (number > 1 &&
		     price_time_check(file->points[file->nr - 1].time, latest, err) < 0))
			return error_prefix(err, "'%s' line %zu", price_path_show(path).text,
					    number);
		p = stop ? stop + 1 : end;
	}
	if (!file->nr)
		return error_set(err, ERROR_USAGE, "'%s' holds no prices, only its first line",
				 price_path_show(path).text);
	if (price_points_clean(file->points, &file->nr, file->zone, err) < 0)
		return -1;
	if (price_points_trim(&file->points, &file->nr))
		return 0;
	return error_set(err, ERROR_USAGE, "'%s' holds no prices, only gaps",
			 price_path_show(path).text);
}

int price_file_parse(const char *path, const struct buf *buf, int64_t latest,
		     struct price_file *ret, struct error *err)
{
	struct price_file file = { 0 };

	if (split_name(path, &file, err) < 0 || parse(path, buf, latest, &file, err) < 0) {
		price_file_release(&file);
		return -1;
	}
	*ret = file;
	return 0;
}

int price_file_read(const char *path, struct price_file *ret, struct error *err)
{
	struct price_file named = { 0 };
	struct buf buf = BUF_INIT_MAX(PRICE_FILE_MAX_BYTES);
	int rc = split_name(path, &named, err);

	price_file_release(&named);
	if (rc == 0)
		rc = file_read(path, PRICE_FILE_MAX_BYTES, &buf, err);
	if (rc == 0)
		rc = price_file_parse(path, &buf, INT64_MAX, ret, err);
	buf_release(&buf);
	return rc;
}

void price_file_release(struct price_file *file)
{
	arena_release(&file->arena);
	*file = (struct price_file){ 0 };
}
