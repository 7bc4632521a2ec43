/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics. Silent until cli/ sets a sink; each line passes the redactor (core/secret.h) and
 * the terminal escaper (core/text.h). Levels: 0 off, 1 -v (one line per request), 2 -vv (headers
 * too, masked; a body never: it may hold user-data or a token that nobody has registered). Topics are
 * short words: "http", "aws", "journal", "recover".
 */
#ifndef GPUCLOUD_CORE_LOG_H
#define GPUCLOUD_CORE_LOG_H

typedef void (*log_sink_fn)(void *ctx, const char *line);

void log_setup(int level, log_sink_fn sink, void *ctx);
int log_level(void);

void log_info(const char *topic, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_debug(const char *topic, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
