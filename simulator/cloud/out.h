/* SPDX-License-Identifier: Apache-2.0 */
/* Writing XML replies: elements appended to a buf, text escaped, nothing indented. */
#ifndef GPUCLOUD_SIMULATOR_CLOUD_OUT_H
#define GPUCLOUD_SIMULATOR_CLOUD_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

struct cloud_tag;

void out_open(struct buf *out, const char *name);		   /* <name> */
void out_close(struct buf *out, const char *name);		   /* </name> */
void out_str(struct buf *out, const char *name, const char *text); /* nothing where text is NULL */
void out_strf(struct buf *out, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void out_int(struct buf *out, const char *name, int64_t n);
void out_bool(struct buf *out, const char *name, bool b);
void out_time_ms(struct buf *out, const char *name, int64_t ms); /* 2020-03-20T12:00:00.000Z */
void out_tags(struct buf *out, const struct cloud_tag *tags, size_t nr); /* <tagSet> */
void out_text(struct buf *out, const char *text);			 /* escaped text alone */

#endif
