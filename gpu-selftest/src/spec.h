/* SPDX-License-Identifier: Apache-2.0 */
/* What each GPU is by its data sheet, and what share of that our kernels should reach. */
#ifndef GPUCLOUD_SELFTEST_SPEC_H
#define GPUCLOUD_SELFTEST_SPEC_H

#include <stddef.h>

#include "gpu-selftest/src/record.h"

/* One line of spec/gpus.tsv, which explains the columns. Compiled in as spec_table. */
struct spec {
	const char *id, *alias, *name; /* name: how the driver's begins */
	double cc;
	double sms, memory_gb;
	const char *memory_kind;
	double bus_bits, gbs, fp32_tflops, boost_mhz;
	double pcie_gen, pcie_width;
	double expect_read, expect_write, expect_copy, expect_fp32;
	const char *rating; /* "measured": by this program; "provisional": speed only warns */
	const char *source;
};

extern const struct spec spec_table[];
extern const size_t spec_count;

/* By the driver's name and the memory in bytes; NULL where the table has no such GPU. */
const struct spec *spec_find(const char *name, unsigned long long memory);

/* By id or alias. */
const struct spec *spec_by_id(const char *id, size_t length);

/*
 * NULL where a row is plausible, else the name of the first column that is not: numbers are held
 * against each other (clock x bus = bandwidth, SMs x clock = arithmetic), so that a slip of a digit
 * or a unit shows.
 */
const char *spec_implausible(const struct spec *s);

/*
 * Below 0.95 of what is expected warns; below 0.85 fails, but only in "measured" rows: the others,
 * and a GPU that has none (NULL), warn.
 */
enum severity spec_judge(const struct spec *s, double measured, double peak, double expected);

#endif
