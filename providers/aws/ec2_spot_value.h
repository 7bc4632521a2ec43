/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two numbers of a spot price row, read fast: a million of them are read at a time. They take
 * and refuse exactly what money_parse() and time_parse_ms() do, to which unusual spellings are left;
 * a test holds the pairs together.
 */
#ifndef GPUCLOUD_PROVIDERS_AWS_EC2_SPOT_VALUE_H
#define GPUCLOUD_PROVIDERS_AWS_EC2_SPOT_VALUE_H

#include <stddef.h>
#include <stdint.h>

/* The day read last: rows that follow each other mostly share it. Zeroed is none. */
struct spot_day {
	char text[10]; /* "2020-03-20" */
	int64_t ms;    /* its first */
};

/* text has len bytes and a NUL after them. -1: no price, no time; ret is untouched then. */
int spot_price_parse(const char *text, size_t len, int64_t *ret_micros);
int spot_time_parse(struct spot_day *day, const char *text, size_t len, int64_t *ret_ms);

#endif
