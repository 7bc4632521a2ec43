/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved spot prices, in one of two shapes (docs/history.md has the rules):
 *
 * CSV: one file for each type and zone, named TYPE_ZONE.csv, as in "p2.xlarge_us-east-1e.csv". First
 * line "unix_s,price_usd_per_h", then one line for each change of the price: a whole number of Unix
 * seconds (up to the year 9999) and plain dollars an hour. A line "unix_s," with no price says that
 * nothing is known from there to the next one. Lines end in LF or CRLF.
 *
 * JSON: what `aws ec2 describe-spot-price-history --output json` prints, any number of types and
 * zones in one file. Only rows of Linux/UNIX count; those of "Linux/UNIX (Amazon VPC)" only for a type
 * and zone without the plain product, as the two have prices of their own.
 * https://docs.aws.amazon.com/cli/latest/reference/ec2/describe-spot-price-history.html
 */
#ifndef GPUCLOUD_FLEET_PRICE_FILE_H
#define GPUCLOUD_FLEET_PRICE_FILE_H

#include <stddef.h>

#include "core/arena.h"
#include "core/price_point.h"

struct error;

#define PRICE_FILE_MAX_BYTES  ((size_t)64 << 20)
#define PRICE_FILE_MAX_ROWS   ((size_t)5000000)
#define PRICE_FILE_MAX_SERIES 16384 /* types times zones: more than any region has */
#define PRICE_FILE_AHEAD_S    300   /* how far clocks may differ: no price is known ahead */

struct price_file {
	struct arena arena; /* owns all below */
	const char *type, *zone;
	struct price_point
		*points; /* cleaned as price_points_clean does: ascending, no equal times */
	size_t nr;	 /* at least 1 */
};

/*
 * Anything in the file that is not as above is ERROR_USAGE naming file and line; so are a name that
 * does not tell type and zone, too many rows, and a file without prices. A file that is not there
 * is ERROR_NOT_FOUND; one that cannot be read or is too large is ERROR_IO (core/file.h).
 */
int price_file_read(const char *path, struct price_file *ret, struct error *err);
void price_file_release(struct price_file *file);

struct price_file_series {
	const char *type;
	const char *zone, *zone_id; /* zone_id "" where the file does not tell */
	struct price_point *points; /* as above */
	size_t nr;
};

struct price_files {
	struct arena arena;
	struct price_file_series *v; /* sorted by type, zone */
	size_t nr;		     /* at least 1 */
	size_t left_out;	     /* rows of products that do not count */
};

/*
 * One file of either shape; "-" is the standard input, which can only be JSON. A UTF-8 byte order
 * mark is passed over. A row more than PRICE_FILE_AHEAD_S after now is ERROR_USAGE too, and so are a
 * price in another currency, an empty file or input, two ids for a zone of a type, and more than
 * PRICE_FILE_MAX_SERIES series.
 */
int price_files_read(const char *path, int64_t now, struct price_files *ret, struct error *err);
void price_files_release(struct price_files *files);

#endif
