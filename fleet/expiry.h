/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When an instance ends by itself, as the tag gpucloud-expires holds it: Unix seconds in decimal
 * digits and nothing else, so that it is a label on every cloud and sorts by eye.
 */
#ifndef GPUCLOUD_FLEET_EXPIRY_H
#define GPUCLOUD_FLEET_EXPIRY_H

#include <stdint.h>

struct error;

#define EXPIRY_LEN    13
#define EXPIRY_LAST_S INT64_C(253402300799) /* the end of the year 9999 */

/* 1 to EXPIRY_LAST_S; anything else is ERROR_USAGE. */
int expiry_format(int64_t unix_s, char out[EXPIRY_LEN], struct error *err);

/* Exactly what expiry_format writes; anything else is ERROR_PROTOCOL: tags come from outside. */
int expiry_parse(const char *text, int64_t *ret, struct error *err);

#endif
