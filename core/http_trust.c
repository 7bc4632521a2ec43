/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "core/http_internal.h"

/* "5ad8a5d6.0": the hash of a certificate's name, as OpenSSL looks for it. */
static bool is_hashed_name(const char *name)
{
	return strspn(name, "0123456789abcdef") == 8 && strcmp(name + 8, ".0") == 0;
}

bool http_trust_is_hashed(const char *path)
{
	DIR *folder = opendir(path);
	bool found = false;

	if (!folder)
		return false;
	for (struct dirent *entry; !found && (entry = readdir(folder));)
		found = is_hashed_name(entry->d_name);
	closedir(folder);
	return found;
}
