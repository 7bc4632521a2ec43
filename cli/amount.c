/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/amount.h"

#include <inttypes.h>
#include <stdio.h>

struct amount amount_of_bytes(uint64_t bytes)
{
	struct amount ret;

	if (bytes < 1000)
		snprintf(ret.text, sizeof(ret.text), "%u byte%s", (unsigned)bytes,
			 bytes == 1 ? "" : "s");
	else if (bytes < 999950)
		snprintf(ret.text, sizeof(ret.text), "%.1f kB", (double)bytes / 1e3);
	else if (bytes < 999950000)
		snprintf(ret.text, sizeof(ret.text), "%.1f MB", (double)bytes / 1e6);
	else
		snprintf(ret.text, sizeof(ret.text), "%.1f GB", (double)bytes / 1e9);
	return ret;
}

struct amount amount_of(uint64_t files, uint64_t bytes)
{
	struct amount ret;

	snprintf(ret.text, sizeof(ret.text), "%" PRIu64 " file%s, %.40s", files,
		 files == 1 ? "" : "s", amount_of_bytes(bytes).text);
	return ret;
}

struct amount amount_of_count(uint64_t n)
{
	struct amount ret;
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	size_t at = 0;

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			ret.text[at++] = ',';
		ret.text[at++] = digits[i];
	}
	ret.text[at] = '\0';
	return ret;
}
