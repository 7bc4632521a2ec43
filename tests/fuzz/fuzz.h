/* SPDX-License-Identifier: Apache-2.0 */
/* What every fuzz target shares: libFuzzer's entry point, and a check that survives NDEBUG. */
#ifndef GPUCLOUD_TESTS_FUZZ_H
#define GPUCLOUD_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                           \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

#endif
