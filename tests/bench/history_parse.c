/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of DescribeSpotPriceHistory from files, read into columns and sorted into series as
 * `gpucloud history` does, in pieces as curl hands them over. Prints rows, points, bytes and seconds
 * as JSON. Usage: history_parse REPEAT REGION TYPE[,TYPE...] FILE...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "core/buf.h"
#include "core/file.h"
#include "core/mem.h"
#include "providers/aws/ec2_spot_rows.h"

#define PIECE	  ((size_t)16 << 10)
#define PAGE_MAX  ((size_t)64 << 20)
#define TYPES_MAX 64

struct input {
	struct buf *pages;
	size_t nr, bytes;
	const char *types[TYPES_MAX];
	size_t nr_types;
	const char *region;
};

struct outcome {
	double parse_s, all_s;
	size_t rows, points, series;
};

static int fail(const struct error *err)
{
	fprintf(stderr, "history_parse: %s\n", err->message);
	return -1;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int read_page(const struct buf *text, struct spot_page *page, struct error *err)
{
	const struct xml_handler handler = { page, spot_page_start, spot_page_end };
	struct xml_stream *stream = xml_stream_new(&handler, PAGE_MAX, "the page");
	int rc = 0;

	for (size_t at = 0, n; at < text->len && rc == 0; at += n) {
		n = text->len - at < PIECE ? text->len - at : PIECE;
		rc = xml_stream_feed(stream, text->data + at, n, err);
	}
	if (rc == 0)
		rc = xml_stream_finish(stream, err);
	xml_stream_free(stream);
	return rc ? rc : spot_page_check(page, err);
}

static int once(const struct input *input, struct outcome *ret)
{
	const struct spot_query query = { .regions = &input->region,
					  .nr_regions = 1,
					  .types = input->types,
					  .nr_types = input->nr_types,
					  .until = INT64_C(253402300799) };
	size_t total = 0, cap = 0;
	struct spot_region region = {
		.query = &query, .name = input->region, .latest_ms = INT64_MAX, .total = &total
	};
	struct spot_page page = { .region = &region, .from_ms = INT64_MIN, .to_ms = INT64_MAX };
	struct spot_history history = { 0 };
	struct error err = ERROR_INIT;
	double begin = now_s();
	int rc = 0;

	*ret = (struct outcome){ 0 };
	spot_region_init(&region);
	for (size_t i = 0; i < input->nr && rc == 0; i++) {
		rc = read_page(&input->pages[i], &page, &err);
		ret->rows += page.nr;
		spot_page_keep(&page);
		spot_page_drop(&page);
	}
	ret->parse_s = now_s() - begin;
	if (rc == 0)
		spot_region_series(&region, &history, &cap);
	ret->all_s = now_s() - begin;
	for (size_t i = 0; i < history.nr; i++)
		ret->points += history.v[i].nr;
	ret->series = history.nr;
	spot_history_release(&history);
	spot_page_release(&page);
	spot_region_release(&region);
	return rc ? fail(&err) : 0;
}

static int load(struct input *input, char *types, int nr_files, char **files)
{
	char *rest = types, *type;

	while ((type = strtok_r(rest, ",", &rest)) && input->nr_types < TYPES_MAX)
		input->types[input->nr_types++] = type;
	input->pages = xcalloc((size_t)nr_files, sizeof(*input->pages));
	for (int i = 0; i < nr_files; i++) {
		struct buf *page = &input->pages[input->nr++];
		struct error err = ERROR_INIT;

		*page = (struct buf)BUF_INIT_MAX(PAGE_MAX);
		if (file_read(files[i], PAGE_MAX, page, &err))
			return fail(&err);
		input->bytes += page->len;
	}
	return 0;
}

static void release(struct input *input)
{
	for (size_t i = 0; i < input->nr; i++)
		buf_release(&input->pages[i]);
	free(input->pages);
}

int main(int argc, char **argv)
{
	struct input input = { 0 };
	struct outcome best = { 0 }, outcome;
	struct rusage usage;
	int rc = 0;

	if (argc < 5) {
		fprintf(stderr, "usage: history_parse REPEAT REGION TYPE[,TYPE...] FILE...\n");
		return 2;
	}
	input.region = argv[2];
	rc = load(&input, argv[3], argc - 4, argv + 4);
	for (long i = strtol(argv[1], NULL, 10); i > 0 && rc == 0; i--) {
		rc = once(&input, &outcome);
		if (!best.all_s || outcome.all_s < best.all_s)
			best = outcome;
	}
	getrusage(RUSAGE_SELF, &usage);
	if (rc == 0)
		printf("{\"rows\": %zu, \"points\": %zu, \"series\": %zu, \"bytes\": %zu, "
		       "\"parse_s\": %.6f, \"all_s\": %.6f, \"max_rss_kib\": %ld}\n",
		       best.rows, best.points, best.series, input.bytes, best.parse_s, best.all_s,
		       usage.ru_maxrss);
	release(&input);
	return rc ? 1 : 0;
}
