/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON on stdout. Short commands print one document; long ones print JSON Lines, each with a
 * message_type, the last one a "summary". Both carry schema_version. Money is a string, times are
 * RFC 3339 in UTC. Characters that could act on a terminal are written as \u escapes.
 */
#ifndef GPUCLOUD_CLI_OUT_H
#define GPUCLOUD_CLI_OUT_H

#include <stdint.h>

struct cJSON;
struct cli;

#define OUT_SCHEMA_VERSION 1

/* Take the object over. */
void cli_json_print(struct cli *cli, struct cJSON *object);
void cli_json_line(struct cli *cli, const char *message_type, struct cJSON *object);

/* "0.9000": at least four decimals, exact. MONEY_UNKNOWN gives null. */
struct cJSON *out_money(int64_t micros);
/* "2020-03-20T12:00:00Z". Negative gives null. */
struct cJSON *out_time(int64_t s);
/* NULL gives null. */
struct cJSON *out_text(const char *text);

/* The text of an object without blanks, safe for a terminal, malloc'ed. */
char *out_compact(const struct cJSON *object);

#endif
