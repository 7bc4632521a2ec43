/* SPDX-License-Identifier: Apache-2.0 */
/* Time is int64_t Unix seconds (milliseconds where it matters), always UTC. Text in and out. */
#ifndef GPUCLOUD_CORE_TIMEFMT_H
#define GPUCLOUD_CORE_TIMEFMT_H

#include <stdint.h>

struct error;

#define TIME_TEXT_MAX 32

/*
 * RFC 3339: "2020-03-20T12:00:00Z", with fractions of up to nine digits (cut to ms) and offsets
 * ("+01:00"); a bare date is midnight UTC. Years 1970-9999, calendar checked. `what` names the
 * value in the error (ERROR_USAGE).
 */
int time_parse_ms(const char *text, const char *what, int64_t *ret_ms, struct error *err);
int time_parse(const char *text, const char *what, int64_t *ret_s, struct error *err);

/*
 * What a person may type for --since and --until: RFC 3339, "now", or a span back from now
 * ("90d", "12h", "30m", "45s", "2w", "1y"), which never reaches before 1970.
 */
int time_parse_ago(const char *text, const char *what, int64_t now, int64_t *ret_s,
		   struct error *err);

/* A span ("90d", "12h", "1h30m", "90" = error) in seconds, 1 s to 100 years. */
int duration_parse(const char *text, const char *what, int64_t *ret_s, struct error *err);

char *time_format(char out[TIME_TEXT_MAX], int64_t s);	     /* 2020-03-20T12:00:00Z */
char *time_format_date(char out[TIME_TEXT_MAX], int64_t s);  /* 2020-03-20 */
char *time_format_basic(char out[TIME_TEXT_MAX], int64_t s); /* 20200320T120000Z, for SigV4 */
char *duration_format(char out[TIME_TEXT_MAX], int64_t s);   /* 45 s, 12 min, 3 h 20 min, 4 d 2 h */

/* HTTP's Date header (RFC 9110, IMF-fixdate); -1 where it is none. */
int64_t time_parse_http(const char *text);

#endif
