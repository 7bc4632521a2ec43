/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4), in lower-case hex. */
#ifndef GPUCLOUD_SELFTEST_SHA256_H
#define GPUCLOUD_SELFTEST_SHA256_H

#include <stddef.h>

void sha256_hex(const void *data, size_t length, char hex[65]);

#endif
