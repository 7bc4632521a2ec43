/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that reaches a person or a script goes out through here. */
#ifndef GPUCLOUD_CLI_OUT_H
#define GPUCLOUD_CLI_OUT_H

#include <stdbool.h>
#include <stdint.h>

struct cJSON;
struct cli;
struct error;

#define CLI_SCHEMA_VERSION 1

/* One document with "schema_version" first; takes ownership. */
void cli_json_print(struct cli *cli, struct cJSON *object);
/* One line of JSON Lines with "message_type" first; the schema version is in the summary. */
void cli_json_line(struct cli *cli, const char *message_type, struct cJSON *object);

/* Members of an object: money as a string ("0.9000") or null when unknown; a time as RFC 3339 UTC
 * or null when 0; a cloud's text as it is. */
void cli_json_money(struct cJSON *object, const char *name, int64_t micros);
void cli_json_time(struct cJSON *object, const char *name, int64_t s);
void cli_json_text(struct cJSON *object, const char *name, const char *text);

/* A line of result on stdout (not with --json); cloud text in it must be escaped by cli_text. */
void cli_print(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A remark on stderr; nothing with --quiet or --json. */
void cli_note(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "gpucloud: warning: ..." on stderr; always (with --json too: stderr is for people). */
void cli_warn(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The error in its one shape, on stderr, and with --json the exit_error line. */
void cli_error(struct cli *cli, const struct error *err, int code);

/* Flushes and closes stdout; -1 (with a message printed) where output was lost. */
int cli_close(struct cli *cli);

#endif
