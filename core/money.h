/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Money is int64_t micro-dollars (1 USD = 1,000,000): prices per hour, bills, budgets. Never a
 * double; statistics over prices are doubles in dollars and live in bidding/.
 */
#ifndef GPUCLOUD_CORE_MONEY_H
#define GPUCLOUD_CORE_MONEY_H

#include <stdint.h>

struct error;

#define USD_MICROS     INT64_C(1000000)
#define MONEY_UNKNOWN  INT64_C(-1) /* a price we do not know */
#define MONEY_MAX      (INT64_C(1000000000) * USD_MICROS)
#define MONEY_TEXT_MAX 32

/*
 * Reads a plain decimal ("7.21", "0.0374000", "12"): digits, at most one point, no sign, no
 * exponent, no blanks, at most 24 characters, at most a billion dollars. More than six decimals
 * round half up. `what` names the value in the error (ERROR_USAGE).
 */
int money_parse(const char *text, const char *what, int64_t *ret_micros, struct error *err);

/* Shortest exact decimal, at least `decimals` places: (900000, 4) gives "0.9000". Returns out. */
char *money_format(char out[MONEY_TEXT_MAX], int64_t micros, int decimals);

/* Rounds up to a multiple of step (> 0), e.g. 100 for $0.0001. */
int64_t money_round_up(int64_t micros, int64_t step);

/* micros_per_hour * seconds / 3600 (neither below 0), rounded half up; MONEY_MAX at most. */
int64_t money_for_time(int64_t micros_per_hour, int64_t seconds);

#endif
