/* SPDX-License-Identifier: Apache-2.0 */
/* "1 file, 12 bytes", "200 files, 1.5 kB", "3 files, 20.1 MB" */
#ifndef GPUCLOUD_CLI_AMOUNT_H
#define GPUCLOUD_CLI_AMOUNT_H

#include <stdint.h>

struct amount {
	char text[80];
};

struct amount amount_of(uint64_t files, uint64_t bytes);
struct amount amount_of_bytes(uint64_t bytes); /* "1.5 kB" */
struct amount amount_of_count(uint64_t n);     /* "12,345" */

#endif
