/* SPDX-License-Identifier: Apache-2.0 */
/* Between price_file.c, price_files.c and price_json.c only. */
#ifndef GPUCLOUD_FLEET_PRICE_FILE_INTERNAL_H
#define GPUCLOUD_FLEET_PRICE_FILE_INTERNAL_H

#include <stdbool.h>

#include "fleet/price_file.h"

struct buf;

#define PRICE_PATH_SHOWN 200

/* The end of a long path tells more than its beginning, and leaves room for what is wrong. */
struct price_path {
	char text[PRICE_PATH_SHOWN + 4];
};
struct price_path price_path_show(const char *path);

/* The text of a CSV file; no time may be after latest. */
int price_file_parse(const char *path, const struct buf *buf, int64_t latest,
		     struct price_file *ret, struct error *err);

/* The text of a JSON file. files is released by the caller where it fails. */
int price_json_parse(const char *path, const struct buf *buf, int64_t latest,
		     struct price_files *files, struct error *err);

int price_time_check(int64_t time, int64_t latest, struct error *err);
/* Takes gaps before the first price away; false where there is none. */
bool price_points_trim(struct price_point **v, size_t *nr);

#endif
