/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writer of JSON into one growing buffer. Commas are put where they belong; strings are escaped
 * so that the result is ASCII whatever a driver calls its device. Running out of memory ends the
 * program with code 70.
 */
#ifndef GPUCLOUD_SELFTEST_JSON_H
#define GPUCLOUD_SELFTEST_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
	char *text; /* always ends with a NUL once something was written */
	size_t length, room;
	bool comma; /* the next value stands behind another one */
};

void json_release(struct json *j);

/* A key of NULL is for members of arrays and for the outermost value. */
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);
void json_string(struct json *j, const char *key, const char *value);
void json_int(struct json *j, const char *key, int64_t value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);
/* digits after the point; what is no number becomes null */
void json_real(struct json *j, const char *key, double value, int digits);
/* "0x..." */
void json_hex(struct json *j, const char *key, uint64_t value);
/* Members or values that are JSON already, without a comma around; "" adds nothing. */
void json_raw(struct json *j, const char *text);

#endif
