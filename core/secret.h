/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret: wiped when released, known to the log's redactor from the moment it is set, and never
 * part of argv, error texts, the journal, or anything sent to an instance.
 */
#ifndef GPUCLOUD_CORE_SECRET_H
#define GPUCLOUD_CORE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

struct secret {
	char *data; /* NUL-terminated; NULL when empty */
	size_t len;
};

void secret_set(struct secret *secret, const char *data, size_t len); /* copies, registers */
void secret_release(struct secret *secret); /* wipes, unregisters, frees */

static inline bool secret_is_set(const struct secret *secret)
{
	return secret->data != NULL;
}

/*
 * The redactor: replaces in text (len bytes) every registered secret of 4 or more bytes, plain,
 * URL-encoded or in base64, by "***". Writes to out (a buf). Everything logged or traced goes
 * through it. Safe from any thread.
 */
struct buf;
void redact(const char *text, size_t len, struct buf *out);

#endif
