/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded markets from disk: the file side of simulator/cloud/market.h. */
#ifndef GPUCLOUD_SIMULATOR_SERVE_MARKET_LOAD_H
#define GPUCLOUD_SIMULATOR_SERVE_MARKET_LOAD_H

#include <stddef.h>
#include <stdint.h>

struct error;
struct market;

#define MARKET_FILE_BYTES ((size_t)16 << 20)

/*
 * Reads path: a folder of "<type>_<zone>.csv" with an optional "ondemand.csv", or a single such
 * file (the ondemand.csv beside it then counts too). Every recorded time moves by start - as_of.
 * as_of 0: the last recorded time. At least one price must be as old as as_of (ERROR_USAGE). Other names in the folder are ignored.
 */
int market_load(const char *path, int64_t as_of, int64_t start, struct market **ret,
		struct error *err);

#endif
